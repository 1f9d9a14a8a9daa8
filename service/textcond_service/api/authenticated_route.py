"""Before a body is read: who asks, and whether in the form and with the options of the path."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.responses import Response
from fastapi.routing import APIRoute

from textcond_service.api.problems import ProblemError
from textcond_service.api.security import identify


class KnownRoute(APIRoute):
    """A path for those who are known. The framework by itself would read the body first, and
    keep a stranger's upload on disk while it looks for a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wanted = _media_type(self)
        fields = get_flat_params(self.dependant)
        options = {field.alias for field in fields if isinstance(field.field_info, params.Query)}

        async def handle_known(request: Request) -> Response:
            await identify(request)
            given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if wanted and given != wanted:
                raise ProblemError(415, "media-type", f"Send the body as {wanted}.")
            for name in request.query_params:
                if name not in options:
                    known = ", ".join(sorted(options)) or "none"
                    raise ProblemError(
                        422, "request", f"query.{name:.100}: there is no such option, only {known}."
                    )
            return await handle(request)

        return handle_known


def _media_type(route: APIRoute) -> str:
    """Of the body that the path takes; empty if it takes none."""
    if route.body_field is None:
        return ""
    form = isinstance(route.body_field.field_info, params.Form)
    return "multipart/form-data" if form else "application/json"
