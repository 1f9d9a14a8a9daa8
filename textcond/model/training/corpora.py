"""The labelled texts that a model is trained on, chosen by, and measured on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from datasets import Dataset, concatenate_datasets

from textcond.corpora.dataset_columns import CLASS, CLASSES, class_names, is_multiple
from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.corpora.known_corpora import TRAINING_NAMES
from textcond.corpora.loading import check_name, is_file, load_corpus
from textcond.corpora.negated_phrases import load_negation
from textcond.corpora.splits import file_parts, wording
from textcond.errors import CorpusError
from textcond.model.outputs import MARGIN, POLARITY, SENTIMENT, Outputs
from textcond.model.training.evaluation import labelled_rows


@dataclass(frozen=True, slots=True)
class Corpora:
    """Labelled rows to train on, to choose the epoch by, and to report."""

    data: str
    train: Dataset
    dev: Dataset
    test: Dataset
    pretraining: Dataset | None = None
    source: str = ""
    """Of a user's file: where the dev and the test part come from."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Of a user's file: what its labels mean, if that is a polarity."""
    negation: Dataset | None = None
    """Where there are trees: their negation pairs of dev and test."""
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        if MARGIN in self.classes:
            raise CorpusError(
                f"A class is called {MARGIN!r}, which is also the name of the score that compares "
                "two classes; give the class another name in the file, or with `--labels`."
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """What the texts are told apart by; none if it is their polarity."""
        return class_names(self.train)

    @property
    def is_multi_label(self) -> bool:
        """Whether a text can be of several classes."""
        return is_multiple(self.train)

    @property
    def outputs(self) -> Outputs:
        """Those of a model that is trained on it."""
        if not self.classes:
            return SENTIMENT
        return Outputs(self.classes, softmax=not self.is_multi_label)

    @property
    def sizes(self) -> dict[str, int]:
        parts = {"train": self.train, "dev": self.dev, "test": self.test}
        return {
            **{part: len(rows) for part, rows in parts.items()},
            "pretraining": len(self.pretraining or ()),
        }


def load_corpora(
    data: str,
    data_dir: Path | None = None,
    *,
    pretrain: str | None = None,
    dev: Path | None = None,
    test: Path | None = None,
    layout: Layout = DEFAULT,
) -> Corpora:
    """SST trains on phrases and is measured on sentences; of a file the parts are those of
    `splits.file_parts`. No text of the dev and test parts is pretrained on."""
    check_name("data", data, TRAINING_NAMES)
    if is_file(data):
        parts = file_parts(Path(data), dev=dev, test=test, layout=layout)
        corpora = Corpora(
            *(data, parts.train, parts.dev, parts.test),
            source=parts.source,
            meanings=parts.meanings,
        )
    else:
        for option, given in (("dev", dev), ("test", test)):
            if given is not None:
                raise CorpusError(f"{data} has parts of its own; leave `--{option}` out.")
        corpora = _named_corpora(data, data_dir)
    _check_classes(corpora)
    if pretrain is None:
        return corpora
    check_name("pretrain", pretrain, TRAINING_NAMES)
    more = labelled_rows(load_corpus(pretrain, "train", data_dir=data_dir, layout=layout), pretrain)
    if class_names(more) != corpora.classes:
        raise CorpusError(f"`pretrain` {pretrain!r} and {data!r} have other classes; leave it out.")
    held_out = {wording(row) for part in (corpora.dev, corpora.test) for row in part["tokens"]}
    kept = [row for row, words in enumerate(more["tokens"]) if wording(words) not in held_out]
    if not kept:
        raise CorpusError(f"`pretrain` {pretrain!r} has only texts to evaluate on; take another.")
    return replace(corpora, pretraining=more.select(kept))


def _named_corpora(data: str, data_dir: Path | None) -> Corpora:
    evaluated_on = "sst" if data == "sst-phrases" else data
    train_on = "sst-phrases" if data == "sst" else data
    parts = [
        labelled_rows(load_corpus(corpus, split, data_dir=data_dir))
        for corpus, split in ((train_on, "train"), (evaluated_on, "dev"), (evaluated_on, "test"))
    ]
    train, dev, test = parts
    if evaluated_on != "sst":
        return Corpora(data, train, dev, test)
    pairs = [load_negation(split, data_dir=data_dir) for split in ("dev", "test")]
    return Corpora(data, train, dev, test, negation=concatenate_datasets(pairs), data_dir=data_dir)


def _check_classes(corpora: Corpora) -> None:
    """Every output needs texts to say yes to."""
    if corpora.classes:
        trained = Counter(
            chain.from_iterable(corpora.train[CLASSES])
            if corpora.is_multi_label
            else corpora.train[CLASS]
        )
        for place, name in enumerate(corpora.classes):
            if not trained[place]:
                raise CorpusError(
                    f"No text to train on is of the class {name!r}, which stands in the dev or the "
                    "test part; give some, or correct the label there."
                )
        if len(corpora.classes) < 2:
            raise CorpusError(
                f"All labels of {corpora.data} are {corpora.classes[0]!r}; give texts of two "
                "classes at least."
            )
        return
    for side in POLARITY:
        if 1 not in corpora.train[side]:
            raise CorpusError(
                f"`data` {corpora.data!r} has no {side} text to train on; give some of both kinds."
            )
