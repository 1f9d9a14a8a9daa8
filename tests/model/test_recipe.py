"""What follows the corpus where nothing is said: how often it is read, and what a text weighs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textcond.model import training
from textcond.model.batches import Examples
from textcond.model.recipe import fitted
from textcond.model.training import TrainingData


@pytest.mark.parametrize(
    ("texts", "given", "epochs", "batch_size"),
    [
        (10, {}, 60, 32),
        (3_016, {}, 43, 32),
        (40_000, {}, 5, 32),
        (60_000, {}, 9, 128),
        (150_000, {}, 5, 128),
        (3_016, {"epochs": 3}, 3, 32),
        (3_016, {"batch_size": 16}, 22, 16),
    ],
)
def test_small_corpora_are_read_more_often(
    texts: int, given: dict[str, int], epochs: int, batch_size: int
) -> None:
    recipe = fitted(texts, seed=3, **given)
    assert (recipe.epochs, recipe.batch_size, recipe.seed) == (epochs, batch_size, 3)
    assert recipe.patience == epochs
    assert fitted(texts, patience=2).patience == 2


def test_classes_that_weigh_the_same() -> None:
    """Nine texts of ten are of one class: without weights that is the answer to all of them."""
    targets = torch.tensor([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)
    weights = training._class_weights(targets)
    assert weights.tolist() == pytest.approx([100 / 180, 5.0, 0.0])
    logits = torch.zeros(100, 2)
    examples = Examples(np.zeros(100, np.int64), np.arange(101), targets)
    data = TrainingData(examples, examples, softmax=True)
    plain, weighted = (training._loss(logits, targets, data, w) for w in (None, weights))
    assert float(plain) == pytest.approx(float(weighted)) == pytest.approx(np.log(2))
    with_neutral = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2 + [[0.0, 0.0]] * 4)
    assert training._class_weights(with_neutral).tolist() == pytest.approx([4 / 3, 4 / 3, 2 / 3])
