"""Ctrl-C ends the command line with one line, whatever it is at."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.starting import start

SAYING_WHEN = "import textcond.__main__ as program; print('now', flush=True); program.main()"


@pytest.mark.parametrize("seconds", [0, 0.02, 0.1, 0.25, 0.5, 0.8, 1.2, 3])
def test_a_stop_at_any_moment(tmp_path: Path, seconds: float) -> None:
    """Most come in imports; in the end it waits for standard input, with all imported."""
    process = start(["explain", "-"], folder=tmp_path, program=("-c", SAYING_WHEN))
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "textcond: Stopped.\n")


def test_the_module_and_the_script_are_one() -> None:
    scripts = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert 'textcond = "textcond.__main__:main"' in scripts


def test_a_stop_in_a_later_import_waits_for_its_end(tmp_path: Path) -> None:
    """What a command has begun is put in order first."""
    (tmp_path / "slow.py").write_text(
        "import time\nprint('now', flush=True)\ntime.sleep(0.3)\nprint('imported', flush=True)\n"
    )
    program = (
        "import time, textcond.cli, textcond.__main__ as program\n"
        "def run():\n"
        "    try:\n"
        "        import slow\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        print('in order', flush=True)\n"
        "textcond.cli.main = run\n"
        "program.main()\n"
    )
    (tmp_path / "program.py").write_text(program)
    process = start([], folder=tmp_path, program=("program.py",))
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "imported\nin order\n", "textcond: Stopped.\n")
