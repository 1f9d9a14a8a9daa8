"""Corpus analysis on Dask: the shards are its tasks, in processes of this machine or of others.

Each worker is sent the model once, also one that comes later. It sends the files' content back,
so no disk has to be shared. The task of a worker that dies is done by another one.
"""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import dask
import torch
from distributed import (
    CancelledError,
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    Worker,
    WorkerPlugin,
    get_worker,
    system,
    wait,
)
from distributed.core import Status

from textcond.analysis.store.shards import Computed, Runner, Shard, compute
from textcond.attribution.quantity import Quantity
from textcond.errors import ClusterError
from textcond.model.model import Model

MOST_ATTEMPTS = 10
"""At a shard whose workers die."""
_SHARDS_AHEAD = 2
"""For each thread of the workers; so many are held in memory and no more."""
_PATIENCE = 30
"""Seconds, for a scheduler to answer, and for its first worker."""
_POLL = 5
"""Seconds after which it is looked whether workers live."""
_RESTART = 120
"""Seconds for a new worker, where all have died."""
_NEEDED = 750_000_000
"""Bytes for each worker of this machine: Python with torch and a model takes up to 650 MB, and Dask
ends a worker at 95 % of its limit."""
_DEATHS = 3
"""Of workers by memory, with nothing done between, after which more would be no use."""
_ENDED_BY_MEMORY = "worker-restart-memory"
"""The events by which Dask tells of them."""
_LOST = (CancelledError, OSError)
"""What Dask raises when it loses the scheduler; a time-out is an `OSError`."""


@contextmanager
def workers_of(
    scheduler: str | None = None, workers: int = 1, *, tell: Callable[[str], object] = warnings.warn
) -> Iterator[tuple[Runner, str]]:
    """What computes shards on Dask, and the address of its dashboard.

    `scheduler` is the address of a running one, whose workers have the same textcond; without
    it there are `workers` processes of this machine, of one thread each, or as many as its memory
    is enough for; `tell` is told if these are fewer. Raises `ClusterError` if the scheduler or its
    workers cannot be had, and so does the runner if they are lost.
    """
    for name in ("distributed.client", "distributed.core"):  # whose tracebacks come before it
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if workers < 1:
        raise ClusterError(f"`workers` is {workers}; it must be at least 1.")
    options = {
        "distributed.scheduler.allowed-failures": MOST_ATTEMPTS,
        "distributed.comm.timeouts.connect": f"{_PATIENCE}s",
        # A worker that is not back in time is given up for good, by default after 15 s.
        "distributed.deploy.lost-worker-timeout": "1000 days",
        # Workers keep no results that could be spilled, and one that pauses would never go on.
        **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")},
    }
    with dask.config.set(options):
        if scheduler is None:
            workers = _affordable(workers, tell)
            with (
                LocalCluster(
                    n_workers=0,  # they start below, where Ctrl-C and a failure find a cluster
                    threads_per_worker=1,
                    # By itself Dask gives each what there is for one processor.
                    memory_limit=system.MEMORY_LIMIT // workers,
                    silence_logs=logging.CRITICAL,  # a worker that dies is no error here
                    dashboard_address="127.0.0.1:0",
                    host="127.0.0.1",
                    preload=[__name__],
                ) as cluster,
                Client(cluster) as client,
            ):
                _start(cluster, client, workers)
                yield partial(_run, client), client.dashboard_link
            return
        try:
            client = Client(scheduler, timeout=_PATIENCE)
            client.wait_for_workers(1, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"`scheduler` {scheduler!r} cannot be used ({error}); give the address that "
                "`dask scheduler` prints, with a `dask worker` there."
            ) from error
        with client:
            yield partial(_run, client), client.dashboard_link


def _affordable(workers: int, tell: Callable[[str], object]) -> int:
    """How many of so many workers the memory is enough for; raises `ClusterError` for none."""
    most = system.MEMORY_LIMIT // _NEEDED
    each, all = f"{_NEEDED / 1e9:.2f} GB", f"{system.MEMORY_LIMIT / 1e9:.2f} GB"
    if most < 1:
        raise ClusterError(
            f"A worker needs {each} of memory, and there are {all}; leave `workers` out."
        )
    if most < workers:
        tell(f"{most} of {workers} workers: each needs {each} of memory, and there are {all}.")
    return min(workers, most)


