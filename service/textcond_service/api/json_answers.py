"""Answers: JSON as the library made it, and the tags of answers that do not change."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fastapi.responses import Response


def dump(content: Any) -> bytes:
    """The one form of JSON that goes out."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with the content as JSON."""
    return Response(dump(content), status, headers, "application/json")


def tag_of(*parts: Any) -> str:
    """An ETag of everything that an answer depends on."""
    return f'"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"'
