"""What people said of a part of a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from textcond.corpora.gold_labels import gold_of_sentences, gold_of_trees
from textcond.errors import CorpusError

TREES = (
    "(3 (2 It) (3 (2 is) (4 (2 not) (0 (2 a) (1 (0 dreadful) (2 film))))))\n"
    "(1 (3 Warm) (1 (2 but) (0 slow)))\n"
)
SENTENCES = [["It", "is", "not", "a", "dreadful", "film"], ["Warm", "but", "slow"]]
OTHER_TREE = "(2 (2 So) (2 what))\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dev.txt").write_text(TREES)
    (tmp_path / "test.txt").write_text(OTHER_TREE)
    return tmp_path


@pytest.mark.parametrize(
    ("row", "span", "polarity"),
    [
        (0, (4, 5), -1),  # dreadful
        (0, (5, 6), 0),  # film
        (0, (4, 6), -1),  # dreadful film
        (0, (3, 5), -1),  # a dreadful, inside "a dreadful film"
        (0, (2, 4), 1),  # not a, inside "not a dreadful film"
        (0, (2, 6), 1),
        (0, (1, 3), 1),  # is not, inside "is not a dreadful film"
        (0, (0, 2), 1),  # the sentence
        (1, (0, 1), 1),
        (1, (1, 2), 0),
        (1, (0, 2), -1),
        (1, (2, 3), -1),
    ],
)
def test_the_smallest_node_around_a_span(
    folder: Path, row: int, span: tuple[int, int], polarity: int
) -> None:
    gold = gold_of_trees("dev", SENTENCES, data_dir=folder)
    assert gold.polarity(row, span) == polarity


def test_several_splits_follow_one_another(folder: Path) -> None:
    gold = gold_of_trees("dev+test", [*SENTENCES, ["So", "what"]], data_dir=folder)
    assert [gold.polarity(row, (0, 2)) for row in range(3)] == [1, -1, 0]


@pytest.mark.parametrize(
    "sentences", [SENTENCES[:1], SENTENCES[::-1], [SENTENCES[0], ["warm", "but", "slow"]]]
)
def test_trees_of_other_sentences_are_refused(folder: Path, sentences: list[list[str]]) -> None:
    with pytest.raises(CorpusError) as caught:
        gold_of_trees("dev", sentences, data_dir=folder)
    assert str(caught.value) == (
        "The trees of dev are not those of the analyzed sentences; give the same split and folder "
        "as for `textcond analyze`."
    )


def test_a_sentence_s_label_holds_for_its_parts() -> None:
    gold = gold_of_sentences(np.array([1, 0, 0, -1, 1]), np.array([0, 1, 0, -1, -1]))
    assert [gold.polarity(row, (0, 1)) for row in range(5)] == [1, -1, 0, None, None]
    assert gold.polarity(0, (0, 2)) == gold.polarity(0, (1, 2)) == 1
