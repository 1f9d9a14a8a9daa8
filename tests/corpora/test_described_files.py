"""docs/files.md shows how files are read: every row of its tables is tried."""

from __future__ import annotations

import codecs
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from textcond.corpora.file_rows import Layout
from textcond.corpora.label_reading import parse_meanings
from textcond.corpora.user_files import labels_of, load_file, parts_of
from textcond.errors import CorpusError

ENCODINGS = ("UTF-8", "UTF-16", "Latin-1")
ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| `(?P<content>.*)` \| `?(?P<options>[^|`]*)`? \| (?P<done>.*) \|$"
)


def described() -> list[tuple[str, str, str, str]]:
    lines = (ROOT / "docs" / "files.md").read_text(encoding="utf-8").splitlines()
    rows = [match for line in lines if (match := ROW.match(line))]
    return [(row["name"], row["content"], row["options"].strip(), row["done"]) for row in rows]


def outcome(name: str, content: str, options: str) -> str:
    """What is told about a file with such a content."""
    encoding = options if options in ENCODINGS else "UTF-8"
    told: list[str] = []
    layout = layout_of(options.split() if options.startswith("--") else [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        text = re.sub(
            r"\\u[0-9a-f]{4}|\\[rnt]", lambda one: codecs.decode(one[0], "unicode_escape"), content
        )
        path.write_bytes(text.encode(encoding))
        layout = replace(layout, tell=told.append)
        try:
            labels = labels_of([path], layout=layout)
            parts_of(path, layout=layout)
            rows = load_file(path, layout=layout, labels=labels)
        except CorpusError as error:
            return f"refused: {str(error).replace(str(path), name)}"
    unlabelled = not any(value >= 0 for value in rows["class" if labels.names else "positive"])
    if unlabelled:
        told.append("There is no label.")
    return " ".join(dict.fromkeys(told)).replace(str(path), name) or "Read as it is written."


def layout_of(options: list[str]) -> Layout:
    layout = Layout()
    while options:
        option = options.pop(0)
        if option == "--strict":
            layout = replace(layout, strict=True)
        elif option == "--labels":
            layout = replace(layout, meanings=parse_meanings(options.pop(0)))
        else:
            layout = replace(layout, **{option[2:].removesuffix("-column"): options.pop(0)})
    return layout


def test_there_are_rows() -> None:
    assert len(described()) >= 40


@pytest.mark.parametrize(("name", "content", "options", "done"), described())
def test_what_is_read_how(name: str, content: str, options: str, done: str) -> None:
    assert outcome(name, content, options) == done
