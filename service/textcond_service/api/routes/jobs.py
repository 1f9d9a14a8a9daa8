"""Jobs: list, follow, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import show
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers, not_found
from textcond_service.api.security import Reader, Starter
from textcond_service.api.shared_state import Core, Paged, Service
from textcond_service.jobs import lifecycle
from textcond_service.storage.database import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=KnownRoute)
POLL_SECONDS = 0.5


@router.get("", responses={200: {"model": responses.Jobs}, **answers(422)})
async def list_jobs(
    core: Service,
    _: Reader,
    page: Paged,
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None,
    kind: responses.JobKind | None = None,
) -> Response:
    """Every job, the newest first."""

    def call() -> Response:
        wanted = select(Job)
        if state is not None:
            wanted = wanted.where(Job.state == state)
        if kind is not None:
            wanted = wanted.where(Job.kind == kind)
        with core.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
            wanted = wanted.order_by(Job.created.desc(), Job.id)
            rows = session.scalars(wanted.limit(page.limit).offset(page.offset)).all()
        return answer(page.of([show(row) for row in rows], total))

    return await core.io(call)


@router.get("/{id}", responses={200: {"model": responses.Job}, **answers(404, 422)})
async def show_job(core: Service, _: Reader, id: requests.JobId) -> Response:
    """One job: its state, how far it is, where its result is."""
    return answer(show(await _find(core, id)))


async def _followed(core: Service, id: requests.JobId) -> Job:
    """The job to follow; raises `ProblemError` 429 where too many are followed."""
    if core.streams >= core.settings.max_streams:
        raise ProblemError(
            429,
            "too-many-streams",
            "Too many follow jobs; ask for it now and then.",
            {"Retry-After": "5"},
        )
    return await _find(core, id)


@router.get(
    "/{id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {"description": "An event `job` with the job's JSON whenever it changes, to its end."},
        **answers(404, 422),
    },
)
async def follow_job(
    core: Service, _: Reader, job: Annotated[Any, Depends(_followed)]
) -> AsyncIterator[ServerSentEvent]:
    """A job's progress as server-sent events; a comment when there is no news for long."""
    core.streams += 1
    try:
        number, told = 0, None
        while True:
            if (shown := show(job)) != told:
                number, told = number + 1, shown
                yield ServerSentEvent(data=shown, event="job", id=str(number))
            if job.state not in lifecycle.ACTIVE or core.stopping:
                return
            await asyncio.sleep(POLL_SECONDS)
            try:
                job = await _find(core, job.id)
            except SQLAlchemyError:  # it may be back at the next look
                continue
            except ProblemError:  # the job was deleted meanwhile
                return
    finally:
        core.streams -= 1


@router.delete(
    "/{id}", status_code=202, responses={202: {"model": responses.Job}, **answers(404, 409, 422)}
)
async def cancel_job(core: Service, _: Starter, id: requests.JobId) -> Response:
    """Cancel a job: at once if it waits, within seconds if it runs; it leaves nothing behind."""

    def call() -> Job:
        with core.database.writing() as session:
            job = session.get(Job, id, with_for_update=True)
            if job is None:
                raise not_found("job", id)
            if job.state not in lifecycle.ACTIVE:
                raise ProblemError(409, "over", f"The job is {job.state}.")
            lifecycle.ask_to_cancel(job, core.storage)
        return job

    return answer(show(await core.io(call)), 202)


async def _find(core: Core, id: str) -> Job:
    def call() -> Job:
        with core.database.reading() as session:
            job = session.get(Job, id)
        if job is None:
            raise not_found("job", id)
        return job

    return await core.io(call)
