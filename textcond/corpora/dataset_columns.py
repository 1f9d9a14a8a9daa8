"""The columns that every corpus has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import ClassLabel, Dataset, Features, List, Value

NO_LABEL = -1
FEATURES = Features(
    {
        "text": Value("string"),
        "tokens": List(Value("string")),
        # 0 very negative, 1 negative, 2 neutral, 3 positive, 4 very positive.
        "label": Value("int8"),
        # What the two heads learn: 1 yes, 0 no.
        "positive": Value("int8"),
        "negative": Value("int8"),
    }
)
"""A label that is not known is `NO_LABEL`, as in the `datasets` library."""
CLASS = "class"
"""One column more, where the texts are of classes instead of a polarity."""
CLASSES = "classes"
"""In its place, where a text can be of several: a list, empty for a text of none of them."""


def five_class_dataset(
    tokens: Sequence[list[str]], labels: Sequence[int], *, texts: Sequence[str] | None = None
) -> Dataset:
    """Rows whose labels run from 0 to 4, or are `NO_LABEL`; neither head holds for 2.

    Without `texts` they are the tokens, joined by blanks.
    """
    return Dataset.from_dict(five_class_columns(tokens, labels, texts=texts), features=FEATURES)


def five_class_columns(
    tokens: Sequence[list[str]], labels: Sequence[int], *, texts: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """The columns of `five_class_dataset`, for a dataset that has more of them."""
    return {
        "text": [" ".join(words) for words in tokens] if texts is None else list(texts),
        "tokens": list(tokens),
        "label": list(labels),
        "positive": [NO_LABEL if label == NO_LABEL else int(label > 2) for label in labels],
        "negative": [NO_LABEL if label == NO_LABEL else int(label < 2) for label in labels],
    }


def polar_dataset(
    texts: Sequence[str], tokens: Sequence[list[str]], positive: Sequence[int]
) -> Dataset:
    """Rows that are positive (1), negative (0) or without a label, of no known strength."""
    return Dataset.from_dict(polar_columns(texts, tokens, positive), features=FEATURES)


def polar_columns(
    texts: Sequence[str], tokens: Sequence[list[str]], positive: Sequence[int]
) -> dict[str, list[Any]]:
    """The columns of `polar_dataset`."""
    return {
        "text": list(texts),
        "tokens": list(tokens),
        "label": [NO_LABEL] * len(texts),
        "positive": list(positive),
        "negative": [NO_LABEL if label == NO_LABEL else 1 - label for label in positive],
    }


def class_dataset(
    texts: Sequence[str],
    tokens: Sequence[list[str]],
    classes: Sequence[str],
    names: Sequence[str],
) -> Dataset:
    """Rows that are each of one of the classes `names`, and of no polarity."""
    places = [list(names).index(name) for name in classes]
    columns = columns_of(texts, tokens, places, names=names)
    return Dataset.from_dict(columns, features=features_of(names))


def columns_of(
    texts: Sequence[str],
    tokens: Sequence[list[str]],
    labels: Sequence[Any],
    *,
    names: Sequence[str] = (),
    is_polar: bool = False,
    is_multiple: bool = False,
) -> dict[str, list[Any]]:
    """The columns of rows whose labels are classes, the places among `names`, or a polarity:
    positive (1) or negative (0) where `is_polar`, otherwise from 0 to 4. Or `NO_LABEL`. Where
    `is_multiple`, each label is a list of places."""
    if names:
        column = CLASSES if is_multiple else CLASS
        return {**polar_columns(texts, tokens, [NO_LABEL] * len(texts)), column: list(labels)}
    if is_polar:
        return polar_columns(texts, tokens, labels)
    return five_class_columns(tokens, labels, texts=texts)


def features_of(names: Sequence[str], *, is_multiple: bool = False) -> Features:
    """`FEATURES`, with one for the class, or for several of them, where there are classes."""
    if not names:
        return FEATURES
    feature = ClassLabel(names=list(names))
    return Features({**FEATURES, **({CLASSES: List(feature)} if is_multiple else {CLASS: feature})})


def class_names(dataset: Dataset) -> tuple[str, ...]:
    """The classes of a corpus; none if its texts have a polarity."""
    feature = dataset.features.get(CLASS)
    if is_multiple(dataset):
        feature = dataset.features[CLASSES].feature
    return tuple(feature.names) if isinstance(feature, ClassLabel) else ()


def is_multiple(dataset: Dataset) -> bool:
    """Whether a text can be of several classes."""
    return CLASSES in dataset.features
