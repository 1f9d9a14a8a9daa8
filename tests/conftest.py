"""What the tests share: an empty folder to run in, models, sentences, a browser, the treebank."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadScopeScheduling

import textcond
from textcond import cli
from textcond.model.model import Model
from textcond.model.network import Shape, TextCNN
from textcond.model.outputs import SENTIMENT, Outputs
from textcond.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[1]
Run = Callable[..., tuple[int, str, str]]
OWN_SERVICES = ("test_clock", "test_faults", "test_fuzz", "test_limits", "test_rows", "test_start")
"""Files of tests of the service that share none: the others share `service` or `pages`."""
BROWSER_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-quic", "--disable-component-update", "--disable-sync"),
)
SENTENCES = [
    "this is not good",
    "this is not bad",
    "a warm and funny film",
    "never dull for a minute",
    "the plot hardly makes sense",
    "it isn't without charm",
    "I have rarely been so bored in a cinema",
    "the actors try, but the script gives them nothing to do",
    "well-made, well-acted and, for once, not too long",
    "what a mess",
    "a small miracle of timing and tact",
    "you could do worse on a rainy afternoon",
    "nothing here is new, yet none of it feels stale",
    "the ending is less clever than it thinks",
    "stunning",
    "it fails to surprise and it fails to move",
    "the jokes are as old as the hills and half as lively",
    "her best work since the early comedies",
    "if only the second hour had kept the promise of the first",
    "no one will call it subtle, and no one will fall asleep",
]


@pytest.fixture(scope="session", autouse=True)
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder as the current one, so that no test finds the models and data of the user."""
    folder = tmp_path_factory.mktemp("nowhere")
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture(autouse=True)
def _nothing_is_left(nowhere: Path) -> Iterator[None]:
    """A test that writes into the current folder takes one of its own: `in_folder`.

    And a log that a test sets up goes with the stderr that it writes to, which pytest closes. Dask
    sets one up when it is imported, the service when it starts.
    """
    before = {logger.name: [*logger.handlers] for logger in _loggers()}
    level = logging.root.level
    yield
    logging.root.setLevel(level)
    for logger in _loggers():
        kept = before.get(logger.name, [])
        if logger.handlers != kept:
            logger.handlers, logger.propagate = kept, True
    assert not [*nowhere.iterdir()]


def _loggers() -> list[logging.Logger]:
    named = logging.root.manager.loggerDict.values()
    return [logging.root, *(entry for entry in named if isinstance(entry, logging.Logger))]


@pytest.fixture(scope="session")
def sst() -> Model:
    """The shipped model."""
    return textcond.load(ROOT / "models" / "sst")


@pytest.fixture(scope="session")
def treebank() -> Path:
    """A folder with SST's trees."""
    folder = released("sst")
    if folder is None:
        pytest.skip("SST's trees are not here: unpack trainDevTestTrees_PTB.zip into data/sst")
    return folder


def released(name: str) -> Path | None:
    """Where a corpus that no package carries is whole: its files are those of data/README.md."""
    readme = (ROOT / "data" / "README.md").read_text()
    listed = re.findall(rf"^([0-9a-f]{{64}})  {name}/(.+)$", readme, re.MULTILINE)
    for data in (ROOT / "data", ROOT.parent / "shared" / "data"):
        files = {data / name / file: sha256 for sha256, file in listed}
        if all(path.is_file() and _sha256(path) == sha256 for path, sha256 in files.items()):
            return data / name
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium that reaches for nothing by itself.

    One for each module, not one for all: while it runs, playwright's event loop is this thread's,
    and no test could run its own.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"No browser is here: install Chromium ({', '.join(names)})")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(BROWSER_OPTIONS))
        yield running
        running.close()


def random_model(
    seed: int, *, words: int = 30, scale: float = 1.0, classes: int = 0, whole: bool = False
) -> Model:
    """A small untrained network whose filters and units switch within the path.

    Two heads, or a softmax over so many classes a, b, ... With `whole` all weights are whole
    numbers: windows tie, biases and strengths are exactly 0, units touch 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape = Shape(words + 2, outputs=classes or 2, dimensions=5, filters_per_width=6, hidden=4)
        network = TextCNN(shape)
        with torch.no_grad():
            for weight in network.parameters():
                weight.copy_(torch.randn_like(weight) * scale)
                if whole:
                    weight.round_()
            network.embedding.weight[:2] = 0
    vocabulary = Vocabulary([f"w{number}" for number in range(words)])
    outputs = Outputs(tuple("abcdefgh"[:classes]), softmax=True) if classes else SENTIMENT
    return Model("random", network.eval(), vocabulary, outputs)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_folder: Path
) -> Run:
    """Run the command line in an empty folder; the exit code, stdout and stderr."""

    def call(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textcond", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setenv("COLUMNS", "120")
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


class Files(LoadScopeScheduling):  # type: ignore[misc]
    """A process takes whole files; those that share a service are as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::", 1)[0])
        if file.parent.name != "service" or file.stem in OWN_SERVICES:
            return str(file)
        return "pages" if file.stem.startswith("test_page") else "service"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no process is left with one at the end."""
    longest = ("service", "studies", "analysis")

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        return longest.index(folder) if folder in longest else len(longest)

    items.sort(key=place)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything must be present, a skip fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("TEXTCOND_NO_SKIPS") and skipped and session.exitstatus == 0:
        session.exitstatus = 1
        reporter.write_line(f"{len(skipped)} tests were skipped; none may be here.", red=True)


# Speed is no matter of these tests, and the first example of a law waits for imports.
settings.register_profile(
    "plain", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plain")
