"""A corpus by its name or its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, IterableDataset, concatenate_datasets

from textcond.corpora.file_rows import DEFAULT, ENDINGS, Layout
from textcond.corpora.known_corpora import KNOWN
from textcond.corpora.user_files import load_file, parts_of, stream_file
from textcond.errors import CorpusError


def load_corpus(
    data: str,
    split: str = "train",
    *,
    data_dir: Path | None = None,
    layout: Layout = DEFAULT,
) -> Dataset:
    """One part of a corpus, or several ("dev+test"), with `dataset_columns.FEATURES`.

    `data` is one of `known_corpora.KNOWN`, where the rows of pairs have the columns of
    `negated_phrases.PAIR_FEATURES`, or the path of a csv, tsv, jsonl or txt file, which `layout`
    tells how to read. Where there are no parts (`has_parts`) `split` says nothing. `data_dir` is
    where SST's trees are, or the questions. Raises `CorpusError` if it cannot be had.
    """
    if is_file(data):
        path = Path(data)
        parts = split.split("+") if parts_of(path, layout=layout) else ()
        return load_file(path, layout=layout, parts=parts)
    check_name("data", data, tuple(KNOWN))
    corpus = KNOWN[data]
    if not corpus.parts:
        return corpus.load("", data_dir)
    parts = split.split("+")
    if len(set(parts)) < len(parts) or not all(parts):
        raise CorpusError(f"`split` is {split!r}; name each part once, for instance dev+test.")
    rows = concatenate_datasets([corpus.load(part, data_dir) for part in parts])
    if not len(rows):
        raise CorpusError(f"{data} {split} has no rows; take another `split` or other trees.")
    return rows


def open_corpus(
    data: str,
    split: str = "train",
    *,
    data_dir: Path | None = None,
    layout: Layout = DEFAULT,
) -> Dataset | IterableDataset:
    """`load_corpus`, but a user's file without parts is read as its rows are asked for."""
    if is_file(data) and not has_parts(data, layout=layout):
        return stream_file(Path(data), layout=layout)
    return load_corpus(data, split, data_dir=data_dir, layout=layout)


def check_name(argument: str, data: str, names: Sequence[str]) -> None:
    """Raise `CorpusError` for what is neither one of these corpora nor a file that is read."""
    if data in names or is_file(data):
        return
    if Path(data).is_file():
        raise CorpusError(f"{data} is none of {', '.join(ENDINGS)}; convert it to one of them.")
    raise CorpusError(
        f"`{argument}` is {data!r}; it can be {', '.join(names)}, or a file ({', '.join(ENDINGS)})."
    )


def is_file(data: str) -> bool:
    """Whether this is the path of a user's corpus."""
    return Path(data).suffix.lower() in ENDINGS


def has_parts(data: str, *, layout: Layout = DEFAULT) -> bool:
    """Whether this corpus is divided into train, dev and test."""
    if is_file(data):
        return bool(parts_of(Path(data), layout=layout))
    return data not in KNOWN or bool(KNOWN[data].parts)
