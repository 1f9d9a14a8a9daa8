"""A corpus by its name or its file."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset, concatenate_datasets

from textcond.corpora.files import ENDINGS, load_file
from textcond.corpora.negation import load_minimal_pairs, load_negation
from textcond.corpora.reviews import load_review_sentences, load_reviews
from textcond.corpora.treebank import Unit, load_treebank
from textcond.errors import CorpusError

TRAINING_NAMES = ("sst", "sst-phrases", "rotten-tomatoes", "imdb", "imdb-sentences")
PAIR_NAMES = ("sst-negation", "minimal-pairs")


def load_corpus(data: str, split: str = "train", *, data_dir: Path | None = None) -> Dataset:
    """One part of a corpus, or several ("dev+test"), with the columns of `columns.FEATURES`.

    `data` is one of `TRAINING_NAMES`, one of `PAIR_NAMES`, whose rows have the columns of
    `negation.PAIR_FEATURES`, or the path of a csv, tsv, jsonl or txt file. A file has no parts,
    nor have the minimal pairs. `data_dir` is where SST's trees are. Raises `CorpusError` if it
    cannot be had.
    """
    if data == "minimal-pairs":
        return load_minimal_pairs()
    if Path(data).suffix.lower() in ENDINGS:
        return load_file(Path(data))
    if data not in TRAINING_NAMES + PAIR_NAMES:
        raise CorpusError(
            f"`data` is {data!r}; it can be {', '.join(TRAINING_NAMES + PAIR_NAMES)}, or a file "
            f"({', '.join(ENDINGS)})."
        )
    return concatenate_datasets([_part(data, part, data_dir) for part in split.split("+")])


def _part(data: str, split: str, data_dir: Path | None) -> Dataset:
    if data == "sst-negation":
        return load_negation(split, data_dir=data_dir)
    if data in ("sst", "sst-phrases"):
        unit: Unit = "sentence" if data == "sst" else "phrase"
        return load_treebank(split, data_dir=data_dir, unit=unit)
    return load_review_sentences(split) if data == "imdb-sentences" else load_reviews(data, split)
