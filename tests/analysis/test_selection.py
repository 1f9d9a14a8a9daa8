"""Filters as features, class experts, and erasing words, by hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import SENTENCES, random_model
from textcond.attribution.ablation import ablation_scores, scores_as_removed
from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.measures import measure_filters
from textcond.attribution.prediction import logits_of_ids, predict
from textcond.attribution.quantity import quantity_of
from textcond.model.model import Model
from textcond.studies.methods.class_experts import Detection, measure_expert, sweep, whole_network
from textcond.studies.methods.filter_selection import (
    class_means,
    linear_accuracy,
    ranked_by_greatest,
    ranked_for_any,
)
from textcond.studies.methods.word_faithfulness import (
    SHARES,
    measure_faithfulness,
    polarity_probability,
)
from textcond.text.vocabulary import UNKNOWN_ID


def test_the_best_rank_in_any_class_counts() -> None:
    values = np.array([[5.0, 1.0, 0.0], [3.0, 1.0, 0.0], [0.0, 0.2, 0.3]])
    means = class_means(values, np.array([0, 0, 1]))
    assert means.tolist() == [[4.0, 1.0, 0.0], [0.0, 0.2, 0.3]]
    # Filter 0 is first in one class and filter 2 in the other, though its mean is small.
    assert ranked_for_any(means) == [0, 2, 1]
    assert ranked_by_greatest(means) == [0, 1, 2]


def test_a_linear_classifier_sees_the_chosen_filters_alone() -> None:
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 2, 200)
    features = generator.random((200, 4))
    features[:, 2] += classes
    train, test = np.arange(150), np.arange(150, 200)
    assert linear_accuracy(features, classes, [2], train, test) == 1.0
    assert linear_accuracy(features, classes, [0, 1], train, test) < 0.8


@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_scores_as_filters_are_removed(seed: int) -> None:
    model = random_model(seed)
    texts = [["w1", "w2", "w3"], ["w4", "w5"]]
    head, quantity = Head.of(model.network, torch.float64), quantity_of(model)
    pooled = measure_filters(model, texts, "activation")
    order = torch.rand(pooled.shape).argsort(dim=1)
    scores = scores_as_removed(head, pooled, order, quantity)
    assert scores.shape == (2, pooled.shape[1] + 1)
    for row in range(2):
        left = pooled[row].clone()
        for step, filter in enumerate([None, *order[row].tolist()]):
            if filter is not None:
                left[filter] = 0
            wanted = quantity.score(head.logits(head.units(left)))
            assert float(scores[row, step]) == pytest.approx(float(wanted), abs=1e-9)
    alone = ablation_scores(head, pooled, quantity).gather(1, order[:, :1])[:, 0]
    assert torch.allclose(scores[:, 0] - scores[:, 1], alone)


def test_logits_of_ids_are_those_of_the_network(sst: Model) -> None:
    rows = [sst.vocabulary.encode(text.split()) for text in SENTENCES]
    wanted = torch.stack([one.logits for one in predict(sst, [text.split() for text in SENTENCES])])
    assert torch.allclose(logits_of_ids(sst.network, rows, batch_size=3), wanted, atol=1e-9)


def _head(weights: list[list[float]]) -> Head:
    """Two classes, each the sum of its filters through a unit of its own."""
    weight = torch.tensor(weights, dtype=torch.float64)
    nothing = torch.zeros(2, dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    filter_bias = torch.zeros(weight.shape[1], dtype=torch.float64)
    return Head(filter_bias, weight, nothing, eye, nothing)


def test_an_expert_keeps_the_ends() -> None:
    head = _head([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    pooled = torch.tensor([[1.0, 2.0, 2.0], [1.0, 2.0, 0.0], [0.0, 1.0, 0.0]]).double()
    is_class = np.array([True, True, False])
    influence = np.array([0.5, -1.0, 2.0])
    detection = Detection(head, pooled, is_class, 0)
    whole = whole_network(detection)
    assert (whole.filters, whole.recall, whole.precision) == (3, 0.5, 1.0)
    assert detection.by([0, 1, 2]) == (0.5, 1.0)
    every = measure_expert(detection, influence, 3, 3)
    assert (every.positive, every.negative) == (2, 1)
    assert (every.recall, every.precision) == (0.5, 1.0)
    # Without the filter of the other class everything ties, and the first class wins.
    positive = measure_expert(detection, influence, 2, 0)
    assert (positive.recall, positive.precision) == (1.0, pytest.approx(2 / 3))
    assert positive.f1 == pytest.approx(0.8)
    nothing = measure_expert(Detection(head, pooled, is_class, 1), influence, 1, 0)
    assert (nothing.recall, nothing.precision, nothing.f1) == (0.0, 0.0, 0.0)
    found = sweep(detection, influence, [0, 1, 3])
    assert {pair: (one.positive, one.negative) for pair, one in found.items()} == {
        (0, 0): (0, 0),
        (0, 1): (0, 1),
        (0, 3): (0, 1),
        (1, 0): (1, 0),
        (1, 1): (1, 1),
        (1, 3): (1, 1),
        (3, 0): (2, 0),
        (3, 1): (2, 1),
        (3, 3): (2, 1),
    }


def test_erasing_words(sst: Model) -> None:
    texts = ["a bad film", "this is good", "never dull"]
    rows = [sst.vocabulary.encode(text.split()) for text in texts]
    outputs = np.array([1, 0, 0])
    whole = polarity_probability(sst, rows, outputs)
    # "bad", "good" and "never" first: one word is every share but the last.
    importances = [np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0])]
    found = measure_faithfulness(sst, rows, importances, outputs)
    without = [rows[0][::2], rows[1][:2], rows[2][1:]]
    alone = [rows[0][1:2], rows[1][2:], rows[2][:1]]
    for values, left in ((found.comprehensiveness, without), (found.sufficiency, alone)):
        wanted = (whole - polarity_probability(sst, left, outputs)).mean()
        assert values[0] == pytest.approx(wanted)
        assert len(values) == len(SHARES)
    baseline = polarity_probability(sst, [[], [UNKNOWN_ID]], np.array([0, 0]))
    assert baseline[0] == baseline[1]
    assert found.comprehensiveness_aopc == pytest.approx(np.mean(found.comprehensiveness))
