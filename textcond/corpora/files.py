"""A user's own corpus: csv, tsv, jsonl or txt.

A csv or tsv file has a header that names the column of texts and, if it is labelled, that of
labels: `text` and `label` unless a `Layout` names others. A jsonl file has one object a line with
these keys; a txt file has one text a line and no labels. `labels` says what labels mean. A column
`split` may say which row belongs to the train, dev or test part.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from datasets import Dataset, IterableDataset

from textcond.corpora.columns import CLASS, CLASSES, NO_LABEL, columns_of, features_of
from textcond.corpora.labels import KNOWN, LabelError, Labels, read_labels
from textcond.corpora.tables import SEPARATORS, FieldsError, read_table
from textcond.errors import CorpusError
from textcond.text.tokenizer import MAX_TOKENS, tokenize_all

ENDINGS = (*SEPARATORS, ".jsonl", ".txt")
SPLIT = "split"
"""The column that says which part a row is of."""
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "valid", "validation", "val"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file has its texts and labels, and what its labels mean."""

    text: str = "text"
    label: str = "label"
    meanings: Mapping[str, str] | None = None
    """Other names for labels (`labels.read_labels`)."""
    names: Sequence[str] = ()
    """The classes that labels must be of; without them, those that are there."""
    separator: str = ""
    """What parts the labels of a text that has several; empty where each has one."""
    strict: bool = False
    """Whether an empty text is an error. It is left out otherwise, and that is told."""
    tell: Callable[[str], None] = field(default=lambda _: None, compare=False)
    """Called with a sentence about how labels are read, or about rows that are left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, as it is written."""

    line: int
    text: str
    label: str | None = None
    part: str | None = None
    """`train`, `dev` or `test`, where a column says so."""
    problem: str = ""
    """Why the row cannot be read; empty if it can."""


DEFAULT = Layout()


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
    for row in _rows(path, layout):
        # A token has a character or more.
        is_long = len(row.text) > MAX_TOKENS
        words = next(tokenize_all([row.text])) if is_long else row.text.split()
        if _has_words(path, row, words, layout):
            texts += 1
            labelled += row.label is not None
    if not texts:
        raise CorpusError(f"{path} has no text; give at least one.")
    return texts, labelled


def read_rows(path: Path, *, layout: Layout = DEFAULT) -> Iterator[Row]:
    """Every row as it is written, also those that cannot be read, whose `problem` says why.

    Raises `CorpusError` if the file as a whole cannot be read.
    """
    return _rows(path, layout, is_tolerant=True)


def texts_of(path: Path, *, layout: Layout = DEFAULT) -> Iterator[str]:
    """The texts of the file that are not empty, whatever their labels."""
    return (row.text for row in _rows(path, layout) if row.text.strip())


def labels_of(paths: Sequence[Path], *, layout: Layout = DEFAULT) -> Labels:
    """What the labels of some files mean together."""
    first_places: dict[str | None, str] = {}
    for path in paths:
        row = None
        for row in _rows(path, layout):
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
        where = _where(first_places, error.label)
        raise CorpusError(f"{where}: {error}.") from error
    if labels.note:
        layout.tell(f"Labels: {labels.note}.")
    return labels


def _where(first_places: Mapping[str | None, str], label: str) -> str:
    """The first place of a label, or of one that it is a part of."""
    return next(place for one, place in first_places.items() if one and label in one)


def parts_of(path: Path, *, layout: Layout = DEFAULT) -> Counter[str]:
    """How many rows each part of the file has; empty where no column says which."""
    counts: Counter[str] = Counter()
    for row in _rows(path, layout):
        if row.part is not None:
            counts[row.part] += 1
        elif path.suffix.lower() != ".jsonl":  # no row has one: the column is not there
            break
    return counts


def _rows(path: Path, layout: Layout, *, is_tolerant: bool = False) -> Iterator[Row]:
    if path.suffix.lower() not in ENDINGS:
        raise CorpusError(f"{path} is none of {', '.join(ENDINGS)}; convert it to one of them.")
    try:
        # utf-8-sig: spreadsheets write a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _READERS[path.suffix.lower()](file, path, layout, is_tolerant)
    except FileNotFoundError as error:
        raise CorpusError(f"There is no file {path}; check the path.") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not UTF-8; convert it, for instance with `iconv -f {_encoding(path)} -t "
            f"UTF-8 {path.name} > utf8{path.suffix}`."
        ) from error
    except csv.Error as error:
        raise CorpusError(f"{path} is broken ({error}); mend its quotes.") from error
    except FieldsError as error:
        raise CorpusError(
            f"{path}, line {error.line}: the row does not have as many fields as the first line; "
            "quote the text."
        ) from error
    except ValueError as error:
        raise CorpusError(f"{path}, {error}.") from error


