"""SIGINT, which stops a job: taken where work can be interrupted, kept until then elsewhere."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any


class Interruption:
    """While entered, SIGINT raises KeyboardInterrupt once, and only inside `allowed`.

    So no write to the database is cut short. For the main thread.
    """

    def __init__(self) -> None:
        self._wanted = self._allowed = False

    def __enter__(self) -> Interruption:
        self._before = signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        try:
            self._allowed = True
            self.check()
            yield
        finally:
            self._allowed = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if it is wanted: Python drops one that comes in a finalizer."""
        if self._wanted:
            raise KeyboardInterrupt

    def _receive(self, *_: Any) -> None:
        first, self._wanted = not self._wanted, True
        if first and self._allowed:
            raise KeyboardInterrupt
