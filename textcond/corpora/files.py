"""A user's own corpus: csv, tsv, jsonl or txt.

A csv or tsv file has a header with `text` and, if it is labelled, `label`, in upper or lower case;
a jsonl file has one object a line with the keys `text` and `label`; a txt file has one text a line
and no labels. A label is `positive`, `negative` or `neutral`, or a number from 0 (very negative)
to 4 (very positive). In a file whose labels are all 0 or 1, these mean negative and positive.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from datasets import Dataset, IterableDataset

from textcond.corpora.columns import FEATURES, NO_LABEL, five_class_columns, polar_columns
from textcond.corpora.tables import SEPARATORS, FieldsError, read_table
from textcond.errors import CorpusError
from textcond.text.tokenizer import MAX_TOKENS, tokenize_all

ENDINGS = (*SEPARATORS, ".jsonl", ".txt")
_CHUNK = 1_000
_Scale = Mapping[str | None, int]
_POLAR: _Scale = {"negative": 0, "0": 0, "positive": 1, "1": 1, "": NO_LABEL, None: NO_LABEL}
_WORDS: _Scale = {"negative": 1, "neutral": 2, "positive": 3}
_NUMBERS: _Scale = {"0": 0, "1": 1, "2": 2, "3": 3, "4": 4}
_KNOWN = {label for label in (*_POLAR, *_WORDS, *_NUMBERS) if label}
_Row = tuple[int, str, str | None]
"""Line number, text, label as written."""


def load_file(path: Path) -> Dataset:
    """All rows of the file; raises `CorpusError` for a broken one, naming the line."""
    rows = list(_examples(path, _scale(path), tokenized=True))
    return Dataset.from_list(rows, features=FEATURES)


def stream_file(path: Path) -> IterableDataset:
    """The rows as they are asked for; of the whole file only the labels are read before.

    They have no `tokens` yet: whoever analyzes them makes these, maybe in several processes.
    Nor have they declared types, by which `datasets` would convert every value by itself.
    """
    arguments = {"path": path, "scale": _scale(path), "tokenized": False}
    return cast(IterableDataset, IterableDataset.from_generator(_examples, gen_kwargs=arguments))


def summarize_file(path: Path) -> tuple[int, int]:
    """How many rows there are, and how many of them have a label; raises what `load_file` does."""
    scale, rows, labelled = _scale(path), 0, 0
    for number, text, label in _rows(path):
        # A token has a character or more.
        _check(path, number, next(tokenize_all([text])) if len(text) > MAX_TOKENS else text.split())
        rows += 1
        labelled += scale[label] != NO_LABEL
    return rows, labelled


def _rows(path: Path) -> Iterator[_Row]:
    if path.suffix.lower() not in ENDINGS:
        raise CorpusError(f"{path} is none of {', '.join(ENDINGS)}; convert it to one of them.")
    try:
        # utf-8-sig: spreadsheets write a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _READERS[path.suffix.lower()](file, path)
    except FileNotFoundError as error:
        raise CorpusError(f"There is no file {path}; check the path.") from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} cannot be read ({error}); save it as UTF-8.") from error
    except csv.Error as error:
        raise CorpusError(f"{path} is broken ({error}); mend its quotes.") from error
    except FieldsError as error:
        raise CorpusError(
            f"{path}, line {error.line}: the row does not have as many fields as the first line; "
            "quote the text."
        ) from error
    except ValueError as error:
        raise CorpusError(f"{path}, {error}.") from error


def _scale(path: Path) -> _Scale:
    """What the labels of the file mean."""
    first_lines: dict[str | None, int] = {}
    for number, _, label in _rows(path):
        first_lines.setdefault(label, number)
    if not first_lines:
        raise CorpusError(f"{path} has no rows; give at least one text.")
    if all(label in _POLAR for label in first_lines):
        return _POLAR
    # Numbers among words could be of either scale.
    scale = _WORDS if any(label in _WORDS for label in first_lines) else _NUMBERS
    for label, number in first_lines.items():
        if label not in scale:
            raise CorpusError(
                f"{path}, line {number}: the label is {label!r}; use only 0 to 4, or only "
                "negative, neutral, positive, for every row or for none."
            )
    return scale


def _examples(path: Path, scale: _Scale, *, tokenized: bool) -> Iterator[dict[str, Any]]:
    """The rows of the file with the columns of `FEATURES`, or all but `tokens`."""
    rows = _rows(path)
    while chunk := list(islice(rows, _CHUNK)):
        texts = [text for _, text, _ in chunk]
        # A piece between blanks is one token or more.
        tokens = list(tokenize_all(texts)) if tokenized else [text.split() for text in texts]
        for (number, _, _), words in zip(chunk, tokens, strict=True):
            _check(path, number, words)
        labels = [scale[label] for _, _, label in chunk]
        columns = (
            polar_columns(texts, tokens, labels)
            if scale is _POLAR
            else five_class_columns(tokens, labels, texts=texts)
        )
        if not tokenized:
            del columns["tokens"]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))


def _check(path: Path, number: int, words: Sequence[str]) -> None:
    if not words:
        raise CorpusError(f"{path}, line {number}: the text is empty; remove the row.")
    if len(words) > MAX_TOKENS:
        raise CorpusError(
            f"{path}, line {number}: the text has {len(words):,} tokens; the limit is "
            f"{MAX_TOKENS:,}. Split it."
        )


def _read_delimited(file: Any, path: Path) -> Iterator[_Row]:
    separator = SEPARATORS[path.suffix.lower()]
    table = read_table(file, separator=separator, names=("text", "label"), labels=_KNOWN)
    if not table.columns:
        raise CorpusError(f"{path} is empty; give at least one text.")
    if "text" not in table.keys:
        raise CorpusError(
            f"{path} has no column `text`, only {', '.join(table.columns)}; name the column "
            "in the first line."
        )
    for number, fields in table.rows:
        text, label = fields["text"], fields.get("label")
        if text is None:
            raise FieldsError(number)
        yield number, text, None if label is None else label.strip()


def _read_json_lines(file: Any, path: Path) -> Iterator[_Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError(f"it is {line.strip():.40}")
            text, label = row["text"], row.get("label")
            if not isinstance(text, str):
                raise TypeError("`text` is not a string")
            text.encode()  # half a surrogate pair is not text
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorpusError(
                f"{path}, line {number}: not an object with `text` ({error}); mend the line."
            ) from error
        yield number, text, None if label is None else str(label)


def _read_lines(file: Any, path: Path) -> Iterator[_Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, line.strip(), None


_READERS = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".txt": _read_lines,
}
