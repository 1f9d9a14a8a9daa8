"""No clock is asked who works, and a clock that is moved stops nothing."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from textcond_service.jobs import lifecycle
from textcond_service.jobs.queues import open_queue
from textcond_service.jobs.worker import ALIVE, make_task, sweep
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, Job

from tests.service.backends import (
    FAULTS,
    kill_worker,
    left_over,
    logged,
    submit,
    succeed,
    train,
    until_at,
    upload,
)
from tests.service.running import running

RANDOM = random.Random(5)
SHARDS = 2 if FAULTS <= 2 else 5
YEAR = 365 * 86_400.0


@pytest.mark.parametrize("shift", [-40 * YEAR, 40 * YEAR])
def test_no_clock_is_asked_who_works(tmp_path: Path, shift: float) -> None:
    """Rows and files of other times: a job is taken once, and given back when its lock is free."""
    settings, storage = Settings(data=tmp_path), Storage(tmp_path)
    storage.prepare()
    database, queue = Database(settings), open_queue(settings)
    database.migrate()
    enqueue = make_task(queue, settings, storage)
    with database.writing() as session:
        id = lifecycle.add(session, "rules", {}, model="sst").id
    assert sweep(database, queue, storage, enqueue) == [id]
    with storage.locked(lifecycle.lock_name(id)):
        assert lifecycle.claim(database, id, "mine") is not None
        move_times(database, id, shift)
        os.utime(tmp_path / ALIVE, (time.time() + shift,) * 2)
        assert lifecycle.claim(database, id, "another's") is None
        assert lifecycle.claim(database, id, "mine") is not None
        sweep(database, queue, storage, enqueue)
        assert lifecycle.ids_in(database, lifecycle.RUNNING) == [id]
    for _ in range(3):
        sweep(database, queue, storage, enqueue)
    assert lifecycle.ids_in(database, lifecycle.QUEUED) == [id]
    assert [task.args for task in queue.pending()] == [(id,)]
    with database.reading() as session:
        job = session.get_one(Job, id)
    assert job.attempts == 1
    assert (
        lifecycle.end(database, storage, job, lifecycle.SUCCEEDED) == "queued"
    )  # it is nobody's now
    queue.storage.close()
    database.close()


def move_times(database: Database, id: str, seconds: float) -> None:
    with database.writing() as session:
        job = session.get_one(Job, id)
        for name in ("created", "started", "heartbeat"):
            setattr(job, name, getattr(job, name) + seconds)


@pytest.mark.thorough
def test_the_clock_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a library between the service and the system's clock."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(libraries[0]))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    for name in ("FAKETIME_CACHE_DURATION", "FAKETIME_DONT_FAKE_MONOTONIC"):
        monkeypatch.setenv(name, "1")
    with running(tmp_path / "data", threads=1) as service:
        upload(service, "reviews", 400)
        upload(service, "one", 1)
        calm = succeed(service, train(service, "calm", epochs=30))
        for number in range(FAULTS):
            ids = [train(service, f"moved{number}", epochs=30)]
            key = {"Idempotency-Key": f"key-{number}"}
            request = {"model": "sst", "corpus": "one"}
            until_at(service, ids[0], 10)
            for shift in ("+400d", "-400d"):
                clock.write_text(shift)
                ids.append(submit(service, "/v1/analyses", request, **key))
                time.sleep(RANDOM.uniform(1, 2))
            assert ids[1] == ids[2]
            assert {succeed(service, id)["attempts"] for id in ids} == {1}
        killed = train(service, "killed", epochs=30)
        until_at(service, killed, 10)
        assert kill_worker(service, killed)
        assert succeed(service, killed)["attempts"] == 2
        names = ["calm", "killed", *(f"moved{number}" for number in range(FAULTS))]
        assert {service.client.get(f"/v1/models/{name}").json()["hash"] for name in names} == {
            service.client.get(calm["result"]).json()["hash"]
        }
        assert len(logged(service, "job started")) == 3 + 2 * FAULTS
        assert left_over(service) == []
