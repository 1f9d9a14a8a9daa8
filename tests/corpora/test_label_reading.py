"""What the labels of a file are taken for, whatever their spelling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from textcond.corpora.dataset_columns import CLASS, class_names
from textcond.corpora.file_rows import Layout
from textcond.corpora.label_reading import parse_meanings, read_labels
from textcond.corpora.user_files import load_file, summarize_file
from textcond.errors import CorpusError

POLAR = {
    ("positive", "negative"): "",
    ("pos", "neg"): "'neg' is negative, 'pos' is positive",
    ("Positive", "NEGATIVE"): "'NEGATIVE' is negative, 'Positive' is positive",
    ("1", "0"): "'0' is negative, '1' is positive",
    ("1.0", "0.0"): "'0.0' is negative, '1.0' is positive",
    ("True", "False"): "'False' is negative, 'True' is positive",
    ("+1", "-1"): "'+1' is positive, '-1' is negative",
}
STRENGTHS = {
    ("4", "0", "2"): [4, 0, 2],
    ("5", "1", "3"): [4, 0, 2],  # stars
    ("4 stars", "1 star", "5 stars"): [3, 0, 4],
    ("5.0", "1.0", "2.0"): [4, 0, 1],
    ("1", "-1", "0"): [3, 1, 2],
    ("positive", "negative", "neutral"): [3, 1, 2],
    ("POS", "Neg", "neu"): [3, 1, 2],
    ("very positive", "Very_Negative", "neutral"): [4, 0, 2],
}
CLASSES = {
    ("LOC", "ABBR", "NUM"): ("ABBR", "LOC", "NUM"),
    ("1", "2", "3"): ("1", "2", "3"),  # stars without a 5, or a scale without a 0
    ("0", "1", "2"): ("0", "1", "2"),
    ("10", "9", "2"): ("2", "9", "10"),
    ("positive", "negative", "mixed"): ("mixed", "negative", "positive"),
    ("spam", "ham"): ("ham", "spam"),
    ("yes", "no"): ("no", "yes"),
    ("café", "thé"): ("café", "thé"),
}


def write(folder: Path, labels: tuple[str, ...]) -> Path:
    path = folder / "a.csv"
    rows = [f"text {number},{label}" for number, label in enumerate(labels)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("labels", POLAR)
@pytest.mark.parametrize("blank", ["", " "])
def test_a_polarity_in_any_spelling(tmp_path: Path, labels: tuple[str, str], blank: str) -> None:
    told: list[str] = []
    path = write(tmp_path, tuple(f"{blank}{label}{blank}" for label in labels))
    rows = load_file(path, layout=Layout(tell=told.append))
    assert rows["positive"][:] == [1, 0]
    assert rows["negative"][:] == [0, 1]
    assert told == ([f"Labels: {POLAR[labels]}."] if POLAR[labels] else [])


@pytest.mark.parametrize("labels", STRENGTHS)
def test_a_polarity_of_some_strength(tmp_path: Path, labels: tuple[str, ...]) -> None:
    told: list[str] = []
    rows = load_file(write(tmp_path, labels), layout=Layout(tell=told.append))
    assert rows["label"][:] == STRENGTHS[labels]
    assert rows["positive"][:] == [label > 2 for label in STRENGTHS[labels]]
    assert bool(told) == (labels != ("positive", "negative", "neutral"))


@pytest.mark.parametrize("labels", CLASSES)
def test_everything_else_is_a_class(tmp_path: Path, labels: tuple[str, ...]) -> None:
    told: list[str] = []
    rows = load_file(write(tmp_path, labels), layout=Layout(tell=told.append))
    names = CLASSES[labels]
    assert class_names(rows) == names
    assert [names[place] for place in rows[CLASS]] == list(labels)
    assert {*rows["positive"]} == {-1}
    assert told == [f"Labels: {len(names)} classes, {', '.join(names)}."]


def test_spellings_of_one_class_are_one() -> None:
    labels = read_labels(["Spam", "spam", "ham", "SPAM"])
    assert labels.names == ("ham", "SPAM")
    assert {labels.value(label) for label in ("Spam", "spam", "SPAM")} == {1}
    assert labels.note == "2 classes, ham, SPAM; 'Spam' is SPAM; 'spam' is SPAM"


def test_meanings_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, ("1", "2", "3", "4", "5", ""))
    text = "1=negative, 2=negative, 3=neutral,4=positive,5=positive"
    told: list[str] = []
    rows = load_file(path, layout=Layout(meanings=parse_meanings(text), tell=told.append))
    assert rows["positive"][:] == [0, 0, 0, 1, 1, -1]
    assert rows["negative"][:] == [1, 1, 0, 0, 0, -1]
    assert told == []
    own = Layout(meanings={str(n): "odd" if n % 2 else "even" for n in range(1, 6)})
    assert class_names(load_file(path, layout=own)) == ("even", "odd")
    assert summarize_file(path, layout=own) == (6, 5)


@pytest.mark.parametrize(
    ("labels", "layout", "message"),
    [
        (("1", "6"), Layout(meanings={"1": "a", "2": "b"}), "line 3: the label '6' has no mean"),
        (("a", "B", "x"), Layout(names=("A", "B")), "line 4: the label 'x' is none of A, B;"),
        (
            ("a", "B"),
            Layout(names=("A", "B"), meanings={"a": "positive", "b": "B"}),
            "line 2: 'positive', the meaning of the label 'a' in `labels`, is none of A, B; give",
        ),
        (tuple(f"t{n}" for n in range(101)), Layout(), "line 2: the labels are 101 different"),
        (("a", "b" * 101), Layout(), "line 3: the label 'b+'… has 101 characters and may be"),
    ],
)
def test_what_is_no_label(
    tmp_path: Path, labels: tuple[str, ...], layout: Layout, message: str
) -> None:
    path = write(tmp_path, labels)
    for read in (load_file, summarize_file):
        with pytest.raises(CorpusError, match=message):
            read(path, layout=layout)


@pytest.mark.parametrize("text", ["", " , ", "1", "1=", "=a", "1=a,2"])
def test_meanings_that_are_none(text: str) -> None:
    with pytest.raises(CorpusError, match="write each label with its meaning"):
        parse_meanings(text)


@pytest.mark.parametrize("label", [True, 1, 1.0, "1", "pos"])
def test_values_of_json(tmp_path: Path, label: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "good", "label": label}))
    assert load_file(path)["positive"][:] == [1]


def test_a_list_of_labels_is_not_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good", "label": ["a", "b"]}')
    with pytest.raises(CorpusError, match=r"line 1: .*`label` is not one label.*; mend the line"):
        load_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,10\nb,1\nc,2\n", r"a\.csv, line 3: the label '1' has no meaning"),
        ("a,x|1\nb,10\nc,1\n", r"a\.csv, line 4: the label '1' has no meaning"),
    ],
)
def test_the_line_of_a_label_is_that_of_the_whole_label(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + content)
    meanings = {"10": "a", "2": "b", "x|1": "c"}
    with pytest.raises(CorpusError, match=message):
        load_file(path, layout=Layout(meanings=meanings))


def test_several_labels_a_text(tmp_path: Path) -> None:
    layout = Layout(separator="|")
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x | y\nb,y\nc,\n")
    lines = tmp_path / "a.jsonl"
    lines.write_text(
        '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": "y"}\n{"text": "c"}\n'
    )
    for file in (path, lines):
        rows = load_file(file, layout=layout)
        assert rows["classes"][:] == [[0, 1], [1], []]
        assert rows.features["classes"].feature.names == ["x", "y"]
    lines.write_text('{"text": "a", "label": ["x"]}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl, line 1: .*`label` is not one label"):
        load_file(lines)
    for content in ("a,\nb,\n", "a,x\nb,x\n"):
        path.write_text("text,label\n" + content)
        with pytest.raises(CorpusError, match="there are not two labels in the whole column"):
            load_file(path, layout=layout)
    path.write_text("text,label\na,x\nb,y|z\n")
    with pytest.raises(CorpusError, match=r"line 3: the label 'z' is none of x, y"):
        load_file(path, layout=Layout(separator="|", names=("x", "y")))
