"""The data folder: what is in it, what is left over in it, and the locks on it.

models/NAME/        trained models, and NAME.training.pt of a run that goes on
corpora/            uploaded files
analyses/ID/        the shards of an analysis, with division.json and division.png
results/ID.json     negation filters and rules
locks/              files that a process holds while it works; a dead process holds none

All processes of one service share it, on a file system that knows flock.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from textcond.disk import write_whole

_PARTS = ("models", "corpora", "analyses", "results", "locks")
_JOB_FILE = re.compile(r"\.?([0-9a-f]{32})(\.json)?(\.partial)?")


@dataclass(frozen=True, slots=True)
class Storage:
    """Paths below the data folder. Names come from the database or are checked, never a path."""

    root: Path

    def prepare(self) -> None:
        for part in _PARTS:
            (self.root / part).mkdir(parents=True, exist_ok=True)

    @property
    def models(self) -> Path:
        return self.root / "models"

    def corpus(self, file: str) -> Path:
        return self.root / "corpora" / file

    def analysis(self, id: str) -> Path:
        return self.root / "analyses" / id

    def result(self, id: str) -> Path:
        return self.root / "results" / f"{id}.json"

    def write_result(self, id: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        write_whole(self.result(id), partial(_write_text, text))

    def read_result(self, id: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.result(id).read_text(encoding="utf-8"))
        return content

    @contextmanager
    def locked(self, name: str, *, wait: float = 30) -> Iterator[bool]:
        """Hold a lock that ends with the process; yields whether it was free in time."""
        lock = FileLock(self.root / "locks" / f"{name}.lock")
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def training_state(self, model: str) -> Path:
        """Where a training run keeps what it needs to go on."""
        return self.models / f"{model}.training.pt"

    def drop_job(self, id: str, *, training: str = "") -> None:
        """Remove what a job that will not go on has left; `training` is the model it trains.

        What the system does not let go of stays, and is reported at the next start.
        """
        shutil.rmtree(self.analysis(id), ignore_errors=True)
        left = [self.result(id), self.result(id).with_name(f".{id}.json.partial")]
        if training:
            state = self.training_state(training)
            left += [state, state.with_name(f".{state.name}.partial")]
            left.append(self.models / f".{training}.lock")  # of a run that was killed
            partial = self.models / f".{training}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            with suppress(OSError):  # most often there is none; never half of one
                (self.models / training).rename(partial)
            shutil.rmtree(partial, ignore_errors=True)
        for path in left:
            with suppress(OSError):
                path.unlink()

    def has_begun(self, id: str, *, training: str = "") -> bool:
        """Whether an earlier attempt has left something to go on from."""
        if training:
            return self.training_state(training).exists()
        return self.analysis(id).exists()

    def drop_locks(self, active: Callable[[], Collection[str]]) -> None:
        """Remove the locks of jobs that are over; `active` gives the others."""
        # Listed before it is asked: no lock is made before its job's row. And none that is over
        # runs again, so that nobody needs these.
        found = list((self.root / "locks").glob("job-*.lock"))
        kept = {f"job-{id}.lock" for id in active()}
        for path in found:
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def orphans(
        self, *, jobs: Collection[str], corpora: Collection[str], models: Collection[str]
    ) -> list[Path]:
        """Files that belong to no job, no corpus and no model, as the database knows them.

        `models` are the names of those that are in training.
        """
        found = []
        for folder in (self.root / "analyses", self.root / "results"):
            for path in folder.iterdir():
                match = _JOB_FILE.fullmatch(path.name)
                if not match or match[1] not in jobs:
                    found.append(path)
        found += [p for p in (self.root / "corpora").iterdir() if p.name not in corpora]
        for path in self.models.iterdir():
            name, _, ending = path.name.lstrip(".").partition(".")
            whole = path.is_dir() and not path.name.startswith(".") and not ending
            if not whole and name not in models:
                found.append(path)
        return sorted(found)


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
