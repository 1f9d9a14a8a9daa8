"""Negation filters, and how a job on a finished analysis starts."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.explanation import query_filters
from textcond.model.model import Model
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import IdempotencyKey, start
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers, not_found
from textcond_service.api.routes.analyses import find_job, finished, open_analysis
from textcond_service.api.routes.corpora import check_pairs
from textcond_service.api.security import Reader, Starter
from textcond_service.api.shared_state import Core, Service
from textcond_service.storage.database import Job

router = APIRouter(tags=["analyses"], route_class=KnownRoute)


@router.post(
    "/v1/analyses/{id}/negation",
    status_code=202,
    responses={202: responses.STARTED, **answers(404, 409, 422)},
)
async def find_negation(
    core: Service,
    principal: Starter,
    request: Request,
    id: requests.JobId,
    body: requests.NegationRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Find the filters that handle negation, and check them by ablation: a job."""
    return await start_on_analysis(core, principal, request, id, "negation", body, key)


@router.get(
    "/v1/negations/{id}", responses={200: {"model": dict[str, Any]}, **answers(404, 409, 422)}
)
async def show_negation(core: Service, _: Reader, id: requests.JobId) -> Response:
    """Negation filters with their evidence, the causal check, and sentences."""
    return answer(await core.io(partial(read_result, core, id, "negation")))


async def start_on_analysis(
    core: Core,
    principal: Any,
    request: Request,
    id: str,
    kind: str,
    body: requests.Pairs,
    key: str | None,
) -> Response:
    """A job that reads a finished analysis."""

    def find() -> Job:
        with core.database.reading() as session:
            row = finished(find_job(session, id, "analysis"))
        _check(core, row, body)
        return row

    def check(session: Session) -> None:
        row = find_job(session, id, "analysis", lock=True)
        core.shelf.folder(row.model)
        if body.pairs is not None:
            check_pairs(core, session, body.pairs)
        other = getattr(body, "held_out", None)
        if other is not None:
            finished(find_job(session, other, "analysis", lock=True))

    analysis = await core.compute(find)
    return await start(
        core,
        request,
        principal,
        key,
        kind,
        body.model_dump(),
        check=check,
        model=analysis.model,
        corpus=body.pairs or "",
        analysis=id,
    )


def _check(core: Core, row: Job, body: requests.Pairs) -> None:
    """Raise, before there is a job, what it would fail with."""
    model, analysis = core.shelf.get(row.model), open_analysis(core, row.id)
    check_current(analysis, model)
    if body.text:
        manifest = analysis.manifest
        query_filters(
            model, body.text, body.pattern, target=manifest.target, output=manifest.output
        )
    filters = getattr(body, "filters", None)
    if isinstance(filters, list) and max(filters) >= analysis.filters:
        raise ProblemError(
            422,
            "filters",
            f"`filters` has {max(filters)}; give some of 0 to {analysis.filters - 1}.",
        )
    if (other := getattr(body, "held_out", None)) is not None:
        if other == row.id:
            raise ProblemError(
                422, "analysis", "`held_out` is the analysis itself; give one of other sentences."
            )
        check_current(open_analysis(core, other), model)


def check_current(analysis: CorpusConductance, model: Model) -> None:
    """Raise `ProblemError` 422 if the analysis is of another model, or of one that is gone."""
    if analysis.manifest.model_hash != model.hash:
        raise ProblemError(
            422,
            "analysis",
            f"The analysis {analysis.folder.name} is not of the model {model.name!r} as it is; "
            "analyze again.",
        )


def read_result(core: Core, id: str, kind: str) -> dict[str, Any]:
    """What a finished job of this kind has found."""
    with core.database.reading() as session:
        finished(find_job(session, id, kind))
    try:
        return core.storage.read_result(id)
    except FileNotFoundError:
        raise not_found(kind, id) from None
