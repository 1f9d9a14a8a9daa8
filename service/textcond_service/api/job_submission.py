"""How a request starts a job: once, whatever happens to the connection."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import Header, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError
from textcond_service.api.security import Principal
from textcond_service.api.shared_state import Core
from textcond_service.jobs import lifecycle
from textcond_service.storage.database import Job, Repeat

log = structlog.get_logger("textcond.jobs")
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A request that is sent again with the same key starts nothing new.",
    ),
]


async def start(
    core: Core,
    request: Request,
    principal: Principal,
    key: str | None,
    kind: str,
    body: dict[str, Any],
    *,
    check: Callable[[Session], None],
    **details: str,
) -> Response:
    """Make the job's row, then put it into the queue; 202 with its address.

    `check` raises `ProblemError` if the job may not start. It runs inside the row's transaction,
    and while the model's lock is held: what it finds is still so when the row is there.
    """
    digest = hashlib.sha256(request.url.path.encode() + await request.body()).hexdigest()

    def make() -> Job:
        with (
            core.storage.locked(f"model-{details['model']}") as free,
            core.database.writing() as session,
        ):
            if not free:
                raise ProblemError(
                    503, "busy", "The model is in use; try again.", {"Retry-After": "5"}
                )
            if key is not None and (known := session.get(Repeat, (principal.id, key))):
                return _again(session, known, digest)
            if lifecycle.count_active(session) >= core.settings.max_jobs:
                raise ProblemError(
                    429,
                    "too-many-jobs",
                    f"There are {core.settings.max_jobs} jobs already; wait for one to end.",
                    {"Retry-After": "30"},
                )
            check(session)
            job = lifecycle.add(session, kind, body, owner=principal.id, **details)
            if key is not None:
                session.add(
                    Repeat(
                        owner=principal.id,
                        key=key,
                        digest=digest,
                        job=job.id,
                        created=time.time(),
                    )
                )
        return job

    def make_once() -> Job:
        try:
            job = make()
        except IntegrityError:  # the same key came on another connection, at the same time
            job = make()
        if job.state == lifecycle.QUEUED:
            deliver(core, job.id)
        return job

    job = await core.io(make_once)
    return answer(show(job), 202, {"Location": f"/v1/jobs/{job.id}"})


def deliver(core: Core, id: str) -> None:
    """Tell the workers; if the queue is away, they will find the row."""
    try:
        core.enqueue(id)
    except Exception:  # each kind of queue has its own errors
        log.exception("queue does not answer", job=id)


def show(job: Job) -> dict[str, Any]:
    """A job as it is answered."""
    hidden = ("owner", "claim", "cancel")
    columns = [column.name for column in Job.__table__.columns if column.name not in hidden]
    shown = {name: getattr(job, name) for name in columns}
    return {**shown, "cancelling": job.cancel and job.state in lifecycle.ACTIVE}


def _again(session: Session, known: Repeat, digest: str) -> Job:
    if known.digest != digest:
        raise ProblemError(
            409,
            "idempotency-key",
            "The Idempotency-Key was used for another request; take a new one.",
        )
    job = session.get(Job, known.job)
    if job is None:
        raise ProblemError(
            409, "idempotency-key", "The job of this Idempotency-Key is deleted; take a new one."
        )
    return job