def _examples(
    path: Path, layout: Layout, labels: Labels, parts: Sequence[str], *, tokenized: bool
) -> Iterator[dict[str, Any]]:
    """The rows of the file with the columns of every corpus, or all but `tokens`."""
    rows = (row for row in _rows(path, layout) if not parts or row.part in parts)
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


def _encoding(path: Path) -> str:
    """What a file that is not UTF-8 may be in, by the mark at its start."""
    with path.open("rb") as file:
        return "UTF-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "LATIN1"


def _read_delimited(file: Any, path: Path, layout: Layout, is_tolerant: bool) -> Iterator[Row]:
    names = tuple(name.casefold().strip() for name in (SPLIT, layout.text, layout.label))
    separator = _separator(file.readline(), path, names)
    file.seek(0)
    labels = KNOWN | _repeated(file, separator, names[-1])
    file.seek(0)
    table = read_table(
        file, separator=separator, names=names, labels=labels, is_tolerant=is_tolerant
    )
    if not table.columns:
        raise CorpusError(f"{path} is empty; give at least one text.")
    split, text, label = names
    for name, option in ((text, "text"), (label, "label")):
        given = getattr(layout, option)
        if name not in table.keys and (option == "text" or given != DEFAULT.label):
            raise CorpusError(f"{path} {_no_column(given, option, table.columns)}")
    for number, fields in table.rows:
        if not isinstance(fields, dict):
            yield Row(number, "", problem=_field_problem(fields))
        elif fields[text] is None and is_tolerant:
            yield Row(number, "", problem="the row ends before its text")
        elif fields[text] is None:
            raise FieldsError(number)
        else:
            has_part = split in table.keys and not is_tolerant
            yield Row(
                number,
                fields[text] or "",
                _written(fields.get(label)),
                _part(fields.get(split), number, path) if has_part else None,
            )


def _field_problem(error: FieldsError | csv.Error) -> str:
    if isinstance(error, FieldsError):
        return "the row has more fields than the first line; quote the text"
    return f"{error}; mend its quotes"


def _separator(header: str, path: Path, names: Sequence[str]) -> str:
    """The one of the file's ending, unless another one parts the header into the columns."""
    usual = SEPARATORS[path.suffix.lower()]
    candidates = sorted((usual, ",", ";", "\t"), key=lambda one: one != usual)
    found = {
        one: [name.strip().strip('"').casefold() for name in header.lstrip("\ufeff").split(one)]
        for one in candidates
    }
    return max(candidates, key=lambda one: (names[1] in found[one], len(found[one])))


def _repeated(file: Iterable[str], separator: str, label: str) -> set[str]:
    """What stands in the column of labels in more than one line that reads as a row."""
    counts: Counter[str] = Counter()
    header: list[str] | None = None
    for line in file:
        fields = [part.strip() for part in line.rstrip("\r\n").split(separator)]
        if header is None:
            header = [name.strip('"').casefold() for name in fields]
            if label not in header:
                return set()
        elif len(fields) == len(header):
            counts[fields[header.index(label)]] += 1
    return {name for name, count in counts.items() if count > 1 and name and '"' not in name}


def _no_column(given: str, option: str, columns: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(given.casefold(), map(str.casefold, columns), n=1)
    meant = next((f" (`{name}`?)" for name in columns if [name.casefold()] == nearest), "")
    return (
        f"has no column `{given}`{meant}, only {', '.join(columns)}; name the column with "
        f"`--{option}-column`, or in the first line."
    )


def _part(written: str | None, line: int, path: Path) -> str:
    part = _PARTS.get((written or "").strip().casefold())
    if part is None:
        raise CorpusError(
            f"{path}, line {line}: `{SPLIT}` is {written!r}; it can be train, dev or test."
        )
    return part


def _written(label: str | None) -> str | None:
    """The label without the blanks around it; None where there is none."""
    return (label or "").strip() or None


def _read_json_lines(file: Any, path: Path, layout: Layout, is_tolerant: bool) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError(f"it is {line.strip():.40}")
            text, label = row[layout.text], row.get(layout.label)
            if not isinstance(text, str):
                raise TypeError(f"`{layout.text}` is not a string")
            if isinstance(label, list | dict):
                raise TypeError(f"`{layout.label}` is not one label")
            text.encode()  # half a surrogate pair is not text
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if is_tolerant:
                yield Row(number, "", problem=f"not an object with `{layout.text}` ({error})")
                continue
            raise CorpusError(
                f"{path}, line {number}: not an object with `{layout.text}` ({error}); mend the "
                "line."
            ) from error
        has_part = SPLIT in row and not is_tolerant
        part = _part(str(row[SPLIT]), number, path) if has_part else None
        yield Row(number, text, None if label is None else _written(str(label)), part)


def _read_lines(file: Any, path: Path, layout: Layout, is_tolerant: bool) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield Row(number, line.strip())


_READERS = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".txt": _read_lines,
}
