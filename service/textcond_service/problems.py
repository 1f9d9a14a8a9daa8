"""Errors as `application/problem+json` (RFC 9457), wherever they come from."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from textcond.errors import (
    AnalysisError,
    CorpusError,
    ModelError,
    PatternError,
    QuantityError,
    TextcondError,
    TextError,
    TrainingError,
)

log = structlog.get_logger("textcond.problems")
MEDIA_TYPE = "application/problem+json"
PROBLEM = "#/components/schemas/ProblemDocument"
_CAUSED_BY_CLIENT = (
    *(TextError, PatternError, QuantityError),
    *(CorpusError, TrainingError, AnalysisError),
)


class Issue(BaseModel):
    """One thing that is wrong with a request."""

    where: str
    detail: str


class ProblemDocument(BaseModel):
    """What an error answers with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:textcond:text",
                    "title": "Text",
                    "status": 422,
                    "detail": "`text` is empty; give at least one word.",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    """What is wrong and what to do about it."""
    issues: list[Issue] | None = None


class ProblemError(Exception):
    """An error of the service itself."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers = headers or {}


def not_found(what: str, name: str) -> ProblemError:
    """There is no such thing."""
    return ProblemError(404, "not-found", f"There is no {what} {name!r}.")


def respond(
    status: int,
    kind: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document."""
    content = {
        "type": f"urn:textcond:{kind}",
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **more,
    }
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a path can answer with, for OpenAPI; each may fail as all do."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}},
        }
        for status in sorted({*statuses, 400, 401, 403, 421, 429, 503})
    }


def install(app: FastAPI) -> None:
    """Turn every exception into a problem, here and nowhere else."""
    app.add_exception_handler(ProblemError, _of_service)
    app.add_exception_handler(TextcondError, _of_library)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(OperationalError, _of_database)
    app.add_exception_handler(Exception, _of_programmer)


async def _of_service(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return respond(error.status, error.kind, error.detail, error.headers)


async def _of_library(_: Request, error: Exception) -> Response:
    kind = type(error).__name__.removesuffix("Error").lower()
    if isinstance(error, _CAUSED_BY_CLIENT):
        return respond(422, kind, str(error))
    if isinstance(error, ModelError):
        log.error("model cannot be used", reason=str(error))
        return respond(503, "model", "The model is damaged; its operator's log says more.")
    return respond(500, kind, str(error))


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    issues = [
        {"where": ".".join(map(str, issue["loc"])), "detail": issue["msg"]}
        for issue in error.errors()
    ]
    first = issues[0]
    detail = f"{first['where']}: {first['detail']}."
    if any(issue["type"] == "json_invalid" for issue in error.errors()):
        return respond(400, "not-json", "The body is not JSON; see `issues`.", issues=issues)
    return respond(422, "request", detail, issues=issues)


async def _of_framework(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    details = {
        404: "There is no such path; /docs lists them.",
        405: "The path does not take this method; see `Allow`.",
        413: "The body is too large; send less at a time.",
    }
    detail = details.get(error.status_code, str(error.detail))
    return respond(error.status_code, kind, detail, dict(error.headers or {}))


async def _of_database(_: Request, error: Exception) -> Response:
    log.error("database does not answer", reason=str(error.__cause__ or error).strip())
    return respond(
        503,
        "database",
        "The database does not answer; try again.",
        {"Retry-After": "5"},
    )


async def _of_programmer(_: Request, error: Exception) -> Response:
    log.error("internal error", exc_info=error)
    return respond(500, "internal", "The request could not be answered; the log says why.")
