"""One Parquet shard of a corpus's conductance: its name, its columns, its digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from textcond.attribution.conductance import FilterConductance
from textcond.errors import AnalysisError

LABELS = ("label", "positive", "negative")
Rows = dict[str, list[Any]]
"""The columns of a corpus: text, tokens and `LABELS`."""


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.parquet"


def shard_paths(folder: Path, count: int) -> list[Path]:
    """The first `count` shards, whether they are there or not."""
    return [shard_path(folder, number) for number in range(count)]


def conductance_column(filter: int) -> str:
    return f"conductance_{filter:03}"


def window_column(filter: int) -> str:
    return f"window_{filter:03}"


def write_shard(rows: Rows, result: FilterConductance, digest: str, path: Path) -> None:
    columns: Mapping[str, Any] = {
        "text": pa.array(rows["text"], pa.string()),
        "tokens": pa.array(rows["tokens"], pa.list_(pa.string())),
        **{name: pa.array(rows[name], pa.int8()) for name in LABELS},
        "score": result.scores.numpy(),
        "baseline_score": np.full(len(rows["text"]), result.baseline_score),
        **{
            conductance_column(filter): values
            for filter, values in enumerate(result.values.T.to(torch.float32).numpy())
        },
        **{
            window_column(filter): starts
            for filter, starts in enumerate(result.starts.T.to(torch.int16).numpy())
        },
    }
    table = pa.table(columns).replace_schema_metadata({"corpus": digest})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns, or all; raises `AnalysisError` if it cannot be read."""
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:  # cut short; changed inside
        reason = " ".join(str(error).split())
        raise AnalysisError(
            f"{path} cannot be read ({reason}); delete it and give its `textcond analyze` command "
            "again."
        ) from error


def digest_of(path: Path) -> str | None:
    """Of the corpus up to the shard's end, or None if there is no whole shard."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        return None
    except pa.ArrowInvalid as error:
        raise AnalysisError(f"{path} is damaged ({error}); delete it.") from error
    return str(metadata.get(b"corpus", b""), "ascii")
