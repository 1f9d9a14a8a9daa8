"""(h) How long a command takes from nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import Figures, command_seconds

TEXTCOND = str(Path(sys.executable).with_name("textcond"))


def seconds() -> Figures:
    """Of commands, of the imports in them, and until the service is ready."""
    return {
        "explain": command_seconds(TEXTCOND, "explain", "this is not good"),
        "import torch": command_seconds(sys.executable, "-c", "import torch"),
        "--help": command_seconds(TEXTCOND, "--help"),
        "service ready": _service(),
    }


def _service() -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            [TEXTCOND, "serve", "--data", folder, "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while process.poll() is None:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").close()
                    return time.perf_counter() - started
                except urllib.error.URLError:
                    time.sleep(0.02)
            raise RuntimeError(f"the service ended with {process.returncode}")
        finally:
            process.terminate()
            process.wait()
