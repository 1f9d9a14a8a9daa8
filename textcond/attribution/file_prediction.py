"""What a model says of every row of a file, written to another file.

Rows are read, predicted and written some at a time, so memory does not grow with the file.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textcond.attribution.input_checks import check_is_model
from textcond.attribution.prediction import MANY_UNKNOWN, Prediction, predict
from textcond.corpora.file_rows import DEFAULT, Layout, Row, read_columns, read_rows
from textcond.disk import write_whole
from textcond.errors import CorpusError, TextError
from textcond.model.model import Model

_CHUNK = 1_024
_EMPTY = "the text is empty"
Table = Sequence[Mapping[str, Any]]
Writer = Callable[[Table], None]


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was done with a file."""

    rows: int
    problems: int
    """Rows that could not be read."""
    mostly_unknown: int
    """Texts of which many words are not in the vocabulary (`Prediction.warning`)."""
    calls: Mapping[str, int]
    """How many texts are called what."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return asdict(self)


def predict_file(
    model: Model,
    path: Path,
    out: Path,
    *,
    layout: Layout = DEFAULT,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Predicted:
    """Predict every row of a csv, tsv, jsonl or txt file, and write csv, jsonl or parquet.

    The columns of `out` are `line`, where the row begins in `path`; all columns of `path`;
    `prediction`; `probability_NAME` of each output; `margin`, the logit of the prediction less that
    of the next likely output, or for a sentiment model the positive less the negative logit;
    `unknown_words`, the share of words outside the vocabulary; and `problem`, which tells why a row
    could not be read and is empty otherwise. `watch` is told the lines that are done and the lines
    of the file. `out` is written under a temporary name and renamed. Raises `CorpusError` if the
    file as a whole cannot be read, if one of its columns has the name of an answer, or for another
    kind of `out`.
    """
    check_is_model(model)
    check_output(path, out)
    lines = _count_lines(path)
    columns = read_columns(path, layout=layout)
    answers = _answers(model)
    if taken := [name for name in columns if name in answers]:
        raise CorpusError(
            f"{path} has a column `{taken[0]}`, and so has the answer; rename it in the file."
        )
    calls = Counter(dict.fromkeys(model.outputs.names, 0))
    row_count = problems = mostly_unknown = 0

    def write(place: Path) -> None:
        nonlocal row_count, problems, mostly_unknown
        rows = read_rows(path, layout=layout, is_tolerant=True)
        with _WRITERS[out.suffix.lower()](place, _schema(columns, answers)) as writer:
            while chunk := list(islice(rows, _CHUNK)):
                found = list(_predict(model, chunk))
                lines_out = zip(chunk, found, strict=True)
                writer([_line(columns, answers, row, one) for row, one in lines_out])
                predicted = [one for one in found if isinstance(one, Prediction)]
                row_count += len(chunk)
                problems += len(chunk) - len(predicted)
                mostly_unknown += sum(one.unknown_words >= MANY_UNKNOWN for one in predicted)
                for one in predicted:
                    calls.update(one.called)
                watch(min(chunk[-1].line, lines), lines)
        if not row_count:
            raise CorpusError(f"{path} has no rows; give at least one text.")

    write_whole(out, write)
    return Predicted(row_count, problems, mostly_unknown, dict(calls))


def check_output(path: Path, out: Path) -> None:
    """Raise `CorpusError` for a kind of file that is not written, or for the file itself."""
    if out.suffix.lower() not in _WRITERS:
        raise CorpusError(f"{out} is none of {', '.join(_WRITERS)}; choose one of these endings.")
    if out.resolve() == path.resolve():
        raise CorpusError(f"{out} is the file that is read; choose another `--out`.")


def _predict(model: Model, rows: Sequence[Row]) -> Iterator[Prediction | str]:
    """The prediction of each row, or why there is none.

    Texts are read as those of every corpus: control characters count as blanks.
    """
    tokens = model.tokens_of_all(row.text for row in rows)
    problems = [
        row.problem or _EMPTY * (not words) for row, words in zip(rows, tokens, strict=True)
    ]
    readable = [words for words, problem in zip(tokens, problems, strict=True) if not problem]
    found = iter(predict(model, readable, on_error="return"))
    for problem in problems:
        one: Prediction | TextError | str = problem or next(found)
        yield str(one) if isinstance(one, TextError) else one


def _answers(model: Model) -> dict[str, pa.DataType]:
    """The columns that are added, with their types: the line first, the others last."""
    return {
        "line": pa.int64(),
        "prediction": pa.string(),
        **{f"probability_{name}": pa.float64() for name in model.outputs.names},
        "margin": pa.float64(),
        "unknown_words": pa.float64(),
        "problem": pa.string(),
    }


def _line(
    columns: Sequence[str], answers: Iterable[str], row: Row, found: Prediction | str
) -> dict[str, Any]:
    line = {"line": row.line, **{name: row.fields.get(name) for name in columns}}
    if isinstance(found, str):
        nothing = {name: None for name in answers if name not in line}
        return {**line, **nothing, "problem": found}
    return {
        **line,
        "prediction": found.prediction,
        **{f"probability_{name}": head["probability"] for name, head in found.heads.items()},
        "margin": found.margin_logit,
        "unknown_words": found.unknown_words,
        "problem": "",
    }


def _schema(columns: Sequence[str], answers: Mapping[str, pa.DataType]) -> pa.Schema:
    first, *others = answers.items()
    return pa.schema([first, *((name, pa.string()) for name in columns), *others])


@contextmanager
def _csv(place: Path, schema: pa.Schema) -> Iterator[Writer]:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, schema.names, lineterminator="\n")
        writer.writeheader()
        yield lambda table: writer.writerows(_flat(line, schema) for line in table)


@contextmanager
def _json_lines(place: Path, schema: pa.Schema) -> Iterator[Writer]:
    with place.open("w", encoding="utf-8") as file:
        yield lambda table: file.writelines(
            json.dumps(line, ensure_ascii=False) + "\n" for line in table
        )


@contextmanager
def _parquet(place: Path, schema: pa.Schema) -> Iterator[Writer]:
    with closing(pq.ParquetWriter(place, schema, compression="zstd")) as writer:
        yield lambda table: writer.write_table(
            pa.Table.from_pylist([_flat(line, schema) for line in table], schema=schema)
        )


def _flat(line: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """A line whose columns of text hold what is no text (a number, a list) as JSON."""
    texts = {field.name for field in schema if pa.types.is_string(field.type)}
    return {
        name: value
        if value is None or isinstance(value, str) or name not in texts
        else json.dumps(value, ensure_ascii=False)
        for name, value in line.items()
    }


_WRITERS: Mapping[str, Callable[[Path, pa.Schema], AbstractContextManager[Writer]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(partial(file.read, 1 << 20), b"")) + 1
    except FileNotFoundError as error:
        raise CorpusError(f"There is no file {path}; check the path.") from error
