"""Requests as they are written, and answers that are problems."""

from __future__ import annotations

import io
from typing import Any

import httpx

from tests.service.running import Running

EXPLAIN, QUERY, PREDICT = (
    f"/v1/models/sst/{path}" for path in ("explain", "filters/query", "predict")
)
TEXT = "this is not good"
NOWHERE = "0" * 32
JSON = {"Content-Type": "application/json"}
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def send(service: Running, path: str, body: str | bytes, **headers: str) -> httpx.Response:
    """A body as it is written."""
    return service.client.post(path, content=body, headers={**JSON, **headers})


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """The answer is a problem document of this status that has these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"].startswith("urn:textcond:")
    assert problem["title"]
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]
    return problem


def upload_file(
    service: Running, filename: str, content: bytes, name: str = "up"
) -> httpx.Response:
    """A file as a form sends it."""
    file = {"file": (filename, io.BytesIO(content), "text/csv")}
    return service.client.post("/v1/corpora", data={"name": name}, files=file)


def files_of(service: Running) -> set[str]:
    """What is in the data folder, without the database's own and the locks."""
    found = {str(path.relative_to(service.data)) for path in service.data.rglob("*")}
    return {path for path in found if "sqlite3" not in path and not path.startswith("locks")}


def assert_guarded(answer: httpx.Response) -> None:
    """The answer has the headers that keep a browser from mistakes."""
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value, (answer.url, name)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"]
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"]
