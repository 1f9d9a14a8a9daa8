"""Confidence held against accuracy."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import random_model
from textcond.model.outputs import SENTIMENT
from textcond.model.training.batches import Examples, head_targets, predict_logits
from textcond.model.training.calibration import (
    calibrate,
    calibration_errors,
    expected_calibration_error,
    fit_temperature,
)


def test_error_by_hand() -> None:
    """Four texts at 0.9 of which one is wrong, and six at 0.6 of which three are."""
    logits = torch.logit(torch.tensor([0.9] * 4 + [0.4] * 6))
    targets = torch.tensor([1.0, 1.0, 1.0, 0.0] + [1.0, 0.0] * 3)
    expected = 0.4 * abs(0.9 - 0.75) + 0.6 * abs(0.6 - 0.5)
    assert expected_calibration_error(logits, targets) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(100_000, 2, generator=generator)
    targets = torch.bernoulli(torch.sigmoid(logits), generator=generator)
    assert fit_temperature(logits * temperature, targets, SENTIMENT) == pytest.approx(
        temperature, rel=0.02
    )


def test_a_head_that_is_always_right_or_wrong_stays_finite() -> None:
    logits, targets = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    assert 1 / 20 <= fit_temperature(logits, targets, SENTIMENT) < 0.1
    assert fit_temperature(-logits, targets, SENTIMENT) == pytest.approx(20)


def test_calibrating_divides_the_logits() -> None:
    model = random_model(seed=3, words=5)
    network = model.network
    texts = [["w0"], ["w1"], ["w1", "w2"], ["w0", "w3", "w0"], ["w4"]]
    targets = head_targets(torch.tensor([3, 1, 1, 4, 2]), 0.0)
    few = Examples.encode(texts, targets, model.vocabulary)
    assert calibrate(network, few, SENTIMENT) == 1.0  # too few to tell
    dev = Examples.encode(texts * 20, targets.repeat(20, 1), model.vocabulary)
    before = predict_logits(network, dev)
    temperature = calibrate(network, dev, SENTIMENT)
    assert temperature != 1.0
    assert torch.allclose(predict_logits(network, dev) * temperature, before, atol=1e-5)
    assert len(calibration_errors(before, dev.targets, SENTIMENT)) == 2
