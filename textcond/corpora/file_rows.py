"""The rows of a user's csv, tsv, jsonl or txt file, as they are written.

A csv or tsv file has a header that names the column of texts and, if it is labelled, that of
labels: `text` and `label` unless a `Layout` names others. A jsonl file has one object a line with
these keys; a txt file has one text a line and no labels. A column `split` may say which row belongs
to the train, dev or test part.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textcond.corpora.csv_rows import SEPARATORS, FieldsError, read_table
from textcond.corpora.label_reading import KNOWN
from textcond.errors import CorpusError

ENDINGS = (*SEPARATORS, ".jsonl", ".txt")
SPLIT = "split"
"""The column that says which part a row is of."""
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "valid", "validation", "val"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file has its texts and labels, and what its labels mean."""

    text: str = "text"
    label: str = "label"
    meanings: Mapping[str, str] | None = None
    """Other names for labels (`label_reading.read_labels`)."""
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
    fields: Mapping[str, Any] = field(default_factory=dict)
    """All columns of the row, where rows are read with tolerance and this one can be read."""


DEFAULT = Layout()


def read_rows(path: Path, *, layout: Layout = DEFAULT, is_tolerant: bool = False) -> Iterator[Row]:
    """Every row as it is written, read as it is asked for.

    Raises `CorpusError` for a row that cannot be read. If `is_tolerant`, that row has a `problem`
    in its place, parts are not looked at, and only a file that cannot be read as a whole raises.
    """
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
            f"UTF-8 {shlex.quote(str(path))} > utf8{path.suffix}`."
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


def read_columns(path: Path, *, layout: Layout = DEFAULT) -> list[str]:
    """The names of a file's columns, in order; of a jsonl file every key that a line has.

    Raises what `read_rows` does for a file that cannot be read as a whole.
    """
    rows = read_rows(path, layout=layout, is_tolerant=True)
    if path.suffix.lower() == ".jsonl":
        return [*dict.fromkeys(name for row in rows for name in row.fields)]
    return [*next((row.fields for row in rows if row.fields), ())]


def _encoding(path: Path) -> str:
    """What a file that is not UTF-8 may be in, by the mark at its start."""
    with path.open("rb") as file:
        return "UTF-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "LATIN1"


def _read_delimited(file: Any, path: Path, layout: Layout, is_tolerant: bool) -> Iterator[Row]:
    names = tuple(name.casefold().strip() for name in (SPLIT, layout.text, layout.label))
    header = file.readline()
    if header.casefold().startswith("sep="):
        raise CorpusError(
            f"{path} starts with {header.strip()!r}, which only spreadsheets read; delete this "
            "line."
        )
    separator = _separator(header, path, names)
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
            columns = zip(table.columns, table.keys, strict=True)
            yield Row(
                number,
                fields[text] or "",
                _written(fields.get(label)),
                _part(fields.get(split), number, path) if has_part else None,
                fields={name: fields[key] or "" for name, key in columns} if is_tolerant else {},
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
    unread = len(columns) == 1 and "|" in columns[0]
    remedy = "part the columns with commas, semicolons or tabs, in place of `|`"
    if not unread:
        remedy = f"name the column with `--{option}-column`, or in the first line"
    return f"has no column `{given}`{meant}, only {', '.join(columns)}; {remedy}."


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
        if number == 1 and (line.strip() == "[" or line.lstrip().startswith("[{")):
            raise CorpusError(
                f"{path} is one JSON array; write each of its objects on a line of its own, for "
                f"instance with `jq -c '.[]' {shlex.quote(str(path))}`."
            )
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError(f"it is {line.strip():.40}")
            text, label = row[layout.text], row.get(layout.label)
            if not isinstance(text, str):
                raise TypeError(f"`{layout.text}` is not a string")
            if isinstance(label, list) and layout.separator:
                label = layout.separator.join(map(str, label))
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
        written = None if label is None else _written(str(label))
        yield Row(number, text, written, part, fields=row if is_tolerant else {})


def _read_lines(file: Any, path: Path, layout: Layout, is_tolerant: bool) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield Row(number, line.strip(), fields={layout.text: line.strip()})


_READERS = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".txt": _read_lines,
}
