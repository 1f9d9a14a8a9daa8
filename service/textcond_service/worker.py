"""The worker: huey's consumer, whose processes run one job after another.

A job that ends its worker is found by its lock, which nobody holds any more, and is queued again
three times at most. A queue that lost a delivery is filled again from the database.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from huey import Huey
from huey.consumer import Consumer, Worker
from sqlalchemy.exc import SQLAlchemyError

from textcond.errors import TextcondError
from textcond_service import jobs
from textcond_service.database import Database, Job
from textcond_service.queues import open_queue
from textcond_service.settings import Settings
from textcond_service.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT_SECONDS = 1.0
SWEEP_SECONDS = 5.0
STOP_SECONDS = 5.0
"""A job has so long to finish when its worker is asked to stop; then it is handed back."""
LAST_SECONDS = 3.0
"""After that the process is ended; its job counts as one whose worker died."""
PATIENCE_SECONDS = 600.0
"""A database that does not answer has so long to come back before a job's end is given up."""
ALIVE = "worker-alive"
"""A file in the data folder whose time of change tells when a worker last looked for work."""

PARENT = "TEXTCOND_PARENT"
"""The process that started this one and that it ends with, if there is one."""

log = structlog.get_logger("textcond.worker")
Progress = dict[str, Any]
Perform = Callable[[Job, Callable[[Progress], None]], str]
"""Does a job, tells how far it is, and gives its result's address."""


class Runner:
    """Takes a job by its number and sees it to an end."""

    def __init__(self, settings: Settings, database: Database, storage: Storage) -> None:
        self.settings, self.database, self.storage = settings, database, storage
        self._perform: Perform | None = None

    def run(self, id: str) -> None:
        """Nothing happens if the job is another's, or over."""
        with self.storage.locked(jobs.lock_name(id), wait=0) as free:
            job = _patiently(lambda: jobs.claim(self.database, id)) if free else None
            if job is not None:
                structlog.contextvars.bind_contextvars(job=id, kind=job.kind)
                log.info("job started", attempt=job.attempts)
                self._see_through(job)
                structlog.contextvars.clear_contextvars()

    def _see_through(self, job: Job) -> None:
        pulse = _Pulse(self.database, job)
        try:
            with pulse.beating():
                result = self._work()(job, pulse.tell)
            state, values = "succeeded", {"result": result, **_full(pulse.progress)}
        except KeyboardInterrupt:
            if not pulse.cancelled:
                _patiently(lambda: jobs.hand_back(self.database, job))
                log.info("job handed back")
                return
            state, values = "cancelled", {}
        except (TextcondError, OSError) as error:
            state, values = "failed", {"error": _problem(error)}
        except Exception as error:
            log.exception("job failed")
            state, values = "failed", {"error": _problem(error)}
        if state != "succeeded":
            _drop(self.storage, job)
        _patiently(lambda: jobs.end(self.database, job, state, **values))
        log.info("job ended", state=state)

    def _work(self) -> Perform:
        # torch is imported by the process that works, never by one that forks.
        if self._perform is None:
            from textcond_service.work import Work

            self._perform = Work(self.settings, self.database, self.storage).perform
        return self._perform


class _Pulse:
    """A running job's progress, written every second, and its wish to be cancelled, read then."""

    def __init__(self, database: Database, job: Job) -> None:
        self.database, self.job = database, job
        self.progress: Progress = {}
        self.cancelled = False

    def tell(self, progress: Progress) -> None:
        self.progress = progress

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
                wanted = jobs.beat(self.database, self.job, dict(self.progress))
            except SQLAlchemyError:  # the database will be back, or the job's end will tell
                continue
            if wanted and not self.cancelled:
                self.cancelled = True
                os.kill(os.getpid(), signal.SIGINT)  # a KeyboardInterrupt in the thread that works


class TextcondWorker(Worker):  # type: ignore[misc]
    """One of the consumer's processes, which does not outlive it."""

    def initialize(self) -> None:
        super().initialize()
        threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


class TextcondConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer, which also looks for dead workers and lost deliveries."""

    worker_class = TextcondWorker

    def __init__(self, queue: Huey, sweep: Callable[[], Any], settings: Settings) -> None:
        super().__init__(
            queue,
            workers=settings.workers,
            worker_type="process",
            periodic=False,
            max_delay=1.0,
            health_check_interval=1,
            shutdown_timeout=STOP_SECONDS,
            graceful_signal="TERM",
        )
        self._sweep, self._swept = sweep, -SWEEP_SECONDS
        parent = os.environ.get(PARENT)
        self._parent = int(parent) if parent else None

    def loop(self, health_check_ts: float | None = None) -> Any:
        if self._parent is not None and os.getppid() != self._parent:
            log.warning("the service that started this worker is gone")
            self._signum = signal.SIGTERM
        if time.monotonic() - self._swept >= SWEEP_SECONDS:
            try:
                self._sweep()
            except Exception:
                log.exception("sweep failed")  # the database or the queue is away
            self._swept = time.monotonic()
        return super().loop(health_check_ts)

    def stop(self, graceful: bool = False) -> None:
        super().stop(graceful)
        deadline = time.monotonic() + LAST_SECONDS
        for _, process in self.worker_threads:
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()


def run_worker(settings: Settings) -> None:
    """Work until asked to stop."""
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    storage = Storage(settings.data)
    storage.prepare()
    database, queue = Database(settings), open_queue(settings)
    run = make_task(queue, settings, storage)
    sweep_once = lambda: sweep(database, queue, storage, run)  # noqa: E731
    TextcondConsumer(queue, sweep_once, settings).run()


def make_task(queue: Huey, settings: Settings, storage: Storage) -> Callable[[str], Any]:
    """The queue's one task: called with a job's number, it is put into the queue."""
    runners: dict[int, Runner] = {}

    @queue.task(name="run_job")  # type: ignore[untyped-decorator]
    def run_job(id: str) -> None:
        process = os.getpid()  # a connection does not outlive a fork
        if process not in runners:
            runners[process] = Runner(settings, Database(settings), storage)
        runners[process].run(id)

    enqueue: Callable[[str], Any] = run_job
    return enqueue


def _follow(parent: int) -> None:
    """End this process soon after its parent."""
    while os.getppid() == parent:
        time.sleep(BEAT_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)  # a job that runs is handed back
    time.sleep(LAST_SECONDS)
    os._exit(1)


def sweep(
    database: Database, queue: Huey, storage: Storage, enqueue: Callable[[str], Any]
) -> list[str]:
    """Queue jobs whose worker died, and deliver what an empty queue should have; their numbers."""
    (storage.root / ALIVE).touch()
    moved = []
    for id in jobs.ids_in(database, jobs.RUNNING):
        with storage.locked(jobs.lock_name(id), wait=0) as free:
            job = jobs.bury(database, id) if free else None
            if job is not None and job.state not in jobs.ACTIVE:
                _drop(storage, job)
        if job is not None:
            log.warning("worker died", job=id, state=job.state)
            moved.append(id)
    waiting = jobs.ids_in(database, jobs.QUEUED)
    if waiting and not queue.pending_count():
        for id in waiting:
            enqueue(id)
        moved += waiting
    # What is forked next must not have these connections.
    queue.storage.close()
    database.close()
    return moved


def _drop(storage: Storage, job: Job) -> None:
    storage.drop_job(job.id, training=job.model if job.kind == "training" else "")


def _patiently(write: Callable[[], Any]) -> Any:
    """Try until the database answers; a request to stop does not cut this short."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write()
        except KeyboardInterrupt:
            continue
        except SQLAlchemyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _full(progress: Progress) -> Progress:
    total = progress.get("total")
    return {**progress, "done": total} if total else progress


def _problem(error: Exception) -> dict[str, Any]:
    if isinstance(error, TextcondError):
        return {"title": type(error).__name__.removesuffix("Error"), "detail": str(error)}
    if isinstance(error, OSError):
        return {
            "title": "File system",
            "detail": f"{error.strerror or error}: what the job had done is removed; check the "
            "disk and ask again.",
        }
    return {"title": "Internal error", "detail": "The worker's log says more."}
