"""No test sees anything of the user's, nor does what it starts."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

import datasets
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from tests import OWN
from tests.conftest import ROOT
from textcond.analysis.polarity.sign_counts import signs_of

SHOW = "import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))"
USERS = (
    *("TEXTCOND_DATA", "TEXTCOND_DATABASE", "TEXTCOND_PORT", "TEXTCOND_SST", "HF_DATASETS_CACHE"),
    *("HF_HOME", "DASK_SCHEDULER_ADDRESS", "FORCE_COLOR", "HTTP_PROXY", "PGOPTIONS", "MPLBACKEND"),
)


def shown(program: str, **variables: str) -> tuple[Path, dict[str, str]]:
    """The current folder and the environment of a program."""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    folder, seen = json.loads(done.stdout)
    return Path(folder), seen


def test_the_current_folder_is_empty_and_elsewhere(nowhere: Path) -> None:
    assert Path.cwd() == nowhere == shown(SHOW)[0]
    assert ROOT not in nowhere.parents
    assert [*nowhere.iterdir()] == []


def test_no_variable_steers_what_is_tested() -> None:
    for seen in (shown(SHOW)[1], os.environ):
        assert {name for name in seen if name.startswith("TEXTCOND_")} <= {*OWN}
        assert {name for name in seen if name.startswith("HF_")} == {"HF_HOME", "HF_HUB_OFFLINE"}


def test_what_a_user_has_set_is_gone() -> None:
    """With the tests, whatever it is; what the tests themselves are told stays."""
    given = {**dict.fromkeys(USERS, "a user's"), "TEXTCOND_FAULTS": "7"}
    _, before = shown(SHOW, **given)
    _, seen = shown(f"import tests; {SHOW}", **given)
    assert [name for name in USERS if before[name] != "a user's"] == []
    assert [name for name in USERS if seen.get(name) == "a user's"] == []
    assert seen["TEXTCOND_FAULTS"] == "7"
    assert seen["PATH"] == os.environ["PATH"]


def test_the_hub_is_not_asked_and_its_cache_is_empty() -> None:
    assert datasets.config.HF_HUB_OFFLINE
    assert os.environ["HF_HOME"] == datasets.config.HF_CACHE_HOME


@pytest.mark.parametrize("turn", [1, 2])
def test_a_log_goes_with_the_test_that_sets_it_up(
    turn: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the second turn the first one's stderr is closed."""
    library = logging.getLogger("tests.library")
    for logger in (logging.root, library):
        assert not [handler for handler in logger.handlers if _stream(handler).closed]
    handler = logging.StreamHandler(sys.stderr)
    for logger in (logging.root, library):
        logger.handlers, logger.propagate = [handler], False
        logger.warning("heard from %s", logger.name)
    assert "heard from root\nheard from tests.library\n" in capsys.readouterr().err


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((3, 2), dtype=int), np.zeros((1, 2, 3))])
def test_the_shapes_of_arrays_are_checked(scores: Any) -> None:
    with pytest.raises(TypeCheckError, match="values"):
        signs_of(scores, 0.1)


def _stream(handler: logging.Handler) -> TextIO:
    stream: TextIO = getattr(handler, "stream", sys.stderr)
    return stream
