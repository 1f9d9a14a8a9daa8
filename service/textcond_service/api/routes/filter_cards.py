"""Cards: what one filter does across a corpus."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from sqlalchemy import select
from starlette.convertors import Convertor, register_url_convertor

from textcond.analysis.filter_cards import make_cards
from textcond.analysis.store.corpus import CorpusConductance
from textcond.disk import write_whole
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.problems import ProblemError, answers
from textcond_service.api.routes.analyses import check_current, check_filter, open_analysis
from textcond_service.api.security import Reader
from textcond_service.api.shared_state import Core, Service
from textcond_service.storage.database import Job

router = APIRouter(prefix="/v1/models/{model}/filters", tags=["filters"], route_class=KnownRoute)


class _Number(Convertor[str]):
    """Digits: other paths than those of filters stand beside them."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("number", _Number())
Filter = Annotated[int, Path(ge=0, le=100_000, description="Its number, from 0.", examples=[17])]


@router.get(
    "/{filter:number}", responses={200: {"model": responses.Card}, **answers(404, 409, 422)}
)
async def show_card(
    core: Service,
    _: Reader,
    model: requests.ModelName,
    filter: Filter,
    analysis: Annotated[
        str | None,
        Query(pattern=requests.ID, description="Else the newest analysis of the model."),
    ] = None,
) -> Response:
    """What one filter does across a corpus: its words, its sentences, its effect."""
    return await core.compute(lambda: _card(core, model, filter, analysis))


def _card(core: Core, name: str, filter: int, id: str | None) -> Response:
    model = core.shelf.get(name)
    check_filter(filter, model.network.shape.filters)
    analysis = open_analysis(core, id) if id else _newest(core, model)
    check_current(analysis, model)
    path = analysis.folder / f"card-{filter:03}.json"
    if not path.is_file():
        (card,) = make_cards(model, analysis, [filter])
        text = json.dumps({"analysis": analysis.summary(), **card.to_dict()}, allow_nan=False)
        write_whole(path, lambda at: at.write_text(text))
    return Response(path.read_bytes(), media_type="application/json")


def _newest(core: Core, model: Model) -> CorpusConductance:
    with core.database.reading() as session:
        wanted = select(Job.id).where(
            Job.kind == "analysis", Job.model == model.name, Job.state == "succeeded"
        )
        ids = session.scalars(wanted.order_by(Job.created.desc())).all()
    for id in ids:
        with suppress(AnalysisError):  # damaged; to ask for it tells more
            analysis = open_analysis(core, id)
            if analysis.manifest.model_hash == model.hash:  # another one may have had its name
                return analysis
    raise ProblemError(
        409,
        "no-analysis",
        f"No corpus is analyzed with {model.name!r}; POST to /v1/analyses first.",
    )
