"""The last part of `make demo`: docs/service.sh against a service of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

PORT = 8017
ADDRESS = f"http://127.0.0.1:{PORT}"


def main() -> None:
    script = Path(__file__).with_name("service.sh").resolve()
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        command = [sys.executable, "-m", "textcond", "serve", "--port", str(PORT)]
        service = subprocess.Popen([*command, "--data", folder], stderr=log)
        try:
            _wait(service)
            environment = {
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            }
            subprocess.run(["sh", script, ADDRESS], cwd=folder, env=environment, check=True)
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait()


def _wait(service: subprocess.Popen[bytes]) -> None:
    while service.poll() is None:
        try:
            urllib.request.urlopen(f"{ADDRESS}/readyz").close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"The service did not start; is port {PORT} in use?")


if __name__ == "__main__":
    main()
