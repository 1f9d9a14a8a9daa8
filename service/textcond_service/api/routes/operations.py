"""For operators and browsers: health, metrics, the page and the reference of the paths."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from starlette.staticfiles import StaticFiles

from textcond.model.checkpoint import SHIPPED
from textcond_service.api import reference_page
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers
from textcond_service.api.security import Reader
from textcond_service.api.shared_state import Core, Service
from textcond_service.jobs.lifecycle import STATES
from textcond_service.jobs.worker import ALIVE
from textcond_service.storage.database import Database, Job

router = APIRouter(tags=["operations"])
WEB = Path(str(files("textcond_service").joinpath("web")))
_LATE_SECONDS = 30.0
"""A worker that has not looked for work for so long is missing."""


class Health(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str


class Readiness(BaseModel):
    """Whether each part that the service needs is there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"ready": True, "parts": {"model": True, "database": True}}],
        }
    )

    ready: bool
    parts: dict[str, bool]


@router.get("/healthz", responses={200: {"model": Health}, **answers()})
async def healthz() -> Response:
    """Whether the process lives."""
    return answer({"status": "ok"})


@router.get("/readyz", responses={200: {"model": Readiness}, **answers()})
async def readyz(core: Service) -> Response:
    """Whether the model that ships, if it is here, database, queue and worker are there."""
    parts = await core.io(lambda: _parts(core))
    ready = all(parts.values())
    if ready:
        return answer({"ready": ready, "parts": parts})
    missing = ", ".join(name for name, there in parts.items() if not there)
    raise ProblemError(
        503, "not-ready", f"Missing: {missing}.", {"Retry-After": "5"}, ready=ready, parts=parts
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"example": 'textcond_jobs{state="queued"} 0.0'}},
            "description": "For Prometheus.",
        },
        **answers(),
    },
)
async def metrics(core: Service, _: Reader) -> Response:
    """Requests, latency, jobs by state, sentences explained, time to load models."""
    body = await core.io(lambda: generate_latest(core.metrics.registry))
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The paths, their parameters and their errors, out of the OpenAPI document."""
    environment = Environment(
        loader=PackageLoader("textcond_service", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    document = request.app.openapi()
    groups = reference_page.operations(document, str(request.base_url).rstrip("/"))
    template = environment.get_template("docs.html.j2")
    return HTMLResponse(template.render(document=document, groups=groups))


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    return FileResponse(WEB / "index.html", media_type="text/html")


class Web(StaticFiles):
    """The scripts, the styles and the pictures of the page; a browser asks whether they changed."""

    def __init__(self) -> None:
        super().__init__(directory=WEB)

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class JobCollector:
    """Jobs by state, counted when they are asked for."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def collect(self) -> Any:
        gauge = GaugeMetricFamily("textcond_jobs", "Jobs by state.", labels=["state"])
        with self.database.reading() as session:
            found = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
        counts = {state: int(count) for state, count in found}
        for state in STATES:
            gauge.add_metric([state], counts.get(state, 0))
        yield gauge

    def describe(self) -> Any:
        """Nothing is asked of the database when this is registered."""
        return []


def _parts(core: Core) -> dict[str, bool]:
    alive = core.storage.root / ALIVE
    return {
        "model": not core.shelf.exists(SHIPPED) or _holds(lambda: core.shelf.get(SHIPPED)),
        "database": _holds(core.database.check),
        "queue": _holds(core.queue.pending_count),
        "worker": _holds(alive.stat) and time.time() - alive.stat().st_mtime < _LATE_SECONDS,
    }


def _holds(call: Any) -> bool:
    try:
        call()
    except Exception:  # whatever is wrong, the part is not there
        return False
    return True
