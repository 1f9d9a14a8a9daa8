"""Which rows of a user's files are trained on, chosen by, and measured on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from textcond.corpora.dataset_columns import CLASS, class_names
from textcond.corpora.file_rows import Layout
from textcond.corpora.splits import file_parts
from textcond.errors import CorpusError


def write(path: Path, classes: dict[str, int], *, split: str = "") -> Path:
    """Rows of each class, with a column of parts if one is named."""
    header = "text,label" + (",split" if split else "")
    rows = [
        f"{path.stem} {label} {number},{label}" + (f",{split}" if split else "")
        for label, count in classes.items()
        for number in range(count)
    ]
    path.write_text("\n".join([header, *rows]))
    return path


def test_a_tenth_of_each_class_is_drawn(tmp_path: Path) -> None:
    parts = file_parts(write(tmp_path / "a.csv", {"x": 100, "y": 40, "z": 5}))
    names = class_names(parts.train)
    counts = [
        Counter(names[place] for place in part[CLASS])
        for part in (parts.train, parts.dev, parts.test)
    ]
    assert counts == [{"x": 80, "y": 32, "z": 4}, {"x": 10, "y": 4, "z": 1}, {"x": 10, "y": 4}]
    texts = [set(part["text"]) for part in (parts.train, parts.dev, parts.test)]
    assert len(set.union(*texts)) == 145
    drawn = "a tenth of the rows of each class, drawn at random"
    assert parts.source == f"Dev is {drawn}. Test is {drawn}."
    again = file_parts(tmp_path / "a.csv")
    assert again.dev["text"][:] == parts.dev["text"][:]


def test_files_beside_it(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", {"x": 20, "y": 20})
    dev, test = (write(tmp_path / f"{name}.csv", {"y": 3}) for name in ("d", "t"))
    parts = file_parts(data, dev=dev, test=test)
    assert (len(parts.train), len(parts.dev), len(parts.test)) == (40, 3, 3)
    assert class_names(parts.dev) == ("x", "y")  # the labels of all files together
    assert parts.source == "Dev is d.csv. Test is t.csv."
    parts = file_parts(data, test=test)
    assert (len(parts.train), len(parts.dev), len(parts.test)) == (36, 4, 3)


def test_a_column_says_it(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    rows = [f"{number},{number % 2},{'val' if number > 30 else 'train'}" for number in range(40)]
    data.write_text("\n".join(["text,label,split", *rows]))
    parts = file_parts(data)
    assert {*map(int, parts.dev["text"])} == {*range(31, 40)}
    assert (len(parts.train), len(parts.test)) == (27, 4)
    assert parts.source.startswith("Dev is the rows whose `split` is dev. Test is a tenth of")


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", {"x": 20, "y": 20, "": 7})
    told: list[str] = []
    parts = file_parts(data, layout=Layout(tell=told.append))
    assert len(parts.train) + len(parts.dev) + len(parts.test) == 40
    assert told[1:] == [f"{data}: rows without a label are left out, 7 of them."]


def test_what_does_not_go_together(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", {"x": 10, "y": 10}, split="train")
    other = write(tmp_path / "b.csv", {"x": 3, "y": 3})
    with pytest.raises(CorpusError, match=r"has a column `split`, and `--dev` is .*b\.csv; leave"):
        file_parts(data, dev=other)
    with pytest.raises(CorpusError, match=r"b\.csv has 6 labelled rows to train on; training"):
        file_parts(other)
    with pytest.raises(CorpusError, match="no row whose `split` is train; give some"):
        file_parts(write(tmp_path / "c.csv", {"x": 10, "y": 10}, split="test"))


def test_texts_in_two_parts_are_told(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", {"x": 20, "y": 20})
    told: list[str] = []
    dev = write(tmp_path / "d.csv", {"x": 3})
    test = tmp_path / "t.csv"
    test.write_text("text,label\nA X  3,x\na y 4,y\nnew,x\n")
    file_parts(data, dev=dev, test=test, layout=Layout(tell=told.append))
    assert told[1:] == [
        "2 of the 3 test texts are training texts too, so figures of the test part may be too good."
    ]
