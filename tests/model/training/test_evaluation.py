"""Figures of a trained network."""

from __future__ import annotations

import torch

from textcond.model.outputs import SENTIMENT
from textcond.model.training.evaluation import accuracies


def test_accuracies_by_hand() -> None:
    logits = torch.tensor([[2.0, -1.0], [-1.0, 2.0], [0.5, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert accuracies(logits, targets, SENTIMENT) == {
        "positive_accuracy": 4 / 5,
        "negative_accuracy": 4 / 5,
        "margin_accuracy": 2 / 3,
        "texts": 5,
        "polar_texts": 3,
    }
