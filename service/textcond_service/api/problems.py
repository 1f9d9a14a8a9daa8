"""Errors as `application/problem+json` (RFC 9457), wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

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
_ANYWHERE = (400, 401, 403, 413, 415, 421, 429, 500, 503)
"""What every path can answer."""
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
_CAUSED_BY_CLIENT = (TextError, PatternError, QuantityError, CorpusError, TrainingError)
_DETAILS = {
    404: "There is no such path; /docs lists them.",
    405: "The path does not take this method; see `Allow`.",
}
_UNREADABLE: dict[type[BaseException], str] = {
    RecursionError: "it is nested too deeply",
    UnicodeDecodeError: "it is not UTF-8",
}


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


class ProblemError(HTTPException):
    """An error of the service itself; the framework lets it pass wherever it is raised."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind, self.more = kind, more

    def response(self) -> Response:
        headers = dict(self.headers or {})
        return respond(self.status_code, self.kind, self.detail, headers, **self.more)


def not_found(what: str, name: str) -> ProblemError:
    """There is no such thing."""
    return ProblemError(404, "not-found", f"There is no {what} {name!r}.")


def too_large(most: int) -> ProblemError:
    """The body of a request is."""
    return ProblemError(413, "too-large", f"The limit of the body is {most:,} bytes; send less.")


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
    # In ASCII: what a client sent may be quoted, and need not be text.
    return Response(json.dumps(content), status, headers, MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a path can answer with, for OpenAPI; each may fail as all do."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}},
        }
        for status in sorted({*statuses, *_ANYWHERE})
    }


def install(app: FastAPI) -> None:
    """Turn every exception into a problem, here and nowhere else."""
    app.add_exception_handler(ProblemError, _of_service)
    app.add_exception_handler(TextcondError, _of_library)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_framework)
    for away in _AWAY:
        app.add_exception_handler(away, _of_database)


async def _of_service(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response()


async def _of_library(_: Request, error: Exception) -> Response:
    kind = type(error).__name__.removesuffix("Error").lower()
    if isinstance(error, _CAUSED_BY_CLIENT):
        return respond(422, kind, str(error))
    # What is wrong here may name files: it is for the log.
    log.error(f"{kind} cannot be used", reason=str(error))
    if isinstance(error, ModelError):
        return respond(503, kind, "The model is damaged; the service's log says more.")
    if isinstance(error, AnalysisError):
        return respond(500, kind, "The analysis is damaged; delete it and start another.")
    raise error


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = list(error.errors())
    if found[0]["type"] == "json_invalid":
        return _not_json(f"{found[0]['ctx']['error']} at character {found[0]['loc'][-1]}")
    issues = [{"where": _where(one, error.body), "detail": _said(one)} for one in found]
    detail = f"{issues[0]['where']}: {issues[0]['detail'].removesuffix('.')}."
    return respond(422, "request", detail, issues=issues)


def _said(issue: Any) -> str:
    """What is wrong; of the two forms of a body with one text or several, that there are two."""
    said: str = issue["msg"].removeprefix("Value error, ")
    form, *place = issue["loc"][1:] or [""]
    if form == "one" and place == ["text"] and issue["type"] == "missing":
        return f"{said}; give `text`, or `texts`"
    if form == "many" and place == ["text"]:
        return f"{said}; give `text` or `texts`, not both"
    return said


def _where(issue: Any, body: Any) -> str:
    """The place in the request; without the names of the forms that a body was tried as."""
    where, *rest = issue["loc"]
    if where != "body":
        return ".".join(map(str, issue["loc"]))
    places, inside = [where], body
    for place in rest:
        is_inside = (
            isinstance(inside, list)
            if isinstance(place, int)
            else (isinstance(inside, Mapping) and place in inside)
        )
        if is_inside:
            inside = inside[place]
        elif place is not rest[-1] or issue["type"] != "missing":
            continue
        places.append(str(place))
    return ".".join(places)


def _not_json(reason: str) -> Response:
    return respond(400, "not-json", f"The body cannot be read as JSON: {reason}.")


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
    if status == 400 and isinstance(error.__cause__, RecursionError | ValueError):
        return _not_json(_UNREADABLE.get(type(error.__cause__), "a number is too long"))
    if status == 405:
        headers["Allow"] = ", ".join(_methods(request))
    kind = status.phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(status, str(error.detail))
    return respond(status, kind, detail, headers)


def _methods(request: Request) -> list[str]:
    """That the path takes: the framework by itself names those of one route of it."""
    return [
        method
        for method in ("GET", "POST", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] == Match.FULL
            for route in request.app.routes
        )
    ]


async def _of_database(_: Request, error: Exception) -> Response:
    log.error("database does not answer", reason=str(error.__cause__ or error).strip())
    return respond(
        503,
        "database",
        "The database does not answer; try again.",
        {"Retry-After": "5"},
    )
