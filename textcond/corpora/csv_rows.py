"""The rows of a csv or tsv file, none of which is lost to a quotation mark.

In a csv file a field that starts with `"` is quoted (RFC 4180). In a tsv file it may be quoted,
as pandas writes it, or it may be a text that starts with `"`, since many tsv files quote nothing.
There a mark that never closes, or closes before anything but a tab or the line's end, is a
character of the text. A quoted field that takes in whole rows is no field: a tsv file is then read
line by line, and a file that could be read both ways is refused.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_LONGEST_FIELD = 100_000_000
"""Characters; the csv module by itself takes fewer than the longest text may have."""
Row = tuple[int, "dict[str, str | None] | FieldsError | csv.Error"]
"""The number of a row's first line, and its fields by the names of their columns in lower case,
None where the row ends before; or why it cannot be read."""


class FieldsError(Exception):
    """A row has other fields than the first line."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a file and its rows, which are read as they are asked for."""

    columns: Sequence[str]
    """The names in the first line, without the blanks around them."""
    keys: Sequence[str]
    """The same in lower case."""
    rows: Iterator[Row]


def read_table(
    file: Iterable[str],
    *,
    separator: str,
    names: Sequence[str],
    labels: Collection[str],
    is_tolerant: bool = False,
) -> Table:
    """Read a file of which the columns `names` are wanted, in upper or lower case.

    The last of `names` is the column of labels, which can be `labels`. Raises `ValueError` for
    columns of one name, and so do the rows: `csv.Error` for quotation marks that cannot be read,
    which says in which line, and `FieldsError` for more fields than the first line has. With
    `is_tolerant` the rows do not raise these but have them in the place of their fields.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    lines = _Lines(file)
    try:
        first, _ = _quoted(lines, _Dialect(separator, spaced=False))
    except StopIteration:
        first = []
    columns = [name.strip() for name in first]
    keys = [name.casefold() for name in columns]
    for name in {*keys} - {""}:
        same = [repr(column) for column, key in zip(columns, keys, strict=True) if key == name]
        if len(same) > 1:
            raise ValueError(f"line 1: the columns {' and '.join(same)} are one name; rename one")
    form = _Form(
        _Dialect(separator, spaced=any(name.startswith(" ") for name in first[1:])),
        width=len(columns),
        label=keys.index(names[-1]) if names[-1] in keys else None,
        labels=labels,
    )
    return Table(columns, keys, _rows(lines, form, keys, is_tolerant))


@dataclass(frozen=True, slots=True)
class _Dialect:
    separator: str
    spaced: bool
    """Whether a blank follows each separator, as it does in the first line."""

    def quoted(self, lines: Iterable[str]) -> list[str]:
        """The fields of the first row of the lines, some maybe quoted; a blank line has none."""
        reader = csv.reader(
            lines, delimiter=self.separator, skipinitialspace=self.spaced, strict=True
        )
        return next(reader)

    def plain(self, line: str) -> list[str]:
        """The fields of a line in which a quotation mark is a character."""
        text = line.rstrip("\r\n")
        fields = text.split(self.separator) if text else []
        return [field.lstrip(" ") for field in fields] if self.spaced else fields


@dataclass(frozen=True, slots=True)
class _Form:
    """What tells rows from the lines of a text."""

    dialect: _Dialect
    width: int
    label: int | None
    labels: Collection[str]

    def are_rows(self, lines: Sequence[str], width: int) -> bool:
        """Whether the lines are rows by themselves: the first and last whole, none too long."""
        ends = (lines[0], lines[-1])
        return all(len(self.dialect.plain(line)) == width for line in ends) and all(
            len(self.dialect.plain(line)) <= width for line in lines
        )

    def are_labelled(self, lines: Sequence[str]) -> bool:
        """Whether each line but the blank ones ends a row with a label."""
        rows = [fields for line in lines if (fields := self.dialect.plain(line))]
        return self.label is not None and all(
            self.label < len(fields) and fields[self.label].strip() in self.labels
            for fields in rows
        )


class _Lines:
    """The lines of a file, of which the last ones can be given back."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file, self._returned, self.number = iter(file), deque[str](), 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._file)
        self.number += 1
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


def _rows(lines: _Lines, form: _Form, keys: Sequence[str], is_tolerant: bool) -> Iterator[Row]:
    while True:
        start = lines.number + 1
        try:
            fields = _fields(lines, form)
            if len(fields) > form.width:
                raise FieldsError(start)
        except StopIteration:
            return
        except (FieldsError, csv.Error) as error:
            if not is_tolerant:
                raise
            if lines.number < start:  # it was given back
                next(lines)
            yield start, error
            continue
        if fields:
            missing = [None] * (form.width - len(fields))
            yield start, dict(zip(keys, [*fields, *missing], strict=True))


def _fields(lines: _Lines, form: _Form) -> list[str]:
    """The fields of the next row."""
    start = lines.number + 1
    is_tsv = form.dialect.separator == "\t"
    try:
        fields, taken = _quoted(lines, form.dialect)
    except csv.Error:
        if not is_tsv:
            raise
        return form.dialect.plain(next(lines))
    # Blanks stand inside the marks where each mark is a word of a tokenized text.
    apart = any(field[:1] == field[-1:] == " " and '"' not in field for field in fields)
    if len(taken) == 1:
        plain = form.dialect.plain(taken[0]) if is_tsv and '"' in taken[0] else fields
        is_plain = len(plain) == form.width and (apart or len(fields) != form.width)
        return plain if is_plain else fields
    if not form.are_rows(taken, len(fields)):
        return fields
    if is_tsv and (apart or form.are_labelled([taken[0], taken[-1]])):
        lines.give_back(taken[1:])
        return form.dialect.plain(taken[0])
    if is_tsv or apart or form.are_labelled(taken):
        lines.give_back(taken[1:])
        raise csv.Error(
            f"line {start}: a field starts with a quotation mark that closes in line "
            f"{start + len(taken) - 1}, and each line between reads as a row; put such a text in "
            'quotation marks and write "" for each of its own'
        )
    return fields


def _quoted(lines: _Lines, dialect: _Dialect) -> tuple[list[str], list[str]]:
    """The next row's fields, some maybe quoted, and its lines.

    If that is no row, its lines are given back.
    """
    start, taken = lines.number + 1, list[str]()

    def take() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    try:
        return dialect.quoted(take()), taken
    except csv.Error as error:
        lines.give_back(taken)
        raise csv.Error(f"line {start}: {error}") from error
