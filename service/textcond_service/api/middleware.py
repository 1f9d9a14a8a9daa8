"""Around every request: a number, a line in the log, headers, limits, and where it comes from."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from textcond_service.api.problems import ProblemError, respond, too_large
from textcond_service.api.security import check_origin
from textcond_service.settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UPLOADS = "/v1/corpora"
_FORM_BYTES = 10_000
"""Of a form, around its file."""
log = structlog.get_logger("textcond.requests")


class Envelope:
    """Plain ASGI: a body passes through it piece by piece, so streams stay streams."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        most = self._most_bytes(scope["path"])
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-store")
                answer["X-Request-ID"] = id
            await send(message)

        structlog.contextvars.bind_contextvars(request=id)
        try:
            problem = check_origin(self.settings, scope["method"], headers)
            problem = problem or _check_body(headers, most)
            if problem is None:
                await self.app(scope, _limited(receive, most), send_with_headers)
            else:
                await problem.response()(scope, receive, send_with_headers)
        except Exception as error:
            log.error("internal error", exc_info=error)
            if status:
                raise  # the answer has begun: the server cuts it off
            answer = respond(500, "internal", "The request failed; the service's log says why.")
            await answer(scope, receive, send_with_headers)
        finally:
            # The path without its query, which may hold a text.
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status or 500,
                seconds=round(time.perf_counter() - started, 6),
            )
            structlog.contextvars.unbind_contextvars("request")

    def _most_bytes(self, path: str) -> int:
        if path == _UPLOADS:
            return self.settings.max_upload_bytes + _FORM_BYTES
        return self.settings.max_body_bytes


def _check_body(headers: Headers, most: int) -> ProblemError | None:
    """What is wrong with the body that the headers announce."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        return ProblemError(
            415, "encoding", "Send the body as it is, not compressed.", {"Accept-Encoding": ""}
        )
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        return too_large(most)
    return None


def _limited(receive: Receive, most: int) -> Receive:
    """The same body, and an error when it grows larger than was announced."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise too_large(most)
        return message

    return receive_some
