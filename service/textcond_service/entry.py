"""Before a body is read: who asks, and whether it comes in the form that the path takes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, params
from fastapi.responses import Response
from fastapi.routing import APIRoute

from textcond_service.problems import ProblemError
from textcond_service.security import identify


class KnownRoute(APIRoute):
    """A path for those who are known. The framework by itself would read the body first, and
    keep a stranger's upload on disk while it looks for a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wanted = _media_type(self)

        async def handle_known(request: Request) -> Response:
            await identify(request)
            given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if wanted and given != wanted:
                raise ProblemError(415, "media-type", f"Send the body as {wanted}.")
            return await handle(request)

        return handle_known


def _media_type(route: APIRoute) -> str:
    """Of the body that the path takes; empty if it takes none."""
    if route.body_field is None:
        return ""
    form = isinstance(route.body_field.field_info, params.Form)
    return "multipart/form-data" if form else "application/json"
