"""Analyses on Dask: the bytes of the local run, whatever becomes of the workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import Dataset
from distributed import Client, LocalCluster, Nanny, system

from tests.analysis.store.test_corpus import content, dataset_of, texts_of
from tests.conftest import Run
from tests.service.running import SECONDS, free_port, until
from tests.starting import start
from textcond import cluster
from textcond.analysis.store.corpus import CorpusConductance
from textcond.analysis.store.resume import Progress
from textcond.cluster import workers_of
from textcond.errors import AnalysisError, ClusterError
from textcond.model.model import Model

pytestmark = [
    # Dask's own: sockets of processes that were killed, loops that end late.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """One that is there already, with a worker."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as local:
        yield local.scheduler_address


def test_the_bytes_of_the_local_run(
    model: Model, scheduler: str, tmp_path: Path, small_shards: None
) -> None:
    texts = dataset_of(texts_of(300))
    CorpusConductance.compute(model, texts, tmp_path / "here")
    seen: list[Progress] = []
    with workers_of(scheduler) as (runner, dashboard):
        assert dashboard.startswith("http://")
        CorpusConductance.compute(
            model, texts, tmp_path / "there", runner=runner, watch=seen.append
        )
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert [one.done for one in seen][-1] == 300
    assert len(seen) == 38


def test_a_stopped_run_goes_on(
    model: Model, scheduler: str, tmp_path: Path, small_shards: None
) -> None:
    texts = dataset_of(texts_of(300))
    CorpusConductance.compute(model, texts, tmp_path / "whole")

    def stop(progress: Progress) -> None:
        if progress.done >= 80:
            raise KeyboardInterrupt

    with workers_of(scheduler) as (runner, _):
        with pytest.raises(KeyboardInterrupt):
            CorpusConductance.compute(model, texts, tmp_path / "out", runner=runner, watch=stop)
        kept = len(list((tmp_path / "out").glob("*.parquet")))
        assert 10 <= kept < 38
        rates: list[float] = []
        CorpusConductance.compute(
            model,
            texts,
            tmp_path / "out",
            runner=runner,
            watch=lambda progress: rates.append(progress.rate),
        )
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert sum(rate > 0 for rate in rates) == 38 - kept


@pytest.mark.thorough
def test_workers_that_are_killed(model: Model, tmp_path: Path, small_shards: None) -> None:
    """In a run; each costs only the shards that it was at."""
    texts = dataset_of(texts_of(2_000))
    CorpusConductance.compute(model, texts, tmp_path / "whole")
    killed: set[int] = set()
    with workers_of(workers=2) as (runner, _), Client(runner.args[0].scheduler.address) as other:

        def kill(progress: Progress) -> None:
            if progress.done >= 250 * (len(killed) + 1) and len(killed) < 5:
                other.wait_for_workers(2, timeout=SECONDS)
                if there := set(other.run(os.getpid).values()) - killed:
                    killed.add(victim := min(there))
                    os.kill(victim, signal.SIGKILL)

        CorpusConductance.compute(model, texts, tmp_path / "out", runner=runner, watch=kill)
    assert len(killed) == 5
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.thorough
@pytest.mark.parametrize("victim", ["scheduler", "worker"])
def test_a_cluster_that_is_lost(
    model: Model, tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """What is done is kept, and the run goes on elsewhere."""
    texts = dataset_of(texts_of(2_000))
    program = Path(sys.executable).with_name("dask")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    options = ("--no-dashboard", "--host", "127.0.0.1")
    commands = {
        "scheduler": (program, "scheduler", *options, "--port", str(port)),
        "worker": (program, "worker", address, "--no-nanny", "--nthreads", "1", *options),
    }
    processes = {
        name: subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for name, command in commands.items()
    }
    try:
        until(lambda: is_open(port), what="the scheduler")
        with Client(address, timeout=SECONDS) as client:
            client.wait_for_workers(1, timeout=SECONDS)
        monkeypatch.setattr(cluster, "_PATIENCE", 10)
        monkeypatch.setattr(cluster, "_RESTART", 2)
        with workers_of(address) as (runner, _):
            monkeypatch.setattr(cluster, "_PATIENCE", 2)

            def kill(progress: Progress) -> None:
                if progress.done >= 200:
                    processes[victim].kill()

            with pytest.raises(ClusterError, match=r"is gone, or has no worker .* kept"):
                CorpusConductance.compute(model, texts, tmp_path / "out", runner=runner, watch=kill)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    kept = len(list((tmp_path / "out").glob("*.parquet")))
    assert 25 <= kept < 250
    CorpusConductance.compute(model, texts, tmp_path / "out")
    CorpusConductance.compute(model, texts, tmp_path / "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_what_a_worker_refuses(model: Model, scheduler: str, tmp_path: Path) -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "tokens": [["w1"], ["w1"] * 20_001]})
    with workers_of(scheduler) as (runner, _), pytest.raises(AnalysisError, match="Row 1 has"):
        CorpusConductance.compute(model, rows, tmp_path / "out", runner=runner)


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="`workers` is 0"), workers_of(workers=0):
        pass
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    for address in ("127.0.0.1:9", "nonsense://x", "no host"):
        with pytest.raises(ClusterError, match="`dask scheduler`"), workers_of(address):
            pass


@pytest.mark.parametrize(
    ("gigabytes", "workers", "started"), [(0.9, 2, 1), (1.28, 2, 1), (1.7, 4, 2), (64, 4, 4)]
)
def test_as_many_workers_as_the_memory_is_enough_for(
    monkeypatch: pytest.MonkeyPatch, gigabytes: float, workers: int, started: int
) -> None:
    monkeypatch.setattr(system, "MEMORY_LIMIT", int(gigabytes * 1e9))
    told: list[str] = []
    assert cluster._affordable(workers, told.append) == started
    note = f"{started} of {workers} workers: each needs 0.75 GB of memory, and there are "
    assert told == ([f"{note}{gigabytes:.2f} GB."] if started < workers else [])


def test_memory_for_no_worker(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "MEMORY_LIMIT", 700_000_000)
    (tmp_path / "texts.txt").write_text("a warm film\n")
    code, _, err = run("analyze", "--data", "texts.txt", "--out", "out", "--workers", "1")
    assert code == 2
    assert err == (
        "textcond: A worker needs 0.75 GB of memory, and there are 0.70 GB; leave `workers` out.\n"
    )


@pytest.mark.thorough
def test_a_limit_of_memory(tmp_path: Path) -> None:
    """As `ulimit -m 1250000` sets it, which Dask divides among the workers."""
    process = analyzing(tmp_path, 100, workers=2, kilobytes=1_250_000)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err.splitlines()[0]) == (
        0,
        "1 of 2 workers: each needs 0.75 GB of memory, and there are 1.28 GB.",
    )
    assert "100" in out


