"""The command line as a process of its own, as a terminal starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    program: Sequence[str] = ("-m", "textcond"),
    kilobytes: int | None = None,
) -> subprocess.Popen[str]:
    """Start the command, or another program of Python, in a session of its own.

    `kilobytes` is what `ulimit -m` is given.
    """
    command = [sys.executable, *program, *arguments]
    if kilobytes is not None:
        command = ["sh", "-c", f'ulimit -m {kilobytes} && exec "$@"', "sh", *command]
    # What a shell starts in the background is told to ignore Ctrl-C, and so are its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
