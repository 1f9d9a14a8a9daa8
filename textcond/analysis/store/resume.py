"""The run over a corpus: which shards are missing, and how far it is."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, IterableDataset

from textcond.analysis.store import shards
from textcond.analysis.store.shards import LABELS, Computed, Rows, Shard, digest_of, shard_path
from textcond.corpora.dataset_columns import CLASS, CLASSES, NO_LABEL
from textcond.disk import write_whole
from textcond.errors import AnalysisError

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a corpus run stands, reported after every shard."""

    done: int
    """Sentences."""
    total: int | None
    """None for a stream."""
    rate: float
    """Sentences a second, of those computed in this run."""

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or not self.rate:
            return None
        return (self.total - self.done) / self.rate


class Run:
    """One run over a corpus that writes to a folder."""

    def __init__(self, out: Path, total: int | None, watch: Callable[[Progress], None]) -> None:
        self.out, self.total, self.watch = out, total, watch
        self.digest = hashlib.sha256()
        self.seen, self.done, self.computed, self.started = 0, 0, 0, time.monotonic()

    def write(self, computed: Iterable[Computed]) -> None:
        for shard, content in computed:
            write_whole(shard_path(self.out, shard.number), partial(Path.write_bytes, data=content))
            self.computed += len(shard)
            self._tell(len(shard))

    def finished(self) -> dict[str, Any]:
        """What the manifest says of the whole."""
        if not self.seen:
            raise AnalysisError("The corpus has no rows; give at least one text.")
        if shard_path(self.out, -(-self.seen // shards.SHARD_ROWS)).exists():
            raise AnalysisError(
                f"{self.out} holds the analysis of a longer corpus; choose another `--out`, or "
                "delete it."
            )
        return {"sentences": self.seen, "corpus": self.digest.hexdigest()}

    def missing(self, dataset: Dataset | IterableDataset) -> Iterator[Shard]:
        """The shards that have no file yet."""
        for number, rows in enumerate(_chunks(dataset)):
            self.digest.update(json.dumps(rows).encode())
            shard = Shard(number, rows, self.digest.hexdigest())
            self.seen += len(shard)
            path = shard_path(self.out, number)
            known = digest_of(path)
            if known is None:
                yield shard
            elif known == shard.digest:
                self._tell(len(shard))
            else:
                raise AnalysisError(
                    f"{path} was computed from another corpus; choose another `--out`, or delete "
                    "it."
                )

    def _tell(self, rows: int) -> None:
        self.done += rows
        seconds = time.monotonic() - self.started
        self.watch(Progress(self.done, self.total, self.computed / seconds if seconds else 0.0))


def _chunks(dataset: Dataset | IterableDataset) -> Iterator[Rows]:
    """As many rows as a shard has, as columns, with labels and what tokens there are."""
    seen = 0
    for rows in dataset.with_format(None).iter(shards.SHARD_ROWS):
        if "text" not in rows:
            raise AnalysisError(
                f"The dataset has no column `text`, only {', '.join(rows)}; rename one."
            )
        texts = rows["text"]
        for place, text in enumerate(texts, start=seen):
            if not isinstance(text, str) or _SURROGATE.search(text):
                raise AnalysisError(f"Row {place} has {text!r:.60} as its text; give a string.")
        labels = {name: rows.get(name) or [NO_LABEL] * len(texts) for name in LABELS}
        seen += len(texts)
        classes = _class_names(rows, dataset.features or {})
        yield {"text": list(texts), "tokens": rows.get("tokens"), **labels, **classes}


def _class_names(
    rows: Mapping[str, Any], features: Mapping[str, Any]
) -> dict[str, list[list[str]]]:
    """The names of the classes of each row, if there are classes."""
    for column in (CLASS, CLASSES):
        if column in rows:
            lists = [one if isinstance(one, list) else [one] for one in rows[column]]
            feature = getattr(features.get(column), "feature", features.get(column))
            if isinstance(feature, ClassLabel):
                lists = [[feature.int2str(p) for p in some if p != NO_LABEL] for some in lists]
            return {CLASSES: [[str(name) for name in some if name] for some in lists]}
    return {}