def let_starve(dask_worker: Nanny) -> None:
    dask_worker.memory_manager.memory_limit = 100_000_000


@pytest.mark.thorough
@pytest.mark.parametrize("later", [False, True])
def test_workers_that_die_of_memory(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """Again and again, as they start or after it: it is told long before `_RESTART`."""
    monkeypatch.setattr(system, "MEMORY_LIMIT", 2_000_000_000 if later else 250_000_000)
    monkeypatch.setattr(cluster, "_NEEDED", 1)
    monkeypatch.setattr(cluster, "_POLL", 1)
    monkeypatch.setattr(cluster, "_RESTART", 1_000)
    texts = dataset_of(texts_of(50))

    def analyze() -> None:
        with workers_of() as (runner, _):
            if later:
                runner.args[0].run(let_starve, nanny=True)
            CorpusConductance.compute(model, texts, tmp_path / "out", runner=runner)

    with pytest.raises(ClusterError, match=r"ran out of memory \d+ times with nothing done"):
        analyze()


def analyzing(
    folder: Path, texts: int, *, workers: int = 1, kilobytes: int | None = None
) -> subprocess.Popen[str]:
    """The command as a process of its own, with workers and maybe a limit of memory."""
    (folder / "texts.txt").write_text("a warm film\n" * texts)
    command = ["analyze", "--data", "texts.txt", "--out", "out", "--workers", str(workers)]
    return start(command, folder=folder, kilobytes=kilobytes)


@pytest.mark.thorough
def test_a_worker_that_dies_as_it_starts(tmp_path: Path) -> None:
    process = analyzing(tmp_path, 100)
    children = Path(f"/proc/{process.pid}/task")
    started: list[int] = []

    def spawned() -> bool:
        with contextlib.suppress(OSError):  # A thread or a child that has just ended.
            found = " ".join(path.read_text() for path in children.glob("*/children"))
            command = {pid: Path(f"/proc/{pid}/cmdline") for pid in found.split()}
            started.extend(int(p) for p in command if b"spawn_main" in command[p].read_bytes())
        return bool(started)

    until(spawned, what="a worker", every=0.01)
    os.kill(started[0], signal.SIGKILL)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("textcond: The workers (1) did not start: one died")
    assert "Traceback" not in err


def test_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("a warm film\na dull film\n" * 600)
    command = ["analyze", "--data", str(tmp_path / "texts.txt"), "--out"]
    assert run(*command, str(tmp_path / "here"))[0] == 0
    code, _, err = run(*command, str(tmp_path / "there"), "--workers", "1")
    assert code == 0
    assert "Dask's dashboard: http://127.0.0.1:" in err
    assert content(tmp_path / "here") == content(tmp_path / "there")
    options = ("--workers", "1", "--scheduler", "127.0.0.1:9")
    code, _, err = run(*command, str(tmp_path / "x"), *options)
    assert code == 2
    assert "give one of them" in err


@pytest.mark.thorough
def test_a_stop_by_the_keyboard(tmp_path: Path) -> None:
    """The terminal sends it to the workers as well."""
    process = analyzing(tmp_path, 200_000)

    def is_at_work() -> bool:
        assert process.poll() is None
        return len(list(tmp_path.glob("out/*.parquet"))) >= 3

    until(is_at_work, what="three shards")
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("textcond: Stopped. What is done is kept")
