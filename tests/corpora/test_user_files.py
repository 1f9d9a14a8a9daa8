"""A user's own files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from textcond.corpora.csv_rows import SEPARATORS, read_table
from textcond.corpora.dataset_columns import FEATURES
from textcond.corpora.file_rows import Layout
from textcond.corpora.loading import load_corpus
from textcond.corpora.user_files import load_file, parts_of, summarize_file
from textcond.errors import CorpusError


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def write_bytes(folder: Path, name: str, content: str) -> Path:
    """Its line ends are left as they are."""
    path = folder / name
    path.write_bytes(content.encode())
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
    path = write(tmp_path, "a.csv", "text,label\nfine,3\ngreat,4\nso so,2\nbad,1\nawful,0\n")
    dataset = load_file(path)
    assert dataset["label"][:] == [3, 4, 2, 1, 0]
    assert dataset["positive"][:] == [1, 1, 0, 0, 0]
    assert dataset["negative"][:] == [0, 0, 0, 1, 1]


def test_without_labels(tmp_path: Path) -> None:
    dataset = load_corpus(str(write(tmp_path, "a.txt", "one text\n\nanother\n")))
    assert dataset["text"][:] == ["one text", "another"]
    assert dataset["positive"][:] == [-1, -1]


SWALLOWED = "closes in line 4, and each line between reads as a row"


@pytest.mark.parametrize(
    ("content", "texts", "labels"),
    [
        # Marks that quote nothing, as in GLUE's files
        ('text\tlabel\n" one\t1\ntwo\t0\nthree "\t1\n', ['" one', "two", 'three "'], [1, 0, 1]),
        ('text\n" one\ntwo\nthree "\n', ['" one', "two", 'three "'], [-1, -1, -1]),
        ('label\ttext\n1\t" one\n0\ttwo\n1\tthree "\n', ['" one', "two", 'three "'], [1, 0, 1]),
        ('text\tlabel\n"one\tpositive\ntwo"\tnegative\n', ['"one', 'two"'], [1, 0]),
        ('text\tlabel\n" one\t1\n\ntwo\nthree "\t0', ['" one', "two", 'three "'], [1, -1, 0]),
        ('text\tlabel\n" one\t1\ntwo\t0\n', ['" one', "two"], [1, 0]),
        ('text\tlabel\n"One" and "two"\t1\nsay "no\t0\n', ['"One" and "two"', 'say "no'], [1, 0]),
        ('text\tlabel\n" one "\t1\n"\t0\n', ['" one "', '"'], [1, 0]),
        ('text\tlabel\r\n" one\t1\r\ntwo "\t0\r\n', ['" one', 'two "'], [1, 0]),
        # Fields in quotation marks, as pandas writes them
        ('text\tlabel\n"a\nb"\t1\nc\t0\n', ["a\nb", "c"], [1, 0]),
        ('text\tlabel\n"a\tb"\t1\n"say ""no"""\t0\n', ["a\tb", 'say "no"'], [1, 0]),
        ('label\ttext\n1\t"a\n\nb ""c"""\n0\t"d"\n', ['a\n\nb "c"', "d"], [1, 0]),
        ('"text"\t"label"\n"a"\t"1"\n"b\r\nc"\t"0"\n', ["a", "b\r\nc"], [1, 0]),
    ],
)
def test_quotation_marks_in_a_tsv_file(
    tmp_path: Path, content: str, texts: list[str], labels: list[int]
) -> None:
    path = write_bytes(tmp_path, "a.tsv", content)
    rows = load_file(path)
    assert rows["text"][:] == texts
    assert rows["positive"][:] == labels
    assert summarize_file(path) == (len(texts), sum(label >= 0 for label in labels))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('text,label\n"a,\nb",1\nc,0\n', ["a,\nb", "c"]),
        ('text,label\n" a\nb ",1\n"c ""d""",0\n', [" a\nb ", 'c "d"']),
        ('label,text\n1,"a\n\nb, c"\n0,say "no"\n', ["a\n\nb, c", 'say "no"']),
        ('text,label,stars\n"a\nb",1,5\n"c,\nd,\n",0,1\n', ["a\nb", "c,\nd,\n"]),
        ('text, label\n"a, b", 1\nc, 0\n', ["a, b", "c"]),
        ('label, text\n1, "a, b"\n0, c\n', ["a, b", "c"]),
    ],
)
def test_quoted_texts_of_a_csv_file(tmp_path: Path, content: str, texts: list[str]) -> None:
    rows = load_file(write_bytes(tmp_path, "a.csv", content))
    assert rows["text"][:] == texts
    assert rows["positive"][:] == [1, 0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 'text,label\n" one,1\ntwo,0\nthree ",1\n', SWALLOWED),
        ("a.csv", 'label,text\n1,"one\n0,two\n1,three"\n', SWALLOWED),
        ("a.csv", 'text\n" one\ntwo\nthree "\n', SWALLOWED),
        ("a.csv", 'text,stars\n" one,5\ntwo,4\nthree ",5\n', SWALLOWED),
        ("a.tsv", 'text\n"one\ntwo\nthree"\n', SWALLOWED),
        ("a.tsv", 'id\ttext\n1\t"one\n2\ttwo\n3\tthree"\n', SWALLOWED),
        ("a.csv", 'text,label\n"one" and two,1\n', "2: ',' expected after"),
        ("a.csv", 'text,label\ngood,1\n"one,1\ntwo,0\n', "3: unexpected end of data"),
    ],
)
def test_quotation_marks_that_could_be_read_both_ways(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = write(tmp_path, name, content)
    for read in (load_file, summarize_file):
        with pytest.raises(CorpusError, match=rf"is broken \(line .*{message}.*\); mend"):
            read(path)


def rows_of(content: str, ending: str) -> list[tuple[str | None, ...]]:
    table = read_table(
        io.StringIO(content, newline=""),
        separator=SEPARATORS[ending],
        names=("text", "label"),
        labels=("0", "1"),
    )
    return [tuple(fields.values()) for _, fields in table.rows]


@given(
    rows=st.lists(st.tuples(st.text('a" \t\n,').map("x{}".format), st.sampled_from("01"))),
    ending=st.sampled_from([".csv", ".tsv"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read_or_refused(
    rows: list[tuple[str, str]], ending: str, quoting: Literal[0, 1]
) -> None:
    """No row is lost or changed silently."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=SEPARATORS[ending], quoting=quoting)
    writer.writerows([("text", "label"), *rows])
    try:
        found = rows_of(file.getvalue(), ending)
    except csv.Error:
        assert any("\n" in text for text, _ in rows)
    else:
        assert found == rows


@given(texts=st.lists(st.text('ab" ,').map("{}x".format)), label=st.sampled_from(["\t1", ""]))
def test_a_tsv_file_that_quotes_nothing(texts: list[str], label: str) -> None:
    header = "text\tlabel\n" if label else "text\n"
    content = header + "".join(f"{text}{label}\n" for text in texts)
    assert [row[0] for row in rows_of(content, ".tsv")] == texts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text, label\ngood, positive\nbad, negative\n"),
        ("a.csv", " Text ,LABEL\ngood,positive \nbad,negative\n"),
        ("a.csv", '\ufeff"text","Label"\n"good",1\n"bad",0\n'),
        ("a.csv", "id,text,label,\n1,good,1,\n2,bad,0,\n"),
        ("a.tsv", "Label \tTEXT\t\n1\tgood\t\n0\tbad\t\n"),
        ("a.tsv", "text\t label\ngood\t positive\nbad\t negative\n"),
    ],
)
def test_names_of_columns(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path, name, content)
    rows = load_file(path)
    assert [text.strip() for text in rows["text"]] == ["good", "bad"]
    assert rows["positive"][:] == [1, 0]
    assert summarize_file(path) == (2, 2)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("text, label,Label", "'label' and 'Label'"),
        ("Text,text", "'Text' and 'text'"),
        ("text,TEXT ,label", "'text' and 'TEXT'"),
    ],
)
def test_columns_of_one_name(tmp_path: Path, header: str, names: str) -> None:
    path = write(tmp_path, "a.csv", f"{header}\na,b,c\n")
    message = rf"a\.csv, line 1: the columns {names} are one name; rename one\."
    with pytest.raises(CorpusError, match=message):
        load_file(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text|label\ngood|1\n", r"only text\|label; part the columns with commas"),
        ("a.csv", "sentence\ngood\n", r"a\.csv has no column `text`, only sentence; name the"),
        ("a.csv", "", r"a\.csv is empty; give at least one text"),
        ("a.csv", "text,label\n", r"a\.csv has no rows; give at least one text"),
        ("a.csv", 'text,label\n"a,1\n', r"a\.csv is broken .*; mend its quotes"),
        ("a.txt", "good " * 20_001, r"a\.txt, line 1: the text has 20,001 tokens; the limit is"),
        ("a.jsonl", '{"text": "\\ud800"}\n', r"a\.jsonl, line 1: not an object with `text`"),
        ("a.csv", "text,label\na,b,c\n", r"a\.csv, line 2: the row does not have as many fields"),
        ("a.csv", "text,label\n ,1\n", r"a\.csv has no text; give at least one"),
        ("a.csv", "text,label,split\na,1,tset\n", r"a\.csv, line 2: `split` is 'tset'; it can be"),
        ("a.jsonl", '{"text": "a", "split": null}\n', r"a\.jsonl, line 1: `split` is 'None'"),
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
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8; convert it, for instance"):
        load_file(path)


def test_unknown_corpus() -> None:
    with pytest.raises(CorpusError, match="`data` is 'yelp'; it can be sst, sst-phrases, rotten"):
        load_corpus("yelp")


SEMICOLONS = "text;label;stars\ngood, really;1;5\nbad;0;1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", SEMICOLONS),
        ("a.csv", SEMICOLONS.replace(";", "\t")),
        ("a.csv", '"text";"label"\n"good, really";1\nbad;0\n'),
        ("a.tsv", SEMICOLONS),
        ("a.tsv", 'text,label\n"good, really",1\nbad,0\n'),
    ],
)
def test_separators_are_found(tmp_path: Path, name: str, content: str) -> None:
    rows = load_file(write(tmp_path, name, content))
    assert rows["text"][:] == ["good, really", "bad"]
    assert rows["positive"][:] == [1, 0]


def test_columns_by_other_names(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,Review Text,Sentiment\n1,good,pos\n2,bad,neg\n")
    layout = Layout("review text", "sentiment")
    assert load_file(path, layout=layout)["positive"][:] == [1, 0]
    assert summarize_file(path, layout=layout) == (2, 2)
    for layout, message in (
        (
            Layout("reviewtext"),
            r"no column `reviewtext` \(`Review Text`\?\), only id, Review Text",
        ),
        (Layout("review text", "sentimnt"), r"no column `sentimnt` \(`Sentiment`\?\), only id"),
        (Layout(), r"no column `text`.*; name the column with `--text-column`"),
    ):
        with pytest.raises(CorpusError, match=message):
            load_file(path, layout=layout)


def test_a_jsonl_file_with_other_keys(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"review": "good", "stars": 5}\n{"review": "x", "stars": 1}')
    assert load_file(path, layout=Layout("review", "stars"))["label"][:] == [4, 0]


@pytest.mark.parametrize("header", ["text,text", "text,id,ID", "a,text,A ,label"])
def test_no_two_columns_have_one_name(tmp_path: Path, header: str) -> None:
    width = header.count(",")
    path = write(tmp_path, "a.csv", f"{header}\n{'a,' * width}b\n")
    with pytest.raises(CorpusError, match="are one name; rename one"):
        load_file(path)


def test_empty_texts_are_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\ngood,1\n  ,0\n,1\nbad,0\n\u200b,1\n")
    told: list[str] = []
    rows = load_file(path, layout=Layout(tell=told.append))
    assert rows["text"][:] == ["good", "bad"]
    assert told[1:] == [
        f"{path}: rows without a text are left out, 3 of them, the first in line 3."
    ]
    with pytest.raises(CorpusError, match="line 3: the text is empty; remove the row"):
        load_file(path, layout=Layout(strict=True))


def test_rows_of_classes_are_not_swallowed(tmp_path: Path) -> None:
    rows = "".join(f"text {number},{'ENTY' if number % 2 else 'HUM'}\n" for number in range(9))
    path = write(tmp_path, "a.csv", f'text,label\n{rows}" one,ENTY\ntwo,HUM\nthree ",HUM\n')
    with pytest.raises(CorpusError, match="closes in line 13, and each line between reads as"):
        load_file(path)
    path = write(tmp_path, "a.tsv", path.read_text().replace(",", "\t"))
    assert load_file(path)["text"][-3:] == ['" one', "two", 'three "']


def test_a_column_of_parts(tmp_path: Path) -> None:
    content = "split,text,label\nTrain,good,1\ntrain,bad,0\nvalidation,so,1\ntest,no,0\n"
    path = write(tmp_path, "a.csv", content)
    assert parts_of(path) == {"train": 2, "dev": 1, "test": 1}
    assert load_corpus(str(path), "dev+test")["text"][:] == ["so", "no"]
    assert load_corpus(str(path))["text"][:] == ["good", "bad"]
    bare = write(tmp_path, "b.csv", "text,label\ngood,1\n")
    assert parts_of(bare) == {}
