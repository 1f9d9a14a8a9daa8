"""A corpus by its name or its file."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset

from textcond.corpora.files import ENDINGS, load_file
from textcond.corpora.reviews import load_reviews
from textcond.corpora.treebank import load_treebank
from textcond.errors import CorpusError

NAMES = ("sst", "sst-phrases", "rotten-tomatoes", "imdb")


def load_corpus(data: str, split: str = "train", *, data_dir: Path | None = None) -> Dataset:
    """One part of a corpus, with the columns of `columns.FEATURES`.

    `data` is one of `NAMES` or the path of a csv, tsv, jsonl or txt file, which has no parts.
    `data_dir` is where SST's trees are. Raises `CorpusError` if it cannot be had.
    """
    if data == "sst":
        return load_treebank(split, data_dir=data_dir)
    if data == "sst-phrases":
        return load_treebank(split, data_dir=data_dir, unit="phrase")
    if data in ("rotten-tomatoes", "imdb"):
        return load_reviews(data, split)
    if Path(data).suffix.lower() in ENDINGS:
        return load_file(Path(data))
    raise CorpusError(
        f"`data` is {data!r}; it can be {', '.join(NAMES)}, or a file ({', '.join(ENDINGS)})."
    )
