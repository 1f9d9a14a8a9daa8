"""What studies measure on: the shipped model, and corpora where the user has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from datasets import Dataset
from jaxtyping import Int

from textcond.corpora.dataset_columns import NO_LABEL
from textcond.corpora.loading import load_corpus
from textcond.errors import CorpusError
from textcond.model import checkpoint
from textcond.model.model import Model

LEAST = 5
_Item = TypeVar("_Item")
Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Sources:
    """Where a study gets its texts, its randomness, and somebody to tell how far it is."""

    sst: Path | None = None
    """The folder of the treebank's trees, or its zip file."""
    questions: Path | None = None
    """The same of WikiTableQuestions."""
    seed: int = 0
    watch: Watch = lambda what, done, total: None

    @cached_property
    def model(self) -> Model:
        return checkpoint.load("sst")

    @property
    def sentences(self) -> str:
        """The corpus of sentences: SST, or where it is not, rotten-tomatoes."""
        return "rotten-tomatoes" if self.sst is None else "sst"

    def load(self, corpus: str, split: str) -> Dataset:
        """Raises `CorpusError`, which says where to get it, if it is not here."""
        folder = self.questions if corpus == "questions" else self.sst
        if corpus == "questions" and folder is None:
            raise CorpusError(
                "WikiTableQuestions is not here: unpack the release's tsv files into "
                "data/wikitablequestions, or give their folder with `--questions-dir`."
            )
        try:
            return load_corpus(corpus, split, data_dir=folder)
        except CorpusError as error:
            option = "--questions-dir" if corpus == "questions" else "--data-dir"
            raise CorpusError(str(error).replace("--data-dir", option)) from error

    def polar(self, split: str = "test", *, corpus: str = "") -> Dataset:
        """The sentences that are labelled positive or negative."""
        rows = self.load(corpus or self.sentences, split)
        kept = [
            row
            for row, (p, n) in enumerate(zip(rows["positive"], rows["negative"], strict=True))
            if p != NO_LABEL and p != n
        ]
        return rows.select(kept)

    @property
    def generator(self) -> np.random.Generator:
        """A new one with the study's seed."""
        return np.random.default_rng(self.seed)

    def tell(self, what: str, items: Iterable[_Item], total: int) -> Iterator[_Item]:
        """The items, one after another, each told when it is done."""
        self.watch(what, 0, total)
        for done, item in enumerate(items, start=1):
            yield item
            self.watch(what, done, total)


def outputs_of(rows: Dataset) -> Int[np.ndarray, " texts"]:
    """0 for a positive text, 1 for a negative one: the heads' order."""
    outputs: Int[np.ndarray, " texts"] = 1 - np.array(rows["positive"], np.int64)
    return outputs


def check_classes(
    classes: Int[np.ndarray, " texts"], names: Sequence[str], where: str, *, least: int = LEAST
) -> None:
    """Raise `CorpusError` if there are too few texts of a class to say anything."""
    for number, name in enumerate(names):
        count = int((classes == number).sum())
        if count < least:
            raise CorpusError(
                f"The {where} part has {count} texts that are {name}; a study takes at least "
                f"{least} of each class. Take the whole corpus."
            )
