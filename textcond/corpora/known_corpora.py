"""The corpora that textcond knows by name: each is declared here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datasets import Dataset

PARTS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class KnownCorpus:
    """A corpus that is asked for by its name."""

    name: str
    load: Callable[[str, Path | None], Dataset]
    """A part of it, given the folder of its files where no package carries them."""
    files: Literal["", "sst", "questions"] = ""
    """Whose files it takes that no package carries."""
    has_pairs: bool = False
    """Whether its rows are phrases with a negator and without, which nothing is trained on."""
    has_polarity: bool = True
    """Whether its labels say what is positive and negative, and not other classes."""
    parts: tuple[str, ...] = PARTS


def _sentences(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.treebank import load_treebank

    return load_treebank(part, data_dir=folder, unit="sentence")


def _phrases(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.treebank import load_treebank

    return load_treebank(part, data_dir=folder, unit="phrase")


def _negation(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.negated_phrases import load_negation

    return load_negation(part, data_dir=folder)


def _minimal_pairs(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.negated_phrases import load_minimal_pairs

    return load_minimal_pairs()


def _questions(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.questions import load_questions

    return load_questions(part, data_dir=folder)


def _rotten_tomatoes(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.movie_reviews import load_reviews

    return load_reviews("rotten-tomatoes", part)


def _reviews(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.movie_reviews import load_reviews

    return load_reviews("imdb", part)


def _review_sentences(part: str, folder: Path | None) -> Dataset:
    from textcond.corpora.movie_reviews import load_review_sentences

    return load_review_sentences(part)


KNOWN = {
    corpus.name: corpus
    for corpus in (
        KnownCorpus("sst", _sentences, "sst"),
        KnownCorpus("sst-phrases", _phrases, "sst"),
        KnownCorpus("rotten-tomatoes", _rotten_tomatoes),
        KnownCorpus("imdb", _reviews),
        KnownCorpus("imdb-sentences", _review_sentences),
        KnownCorpus("questions", _questions, "questions", has_polarity=False),
        KnownCorpus("sst-negation", _negation, "sst", has_pairs=True),
        KnownCorpus("minimal-pairs", _minimal_pairs, has_pairs=True, parts=()),
    )
}
PAIR_NAMES = tuple(name for name, corpus in KNOWN.items() if corpus.has_pairs)
TRAINING_NAMES = tuple(name for name in KNOWN if name not in PAIR_NAMES)
