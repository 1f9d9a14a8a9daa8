"""A user's files → the train, dev and test part of a corpus.

Dev and test are files of their own, or rows that a column `split` names. Where neither is given, a
tenth of each class is drawn from the rows to train on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset
from jaxtyping import Int

from textcond.corpora.dataset_columns import CLASS, CLASSES, NO_LABEL, class_names, is_multiple
from textcond.corpora.file_rows import DEFAULT, SPLIT, Layout
from textcond.corpora.user_files import labels_of, load_file, parts_of
from textcond.errors import CorpusError

LEAST_ROWS = 10
"""Labelled ones to train on, before any are drawn from them."""
_SEED = 0
_NO_CLASS = -2
"""Of a text that can have several classes and has none."""
_DRAWN = "a tenth of the rows of each class, drawn at random"


@dataclass(frozen=True, slots=True)
class Parts:
    """The labelled rows of a corpus."""

    train: Dataset
    dev: Dataset
    test: Dataset
    source: str
    """Where dev and test come from, in a sentence."""
    meanings: Mapping[str, str]
    """Of labels that are a polarity (`labels.Labels.meanings`)."""


def file_parts(
    path: Path,
    *,
    dev: Path | None = None,
    test: Path | None = None,
    layout: Layout = DEFAULT,
) -> Parts:
    """The parts of a file and of those beside it.

    The labels of all of them are read together. Raises `CorpusError` for what `load_file` refuses,
    for too few labelled rows, and where both a column and a file say what a part is.
    """
    given = {"dev": dev, "test": test}
    files = [path, *(file for file in given.values() if file is not None)]
    labels = labels_of(files, layout=layout)
    counts = parts_of(path, layout=layout)
    for part, file in given.items():
        if counts and file is not None:
            raise CorpusError(
                f"{path} has a column `{SPLIT}`, and `--{part}` is {file}; leave one of them out."
            )
    if counts and not counts["train"]:
        raise CorpusError(f"{path} has no row whose `{SPLIT}` is train; give some to train on.")

    def load(file: Path, parts: Sequence[str] = ()) -> Dataset:
        rows = load_file(file, layout=layout, labels=labels, parts=parts)
        labelled = np.flatnonzero(_classes(rows) != NO_LABEL)
        if left_out := len(rows) - len(labelled):
            layout.tell(f"{file}: rows without a label are left out, {left_out:,} of them.")
        return rows.select(labelled)

    train = load(path, ("train",) if counts else ())
    if not len(train):
        raise CorpusError(f"{path} has no labelled text to train on; give each row a label.")
    if len(train) < LEAST_ROWS:
        raise CorpusError(
            f"{path} has {len(train)} labelled rows to train on; training takes at least "
            f"{LEAST_ROWS}."
        )
    found: dict[str, Dataset] = {}
    told: dict[str, str] = {}
    generator = np.random.default_rng(_SEED)
    for part in ("test", "dev"):
        file = given[part]
        if file is not None:
            found[part], told[part] = load(file), file.name
        elif counts[part]:
            found[part], told[part] = load(path, (part,)), f"the rows whose `{SPLIT}` is {part}"
        else:
            # A tenth of all rows, also where another tenth is gone already.
            share = 1 / 9 if told.get("test") == _DRAWN else 1 / 10
            train, found[part] = _drawn(train, share, generator)
            told[part] = _DRAWN
        if not len(found[part]):
            raise CorpusError(f"The {part} part of {path} has no labelled text; give some.")
    _tell_overlap(train, found, layout)
    source = f"Dev is {told['dev']}. Test is {told['test']}."
    return Parts(train, found["dev"], found["test"], source, labels.meanings)


def _tell_overlap(train: Dataset, parts: Mapping[str, Dataset], layout: Layout) -> None:
    """Say how many texts of the other parts are trained on: what is measured on them says less."""
    known = set(map(wording, train["tokens"]))
    for part, rows in parts.items():
        same = sum(wording(tokens) in known for tokens in rows["tokens"])
        if same:
            layout.tell(
                f"{same:,} of the {len(rows):,} {part} texts are training texts too, so figures of "
                f"the {part} part may be too good."
            )


def wording(tokens: Sequence[str]) -> str:
    """What two texts have in common that are one text."""
    return " ".join(tokens).lower()


def _drawn(rows: Dataset, share: float, generator: np.random.Generator) -> tuple[Dataset, Dataset]:
    """The rows without, and with, a share of each class."""
    drawn: list[int] = []
    classes = _classes(rows)
    for name in np.unique(classes):
        places = generator.permutation(np.flatnonzero(classes == name))
        drawn += places[: round(share * len(places))].tolist()
    if not drawn:  # all classes are small: one row of the largest
        names, counts = np.unique(classes, return_counts=True)
        if counts.max() < 3:
            raise CorpusError(
                "No label stands at more than two texts; if labels are in another column, name it "
                "with `--label-column`."
            )
        drawn = np.flatnonzero(classes == names[counts.argmax()])[:1].tolist()
    kept = np.setdiff1d(np.arange(len(rows)), drawn)
    return rows.select(kept), rows.select(sorted(drawn))


def _classes(rows: Dataset) -> Int[np.ndarray, " rows"]:
    """The class of each row; for a polarity, a number for each answer of the two heads."""
    if is_multiple(rows):  # by the first of them: sets of them are many, and rare
        return np.array([places[0] if places else _NO_CLASS for places in rows[CLASSES]])
    if class_names(rows):
        return np.array(rows[CLASS])
    positive, negative = np.array(rows["positive"]), np.array(rows["negative"])
    return np.where(positive == NO_LABEL, NO_LABEL, 2 * positive + negative)
