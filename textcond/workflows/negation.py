"""Negation filters, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from textcond.progress import Watch, counting
from textcond.workflows.declaration import Analysis
from textcond.workflows.options import Option
from textcond.workflows.pairs import ExemplarRequest, check_exemplar, pairs_for

if TYPE_CHECKING:
    from rich.console import RenderableType

    from textcond.analysis.negation.pipeline import Negation
    from textcond.workflows.places import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class NegationRequest(ExemplarRequest):
    """The filters that handle negation, by many pairs, or by one text and a pattern in it."""

    draws: Annotated[
        int,
        Option("Random draws of other filters to ablate, for comparison.", least=1, most=10_000),
    ] = 100
    sentences: Annotated[
        int, Option("Sentences to retrieve for each side.", least=1, most=10_000)
    ] = 50


@dataclass(frozen=True, slots=True)
class NegationAnswer:
    request: NegationRequest
    pairs: str
    """The name of the pairs."""
    negation: Negation

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` filters of each side, all of them with 0."""
        return {"pairs": self.pairs, **self.negation.to_dict(top=top)}


def run(request: NegationRequest, subject: Subject, watch: Watch) -> NegationAnswer:
    """The negation filters and their causal check; raises what `find_negation` does."""
    from textcond.analysis.negation.pipeline import find_negation

    pairs = pairs_for(request, subject)
    negation = find_negation(
        subject.model,
        subject.analysis,
        pairs.found_with,
        pairs.held_out,
        exemplar=request.exemplar,
        draws=request.draws,
        top=request.sentences,
        seed=request.seed,
        watch=counting(watch, "ablating"),
    )
    return NegationAnswer(request, pairs.name, negation)


def view(answer: NegationAnswer, top: int) -> RenderableType:
    from textcond.report.terminal_analyses import negation_view

    source = f"phrases of {answer.pairs}, with and without a negator"
    if answer.request.exemplar is not None:
        source = f"{answer.request.pattern!r} in one text, and checked with {source}"
    return negation_view(answer.negation, source=source, top=top)


NEGATION = Analysis(
    name="negation",
    plural="negations",
    summary="The filters that handle negation, what ablating them does, and where they fire.",
    request=NegationRequest,
    run=run,
    view=view,
    check=check_exemplar,
    examples=(
        {"pairs": "rotten-tomatoes"},
        {"text": "this is not good", "pattern": "not good"},
    ),
    rows=10,
)
