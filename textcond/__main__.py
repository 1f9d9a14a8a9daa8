"""`python -m textcond` and `textcond` are the command line, and Ctrl-C ends either with one line.

Nothing is imported before `main` but the interpreter's own modules. An import that is interrupted
can fail with anything, or go on as if nothing had been: numpy's ends in endless recursion. So a
Ctrl-C that comes in an import waits for its end.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType

_AGAIN = 0.05
"""Seconds until it is looked again whether an import has ended."""


def main() -> None:
    """Run a command."""
    try:
        # What a shell starts in the background is told to ignore it.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _stop)
        from textcond.cli import main as run

        run()
    except KeyboardInterrupt:
        print("textcond: Stopped.", file=sys.stderr)
        sys.exit(130)


def _stop(_: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        timer = threading.Timer(_AGAIN, _thread.interrupt_main)
        timer.daemon = True
        timer.start()
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
