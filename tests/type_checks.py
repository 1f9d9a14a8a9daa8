"""How the types of a call are checked while the tests run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import beartype


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check arguments and result together, after the call.

    jaxtyping checks a stand-in for the arguments, whose result is `Any`, and then one for both:
    the first tells a little more of what was wrong, and takes as long as the second.
    """
    if function.__annotations__.get("return") is Any:
        return function
    return beartype(function)
