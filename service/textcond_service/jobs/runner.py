"""One job in one worker process, from its claim to its end."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from textcond.errors import TextcondError
from textcond_service.jobs import lifecycle
from textcond_service.jobs.interruption import Interruption
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, Job, patiently

BEAT_SECONDS = 1.0

log = structlog.get_logger("textcond.worker")
Progress = dict[str, Any]
Perform = Callable[[Job, Callable[[Progress], None]], str]
"""Does a job, tells how far it is, and gives its result's address."""


class Runner:
    """Takes a job by its number and sees it to an end."""

    def __init__(self, settings: Settings, database: Database, storage: Storage) -> None:
        from textcond_service.jobs.tasks import Work

        self.database, self.storage = database, storage
        self.perform: Perform = Work(settings, database, storage).perform

    def run(self, id: str) -> None:
        """Nothing happens if the job is another's, or over.

        Raises SystemExit if the job was interrupted: this process should work no more.
        """
        token = secrets.token_hex(16)
        with (
            Interruption() as interruption,
            self.storage.locked(lifecycle.lock_name(id), wait=0) as own,
        ):
            job = patiently(lambda: lifecycle.claim(self.database, id, token)) if own else None
            if job is None:
                return
            with structlog.contextvars.bound_contextvars(job=id, kind=job.kind):
                log.info("job started", attempt=job.attempts)
                self._see_through(job, interruption)

    def _see_through(self, job: Job, interruption: Interruption) -> None:
        state, values = lifecycle.FAILED, {}
        pulse = _Pulse(self.database, job, interruption)
        try:
            with pulse.beating(), interruption.allowed():
                result = self.perform(job, pulse.tell)
            state, values = lifecycle.SUCCEEDED, {"result": result, **_full(pulse.progress)}
        except KeyboardInterrupt:
            state = patiently(lambda: lifecycle.hand_back(self.database, self.storage, job))
            log.info("job interrupted", state=state)
            # Libraries do not expect to be interrupted: what they hold or had begun is unknown.
            raise SystemExit from None
        except (TextcondError, OSError) as error:
            values = {"error": self._problem(error)}
        except Exception:
            log.exception("job failed")
            values = {"error": {"title": "Internal error", "detail": "The worker's log says more."}}
        state = patiently(lambda: lifecycle.end(self.database, self.storage, job, state, **values))
        log.info("job ended", state=state)

    def _problem(self, error: TextcondError | OSError) -> dict[str, str]:
        if isinstance(error, OSError):
            reason = os.strerror(error.errno) if error.errno else str(error)
            return {
                "title": "File system",
                "detail": f"{reason}: what the job had done is removed; check the disk, then ask "
                "again.",
            }
        detail = str(error).replace(f"{self.storage.root}/", "")
        return {"title": type(error).__name__.removesuffix("Error"), "detail": detail}


class _Pulse:
    """A running job's progress, written every second, and its wish to be cancelled, read then."""

    def __init__(self, database: Database, job: Job, interruption: Interruption) -> None:
        self.database, self.job, self.interruption = database, job, interruption
        self.progress: Progress = {}

    def tell(self, progress: Progress) -> None:
        self.progress = progress
        self.interruption.check()

    @contextmanager
    def beating(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            try:
                goes_on = lifecycle.beat(self.database, self.job, dict(self.progress))
            except SQLAlchemyError:  # the database will be back, or the job's end will tell
                continue
            if not goes_on:
                os.kill(os.getpid(), signal.SIGINT)
                return


def _full(progress: Progress) -> Progress:
    total = progress.get("total")
    return {**progress, "done": total} if total else progress
