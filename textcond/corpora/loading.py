"""A corpus by its name or its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, IterableDataset, concatenate_datasets

from textcond.corpora.file_rows import DEFAULT, ENDINGS, Layout
from textcond.corpora.movie_reviews import load_review_sentences, load_reviews
from textcond.corpora.negated_phrases import load_minimal_pairs, load_negation
from textcond.corpora.questions import load_questions
from textcond.corpora.treebank import Unit, load_treebank
from textcond.corpora.user_files import load_file, parts_of, stream_file
from textcond.errors import CorpusError

TRAINING_NAMES = (
    *("sst", "sst-phrases", "rotten-tomatoes", "imdb", "imdb-sentences"),
    "questions",
)
PAIR_NAMES = ("sst-negation", "minimal-pairs")


def load_corpus(
    data: str,
    split: str = "train",
    *,
    data_dir: Path | None = None,
    layout: Layout = DEFAULT,
) -> Dataset:
    """One part of a corpus, or several ("dev+test"), with the columns of `columns.FEATURES`.

    `data` is one of `TRAINING_NAMES`, one of `PAIR_NAMES`, whose rows have the columns of
    `negated_phrases.PAIR_FEATURES`, or the path of a csv, tsv, jsonl or txt file, which `layout`
    tells how to read. Where there are no parts (`has_parts`) `split` says nothing. `data_dir` is
    where SST's trees are, or the questions. Raises `CorpusError` if it cannot be had.
    """
    if data == "minimal-pairs":
        return load_minimal_pairs()
    if is_file(data):
        path = Path(data)
        parts = split.split("+") if parts_of(path, layout=layout) else ()
        return load_file(path, layout=layout, parts=parts)
    check_name("data", data, TRAINING_NAMES + PAIR_NAMES)
    parts = split.split("+")
    if len(set(parts)) < len(parts) or not all(parts):
        raise CorpusError(f"`split` is {split!r}; name each part once, for instance dev+test.")
    rows = concatenate_datasets([_part(data, part, data_dir) for part in parts])
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
    return data != "minimal-pairs"


def _part(data: str, split: str, data_dir: Path | None) -> Dataset:
    if data == "sst-negation":
        return load_negation(split, data_dir=data_dir)
    if data == "questions":
        return load_questions(split, data_dir=data_dir)
    if data in ("sst", "sst-phrases"):
        unit: Unit = "sentence" if data == "sst" else "phrase"
        return load_treebank(split, data_dir=data_dir, unit=unit)
    return load_review_sentences(split) if data == "imdb-sentences" else load_reviews(data, split)
