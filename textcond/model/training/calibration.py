"""Whether a head that says 0.8 is right eight times in ten, and a temperature to make it so.

One temperature for all outputs, so that the margin between two keeps its sign.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (2017).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from textcond.model.network import TextCNN
from textcond.model.outputs import Outputs
from textcond.model.training.batches import Examples, predict_logits

BINS = 15
FEWEST_TEXTS = 100


def _binned_gap(
    confidences: Float[Tensor, " texts"], right: Float[Tensor, " texts"], least: float
) -> float:
    """Mean distance between confidence and accuracy over bins of equal width from `least` to 1."""
    bins = ((confidences - least) / (1 - least) * BINS).long().clamp(0, BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, confidences - right)
    return float(gaps.abs().sum() / len(right))


def expected_calibration_error(
    logits: Float[Tensor, " texts"], targets: Float[Tensor, " texts"]
) -> float:
    """Mean distance between a head's confidence and its accuracy, over bins of equal width.

    The confidence is the probability of the answer given, yes or no: from 0.5 to 1.
    """
    probabilities = torch.sigmoid(logits.double())
    confidences = torch.maximum(probabilities, 1 - probabilities)
    return _binned_gap(confidences, ((logits > 0) == (targets > 0)).double(), 0.5)


def calibration_errors(
    logits: Float[Tensor, "texts outputs"],
    targets: Float[Tensor, "texts outputs"],
    outputs: Outputs,
) -> list[float]:
    """`expected_calibration_error` of each head; where the outputs exclude each other, of the class
    that is predicted."""
    if outputs.softmax:
        confidences, called = logits.double().softmax(dim=1).max(dim=1)
        right = (called == targets.argmax(dim=1)).double()
        return [_binned_gap(confidences, right, 1 / logits.shape[1])]
    heads = zip(logits.T, targets.T, strict=True)
    return [expected_calibration_error(logit, target) for logit, target in heads]


def fit_temperature(
    logits: Float[Tensor, "texts outputs"],
    targets: Float[Tensor, "texts outputs"],
    outputs: Outputs,
) -> float:
    """The divisor of the logits under which the targets are likeliest; at most 20 and at least
    1/20."""
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)  # log of 1 / temperature
    optimizer = torch.optim.LBFGS([scale], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        scaled, wanted = logits.double() * scale.exp(), targets.double()
        value = (
            functional.cross_entropy(scaled, wanted)
            if outputs.softmax
            else functional.binary_cross_entropy_with_logits(scaled, wanted)
        )
        value.backward()
        return float(value.detach())

    optimizer.step(loss)
    return float((-scale.detach()).exp().clamp(1 / 20, 20))


def calibrate(network: TextCNN, dev: Examples, outputs: Outputs) -> float:
    """Divide the weights of the outputs by their temperature on the dev part, and return it.

    A dev part of fewer than `FEWEST_TEXTS` is too small to tell: then it is 1.
    """
    if len(dev) < FEWEST_TEXTS:
        return 1.0
    logits = predict_logits(network, dev)
    temperature = fit_temperature(logits, dev.targets, outputs)
    with torch.no_grad():
        network.output.weight.div_(temperature)
        if network.output.bias is not None:
            network.output.bias.div_(temperature)
    return temperature
