"""The tests see nothing of the user's: before anything is imported, the environment is cleared.

A variable is kept that a program needs to run at all, that Python, pytest or git asks for, or that
is the tests' own. What `datasets` keeps of the hub is in a folder that goes when the tests end,
and no test asks the hub. Where the tests run and what they find there is in `conftest.py`.
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

OWN = (
    "TEXTCOND_NO_SKIPS",
    "TEXTCOND_FAULTS",
    "TEXTCOND_FUZZ_CASES",
    "TEXTCOND_HOSTILE_TEXTS",
)
"""How thorough the tests are, and whether one may be skipped."""
_NEEDED = (
    *("PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "VIRTUAL_ENV"),
    "OMP_NUM_THREADS",
)
_NEEDED_BEGINNINGS = ("LC_", "PYTHON", "PYTEST", "GIT_")

_hub = TemporaryDirectory(prefix="textcond-hub-")
for _name in {*os.environ} - {*OWN, *_NEEDED}:
    if not _name.startswith(_NEEDED_BEGINNINGS):
        del os.environ[_name]
os.environ |= {"HF_HOME": _hub.name, "HF_HUB_OFFLINE": "1"}
