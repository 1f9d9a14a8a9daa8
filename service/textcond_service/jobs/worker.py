"""The worker: huey's consumer, whose processes run one job after another.

A job that ends its worker is found by its lock, which nobody holds any more, and is queued again
three times at most. What the queue lost is delivered again from the database.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

import structlog
from huey import Huey
from huey.consumer import Consumer, Scheduler, Worker, WorkerRecycle

from textcond_service.jobs import lifecycle
from textcond_service.jobs.queues import open_queue
from textcond_service.jobs.runner import Runner
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
STOP_SECONDS = 5.0
"""A job has so long to finish when its worker is asked to stop; then it is handed back."""
LAST_SECONDS = 2.0
"""After that the process is ended; its job counts as one whose worker died."""
ALIVE = "worker-alive"
"""A file in the data folder whose time of change tells when a worker last looked for work."""

PARENT = "TEXTCOND_PARENT"
"""The process that started this one and that it ends with, if there is one."""

log = structlog.get_logger("textcond.worker")


class _Child:
    """One of the consumer's processes, which does not outlive it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._consumer = os.getpid()

    def initialize(self) -> None:
        super().initialize()  # type: ignore[misc]
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while os.getppid() == self._consumer:
            time.sleep(LOOK_SECONDS)
        self.stop_flag.set()  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGINT)  # a job that runs is handed back
        time.sleep(LAST_SECONDS)
        os._exit(1)


class TextcondWorker(_Child, Worker):  # type: ignore[misc]
    def loop(self, now: Any = None) -> None:
        try:
            super().loop(now)
        except SystemExit:
            raise WorkerRecycle from None


class TextcondScheduler(_Child, Scheduler):  # type: ignore[misc]
    """huey cannot do without; nothing is scheduled."""


class TextcondConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer, which also looks for dead workers and lost deliveries."""

    worker_class = TextcondWorker
    scheduler_class = TextcondScheduler

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
        if self._signum is None and time.monotonic() - self._swept >= SWEEP_SECONDS:
            try:
                self._sweep()
            except Exception:
                log.exception("sweep failed")  # the database or the queue is away
            self._swept = time.monotonic()
        return super().loop(health_check_ts)

    def stop(self, graceful: bool = False) -> None:
        super().stop(graceful)
        deadline = time.monotonic() + LAST_SECONDS
        for process in (*(process for _, process in self.worker_threads), self.scheduler):
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()


def run_worker(settings: Settings) -> NoReturn:
    """Work until asked to stop, and end the process."""
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    # Before the processes fork: each starts at once then, and they share the memory. Nothing is
    # computed here, for threads do not outlive a fork.
    import_module("textcond_service.jobs.tasks")
    storage = Storage(settings.data)
    storage.prepare()
    database, queue = Database(settings), open_queue(settings)
    run = make_task(queue, settings, storage)
    sweep_once = lambda: sweep(database, queue, storage, run)  # noqa: E731
    TextcondConsumer(queue, sweep_once, settings).run()
    end_at_once()


def end_at_once(code: int = 0) -> NoReturn:
    """End this process: Python's own end takes torch apart first, for seconds."""
    logging.shutdown()
    os._exit(code)


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


def sweep(
    database: Database, queue: Huey, storage: Storage, enqueue: Callable[[str], Any]
) -> list[str]:
    """Queue jobs whose worker died, and deliver what the queue should hold; their numbers."""
    moved = []
    try:
        (storage.root / ALIVE).touch()
        for id in lifecycle.ids_in(database, lifecycle.RUNNING):
            with storage.locked(lifecycle.lock_name(id), wait=0) as free:
                job = lifecycle.bury(database, storage, id) if free else None
            if job is not None:
                log.warning("worker died", job=id, state=job.state)
        delivered = {task.args[0] for task in queue.pending()}
        for id in lifecycle.ids_in(database, lifecycle.QUEUED):
            if id not in delivered:
                enqueue(id)
                moved.append(id)
    finally:  # what is forked next must not have these connections
        queue.storage.close()
        database.close()
    return moved