def _start(cluster: LocalCluster, client: Client, workers: int) -> None:
    cluster.scale(workers)
    for _ in range(_RESTART):
        with suppress(TimeoutError):
            client.wait_for_workers(workers, timeout=1)
            return
        _check_memory(client, since=0, most=_DEATHS)
        if any(worker.status == Status.failed for worker in cluster.workers.values()):
            break
    raise ClusterError(
        f"The workers ({workers}) did not start: one died, or took more than {_RESTART} s. Give "
        "the same command again, or fewer of them in `workers`."
    )


def dask_setup(_: Worker) -> None:
    """For workers of this machine: Ctrl-C is for the process that they work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Resident(WorkerPlugin):
    """A model that stays on every worker while an analysis runs."""

    def __init__(self, model: Model) -> None:
        self.name = f"textcond-{model.hash}"
        self.model = model

    def setup(self, worker: Worker) -> None:
        torch.set_num_threads(1)  # a worker has a thread for every task


def _on_worker(name: str, quantity: Quantity, shard: Shard) -> bytes:
    resident = get_worker().plugins[name]
    assert isinstance(resident, _Resident)
    return compute(resident.model, quantity, shard)


def _run(
    client: Client, model: Model, quantity: Quantity, shards: Iterable[Shard]
) -> Iterator[Computed]:
    """The runner: some shards ahead of the workers, taken as they are done."""
    resident = _Resident(model)
    try:
        client.register_plugin(resident)
    except Exception as error:  # whatever loading it there raises
        _check_memory(client, since=0, most=1)
        raise ClusterError(
            f"The workers cannot take the model ({type(error).__name__}: {error}); install the "
            "same versions of Python, textcond and torch there."
        ) from error
    running: dict[Future[bytes], Shard] = {}

    def is_busy() -> bool:
        return len(running) >= _SHARDS_AHEAD * max(sum(client.nthreads().values()), 1)

    def take() -> Computed:
        try:
            future, content = _first_done(client, list(running))
        except KilledWorker as error:
            number = {future.key: shard.number for future, shard in running.items()}[error.task]
            raise ClusterError(
                f"{MOST_ATTEMPTS} workers died with shard {number}; look at their logs, most "
                "likely for memory. What is done is kept."
            ) from error
        return running.pop(future), content

    try:
        for shard in shards:
            with _reached():
                future = client.submit(_on_worker, resident.name, quantity, shard, pure=False)
                running[future] = shard
                computed = take() if is_busy() else None
            if computed is not None:
                yield computed
        while running:
            with _reached():
                computed = take()
            yield computed
    finally:
        with suppress(*_LOST):
            client.cancel(list(running))
            client.unregister_worker_plugin(resident.name)


def _first_done(client: Client, running: list[Future[bytes]]) -> tuple[Future[bytes], bytes]:
    """One of them that is done, and its result; raises a time-out if there is no worker."""
    before: int | None = None
    while True:
        try:
            with client.as_current():
                done, _ = wait(running, timeout=_POLL, return_when="FIRST_COMPLETED")
            future: Future[bytes] = done.pop()
            # A worker that dies takes its results with it, and another one makes them again.
            return future, future.result(timeout=_PATIENCE)
        except TimeoutError:
            before = _deaths(client) if before is None else before
            _wait_for_a_worker(client, since=before)


def _wait_for_a_worker(client: Client, *, since: int) -> None:
    """Raise a time-out if there is none for long, and what `_check_memory` does."""
    deadline = time.monotonic() + _RESTART
    while True:
        _check_memory(client, since=since, most=_DEATHS)
        try:
            client.wait_for_workers(1, timeout=1)
            return
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


def _check_memory(client: Client, *, since: int, most: int) -> None:
    """Raise `ClusterError` where so many workers have died of memory.

    `since` is how many had when something was last done.
    """
    deaths = _deaths(client) - since
    if deaths >= most:
        raise ClusterError(
            f"Workers ran out of memory {deaths} times with nothing done between; give them more, "
            "or fewer of them in `workers`. What is done is kept."
        )


def _deaths(client: Client) -> int:
    return len(client.get_events(_ENDED_BY_MEMORY))


@contextmanager
def _reached() -> Iterator[None]:
    """Losing the scheduler, or all workers for long, is one `ClusterError`."""
    try:
        yield
    except _LOST as error:
        raise ClusterError(
            f"The scheduler is gone, or has no worker ({type(error).__name__}). What is done is "
            "kept: start them, and give the same command again."
        ) from error
