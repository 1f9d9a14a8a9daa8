"""Jobs: rows that go from queued to running to succeeded, failed or cancelled.

Who may write to a running row is told by its claim; whether its worker lives, by a lock on a
file, which the system lets go of when a process dies, whatever the clock says. A queue delivers
a job's number; a delivery that is lost or comes twice does no harm. What a job without a result
has left is removed before its row says that it is over.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from textcond.workflows.analyses import TRAINING
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, Job

QUEUED, RUNNING, SUCCEEDED = "queued", "running", "succeeded"
FAILED, CANCELLED = "failed", "cancelled"
ACTIVE = (QUEUED, RUNNING)
STATES = (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)
MOST_ATTEMPTS = 3


def lock_name(id: str) -> str:
    """Of the lock that the worker of a job holds."""
    return f"job-{id}"


def add(session: Session, kind: str, request: dict[str, Any], **details: str) -> Job:
    """A new job, queued. `details` are its model, corpus, analysis and owner."""
    job = Job(
        id=uuid.uuid4().hex,
        kind=kind,
        state=QUEUED,
        request=request,
        created=time.time(),
        **details,
    )
    session.add(job)
    session.flush()
    return job


def count_active(session: Session) -> int:
    return session.scalar(select(func.count()).where(Job.state.in_(ACTIVE))) or 0


def active(**wanted: str) -> Select[Job]:
    """The jobs that are not over, with these values."""
    return select(Job).where(Job.state.in_(ACTIVE)).filter_by(**wanted)


def ids_in(database: Database, *states: str) -> Sequence[str]:
    """The oldest first."""
    with database.reading() as session:
        wanted = select(Job.id).where(Job.state.in_(states)).order_by(Job.created, Job.id)
        return session.scalars(wanted).all()


def claim(database: Database, id: str, token: str) -> Job | None:
    """Take a queued job; None if there is nothing to take. The caller holds the job's lock.

    Asked again with the same token, since an answer was lost, it gives the job again.
    """
    with database.writing() as session:
        job = session.get(Job, id, with_for_update=True)
        if job is not None and job.state == RUNNING and job.claim == token:
            return job
        if job is None or job.state != QUEUED:
            return None
        now = time.time()
        job.state, job.started, job.heartbeat, job.claim = RUNNING, now, now, token
        job.attempts += 1
        job.message = ""
        return job


def beat(database: Database, job: Job, progress: dict[str, Any]) -> bool:
    """Write a running job's progress; whether it should go on."""
    with database.writing() as session:
        row = _own(session, job)
        if row is None:
            return False
        _set(row, heartbeat=time.time(), **progress)
        return not row.cancel


def end(database: Database, storage: Storage, job: Job, state: str, **values: Any) -> str:
    """A running job's last word; the state that it is in then: cancelled, if that was asked."""
    with database.writing() as session:
        row = _own(session, job)
        if row is None:
            return _state(session, job.id)
        if row.cancel:
            state, values = CANCELLED, {}
        _close(row, storage, state, **values)
        return state


def hand_back(database: Database, storage: Storage, job: Job) -> str:
    """Queue a running job again, as if it had not begun, or cancel it; the state it is in then."""
    with database.writing() as session:
        row = _own(session, job)
        if row is None:
            return _state(session, job.id)
        if row.cancel:
            _close(row, storage, CANCELLED)
        else:
            _queue_again(row)
            row.attempts -= 1
        return row.state


def bury(database: Database, storage: Storage, id: str) -> Job | None:
    """Queue a job whose worker died, or fail it after three; the job, if it was running.

    The caller holds the job's lock, so no worker does.
    """
    with database.writing() as session:
        job = session.get(Job, id, with_for_update=True)
        if job is None or job.state != RUNNING:
            return None
        if job.cancel:
            _close(job, storage, CANCELLED)
        elif job.attempts >= MOST_ATTEMPTS:
            error = {
                "title": "Worker died",
                "detail": f"The job ended its worker {job.attempts} times; the worker's log says "
                "more. Its memory may not suffice: give a smaller corpus, or more memory.",
            }
            _close(job, storage, FAILED, error=error)
        else:
            _queue_again(job)
        return job


def ask_to_cancel(job: Job, storage: Storage) -> None:
    """Cancel a queued job at once, and let the worker of a running one stop.

    The caller's transaction holds the row.
    """
    job.cancel = True
    if job.state == QUEUED:
        _close(job, storage, CANCELLED)


def _own(session: Session, job: Job) -> Job | None:
    """The row, if it is still the claimant's."""
    row = session.get(Job, job.id, with_for_update=True)
    if row is None or row.state != RUNNING or row.claim != job.claim:
        return None
    return row


def _state(session: Session, id: str) -> str:
    row = session.get(Job, id)
    return "deleted" if row is None else row.state


def _queue_again(job: Job) -> None:
    job.state, job.claim, job.rate, job.seconds_left = QUEUED, "", None, None


def _close(job: Job, storage: Storage, state: str, **values: Any) -> None:
    # Files first: a process that dies here leaves a job that is done again, not files of none.
    if state != SUCCEEDED:
        storage.drop_job(job.id, training=job.model if job.kind == TRAINING else "")
    _set(job, **{**values, "state": state, "finished": time.time(), "seconds_left": None})


def _set(job: Job, **values: Any) -> None:
    for name, value in values.items():
        setattr(job, name, value)
