"""What a text weighs in the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textcond.model.training.loss import class_weights, loss_of


def test_classes_that_weigh_the_same() -> None:
    """Nine texts of ten are of one class: without weights that is the answer to all of them."""
    targets = torch.tensor([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)
    weights = class_weights(targets)
    assert weights.tolist() == pytest.approx([100 / 180, 5.0, 0.0])
    logits = torch.zeros(100, 2)
    plain, weighted = (loss_of(logits, targets, softmax=True, weights=w) for w in (None, weights))
    assert float(plain) == pytest.approx(float(weighted)) == pytest.approx(np.log(2))
    with_neutral = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2 + [[0.0, 0.0]] * 4)
    assert class_weights(with_neutral).tolist() == pytest.approx([4 / 3, 4 / 3, 2 / 3])
