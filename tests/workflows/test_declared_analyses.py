"""A made-up analysis is declared once; the command, the job and its addresses follow from that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import typer
from fastapi import FastAPI
from pydantic import ValidationError
from rich.text import Text
from textcond_service.api.request_bodies import _body_of
from textcond_service.api.routes.declared_analyses import router_of
from typer.testing import CliRunner

from tests.analysis.planted import analysis_of
from textcond.commands.analyses import command_of
from textcond.errors import AnalysisError
from textcond.progress import Step, Watch
from textcond.workflows.declaration import Analysis, Form
from textcond.workflows.options import Option, check_limits, names_in
from textcond.workflows.places import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class LoudestRequest:
    """The filters with the greatest mean conductance."""

    end: Annotated[Literal["highest", "lowest"], Option("Which of them.")] = "highest"
    count: Annotated[int, Option("How many.", least=1, most=4)] = 2
    share: Annotated[float, Option("Of what is seen.", above=0, most=1)] = 1.0
    beside: Annotated[str | None, Option("Another analysis.", names="analysis")] = None
    left_out: Annotated[tuple[int, ...], Option("Filters.", parse=json.loads, shown="[]")] = ()

    def __post_init__(self) -> None:
        check_limits(self)
        object.__setattr__(self, "left_out", tuple(self.left_out))


@dataclass(frozen=True, slots=True)
class Loudest:
    filters: list[int]

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        return {"filters": self.filters[: top or None]}


def run(request: LoudestRequest, subject: Subject, watch: Watch) -> Loudest:
    means = subject.analysis.means()
    watch(Step("listening", 1, 1))
    order = np.argsort(-means if request.end == "highest" else means)
    kept = [int(filter) for filter in order if filter not in request.left_out]
    return Loudest(kept[: request.count])


def lines(answer: Mapping[str, Any]) -> str:
    return "\n".join(map(str, answer["filters"]))


LOUDEST = Analysis(
    name="loudest",
    plural="loudest-filters",
    summary="The filters with the greatest mean conductance.",
    request=LoudestRequest,
    run=run,
    view=lambda answer, top: Text(f"Loudest: {answer.filters[: top or None]}"),
    examples=({"count": 3},),
    forms={"lines": Form("txt", "text/plain", lines)},
    reads_model=False,
    rows=3,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The analysis of two sentences by four filters, whose means are 3, -1, 2 and 0."""
    values = np.array([[2, -1, 2, 1], [4, -1, 2, -1]])
    return analysis_of(tmp_path_factory.mktemp("planted") / "of", values).folder


def call(*arguments: str) -> tuple[int, str]:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command_of(LOUDEST))
    result = CliRunner().invoke(app, [*arguments])
    if isinstance(result.exception, AnalysisError):
        raise result.exception
    return result.exit_code, result.stdout


def test_the_command(folder: Path) -> None:
    assert call(str(folder), "--json") == (0, json.dumps({"filters": [0, 2]}, indent=2) + "\n")
    assert json.loads(call(str(folder), "--end", "lowest", "--json")[1]) == {"filters": [1, 3]}
    assert call(str(folder), "--left-out", "[0]", "--top", "1") == (0, "Loudest: [2]\n")


def test_another_form_in_a_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    assert call(str(folder), "--out", str(out), "--format", "lines")[0] == 0
    assert out.read_text() == "0\n2"
    with pytest.raises(AnalysisError, match="`format` is 'csv'; it can be json or lines"):
        call(str(folder), "--out", str(out), "--format", "csv")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--end", "middle", "`end` is 'middle'; it can be highest or lowest."),
        ("--count", "5", "`count` is 5; it must be from 1 to 4."),
        ("--share", "0", r"`share` is 0.0; it must be above 0 and at most 1."),
        ("--share", "nan", r"`share` is nan; it must be above 0 and at most 1."),
    ],
)
def test_values_that_are_refused(folder: Path, option: str, value: str, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        call(str(folder), option, value)


def test_options_that_mean_nothing_here_are_none(folder: Path) -> None:
    """It reads no model and draws nothing."""
    for option in ("--model", "--data-dir", "--figure"):
        assert call(str(folder), option, "x")[0] == 2


def test_the_addresses_and_their_schema() -> None:
    app = FastAPI()
    app.include_router(router_of([LOUDEST]))
    document = app.openapi()
    assert set(document["paths"]) == {
        "/v1/analyses/{id}/loudest",
        "/v1/loudest-filters/{id}",
    }
    schema = document["components"]["schemas"]["LoudestRequest"]
    fields = schema["properties"]
    assert schema["examples"] == [{"count": 3}]
    assert fields["end"]["enum"] == ["highest", "lowest"]
    assert (fields["count"]["minimum"], fields["count"]["maximum"]) == (1, 4)
    assert fields["count"]["description"] == "How many."
    assert (fields["share"]["exclusiveMinimum"], fields["share"]["maximum"]) == (0, 1)
    assert fields["left_out"]["items"] == {"type": "integer"}
    assert "pattern" in fields["beside"]["anyOf"][0]
    found = document["paths"]["/v1/loudest-filters/{id}"]["get"]["responses"]["200"]["content"]
    assert set(found) == {"application/json", "text/plain"}


def test_a_body_is_the_request() -> None:
    body = _body_of(LoudestRequest, ())
    asked = body.model_validate({"count": 3.0, "left_out": [1, 2]}).asked()
    assert asked == LoudestRequest(count=3, left_out=(1, 2))
    assert [*names_in(asked)] == []
    for wrong in ({"count": "3"}, {"cuont": 3}, {"count": 3.5}, {"end": "middle"}, {"beside": "x"}):
        with pytest.raises(ValidationError):
            body.model_validate(wrong)
    (named,) = names_in(LoudestRequest(beside="a"))
    assert (named[0].name, named[1]) == ("beside", "a")
