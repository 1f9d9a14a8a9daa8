"""How far an integral is: told to the caller, or shown in the terminal if it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Watch = Callable[[int, int], None]
"""Told how many points of the path are evaluated, and how many there may be at most."""
_PATIENCE = 2.0
"""Seconds before anything is shown."""


@contextmanager
def shown(watch: Watch | None) -> Iterator[Watch]:
    """Give the caller's own `watch`, or one that writes a line on standard error after a while."""
    if watch is not None:
        yield watch
        return
    console = Console(stderr=True)
    status = console.status("integrating along the path")
    started, running = time.monotonic(), False

    def show(done: int, most: int) -> None:
        nonlocal running
        if not console.is_terminal or time.monotonic() - started < _PATIENCE:
            return
        if not running:
            status.start()
            running = True
        status.update(f"integrating along the path: {done:,} of at most {most:,} evaluations")

    try:
        yield show
    finally:
        if running:
            status.stop()
