"""A user's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from textcond.corpora.columns import FEATURES
from textcond.corpora.files import load_file, summarize_file
from textcond.corpora.loading import load_corpus
from textcond.errors import CorpusError


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"good, really",positive\nbad,negative\n'),
        ("a.csv", '\ufefflabel,text\n1,"good, really"\n0,bad\n'),
        ("a.tsv", "text\tlabel\ngood, really\tpositive\nbad\tnegative\n"),
        (
            "a.jsonl",
            '{"text": "good, really", "label": 1}\n\n{"text": "bad", "label": "negative"}\n',
        ),
    ],
)
def test_polar_files(tmp_path: Path, name: str, content: str) -> None:
    dataset = load_file(write(tmp_path, name, content))
    assert dataset.features == FEATURES
    assert dataset["text"][:] == ["good, really", "bad"]
    assert dataset["tokens"][0] == ["good", ",", "really"]
    assert dataset["positive"][:] == [1, 0]
    assert dataset["negative"][:] == [0, 1]
    assert dataset["label"][:] == [-1, -1]


def test_five_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\nfine,3\ngreat,4\nso so,2\nbad,1\n")
    dataset = load_file(path)
    assert dataset["label"][:] == [3, 4, 2, 1]
    assert dataset["positive"][:] == [1, 1, 0, 0]
    assert dataset["negative"][:] == [0, 0, 0, 1]


def test_without_labels(tmp_path: Path) -> None:
    dataset = load_corpus(str(write(tmp_path, "a.txt", "one text\n\nanother\n")))
    assert dataset["text"][:] == ["one text", "another"]
    assert dataset["positive"][:] == [-1, -1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "sentence\ngood\n", r"a\.csv has no column `text`, only sentence; name the"),
        ("a.csv", "", r"a\.csv is empty; give at least one text"),
        ("a.csv", "text,label\n", r"a\.csv has no rows; give at least one text"),
        ("a.csv", "text,label\ngood,9\n", r"a\.csv, line 2: the label is '9'; use only 0 to 4"),
        (
            "a.csv",
            "text,label\ngood,4\nbad,\n",
            r"a\.csv, line 3: the label is ''; use only 0",
        ),
        ("a.csv", "text,label\na,1\nb,neutral\n", r"a\.csv, line 2: the label is '1'; use only"),
        ("a.csv", 'text,label\n"a,1\n', r"a\.csv is broken .*; mend its quotes"),
        ("a.txt", "good " * 20_001, r"a\.txt, line 1: the text has 20,001 tokens; the limit is"),
        ("a.jsonl", '{"text": "\\ud800"}\n', r"a\.jsonl, line 1: not an object with `text`"),
        ("a.csv", "text,label\na,b,c\n", r"a\.csv, line 2: the row does not have as many fields"),
        ("a.csv", "text,label\n ,1\n", r"a\.csv, line 2: the text is empty; remove the row"),
        ("a.jsonl", '{"text": "a"}\n{"text"\n', r"a\.jsonl, line 2: not an object with `text`"),
        ("a.jsonl", '{"label": 1}\n', r"a\.jsonl, line 1: not an object with `text`"),
        ("a.jsonl", "[1]\n", r"a\.jsonl, line 1: not an object with `text` \(it is \[1\]\); mend"),
        ("a.jsonl", '{"text": 3}\n', r"a\.jsonl, line 1: not an object with `text`"),
        ("a.doc", "good\n", r"a\.doc is none of \.csv, \.tsv, \.jsonl, \.txt; convert it"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load_file(write(tmp_path, name, content))


def test_an_ending_in_capitals(tmp_path: Path) -> None:
    rows = load_file(write(tmp_path, "A.TSV", "text\tlabel\nA fine, good film\tpositive\n"))
    assert rows["tokens"][0] == ["A", "fine", ",", "good", "film"]


def test_a_field_longer_than_csv_takes_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text\n" + "wonderful " * 19_000)
    assert len(load_file(path)["tokens"][0]) == 19_000
    assert summarize_file(path) == (1, 0)
    long = write(tmp_path, "b.csv", "text\ngood\n" + "good " * 30_000)
    for read in (load_file, summarize_file):
        with pytest.raises(CorpusError, match=r"line 3: the text has 30,000 tokens; the limit"):
            read(long)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no file .*; check the path"):
        load_file(tmp_path / "none.csv")


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(CorpusError, match=r"a\.txt cannot be read .*; save it as UTF-8"):
        load_file(path)


def test_unknown_corpus() -> None:
    with pytest.raises(CorpusError, match="`data` is 'yelp'; it can be sst, sst-phrases, rotten"):
        load_corpus("yelp")
