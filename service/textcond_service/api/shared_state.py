"""What every route needs: one of each for a process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import structlog
from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request
from huey import Huey
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import URL

from textcond.model import checkpoint
from textcond.model.checkpoint import CONFIG
from textcond.model.model import Model
from textcond_service.api.batching import Batches
from textcond_service.api.problems import not_found
from textcond_service.api.security import Guard
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Database

KEPT_MODELS = 4
VERSION = version("textcond")
_Result = TypeVar("_Result")
log = structlog.get_logger("textcond")


@dataclass(slots=True)
class Core:
    """The parts of a running service."""

    settings: Settings
    database: Database
    storage: Storage
    guard: Guard
    queue: Huey
    enqueue: Callable[[str], Any]
    shelf: Shelf
    metrics: Metrics
    calculations: anyio.CapacityLimiter
    """Of threads that compute: more of them than cores only wait for one another."""
    batches: Batches
    streams: int = 0
    stopping: bool = False
    """Streams of events end then; every other answer is finished."""

    async def model(self, name: str) -> Model:
        """A model by its name; one that is loaded comes at once."""
        loaded = self.shelf.loaded(name)
        return await self.io(lambda: self.shelf.get(name)) if loaded is None else loaded

    async def io(self, call: Callable[[], _Result]) -> _Result:
        """Run what waits for the disk or the database."""
        return await run_sync(call)

    async def compute(self, call: Callable[[], _Result]) -> _Result:
        """Run what keeps a core busy, while the event loop goes on."""
        return await run_sync(call, limiter=self.calculations)


class Metrics:
    """Figures for Prometheus, beside those of the requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sentences = Counter(
            "textcond_sentences_explained", "Sentences explained.", registry=self.registry
        )
        self.loading = Histogram(
            "textcond_model_load_seconds", "Time to load a model.", registry=self.registry
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    folder: Path
    signature: tuple[int, ...]
    model: Model

    def is_current(self) -> bool:
        return _signature(self.folder) == self.signature


@dataclass(slots=True)
class Shelf:
    """Loaded models, the last few that were asked for; one that changed on disk is read again."""

    storage: Storage
    metrics: Metrics
    _loaded: OrderedDict[str, _Loaded] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def loaded(self, name: str) -> Model | None:
        """The model if it is loaded and has not changed."""
        known = self._loaded.get(name)
        return known.model if known is not None and known.is_current() else None

    def get(self, name: str) -> Model:
        """Raises `ProblemError` 404 if there is none, and `ModelError` if it is damaged."""
        loaded = self.loaded(name)
        if loaded is not None:
            return loaded
        folder = self.folder(name)
        with self._lock:
            known = self._loaded.get(name)
            if known is None or not known.is_current():
                started = time.perf_counter()
                signature = _signature(folder)
                known = _Loaded(folder, signature, checkpoint.load(folder))
                self.metrics.loading.observe(time.perf_counter() - started)
            self._loaded[name] = known
            self._loaded.move_to_end(name)
            while len(self._loaded) > KEPT_MODELS:
                self._loaded.popitem(last=False)
            return known.model

    def folder(self, name: str) -> Path:
        """Where the model is; raises `ProblemError` 404 if there is none."""
        for path in checkpoint.model_folders(self.storage.models):
            if path.name == name:
                return path
        raise not_found("model", name)

    def is_own(self, name: str) -> bool:
        """Whether the model was trained here, and does not ship."""
        return self.folder(name).parent == self.storage.models

    def names(self) -> list[str]:
        return [path.name for path in checkpoint.model_folders(self.storage.models)]

    def exists(self, name: str) -> bool:
        return name in self.names()

    def summaries(self) -> list[dict[str, Any]]:
        rows = checkpoint.model_summaries(self.storage.models)
        return [self._summary(row) for row in rows]

    def summary(self, name: str) -> dict[str, Any]:
        for row in checkpoint.model_summaries(self.storage.models):
            if row["name"] == name:
                return self._summary(row)
        raise not_found("model", name)

    def _summary(self, row: dict[str, Any]) -> dict[str, Any]:
        ships = Path(row["folder"]).parent != self.storage.models
        shown = {key: value for key, value in row.items() if key != "folder"}
        if row["problem"]:
            log.warning("model cannot be used", model=row["name"], problem=row["problem"])
            shown["problem"] = "The model is damaged."
        return {**shown, "ships": ships}


def _signature(folder: Path) -> tuple[int, ...]:
    """Of the file that names all others' contents; empty without it."""
    try:
        status = (folder / CONFIG).stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def get_core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


async def _core(request: Request) -> Core:
    return get_core(request)


Service = Annotated[Core, Depends(_core)]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    limit: int
    offset: int
    url: URL

    def of(self, rows: Sequence[Any], total: int) -> dict[str, Any]:
        end = self.offset + len(rows)
        url = self.url.include_query_params(limit=self.limit, offset=end)
        following = f"{url.path}?{url.query}" if rows and end < total else None
        return {"items": list(rows), "total": total, "next": following}


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, examples=[20])] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Page:
    return Page(limit, offset, request.url)


Paged = Annotated[Page, Depends(_page)]
