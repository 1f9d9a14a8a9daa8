"""`textcond serve`: the web application and its worker, each in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from types import FrameType

import structlog
import uvicorn

from textcond.errors import TextcondError
from textcond_service import logging_setup
from textcond_service.jobs import lifecycle
from textcond_service.jobs.queues import open_queue, scheme_of
from textcond_service.jobs.worker import PARENT, end_at_once, run_worker
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database, has_keys

STOP_SECONDS = 8.5
"""A worker that has not ended by then is killed: its job goes on at the next start."""
RESTART_SECONDS = 1.0
log = structlog.get_logger("textcond.serving")


class ServiceError(TextcondError):
    """The service cannot start as it is set."""


def serve(settings: Settings, *, web: bool = True, worker: bool = True) -> None:
    """Serve until asked to stop; a worker that ends is started again."""
    prepare(settings)
    logging_setup.configure()
    if not web:
        run_worker(settings)
        return
    listening = _listen(settings)
    # uvicorn gives the signal that stopped it to this process again, which has still to wait.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keeper, code = _Keeper(settings) if worker else None, 0
    try:
        _serve_web(settings, listening, keeper)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        if keeper is not None:
            keeper.stop()
    end_at_once(code)


def prepare(settings: Settings) -> None:
    """Check what is set, make tables where that is safe, and clean up; raises `ServiceError`."""
    scheme_of(settings)
    for name in ("sst", "questions"):
        place = getattr(settings, name)
        if place is not None and not place.exists():
            raise ServiceError(f"TEXTCOND_{name.upper()} is {place}, which is not there; mend it.")
    database = prepare_tables(settings)
    open_queue(settings).storage.close()
    try:
        Storage(settings.data).drop_locks(lambda: lifecycle.ids_in(database, *lifecycle.ACTIVE))
        if not settings.is_loopback and not has_keys(database):
            raise ServiceError(
                f"`host` is {settings.host!r}, not a loopback address, and there is no key; make "
                "one by `textcond keys create`, or serve on 127.0.0.1."
            )
    finally:
        database.close()


def prepare_tables(settings: Settings) -> Database:
    """The database, with its tables: made here for SQLite, otherwise by `textcond migrate`."""
    storage = Storage(settings.data)
    storage.prepare()
    database = Database(settings)
    if settings.uses_sqlite:
        with storage.locked("migration", wait=120):
            database.migrate()
    elif not database.is_current():
        raise ServiceError(
            "The database's tables are not of this version; run `textcond migrate` once."
        )
    return database


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2_048
        )
        # An answer's last packet does not wait for the client to acknowledge the one before.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise ServiceError(
            f"Port {settings.port} of {settings.host} cannot be served ({error.strerror}); choose "
            "another `--port` or `--host`."
        ) from error


def _serve_web(settings: Settings, listening: socket.socket, keeper: _Keeper | None) -> None:
    from textcond_service.app import make_app

    app = make_app(settings)

    class Server(uvicorn.Server):
        """The worker and the streams of events are asked to stop when the web is, not after it."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if hasattr(app.state, "core"):
                app.state.core.stopping = True
            if keeper is not None:
                keeper.ask_to_stop()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
    )
    Server(config).run(sockets=[listening])


class _Keeper:
    """Keeps one worker running, as another process."""

    def __init__(self, settings: Settings) -> None:
        given = settings.model_dump(exclude_none=True)
        self._environment = {
            f"TEXTCOND_{name.upper()}": str(value) for name, value in given.items()
        }
        self._stopping = threading.Event()
        self._child = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the worker finish or hand back its job."""
        self._stopping.set()

    def stop(self) -> None:
        """The same, and wait for its end."""
        self._stopping.set()
        self._thread.join()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "textcond", "serve", "--only", "worker"]
        environment = {**os.environ, **self._environment, PARENT: str(os.getpid())}
        # A group of its own: Ctrl-C comes to this process, which stops the worker in its way.
        return subprocess.Popen(command, env=environment, start_new_session=True)

    def _keep(self) -> None:
        while not self._stopping.wait(RESTART_SECONDS):
            if self._child.poll() is not None:
                log.warning("the worker ended", code=self._child.returncode)
                self._child = self._start()
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
