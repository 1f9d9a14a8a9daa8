"""The laws of a job's row and its files, without a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "textcond_service.jobs.lifecycle", reason="the extra `service` is not installed"
)

from textcond_service.jobs import lifecycle
from textcond_service.jobs.interruption import Interruption
from textcond_service.jobs.queues import QueueError, open_queue
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, Job


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    found = Storage(tmp_path)
    found.prepare()
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(Settings(data=tmp_path))
    found.migrate()
    yield found
    found.close()


@pytest.fixture
def id(database: Database) -> str:
    """A training job that waits."""
    with database.writing() as session:
        return lifecycle.add(session, "training", {}, model="m").id


def take(database: Database, id: str, token: str = "mine") -> Job:
    job = lifecycle.claim(database, id, token)
    assert job is not None
    return job


def leave_files(storage: Storage) -> None:
    """What a training job has at its end: its checkpoint, half a model, a model."""
    storage.training_state("m").write_bytes(b"")
    (storage.models / ".m.partial").mkdir()
    (storage.models / "m").mkdir()


def row(database: Database, id: str) -> Job:
    with database.reading() as session:
        return session.get_one(Job, id)


def cancel(database: Database, storage: Storage, id: str) -> None:
    with database.writing() as session:
        lifecycle.ask_to_cancel(session.get_one(Job, id), storage)


def test_a_job_that_was_handed_back_is_cancelled_with_its_files(
    database: Database, storage: Storage, id: str
) -> None:
    job = take(database, id)
    leave_files(storage)
    assert lifecycle.hand_back(database, storage, job) == "queued"
    assert (row(database, id).attempts, len(list(storage.models.iterdir()))) == (0, 3)
    cancel(database, storage, id)
    assert row(database, id).state == "cancelled"
    assert list(storage.models.iterdir()) == []


@pytest.mark.parametrize("last_word", ["end", "hand_back", "bury"])
def test_a_cancel_that_was_answered_is_kept(
    database: Database, storage: Storage, id: str, last_word: str
) -> None:
    job = take(database, id)
    leave_files(storage)
    cancel(database, storage, id)
    assert not lifecycle.beat(database, job, {"done": 1})
    if last_word == "end":
        assert (
            lifecycle.end(database, storage, job, "succeeded", result="/v1/models/m") == "cancelled"
        )
    elif last_word == "hand_back":
        assert lifecycle.hand_back(database, storage, job) == "cancelled"
    else:
        assert lifecycle.bury(database, storage, id) is not None
    assert (row(database, id).state, row(database, id).result) == ("cancelled", None)
    assert list(storage.models.iterdir()) == []


def test_a_third_death_is_the_last(database: Database, storage: Storage, id: str) -> None:
    leave_files(storage)
    for state in ("queued", "queued", "failed"):
        take(database, id)
        assert len(list(storage.models.iterdir())) == 3
        buried = lifecycle.bury(database, storage, id)
        assert buried is not None
        assert buried.state == state
    assert row(database, id).error == {
        "title": "Worker died",
        "detail": "The job ended its worker 3 times; the worker's log says more. Its memory may "
        "not suffice: give a smaller corpus, or more memory.",
    }
    assert list(storage.models.iterdir()) == []
    assert lifecycle.bury(database, storage, id) is None


def test_who_lost_the_claim_changes_nothing(database: Database, storage: Storage, id: str) -> None:
    lost = take(database, id)
    lifecycle.bury(database, storage, id)
    take(database, id, "another's")
    leave_files(storage)
    assert not lifecycle.beat(database, lost, {"done": 7})
    assert lifecycle.hand_back(database, storage, lost) == "running"
    assert lifecycle.end(database, storage, lost, "failed") == "running"
    assert (row(database, id).claim, row(database, id).done) == ("another's", 0)
    assert len(list(storage.models.iterdir())) == 3


def test_an_end_that_is_said_twice_is_one(database: Database, storage: Storage, id: str) -> None:
    """The first answer was lost with the connection."""
    job = take(database, id)
    (storage.models / "m").mkdir()
    assert take(database, id).id == id
    for _ in range(2):
        assert (
            lifecycle.end(database, storage, job, "succeeded", result="/v1/models/m") == "succeeded"
        )
    assert (storage.models / "m").is_dir()


def test_locks_of_jobs_that_are_over_are_removed(
    database: Database, storage: Storage, id: str
) -> None:
    for name in (lifecycle.lock_name(id), lifecycle.lock_name("0" * 32), "model-m"):
        with storage.locked(name):
            pass
    storage.drop_locks(lambda: lifecycle.ids_in(database, *lifecycle.ACTIVE))
    left = {path.name for path in (storage.root / "locks").iterdir()}
    assert left == {f"{lifecycle.lock_name(id)}.lock", "model-m.lock"}


def test_an_unknown_queue_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueueError) as caught:
        open_queue(Settings(data=tmp_path, queue="amqp://user:secret@host"))
    assert str(caught.value) == (
        "TEXTCOND_QUEUE begins with 'amqp'; it can be a postgresql:// or a redis:// address."
    )


def test_an_interruption_waits_for_its_place() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        reached = False
        with pytest.raises(KeyboardInterrupt), interruption.allowed():
            reached = True
        assert not reached
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt), interruption.allowed():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # a second one disturbs no cleaning up
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(signal.SIGINT) is before
