"""Conductance of every filter for every sentence of a corpus, kept on disk.

A folder of Parquet shards, one row a sentence, and a manifest. Every shard carries a digest of
the corpus up to its end. So a killed run goes on at the first shard that is missing, ends with
the same bytes, and does not mix two corpora.

    manifest.json     the model, the quantity, the versions; when all is done, the corpus
    000000.parquet    the first 1,024 sentences; the next ones follow
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, IterableDataset
from filelock import FileLock, Timeout
from jaxtyping import Float, Int, Shaped

from textcond.analysis.store import shards
from textcond.analysis.store.manifest import (
    Manifest,
    is_new,
    manifest_of,
    read_manifest,
    write_manifest,
)
from textcond.analysis.store.resume import Progress, Run
from textcond.analysis.store.shards import (
    LABELS,
    Runner,
    conductance_column,
    has_column,
    one_by_one,
    read_shard,
    shard_path,
    shard_paths,
    window_column,
)
from textcond.attribution.input_checks import check_ready
from textcond.attribution.quantity import quantity_of
from textcond.corpora.dataset_columns import CLASSES
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.model.outputs import MARGIN


@dataclass(frozen=True, slots=True)
class Sentence:
    """One row: a sentence and its score."""

    row: int
    text: str
    tokens: tuple[str, ...]
    label: int
    """From 0 to 4, or `NO_LABEL`; so are the next two, 1 for yes and 0 for no."""
    positive: int
    negative: int
    score: float
    baseline_score: float
    class_names: tuple[str, ...] = ()
    """Of a corpus of classes; empty otherwise, and where they are not known."""


@dataclass(frozen=True, slots=True)
class CorpusConductance:
    """The conductance of every filter for every sentence of a corpus, read as it is asked for."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> CorpusConductance:
        """A finished analysis; raises `AnalysisError` if there is none."""
        manifest = read_manifest(folder)
        if manifest is None:
            raise AnalysisError(f"{folder} holds no analysis; `textcond analyze` writes one.")
        if manifest.sentences is None:
            raise AnalysisError(
                f"The analysis in {folder} was stopped; give its `textcond analyze` command again."
            )
        count = -(-manifest.sentences // shards.SHARD_ROWS)
        missing = [path.name for path in shard_paths(folder, count) if not path.is_file()]
        if missing:
            raise AnalysisError(
                f"{folder} has lost {missing[0]}; give its `textcond analyze` command again."
            )
        return cls(folder, manifest)

    @classmethod
    def compute(
        cls,
        model: Model,
        dataset: Dataset | IterableDataset,
        out: Path,
        *,
        data: str = "",
        target: str = MARGIN,
        output: str = "logit",
        runner: Runner = one_by_one,
        watch: Callable[[Progress], None] = lambda _: None,
    ) -> CorpusConductance:
        """Compute what `out` lacks, shard by shard, and open it.

        A row needs a `text`; `tokens` and the labels of `dataset_columns.FEATURES` are taken where
        they are. Memory does not grow with the corpus. `runner` computes the shards: here, or in
        other processes (`cluster.workers_of`), to the same bytes. Raises `AnalysisError` if `out`
        holds something else or is in use, or if the corpus has no rows; and what `conductance` does
        about the model and the quantity.
        """
        quantity = quantity_of(model, target, output)
        check_ready(model)
        manifest = manifest_of(model, quantity, data)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise AnalysisError(f"{out} is not a folder; choose another `--out`.") from None
        try:
            with FileLock(out / ".lock", timeout=0):
                if is_new(out, manifest):
                    write_manifest(out, manifest)
                total = len(dataset) if isinstance(dataset, Dataset) else None
                run = Run(out, total, watch)
                run.write(runner(model, quantity, run.missing(dataset)))
                write_manifest(out, replace(manifest, **run.finished()))
        except Timeout:
            raise AnalysisError(
                f"Another process is writing to {out}; wait for it, or choose another folder."
            ) from None
        return cls.open(out)

    def __len__(self) -> int:
        assert self.manifest.sentences is not None
        return self.manifest.sentences

    @property
    def sizes(self) -> list[int]:
        """The sentences of each shard."""
        whole, rest = divmod(len(self), shards.SHARD_ROWS)
        return [shards.SHARD_ROWS] * whole + [rest] * (rest > 0)

    @property
    def filters(self) -> int:
        return len(self.manifest.widths)

    def column(self, name: str) -> Shaped[np.ndarray, " sentences"]:
        """One column of all sentences: a label, `score` or `baseline_score`."""
        values: np.ndarray = self._read([name])[name].to_numpy()
        return values

    def classes(self) -> list[list[str]]:
        """The classes of every sentence; none where they are not known."""
        if not self._has_classes:
            return [[] for _ in range(len(self))]
        names: list[list[str]] = self._read([CLASSES])[CLASSES].to_pylist()
        return names

    def values(self, filter: int) -> Float[np.ndarray, " sentences"]:
        """The conductance of one filter for every sentence; nothing else is read."""
        return self.column(conductance_column(filter))

    def starts(self, filter: int) -> Int[np.ndarray, " sentences"]:
        """The first token of the filter's winning windows; below 0 where they hang over."""
        return self.column(window_column(filter))

    def matrix(
        self, rows: Int[np.ndarray, " rows"] | None = None
    ) -> Float[np.ndarray, "sentences filters"]:
        """The conductance of every filter for some sentences, in order, or all: 1 KB each."""
        found, first = [], 0
        for values, _ in self.blocks():
            end = first + len(values)
            found.append(
                values if rows is None else values[rows[(rows >= first) & (rows < end)] - first]
            )
            first = end
        return np.concatenate(found)

    def blocks(
        self,
    ) -> Iterator[tuple[Float[np.ndarray, "rows filters"], Int[np.ndarray, "rows filters"]]]:
        """Conductance and first tokens of the winning windows, a shard at a time."""
        for number in range(self._shards):
            table = read_shard(shard_path(self.folder, number))
            yield (
                _stack([table[conductance_column(filter)] for filter in range(self.filters)]),
                _stack([table[window_column(filter)] for filter in range(self.filters)]),
            )

    def means(self) -> Float[np.ndarray, " filters"]:
        """The mean conductance of every filter, in units of the score."""
        total = sum(values.sum(axis=0, dtype=np.float64) for values, _ in self.blocks())
        means: Float[np.ndarray, " filters"] = total / len(self)
        return means

    def draw(self, most: int, generator: np.random.Generator) -> Int[np.ndarray, " rows"]:
        """All rows, or of more than `most` so many drawn at random, in order."""
        if len(self) <= most:
            return np.arange(len(self))
        return np.sort(generator.choice(len(self), most, replace=False))

    def top(self, filter: int, count: int, *, sign: int = 1) -> Int[np.ndarray, " rows"]:
        """The rows with the highest conductance through a filter, or with -1 the lowest."""
        return np.argsort(-sign * self.values(filter), kind="stable")[:count]

    def sentence_blocks(self) -> Iterator[list[Sentence]]:
        """All sentences, a shard at a time."""
        first = 0
        for size in self.sizes:
            yield self.sentences(range(first, first + size))
            first += size

    def sentences(self, rows: Sequence[int] | None = None) -> list[Sentence]:
        """Some sentences, or all; only the shards that they are in are read."""
        wanted = range(len(self)) if rows is None else [int(row) for row in rows]
        columns = ["text", "tokens", *LABELS, "score", "baseline_score"]
        columns += [CLASSES] * self._has_classes
        found: dict[int, Sentence] = {}
        for number in sorted({row // shards.SHARD_ROWS for row in wanted}):
            inside = [row for row in wanted if row // shards.SHARD_ROWS == number]
            table = read_shard(shard_path(self.folder, number), columns=columns)
            table = table.take([row % shards.SHARD_ROWS for row in inside])
            for row, values in zip(inside, table.to_pylist(), strict=True):
                tokens, names = (tuple(values.pop(name, ())) for name in ("tokens", CLASSES))
                found[row] = Sentence(row, tokens=tokens, class_names=names, **values)
        return [found[row] for row in wanted]

    def window(self, sentence: Sentence, filter: int, start: int) -> tuple[int, int]:
        """The tokens that the filter's winning window covers, as a half-open range."""
        end = start + self.manifest.widths[filter]
        return max(start, 0), min(end, len(sentence.tokens))

    def summary(self) -> dict[str, Any]:
        """What was computed, for a reader."""
        manifest = self.manifest
        return {
            "model": manifest.model,
            "model_hash": manifest.model_hash,
            "target": manifest.target,
            "output": manifest.output,
            "poles": list(manifest.poles),
            "data": manifest.data,
            "corpus": manifest.corpus,
            "sentences": manifest.sentences,
            "filters": self.filters,
        }

    def check_model(self, model: Model) -> None:
        """Raise `AnalysisError` unless this was computed with the model."""
        if model.hash != self.manifest.model_hash:
            raise AnalysisError(
                f"{self.folder} was computed with the model {self.manifest.model!r} "
                f"({self.manifest.model_hash}), not with {model.name!r} ({model.hash}); take "
                "that one, or analyze again."
            )

    @property
    def score(self) -> dict[str, str]:
        """The `target` and the `output` that were explained."""
        return {"target": self.manifest.target, "output": self.manifest.output}

    def check_score(self, target: str, output: str, *, argument: str = "analysis") -> None:
        """Raise `AnalysisError`, which names the argument, unless this score was explained."""
        if self.score != {"target": target, "output": output}:
            raise AnalysisError(
                f"`{argument}` explains the {self.manifest.output} of {self.manifest.target}, not "
                f"the {output} of {target}; analyze its corpus with `target` {target} and "
                f"`output` {output}."
            )

    @property
    def _has_classes(self) -> bool:
        return has_column(shard_path(self.folder, 0), CLASSES)

    @property
    def _shards(self) -> int:
        return -(-len(self) // shards.SHARD_ROWS)

    def _read(self, columns: list[str]) -> pa.Table:
        paths = shard_paths(self.folder, self._shards)
        return pa.concat_tables([read_shard(path, columns=columns) for path in paths])


def _stack(columns: Sequence[pa.ChunkedArray]) -> Shaped[np.ndarray, "rows filters"]:
    return np.stack([column.to_numpy() for column in columns], axis=1)
