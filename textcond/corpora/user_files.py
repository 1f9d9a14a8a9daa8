"""A user's own file as a corpus: its rows with tokens, and with labels that are read together.

`rows` reads the rows as they are written, `labels` says what their labels mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from datasets import Dataset, IterableDataset

from textcond.corpora.dataset_columns import CLASS, CLASSES, NO_LABEL, columns_of, features_of
from textcond.corpora.file_rows import DEFAULT, Layout, Row, read_rows
from textcond.corpora.label_reading import LabelError, Labels, label_parts, read_labels
from textcond.errors import CorpusError
from textcond.text.tokenizer import MAX_TOKENS, tokenize_all

_CHUNK = 1_000


def load_file(
    path: Path,
    *,
    layout: Layout = DEFAULT,
    labels: Labels | None = None,
    parts: Sequence[str] = (),
) -> Dataset:
    """All rows of the file, or those of some parts; raises `CorpusError` for a broken one.

    `labels` are those that several files have together (`labels_of`).
    """
    if labels is None:
        labels = labels_of([path], layout=layout)
    rows = list(_examples(path, layout, labels, parts, tokenized=True))
    if not rows:
        where = f" in the part {'+'.join(parts)}" if parts else ""
        raise CorpusError(f"{path} has no text{where}; give at least one.")
    features = features_of(labels.names, is_multiple=bool(labels.separator))
    return Dataset.from_list(rows, features=features)


def stream_file(path: Path, *, layout: Layout = DEFAULT) -> IterableDataset:
    """The rows as they are asked for; of the whole file only the labels are read before.

    They have no `tokens` yet: whoever analyzes them makes these, maybe in several processes.
    Nor have they declared types, by which `datasets` would convert every value by itself.
    """
    labels = labels_of([path], layout=layout)
    arguments = {
        "path": path,
        "layout": layout,
        "labels": labels,
        "parts": (),
        "tokenized": False,
    }
    return cast(IterableDataset, IterableDataset.from_generator(_examples, gen_kwargs=arguments))


def summarize_file(path: Path, *, layout: Layout = DEFAULT) -> tuple[int, int]:
    """How many texts there are, and how many of them have a label; raises what `load_file` does."""
    labels_of([path], layout=layout)
    texts, labelled = 0, 0
    for row in read_rows(path, layout=layout):
        # A token has a character or more.
        is_long = len(row.text) > MAX_TOKENS
        words = next(tokenize_all([row.text])) if is_long else row.text.split()
        if _has_words(path, row, words, layout):
            texts += 1
            labelled += row.label is not None
    if not texts:
        raise CorpusError(f"{path} has no text; give at least one.")
    return texts, labelled


def texts_of(path: Path, *, layout: Layout = DEFAULT) -> Iterator[str]:
    """The texts of the file that are not empty, whatever their labels."""
    return (row.text for row in read_rows(path, layout=layout) if row.text.strip())


def labels_of(paths: Sequence[Path], *, layout: Layout = DEFAULT) -> Labels:
    """What the labels of some files mean together."""
    first_places: dict[str | None, str] = {}
    for path in paths:
        row = None
        for row in read_rows(path, layout=layout):
            first_places.setdefault(row.label, f"{path}, line {row.line}")
        if row is None:
            raise CorpusError(f"{path} has no rows; give at least one text.")
    try:
        labels = read_labels(
            first_places,
            meanings=layout.meanings,
            names=layout.names,
            separator=layout.separator,
        )
    except LabelError as error:
        where = _where(first_places, error.label, layout.separator)
        raise CorpusError(f"{where}: {error}.") from error
    if labels.note:
        layout.tell(f"Labels: {labels.note}.")
    return labels


def _where(first_places: Mapping[str | None, str], label: str, separator: str) -> str:
    """The first place of a label, or of several labels among which it is."""
    for written, place in first_places.items():
        if written == label or label in label_parts(written, separator):
            return place
    return next(iter(first_places.values()))  # it is about all of them


def parts_of(path: Path, *, layout: Layout = DEFAULT) -> Counter[str]:
    """How many rows each part of the file has; empty where no column says which."""
    counts: Counter[str] = Counter()
    for row in read_rows(path, layout=layout):
        if row.part is not None:
            counts[row.part] += 1
        elif path.suffix.lower() != ".jsonl":  # no row has one: the column is not there
            break
    return counts


def _examples(
    path: Path, layout: Layout, labels: Labels, parts: Sequence[str], *, tokenized: bool
) -> Iterator[dict[str, Any]]:
    """The rows of the file with the columns of every corpus, or all but `tokens`."""
    rows = (row for row in read_rows(path, layout=layout) if not parts or row.part in parts)
    left_out, first = 0, 0
    while chunk := list(islice(rows, _CHUNK)):
        # A piece between blanks is one token or more.
        texts = [row.text for row in chunk]
        words = list(tokenize_all(texts)) if tokenized else [text.split() for text in texts]
        kept = [
            (row, tokens)
            for row, tokens in zip(chunk, words, strict=True)
            if _has_words(path, row, tokens, layout)
        ]
        if len(kept) < len(chunk) and not left_out:
            first = next(row.line for row, tokens in zip(chunk, words, strict=True) if not tokens)
        left_out += len(chunk) - len(kept)
        yield from _with_labels(kept, labels, tokenized=tokenized)
    if left_out:
        layout.tell(
            f"{path}: rows without a text are left out, {left_out:,} of them, the first in line "
            f"{first:,}."
        )


def _with_labels(
    rows: Sequence[tuple[Row, list[str]]], labels: Labels, *, tokenized: bool
) -> Iterator[dict[str, Any]]:
    texts = [row.text for row, _ in rows]
    values = [labels.value(row.label) for row, _ in rows]
    columns = columns_of(
        texts,
        [words for _, words in rows],
        values,
        names=labels.names,
        is_polar=labels.is_polar,
        is_multiple=bool(labels.separator),
    )
    if not tokenized:  # nor has what is streamed a type that would tell the names of classes
        del columns["tokens"]
        if labels.names:
            column = CLASSES if labels.separator else CLASS
            columns[column] = [_class_names(one, labels.names) for one in values]
    for fields in zip(*columns.values(), strict=True):
        yield dict(zip(columns, fields, strict=True))


def _class_names(value: int | list[int], names: Sequence[str]) -> str | list[str]:
    if isinstance(value, list):
        return [names[place] for place in value]
    return names[value] if value != NO_LABEL else ""


def _has_words(path: Path, row: Row, words: Sequence[str], layout: Layout) -> bool:
    """Whether the row is one to read, with a text that is not empty."""
    if len(words) > MAX_TOKENS:
        raise CorpusError(
            f"{path}, line {row.line}: the text has {len(words):,} tokens; the limit is "
            f"{MAX_TOKENS:,}. Split it."
        )
    if not words and layout.strict:
        raise CorpusError(f"{path}, line {row.line}: the text is empty; remove the row.")
    return bool(words)
