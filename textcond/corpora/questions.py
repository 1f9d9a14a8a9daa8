"""WikiTableQuestions (Pasupat & Liang 2015): questions about tables, by the type of their answer.

The five types are those of Dhamdhere et al. 2019, §6.2. The paper does not say how they were
told apart; here `answer_type` reads them off the answer alone. The parts are the release's first
random split: its dev part, the paper's 2,831 examples, is `test`; of its train part the questions
about a tenth of the tables are `dev`. `unseen` are the questions about tables of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from datasets import Dataset

from textcond.corpora.dataset_columns import class_dataset
from textcond.corpora.huggingface import load_from_hub
from textcond.corpora.release_archives import read_lines
from textcond.errors import CorpusError
from textcond.text.tokenizer import tokenize_all

ANSWER_TYPES = ("numeric", "date", "boolean", "string", "list")
SPLITS = ("train", "dev", "test", "unseen")
_FILES = {
    "train": "random-split-1-train.tsv",
    "dev": "random-split-1-train.tsv",
    "test": "random-split-1-dev.tsv",
    "unseen": "pristine-unseen-tables.tsv",
}
_HUB = "stanfordnlp/wikitablequestions"
_HUB_SPLITS = {"train": "train", "dev": "train", "test": "validation", "unseen": "test"}
_COLUMNS = ["id", "utterance", "context", "targetValue"]
_Row = tuple[str, str, str]
"""Question, table, answer as the release writes it."""

_NUMBER = r"[-+\u2212~\u2248$\u00a3\u20ac#]*\s?(\d[\d,]*(\.\d+)?|\.\d+)"
_UNIT = (
    "(years?|months?|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|s|km|m|mm|cm|mi|miles?|"
    "ft|feet|inch|inches|yards?|met(er|re)s?|kg|lbs?|tons?|acres|ha|km/h|mph|mw|kw|hp|points?|pts|"
    "times|wins?|goals?|games?|seasons?|episodes?|people|percent|thousand|million|billion)"
)
_QUANTITY = re.compile(
    rf"{_NUMBER}\s?(%|st|nd|rd|th)?(\s?{_UNIT}(,?\s{_NUMBER}\s?{_UNIT})*)?|\d+(:\d\d)+(\.\d+)?"
)
_MONTH = (
    "(january|february|march|april|may|june|july|august|september|october|november|december|"
    r"(jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?)"
)
_WEEKDAY = "((mon|tues|wednes|thurs|fri|satur|sun)day)"
_YEAR = r"(1\d|20)\d\d"
_DATE = re.compile(
    # A year or a span of two, a day by numbers, a month, and words of days and months.
    rf"{_YEAR}(\s?[-\u2013/]\s?\d\d(\d\d)?)?|\d{{1,4}}(?P<between>[-/.])\d{{1,2}}(?P=between)\d{{1,4}}|"
    rf"{_MONTH}|(?=.*\d)(?=.*\b{_MONTH})(({_MONTH}|{_WEEKDAY}|\d+(st|nd|rd|th)?|of|to|and)"
    r"([\s,./\u2013-]+|$))+"
)


def answer_type(answer: str) -> str:
    """One of `ANSWER_TYPES`, by the first rule that holds for the release's `targetValue`.

    A list has more than one item (`|` stands between them, `\\p` is a pipe). A boolean is yes, no,
    true or false. A date is a year from 1000 to 2099, a span of two years, a month, a day by
    numbers, or a day or year with its month's name. A numeric is a number, with a currency, a
    percent sign or one of the common units, or a time in hours, minutes and seconds. Everything
    else is a string, scores like 7-1 among them.
    """
    words = " ".join(answer.lower().split())
    if "|" in words:
        return "list"
    if words in ("yes", "no", "true", "false"):
        return "boolean"
    if _DATE.fullmatch(words):
        return "date"
    return "numeric" if _QUANTITY.fullmatch(words) else "string"


def load_questions(split: str, *, data_dir: Path | None = None) -> Dataset:
    """One part, with the column `class` beside those that every corpus has.

    `data_dir` is a folder or zip file with the release's tsv files; without it the hub is asked.
    Raises `CorpusError` if they are not there or broken.
    """
    if split not in SPLITS:
        raise CorpusError(f"`split` is {split!r}; questions has {', '.join(SPLITS)}.")
    rows = _hub_rows(split) if data_dir is None else list(_local_rows(split, data_dir))
    if split in ("train", "dev"):
        rows = [row for row in rows if _is_dev(row[1]) == (split == "dev")]
    if not rows:
        raise CorpusError(f"questions {split} has no rows; get the release again.")
    texts = [question for question, _, _ in rows]
    types = [answer_type(answer) for _, _, answer in rows]
    return class_dataset(texts, list(tokenize_all(texts)), types, ANSWER_TYPES)


def _is_dev(table: str) -> bool:
    return int(hashlib.sha256(table.encode()).hexdigest(), 16) % 10 == 0


def _local_rows(split: str, data_dir: Path) -> Iterator[_Row]:
    name = _FILES[split]
    remedy = f"give `--data-dir` the folder or zip file with the release's {name}"
    source, lines = read_lines(name, data_dir, below="data", remedy=remedy)
    for number, line in enumerate(lines, start=1):
        fields = line.rstrip("\r").split("\t")
        if number == 1 and fields != _COLUMNS:
            raise CorpusError(
                f"{source}, line 1: the columns are not {', '.join(_COLUMNS)}; get the file again."
            )
        if number == 1 or (number == len(lines) and not line):
            continue
        if len(fields) != len(_COLUMNS) or not fields[1].strip():
            raise CorpusError(f"{source}, line {number}: not four fields; get the file again.")
        yield fields[1], fields[2], fields[3]


def _hub_rows(split: str) -> list[_Row]:
    rows = load_from_hub(
        _HUB,
        _HUB_SPLITS[split],
        config="random-split-1",
        revision="refs/convert/parquet",
        remedy="give `--data-dir` the folder of WikiTableQuestions' tsv files",
    )
    return [
        (row["question"], row["table"]["name"], "|".join(a.replace("|", "\\p") for a in answers))
        for row in rows
        for answers in [row["answers"]]
    ]
