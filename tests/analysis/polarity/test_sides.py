"""The two sides of a score, in the network's answers and in labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from tests.conftest import random_model
from textcond.analysis.polarity.sides import gold_of_analysis, sides_of, sides_of_analysis
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.quantity import quantity_of
from textcond.model.model import Model
from textcond.model.outputs import Outputs

LOGITS = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, -1.0], [0.0, -1.0, 3.0], [-1.0, -1.0, -2.0]])


@pytest.mark.parametrize(
    ("target", "softmax", "first", "second"),
    [
        ("a:b", True, [1, 0, 1, 0], [0, 1, 0, 0]),
        ("a", True, [1, 0, 0, 1], [0, 1, 1, 0]),
        ("b:rest", True, [0, 1, 0, 1], [1, 0, 1, 0]),
        ("a", False, [1, 1, 0, 0], [0, 0, 1, 1]),
    ],
)
def test_what_the_network_calls(
    target: str, softmax: bool, first: list[int], second: list[int]
) -> None:
    model = replace(random_model(0, classes=3), outputs=Outputs(("a", "b", "c"), softmax))
    sides = sides_of(model, quantity_of(model, target))
    assert sides.sense == 1
    assert sides.calls_first(LOGITS).astype(int).tolist() == first
    assert sides.calls(LOGITS, sides.names[1]).astype(int).tolist() == second


def test_the_sides_of_a_sentiment_model() -> None:
    model = random_model(0)
    for target, sense in (
        ("margin", 1),
        ("positive", 1),
        ("negative", -1),
        ("negative:positive", -1),
    ):
        sides = sides_of(model, quantity_of(model, target))
        assert (sides.names, sides.sense) == (("positive", "negative"), sense)


def analysis_of(model: Model, folder: Path, rows: Dataset, target: str) -> CorpusConductance:
    return CorpusConductance.compute(model, rows, folder / target.replace(":", "_"), target=target)


def test_the_labels_of_classes(tmp_path: Path) -> None:
    model = random_model(0, classes=3)
    feature = ClassLabel(names=["a", "b", "c", "other"])
    features = Features({"text": Value("string"), "class": feature})
    columns = {"text": ["w1", "w2", "w3", "w4", "w5"], "class": [0, 1, 2, -1, 3]}
    rows = Dataset.from_dict(columns, features=features)
    for target, wanted in (
        ("a", [1, -1, -1, None, None]),
        ("a:rest", [1, -1, -1, None, None]),
        ("a:b", [1, -1, 0, None, None]),
    ):
        analysis = analysis_of(model, tmp_path, rows, target)
        assert analysis.classes() == [["a"], ["b"], ["c"], [], ["other"]]
        assert [one.class_names for one in analysis.sentences([0, 3])] == [("a",), ()]
        gold = gold_of_analysis(model, analysis)
        assert [gold.polarity(row, (0, 1)) for row in range(5)] == wanted
        sides, known = sides_of_analysis(model, analysis).of_labels(analysis)
        assert sides[~known].tolist() == [0, 0]


def test_the_labels_of_several_classes_a_text(tmp_path: Path) -> None:
    model = replace(random_model(0, classes=3), outputs=Outputs(("a", "b", "c")))
    feature = List(ClassLabel(names=["a", "b", "c"]))
    features = Features({"text": Value("string"), "classes": feature})
    columns = {"text": ["w1", "w2", "w3", "w4"], "classes": [[0, 1], [1], [], [2]]}
    rows = Dataset.from_dict(columns, features=features)
    for target, wanted in (("a", [1, -1, -1, -1]), ("a:b", [0, -1, 0, 0])):
        gold = gold_of_analysis(model, analysis_of(model, tmp_path, rows, target))
        assert [gold.polarity(row, (0, 1)) for row in range(4)] == wanted


def test_a_corpus_without_classes_has_none(tmp_path: Path) -> None:
    model = random_model(0, classes=3)
    rows = Dataset.from_dict({"text": ["w1", "w2"]})
    analysis = analysis_of(model, tmp_path, rows, "a")
    assert analysis.classes() == [[], []]
    gold = gold_of_analysis(model, analysis)
    assert [gold.polarity(row, (0, 1)) for row in range(2)] == [None, None]
