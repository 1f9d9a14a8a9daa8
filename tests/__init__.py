"""The tests see nothing of the user's: before anything is imported, the environment is cleared.

A variable is kept that a program needs to run at all, that Python, pytest or git asks for, or that
is the tests' own. What `datasets` keeps of the hub is in a folder that goes when the tests end,
and no test asks the hub. Where the tests run and what they find there is in `conftest.py`.

Modules that name the shapes of arrays have them checked, and all their types, at each call; not
with `TEXTCOND_UNCHECKED`, for tests that repeat what others hold.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from jaxtyping import install_import_hook

from tests import type_checks

OWN = (
    "TEXTCOND_NO_SKIPS",
    "TEXTCOND_FAULTS",
    "TEXTCOND_FUZZ_CASES",
    "TEXTCOND_HOSTILE_TEXTS",
    "TEXTCOND_UNCHECKED",
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

_UNCHECKED = ("textcond/corpora/treebank.py", "textcond/analysis/rules/ngrams.py")
"""They are called a million times, where a check costs more than the call."""
_ROOT = Path(__file__).parents[1]
_paths = [path.relative_to(_ROOT) for path in (_ROOT / "textcond").rglob("*.py")]
if "TEXTCOND_UNCHECKED" not in os.environ:
    install_import_hook(
        [
            ".".join(path.with_suffix("").parts)
            for path in _paths
            if "jaxtyping" in (_ROOT / path).read_text() and path.as_posix() not in _UNCHECKED
        ],
        f"{type_checks.__name__}.{type_checks.once.__name__}",
    )
