"""Jobs: rows that go from queued to running to succeeded, failed or cancelled.

Who may write to a running row is told by its claim; whether its worker lives, by a lock on a
file, which the system lets go of when a process dies, whatever the clock says. A queue delivers
a job's number; a delivery that is lost or comes twice does no harm.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, Select, func, select, update
from sqlalchemy.orm import Session

from textcond_service.database import Database, Job

QUEUED, RUNNING = "queued", "running"
ACTIVE = (QUEUED, RUNNING)
STATES = (QUEUED, RUNNING, "succeeded", "failed", "cancelled")
KINDS = ("training", "analysis", "negation", "rules")
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


def claim(database: Database, id: str) -> Job | None:
    """Take a queued job; None if there is nothing to take. The caller holds the job's lock."""
    now, token = time.time(), secrets.token_hex(16)
    with database.writing() as session:
        job = session.get(Job, id, with_for_update=True)
        if job is None or job.state != QUEUED:
            return None
        if job.cancel:
            job.state, job.finished = "cancelled", now
            return None
        job.state, job.started, job.heartbeat, job.claim = RUNNING, now, now, token
        job.attempts += 1
        job.message = ""
        return job


def beat(database: Database, job: Job, progress: dict[str, Any]) -> bool:
    """Write a running job's progress; whether it is to be cancelled."""
    with database.writing() as session:
        changed = _own(session, job, heartbeat=time.time(), **progress)
        wanted = session.scalar(select(Job.cancel).where(Job.id == job.id))
        return bool(wanted) or not changed


def end(database: Database, job: Job, state: str, **values: Any) -> bool:
    """A running job's last word; False if it is no longer the claimant's."""
    with database.writing() as session:
        last = {**values, "state": state, "finished": time.time(), "seconds_left": None}
        return _own(session, job, **last)


def hand_back(database: Database, job: Job) -> bool:
    """Queue a running job again, as if it had not begun: its worker is asked to stop."""
    with database.writing() as session:
        return _own(session, job, state=QUEUED, claim="", attempts=job.attempts - 1)


def bury(database: Database, id: str) -> Job | None:
    """Queue a job whose worker died, or fail it after three; the job, if it was running.

    The caller holds the job's lock, so no worker does.
    """
    with database.writing() as session:
        job = session.get(Job, id, with_for_update=True)
        if job is None or job.state != RUNNING:
            return None
        if job.cancel:
            job.state, job.finished = "cancelled", time.time()
        elif job.attempts >= MOST_ATTEMPTS:
            job.state, job.finished = "failed", time.time()
            job.error = {
                "title": "Worker died",
                "detail": f"The job ended its worker {job.attempts} times; the worker's log says "
                "more. Its memory may not suffice: give a smaller corpus, or more memory.",
            }
        else:
            job.state, job.claim = QUEUED, ""
        return job


def ask_to_cancel(session: Session, id: str) -> Job | None:
    """Cancel a queued job at once, and let the worker of a running one stop."""
    job = session.get(Job, id, with_for_update=True)
    if job is not None and job.state == QUEUED:
        job.state, job.finished, job.cancel = "cancelled", time.time(), True
    elif job is not None and job.state == RUNNING:
        job.cancel = True
    return job


def ids_in(database: Database, state: str) -> Sequence[str]:
    """The oldest first."""
    with database.reading() as session:
        wanted = select(Job.id).where(Job.state == state).order_by(Job.created, Job.id)
        return session.scalars(wanted).all()


def _own(session: Session, job: Job, **values: Any) -> bool:
    changed = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.claim == job.claim, Job.state == RUNNING)
        .values(**values)
    )
    assert isinstance(changed, CursorResult)
    return changed.rowcount == 1
