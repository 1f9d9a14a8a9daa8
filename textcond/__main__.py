"""`python -m textcond` and `textcond` are the command line, and Ctrl-C ends either with one line.

Nothing is imported before `main` but modules of Python itself. An import that is interrupted can
fail with anything, or go on as if nothing had been: numpy's ends in endless recursion. So a Ctrl-C
in the imports with which a command begins ends the process at once, since there is nothing yet to
put in order, and one in a later import waits for its end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

_CODE, _MESSAGE = 130, "textcond: Stopped.\n"
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
        os.write(2, _MESSAGE.encode())
        sys.exit(_CODE)
    finally:
        # Where Ctrl-C came while a string was evaluated, as in dataclasses, Python keeps a note of
        # it and ends by the signal, whatever the exit code; the next such string deletes the note.
        exec("")


def _stop(_: int, frame: FrameType | None) -> None:
    importer = _importer(frame)
    if importer is None:
        raise KeyboardInterrupt
    if importer.parent.name == "commands" or importer.name in ("cli.py", "__main__.py"):
        os.write(2, _MESSAGE.encode())
        os._exit(_CODE)
    main_thread = threading.main_thread().ident
    timer = threading.Timer(_AGAIN, signal.pthread_kill, (main_thread, signal.SIGINT))
    timer.daemon = True
    timer.start()


def _importer(frame: FrameType | None) -> Path | None:
    """The file whose import is going on, the outermost one."""
    importer = None
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>" and frame.f_back:
            importer = Path(frame.f_back.f_code.co_filename)
        frame = frame.f_back
    return importer


if __name__ == "__main__":
    main()
