"""Corpus analysis on Dask: the shards are its tasks, in processes of this machine or of others.

Each worker is sent the model once, also one that comes later. It sends the files' content back,
so no disk has to be shared. The task of a worker that dies is done by another one.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import dask
import torch
from distributed import (
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
)

from textcond.analysis.shards import Computed, Runner, Shard, compute
from textcond.attribution.quantity import Quantity
from textcond.errors import ClusterError
from textcond.model.checkpoint import Model

MOST_ATTEMPTS = 10
"""At a shard whose workers die."""
_SHARDS_AHEAD = 2
"""For each thread of the workers; so many are held in memory and no more."""
_PATIENCE = 30
"""Seconds, for a scheduler to answer, and for its first worker."""


@contextmanager
def workers_of(scheduler: str | None = None, workers: int = 1) -> Iterator[tuple[Runner, str]]:
    """What computes shards on Dask, and the address of its dashboard.

    `scheduler` is the address of a running one, whose workers have the same textcond; without
    it there are `workers` processes of this machine, of one thread each. Raises `ClusterError`
    if the scheduler or its workers cannot be had.
    """
    if workers < 1:
        raise ClusterError(f"`workers` is {workers}; it must be at least 1.")
    options = {
        "distributed.scheduler.allowed-failures": MOST_ATTEMPTS,
        "distributed.comm.timeouts.connect": f"{_PATIENCE}s",
    }
    with dask.config.set(options):
        if scheduler is None:
            with (
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    silence_logs=logging.CRITICAL,  # a worker that dies is no error here
                    dashboard_address="127.0.0.1:0",
                    host="127.0.0.1",
                    preload=[__name__],
                ) as cluster,
                Client(cluster) as client,
            ):
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
        raise ClusterError(
            f"The workers cannot take the model ({type(error).__name__}: {error}); install the "
            "same versions of Python, textcond and torch there."
        ) from error
    running: dict[Future[bytes], Shard] = {}
    done = as_completed(loop=client.loop)

    def submit(shard: Shard) -> None:
        future = client.submit(_on_worker, resident.name, quantity, shard, pure=False)
        running[future] = shard
        done.add(future)

    def take() -> Computed:
        future = next(done)
        shard = running.pop(future)
        try:
            return shard, future.result()
        except KilledWorker as error:
            raise ClusterError(
                f"{MOST_ATTEMPTS} workers died with shard {shard.number}; look at their logs, "
                "most likely for memory. What is done is kept."
            ) from error

    try:
        for shard in shards:
            submit(shard)
            if len(running) >= _SHARDS_AHEAD * max(sum(client.nthreads().values()), 1):
                yield take()
        while running:
            yield take()
    finally:
        client.cancel(list(running))
        client.unregister_worker_plugin(resident.name)
