"""The real service as processes of its own, for tests to ask, stop and kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

SECONDS = 300.0
"""After which something hangs: no test is about speed, and a machine may be busy."""


class Running:
    """`textcond serve` on a free port, with a data folder of its own."""

    def __init__(self, data: Path, *arguments: str, **settings: Any) -> None:
        self.data, self.arguments = data, arguments
        self.port = int(settings.pop("port", 0)) or free_port()
        self.settings = {f"TEXTCOND_{name.upper()}": str(v) for name, v in settings.items()}
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.with_name(f"{data.name}.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=SECONDS)

    def start(self, *, wait: bool = True) -> Running:
        """Start it, and wait until it answers and its worker looks for work."""
        command = [sys.executable, "-m", "textcond", "serve", "--data", str(self.data)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.arguments],
                env={**os.environ, "OMP_NUM_THREADS": "1", **self.settings},
                stderr=log,
            )
        if wait:
            until(self.is_ready, what=f"a service: {self.log}")
        return self

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3_000:]
        try:
            path = "/healthz" if "worker" not in self.arguments and self.arguments else "/readyz"
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> float:
        """Ask it to stop; how many seconds it took."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)
        return time.monotonic() - started

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def job(self, id: str) -> dict[str, Any]:
        return dict(self.client.get(f"/v1/jobs/{id}").json())

    def finish(self, id: str, *, seconds: float = SECONDS) -> dict[str, Any]:
        """The job when it is over."""
        over = ("succeeded", "failed", "cancelled")
        until(lambda: self.job(id)["state"] in over, what=f"job {id}", seconds=seconds)
        return self.job(id)


@contextmanager
def running(data: Path, *arguments: str, **settings: Any) -> Iterator[Running]:
    """A service that is stopped at the end."""
    service = Running(data, *arguments, **settings).start()
    try:
        yield service
    finally:
        service.client.close()
        if service.process is not None and service.process.poll() is None:
            service.stop()


def until(holds: Any, *, what: str = "it", seconds: float = SECONDS, every: float = 0.05) -> None:
    """Wait until something holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(data: Path, scope: str) -> str:
    """A key for a service that is there or will be."""
    from textcond_service.api.security import create_key
    from textcond_service.server import prepare_tables
    from textcond_service.settings import Settings

    database = prepare_tables(Settings(data=data))
    try:
        return create_key(database, scope, scope)
    finally:
        database.close()
