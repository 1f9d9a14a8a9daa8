"""WikiTableQuestions: the rules for the types of answers, the parts, broken files."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import released
from tests.corpora.release import HEAD, write
from textcond.corpora.dataset_columns import CLASS, NO_LABEL, class_names
from textcond.corpora.loading import load_corpus
from textcond.corpora.questions import ANSWER_TYPES, answer_type, load_questions
from textcond.errors import CorpusError


@pytest.mark.parametrize(
    ("type", "answers"),
    [
        (
            "numeric",
            ("7", "39,000", "-3.5", ".04", "$1,200.50", "12 %", "3rd", "17 years", "20 km"),
        ),
        ("numeric", ("2 hours, 5 minutes", "7:24", "2:05:26.8", "\u2248 400 mm", "2100", "999")),
        ("date", ("2004", "1066", "1995-96", "2002/03", "2001\u20132002", "January", "sept.")),
        (
            "date",
            ("December 7, 2012", "3 March 2009", "July 2", "15 Mar", "2008-07-20", "1/2/1999"),
        ),
        ("boolean", ("yes", "No", " TRUE ", "false")),
        (
            "string",
            ("Bangkok, Thailand", "7-1", "1 - 0", "50 Cent", "UFC 81", "May Pictures 1 x", ""),
        ),
        ("string", ("a\\pb", "-", "4k", "yes indeed", "2:34 PM")),
        ("list", ("2004|2005", "yes|no", "Chile|Peru|Bolivia")),
    ],
)
def test_the_type_of_an_answer(type: str, answers: tuple[str, ...]) -> None:
    assert {answer: answer_type(answer) for answer in answers} == dict.fromkeys(answers, type)


def test_parts_and_columns(tmp_path: Path) -> None:
    write(tmp_path)
    parts = {split: load_questions(split, data_dir=tmp_path) for split in ("train", "dev", "test")}
    assert len(parts["train"]) + len(parts["dev"]) == len(parts["test"]) == 200
    assert 5 <= len(parts["dev"]) <= 40
    assert not set(parts["train"]["text"]) & set(parts["dev"]["text"])
    first = parts["test"][0]
    assert first["tokens"] == ["how", "many", "0", "random-split-1-dev", "are", "there", "?"]
    assert [first[name] for name in ("label", "positive", "negative")] == [NO_LABEL] * 3
    assert class_names(parts["test"]) == ANSWER_TYPES
    assert parts["test"].features[CLASS].int2str(parts["test"][CLASS][:5]) == [
        *("numeric", "date", "boolean", "string", "list")
    ]


def test_from_the_release_s_archive(tmp_path: Path) -> None:
    write(tmp_path)
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        name = "random-split-1-dev.tsv"
        archive.write(tmp_path / name, f"WikiTableQuestions/data/{name}")
    folder, archive_rows = (
        load_corpus("questions", "test", data_dir=path)
        for path in (tmp_path, tmp_path / "release.zip")
    )
    assert folder["text"] == archive_rows["text"]
    with pytest.raises(CorpusError, match=r"release\.zip holds no random-split-1-train\.tsv; give"):
        load_questions("train", data_dir=tmp_path / "release.zip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the columns are not id, utterance, context, targetValue; get"),
        ("id\tquestion\n", "line 1: the columns are not id, utterance, context, targetValue; get"),
        (f"{HEAD}\na\tb\tc\n", "line 2: not four fields"),
        (f"{HEAD}\na\t \tc\td\n", "line 2: not four fields"),
        (HEAD + "\n", "questions test has no rows; get the release again"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "random-split-1-dev.tsv").write_text(content)
    with pytest.raises(CorpusError, match=message):
        load_questions("test", data_dir=tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no pristine-unseen-tables\.tsv in"):
        load_questions("unseen", data_dir=tmp_path)
    with pytest.raises(
        CorpusError, match="`split` is 'all'; questions has train, dev, test, unsee"
    ):
        load_questions("all", data_dir=tmp_path)
    (tmp_path / "random-split-1-dev.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="cannot be read"):
        load_questions("test", data_dir=tmp_path)


@pytest.fixture(scope="module")
def release() -> Path:
    """The release itself."""
    folder = released("wikitablequestions")
    if folder is None:
        pytest.skip("WikiTableQuestions is not here: put its files into data/wikitablequestions")
    return folder


def test_the_release_itself(release: Path) -> None:
    counts = {
        split: Counter(rows.features[CLASS].int2str(rows[CLASS]))
        for split in ("train", "dev", "test", "unseen")
        for rows in [load_questions(split, data_dir=release)]
    }
    assert {split: sum(count.values()) for split, count in counts.items()} == {
        "train": 10_181,
        "dev": 1_140,
        "test": 2_831,
        "unseen": 4_344,
    }
    assert counts["test"] == Counter(
        {"numeric": 1_272, "string": 1_249, "date": 181, "list": 89, "boolean": 40}
    )
