"""Negated phrases and what they negate."""

from __future__ import annotations

from pathlib import Path

import pytest

from textcond.corpora.loading import load_corpus
from textcond.corpora.negated_phrases import PAIR_FEATURES, load_minimal_pairs, load_negation

TRAIN = (
    "(1 (2 It) (1 (1 (2 is) (2 not)) (3 warm)))\n"
    "(3 (2 It) (3 (2 never) (1 (1 drags) (2 on))))\n"
    "(2 (2 no) (2 reason))\n"
    "(2 (2 why) (1 (1 (2 film) (2 not)) (1 cold)))\n"
)
TEST = (
    "(1 (2 He) (1 (1 (2 Is) (2 NOT)) (3 warm)))\n"
    "(3 (2 She) (4 (2 (2 does) (2 n't)) (1 (1 drag) (2 on))))\n"
    "(0 (2 Hardly) (0 dreadful))\n"
    "(2 (2 without) (3 charm))\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, trees in (("train", TRAIN), ("test", TEST), ("dev", TEST)):
        (tmp_path / f"{split}.txt").write_text(trees)
    return tmp_path


def test_pairs_of_a_negator_and_what_it_negates(folder: Path) -> None:
    pairs = load_negation("train", data_dir=folder)
    assert pairs.features == PAIR_FEATURES
    assert pairs["text"][:] == ["is not warm", "never drags on"]
    assert pairs["label"][:] == [1, 3]
    assert pairs["unnegated_tokens"][:] == [["warm"], ["drags", "on"]]
    assert pairs["unnegated_label"][:] == [3, 1]
    assert pairs["kind"][:] == ["negated positive", "negated negative"]


def test_what_training_has_seen_is_left_out(folder: Path) -> None:
    pairs = load_negation("test", data_dir=folder)
    assert pairs["text"][:] == ["does n't drag on", "Hardly dreadful", "without charm"]
    assert pairs["kind"][:] == ["negated negative", "kept negative", "negated positive"]


def test_several_splits(folder: Path) -> None:
    assert len(load_corpus("sst-negation", "dev+test", data_dir=folder)) == 6


def test_minimal_pairs_are_many_and_even() -> None:
    pairs = load_minimal_pairs()
    assert pairs.features == PAIR_FEATURES
    assert len(pairs) == len(set(pairs["text"])) >= 40
    assert set(pairs["kind"]) == {"negated positive", "negated negative"}
    assert abs(sum(label > 2 for label in pairs["label"]) - len(pairs) / 2) <= 1
    used = {word for tokens in pairs["tokens"] for word in tokens}
    assert {"not", "n't", "never", "no", "hardly", "without", "nothing", "less", "than"} <= used
