"""The web application: its parts put together."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import structlog
import torch
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_fastapi_instrumentator import Instrumentator
from sqlalchemy import select

import textcond
from textcond.errors import TextcondError
from textcond.model.checkpoint import SHIPPED
from textcond.workflows.analyses import ANALYSES, TRAINING
from textcond_service.api import problems
from textcond_service.api.batching import Batches
from textcond_service.api.middleware import Envelope
from textcond_service.api.routes import (
    analyses,
    corpora,
    declared_analyses,
    explain,
    filter_cards,
    jobs as job_routes,
    models,
    operations,
)
from textcond_service.api.security import Guard
from textcond_service.api.shared_state import VERSION, Core, Metrics, Shelf
from textcond_service.jobs import lifecycle
from textcond_service.jobs.queues import open_queue
from textcond_service.jobs.worker import make_task
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Corpus, Database, Job

log = structlog.get_logger("textcond")
_ROUTERS = (
    *(models.router, explain.router, filter_cards.router, corpora.router),
    *(
        analyses.router,
        declared_analyses.router_of(ANALYSES.values()),
        job_routes.router,
        operations.router,
    ),
)


def make_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application; the database must be of this version."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        torch.set_num_threads(settings.threads)
        storage = Storage(settings.data)
        storage.prepare()
        database = Database(settings)
        queue = open_queue(settings)
        shelf = Shelf(storage, metrics)
        guard = Guard(settings, database)
        calculations = anyio.CapacityLimiter(settings.threads + 1)
        app.state.guard = guard
        app.state.core = Core(
            settings=settings,
            database=database,
            storage=storage,
            guard=guard,
            queue=queue,
            enqueue=make_task(queue, settings, storage),
            shelf=shelf,
            metrics=metrics,
            calculations=calculations,
            batches=Batches(calculations),
        )
        metrics.registry.register(operations.JobCollector(database))
        warm(shelf)
        report_orphans(database, storage)
        # What is here stays: a collection that looks through all of it stops everyone for 0.4 s.
        gc.collect()
        gc.freeze()
        yield
        queue.storage.close()
        database.close()

    app = FastAPI(
        title="textcond",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.mount("/web", operations.Web())
    app.add_middleware(Envelope, settings=settings)
    Instrumentator(
        excluded_handlers=["/metrics", "/healthz"], registry=metrics.registry
    ).instrument(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def warm(shelf: Shelf) -> None:
    """Read and compile now what the first explanation takes, if there is a model to explain."""
    for name in sorted(shelf.names(), key=lambda name: name != SHIPPED):
        try:
            textcond.explain(shelf.get(name), "ready")
        except TextcondError:  # it is named where models are listed
            continue
        return


def report_orphans(database: Database, storage: Storage) -> list[str]:
    """Name in the log what the data folder holds and the database does not know."""
    kept = (*lifecycle.ACTIVE, lifecycle.SUCCEEDED)
    with database.reading() as session:
        training = select(Job.model).where(Job.kind == TRAINING, Job.state.in_(lifecycle.ACTIVE))
        found = storage.orphans(
            jobs=set(session.scalars(select(Job.id).where(Job.state.in_(kept))).all()),
            corpora=set(session.scalars(select(Corpus.file)).all()),
            models=set(session.scalars(training).all()),
        )
    names = [str(path.relative_to(storage.root)) for path in found]
    if names:
        log.warning("files that belong to nothing", files=names)
    return names


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, without the framework's own form of a validation error."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary="Which filters of a convolutional text classifier made its prediction, and by "
            "which words.",
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        own = problems.ProblemDocument.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        schemas |= {**own.pop("$defs"), "ProblemDocument": own}
        app.openapi_schema = document
    return app.openapi_schema
