"""Processes killed, servers restarted, disks full, clocks moved: nothing is lost or done twice.

Each as often as TEXTCOND_FAULTS says, at random moments.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.backends import (
    FAULTS,
    digests,
    kill_worker,
    left_over,
    logged,
    migrate,
    own_postgres,
    own_redis,
    submit,
    succeed,
    train,
    until_at,
    upload,
)
from tests.service.running import SECONDS, Running, running, until

RANDOM = random.Random(5)
SHARDS = 2 if FAULTS <= 2 else 5
YEAR = 365 * 86_400.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("faults") / "data", threads=1) as started:
        upload(started, "reviews", 400)
        yield started


@pytest.fixture(scope="module")
def calm(service: Running) -> dict[str, Any]:
    """A training that nothing disturbed."""
    succeed(service, train(service, "warm", epochs=1))
    return succeed(service, train(service, "calm"))


@pytest.mark.thorough
def test_training_survives_its_worker(service: Running, calm: dict[str, Any]) -> None:
    killed = kill_at_random(service, lambda number: train(service, f"killed{number}"), calm)
    hashes = {service.client.get(job["result"]).json()["hash"] for job in (calm, *killed)}
    assert len(hashes) == 1
    assert left_over(service) == []


@pytest.mark.thorough
def test_a_damaged_checkpoint_is_dropped(service: Running, calm: dict[str, Any]) -> None:
    id = train(service, "damaged")
    state = service.data / "models" / "damaged.training.pt"
    until(state.exists)
    assert kill_worker(service, id)
    state.write_bytes(state.read_bytes()[:1_000])
    job = succeed(service, id)
    assert job["attempts"] == 2
    models = [service.client.get(row["result"]).json() for row in (calm, job)]
    assert models[0]["hash"] == models[1]["hash"]
    assert left_over(service) == []


@pytest.mark.thorough
def test_an_analysis_survives_its_worker(service: Running) -> None:
    upload(service, "many", 1_024 * SHARDS - 500)
    request = {"model": "sst", "corpus": "many"}
    calm = succeed(service, submit(service, "/v1/analyses", request))
    killed = kill_at_random(
        service, lambda _: submit(service, "/v1/analyses", request), calm, parent_first=True
    )
    folder = service.data / "analyses"
    whole = digests(folder / calm["id"])
    assert len([name for name in whole if name.endswith(".parquet")]) == SHARDS
    assert all(digests(folder / job["id"]) == whole for job in killed)
    assert left_over(service) == []


def kill_at_random(
    service: Running,
    start: Callable[[int], str],
    calm: dict[str, Any],
    *,
    parent_first: bool = False,
) -> list[dict[str, Any]]:
    """Jobs whose worker was killed once at a random moment, a third of the time with its parent."""
    with_parent = 0 if parent_first else 2
    ended: list[dict[str, Any]] = []
    lasts = calm["finished"] - calm["started"]
    while len(ended) < FAULTS:
        id = start(len(ended))
        until_at(service, id, 0)
        time.sleep(RANDOM.uniform(0, lasts))
        killed = kill_worker(service, id, consumer=len(ended) % 3 == with_parent)
        job = succeed(service, id)
        if killed and job["attempts"] + len(logged_of(service, id, "job interrupted")) > 1:
            ended.append(job)
        elif service.client.get(f"/v1/models/{job['model']}").json().get("ships") is False:
            assert service.client.delete(job["result"]).status_code == 204
    return ended


def logged_of(service: Running, id: str, event: str) -> list[dict[str, Any]]:
    return [record for record in logged(service, event) if record.get("job") == id]


class Load:
    """Clients that explain, and others that start jobs and ask again until they are answered."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.started: dict[str, str] = {}
        """The job of each Idempotency-Key."""
        self.explained = 0
        self.odd: list[str] = []
        """Answers that are neither the wanted ones nor `try again`."""
        self._stop = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        calls = (self._explain, self._explain, self._start, self._start)
        threads = [threading.Thread(target=self._repeat, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _repeat(self, call: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self.service.url, timeout=SECONDS) as client:
            while not self._stop.wait(0.2):
                call(client)

    def _explain(self, client: httpx.Client) -> None:
        if self._post(client, "/v1/models/sst/explain", {"text": "this is not good"}, 200):
            self.explained += 1

    def _start(self, client: httpx.Client) -> None:
        key, request = uuid.uuid4().hex, {"model": "sst", "corpus": "one"}
        answer = None
        while answer is None:
            answer = self._post(client, "/v1/analyses", request, 202, {"Idempotency-Key": key})
        self.started[key] = answer["id"]

    def _post(
        self,
        client: httpx.Client,
        path: str,
        body: dict[str, Any],
        wanted: int,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any] | None:
        try:
            answer = client.post(path, json=body, headers=headers)
        except httpx.TransportError:
            time.sleep(0.1)
            return None
        if answer.status_code == wanted:
            return dict(answer.json())
        if answer.status_code not in (429, 503):
            self.odd.append(f"{path}: {answer.status_code} {answer.text}")
        time.sleep(0.1)
        return None


def check_load(service: Running, disturb: Callable[[], None]) -> None:
    """Every job that was answered is there and ends, and no request made two."""
    upload(service, "one", 1)
    load = Load(service)
    with load.going_on():
        for _ in range(FAULTS):
            time.sleep(RANDOM.uniform(0.5, 2))
            disturb()
        until(service.is_ready)
        before = load.explained
        until(lambda: load.explained > before)
    for id in load.started.values():
        succeed(service, id)
    total = service.client.get("/v1/jobs", params={"limit": 1}).json()["total"]
    assert total == len(set(load.started.values())) == len(load.started)
    assert load.odd == []
    assert left_over(service) == []
    print(f"{FAULTS} times; {total} jobs, {load.explained} explanations")


@pytest.mark.thorough
def test_the_web_process_is_killed_under_load(tmp_path: Path) -> None:
    with running(tmp_path / "data", threads=1) as service:

        def disturb() -> None:
            service.kill()
            service.start()

        check_load(service, disturb)


@pytest.mark.thorough
def test_postgresql_is_restarted_under_load(tmp_path: Path) -> None:
    with own_postgres() as server:
        migrate(server.address)
        both = {"database": server.address, "queue": server.address}
        with running(tmp_path / "data", threads=1, **both) as service:
            check_load(service, server.restart)


@pytest.mark.thorough
def test_redis_is_restarted_under_load(tmp_path: Path) -> None:
    with (
        own_redis() as server,
        running(tmp_path / "data", threads=1, queue=server.address) as service,
    ):
        check_load(service, server.restart)


@pytest.mark.thorough
def test_a_full_disk(tmp_path: Path) -> None:
    """At the first checkpoint, at a later one, at the model itself, and in an analysis."""
    data = tmp_path / "data"
    with (
        small_disk(data / "models", "300m"),
        small_disk(data / "analyses", "600k"),
        running(data, threads=1) as service,
    ):
        upload(service, "reviews", 400)
        upload(service, "many", 2_100)
        state = data / "models" / "measured.training.pt"
        id = train(service, "measured", epochs=900)
        until(state.exists)
        size = state.stat().st_size
        service.client.delete(f"/v1/jobs/{id}")
        service.finish(id)
        cases = {"first": (0.5, 8), "later": (1.5, 8), "model": (1.1, 1)}
        for name, (share, epochs) in cases.items():
            remount(data / "models", f"{int(share * size)}")
            check_full(service, train(service, name, epochs=epochs))
            assert list((data / "models").iterdir()) == []
        check_full(service, submit(service, "/v1/analyses", {"model": "sst", "corpus": "many"}))
        assert list((data / "analyses").iterdir()) == []
        remount(data / "models", "300m")
        succeed(service, train(service, "first"))
        assert left_over(service) == []


def check_full(service: Running, id: str) -> None:
    job = service.finish(id)
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert job["error"]["title"] == "File system"
    assert job["error"]["detail"].startswith("No space left on device: ")
    assert "\n" not in job["error"]["detail"]
    text = {"text": "this is not good"}
    assert service.client.post("/v1/models/sst/explain", json=text).status_code == 200


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("A file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
