"""One shard of a corpus's conductance: its rows, and the Parquet file made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from textcond.attribution.conductance import FilterConductance, conductance_of_ids
from textcond.attribution.quantity import Quantity
from textcond.corpora.dataset_columns import CLASSES
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.text.tokenizer import MAX_TOKENS

SHARD_ROWS = 1_024
LABELS = ("label", "positive", "negative")
Rows = dict[str, Any]
"""The columns of a corpus: text, `LABELS`, tokens, None where there are none, and the names of
the classes of each text, where there are classes."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One to be computed."""

    number: int
    rows: Rows
    digest: str
    """A sha256 over the corpus up to its end."""

    def __len__(self) -> int:
        return len(self.rows["text"])


Computed = tuple[Shard, bytes]
"""A shard and its file's content."""
Runner = Callable[[Model, Quantity, Iterable[Shard]], Iterator[Computed]]
"""What computes shards, in any order; it takes from the iterable no more than it needs."""


def one_by_one(model: Model, quantity: Quantity, shards: Iterable[Shard]) -> Iterator[Computed]:
    """The runner of this process."""
    for shard in shards:
        yield shard, compute(model, quantity, shard)


def compute(model: Model, quantity: Quantity, shard: Shard) -> bytes:
    """The content of the shard's file; the same shard gives the same bytes."""
    found = shard.rows["tokens"] or model.tokens_of_all(shard.rows["text"])
    tokens = [list(words) for words in found]
    for row, words in enumerate(tokens, start=shard.number * SHARD_ROWS):
        if len(words) > MAX_TOKENS:
            raise AnalysisError(
                f"Row {row} has {len(words):,} tokens; the limit is {MAX_TOKENS:,}. Split it."
            )
    rows = model.encode_all(tokens)
    return content_of(shard, tokens, conductance_of_ids(model.network, rows, quantity))


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.parquet"


def shard_paths(folder: Path, count: int) -> list[Path]:
    """The first `count` shards, whether they are there or not."""
    return [shard_path(folder, number) for number in range(count)]


def conductance_column(filter: int) -> str:
    return f"conductance_{filter:03}"


def window_column(filter: int) -> str:
    return f"window_{filter:03}"


def content_of(shard: Shard, tokens: Sequence[Sequence[str]], result: FilterConductance) -> bytes:
    """A Parquet file of the shard's rows and their conductance."""
    rows = shard.rows
    columns: Mapping[str, Any] = {
        "text": pa.array(rows["text"], pa.string()),
        "tokens": pa.array(tokens, pa.list_(pa.string())),
        **{name: pa.array(rows[name], pa.int8()) for name in LABELS},
        **({CLASSES: pa.array(rows[CLASSES], pa.list_(pa.string()))} if CLASSES in rows else {}),
        "score": result.scores.numpy(),
        "baseline_score": np.full(len(shard), result.baseline_score),
        **{
            conductance_column(filter): values
            for filter, values in enumerate(result.values.T.to(torch.float32).numpy())
        },
        **{
            window_column(filter): starts
            for filter, starts in enumerate(result.starts.T.to(torch.int16).numpy())
        },
    }
    table = pa.table(columns).replace_schema_metadata({"corpus": shard.digest})
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
    content: bytes = file.getvalue().to_pybytes()
    return content


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns, or all; raises `AnalysisError` if it cannot be read."""
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:  # cut short; changed inside
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> AnalysisError:
    reason = " ".join(str(error).split())
    return AnalysisError(
        f"{path} cannot be read ({reason}); delete it and give its `textcond analyze` command "
        "again."
    )


def has_column(path: Path, name: str) -> bool:
    """Whether the shard has a column of this name; raises `AnalysisError` if it is damaged."""
    try:
        return name in pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def digest_of(path: Path) -> str | None:
    """Of the corpus up to the shard's end, or None if there is no whole shard."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        return None
    except pa.ArrowInvalid as error:
        raise AnalysisError(f"{path} is damaged ({error}); delete it.") from error
    return str(metadata.get(b"corpus", b""), "ascii")
