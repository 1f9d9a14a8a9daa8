"""What is found in an analysis of a corpus: two routes for each analysis that is declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from textcond.errors import AnalysisError
from textcond.workflows.declaration import Analysis
from textcond.workflows.options import names_in
from textcond.workflows.places import Subject
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import IdempotencyKey, start
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers, not_found
from textcond_service.api.request_bodies import asked
from textcond_service.api.routes.analyses import check_current, find_job, finished, open_analysis
from textcond_service.api.routes.corpora import check_pairs
from textcond_service.api.security import Reader, Starter
from textcond_service.api.shared_state import Core, Service
from textcond_service.storage.database import Job
from textcond_service.storage.service_places import ServicePlaces


def router_of(analyses: Iterable[Analysis]) -> APIRouter:
    """The routes of these analyses."""
    router = APIRouter(tags=["analyses"], route_class=KnownRoute)
    for analysis in analyses:
        _add_start(router, analysis)
        _add_show(router, analysis)
    return router


def _add_start(router: APIRouter, analysis: Analysis) -> None:
    async def start_job(
        core: Service,
        principal: Starter,
        request: Request,
        id: requests.JobId,
        body: Any,
        key: IdempotencyKey = None,
    ) -> Response:
        return await _start(core, principal, request, id, analysis, body, key)

    start_job.__annotations__["body"] = Annotated[
        analysis.request, asked(analysis.request, analysis.examples)
    ]
    router.add_api_route(
        f"/v1/analyses/{{id}}/{analysis.name}",
        start_job,
        methods=["POST"],
        name=f"start_{analysis.name}",
        description=f"{analysis.summary} A job.",
        status_code=202,
        responses={202: responses.STARTED, **answers(404, 409, 422)},
    )


def _add_show(router: APIRouter, analysis: Analysis) -> None:
    forms = ("json", *analysis.forms)
    media_types = ["application/json", *(form.media_type for form in analysis.forms.values())]

    async def show(core: Service, _: Reader, id: requests.JobId, format: str = "json") -> Response:
        found = await core.io(partial(read_result, core, id, analysis.name))
        if format == "json":
            return answer(found)
        form = analysis.forms[format]
        name = f"{analysis.plural}.{form.ending}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(form.made_of(found), headers=headers, media_type=form.media_type)

    show.__annotations__["format"] = Annotated[Literal[forms], Query()]
    router.add_api_route(
        f"/v1/{analysis.plural}/{{id}}",
        show,
        methods=["GET"],
        name=f"show_{analysis.name}",
        description=f"What was found. {analysis.summary}",
        response_class=Response,
        responses={
            200: {
                "content": {media_type: {} for media_type in media_types},
                "description": "What was found.",
            },
            **answers(404, 409, 422),
        },
    )


async def _start(
    core: Core,
    principal: Any,
    request: Request,
    id: str,
    analysis: Analysis,
    asked_for: Any,
    key: str | None,
) -> Response:
    """A job that reads a finished analysis."""
    named = {field.option.names: name for field, name in names_in(asked_for)}

    def find() -> Job:
        with core.database.reading() as session:
            row = finished(find_job(session, id, "analysis"))
        _check(core, row, analysis, asked_for, named.get("analysis"))
        return row

    def check(session: Session) -> None:
        row = find_job(session, id, "analysis", lock=True)
        core.shelf.folder(row.model)
        if "pairs" in named:
            check_pairs(core, session, named["pairs"])
        if "analysis" in named:
            finished(find_job(session, named["analysis"], "analysis", lock=True))

    looked_at = await core.compute(find)
    return await start(
        core,
        request,
        principal,
        key,
        analysis.name,
        asdict(asked_for),
        check=check,
        model=looked_at.model,
        corpus=named.get("pairs", ""),
        analysis=id,
    )


def _check(core: Core, row: Job, analysis: Analysis, asked_for: Any, other: str | None) -> None:
    """Raise, before there is a job, what it would fail with."""
    model, opened = core.shelf.get(row.model), open_analysis(core, row.id)
    check_current(opened, model)
    if other == row.id:
        raise ProblemError(
            422, "analysis", "`held_out` is the analysis itself; give one of other sentences."
        )
    if other is not None:
        check_current(open_analysis(core, other), model)
    places = ServicePlaces(core.settings, core.database, core.storage)
    try:
        analysis.check(asked_for, Subject(opened, places, model))
    except AnalysisError as error:  # it is the request that is wrong, not the analysis
        raise ProblemError(422, "analysis", str(error)) from error


def read_result(core: Core, id: str, kind: str) -> dict[str, Any]:
    """What a finished job of this kind has found."""
    with core.database.reading() as session:
        finished(find_job(session, id, kind))
    try:
        return core.storage.read_result(id)
    except FileNotFoundError:
        raise not_found(kind, id) from None
