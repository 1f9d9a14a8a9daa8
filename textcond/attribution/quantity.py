"""The quantity of interest: the one score that is explained.

A target names an output (`positive`, `negative`, or a class), the `margin` between the two
heads, or one class against another (`date:string`): the comparative quantity of interest of
Leino et al. 2018, §IV-B. It is read as a logit or as a probability; a difference of
probabilities is the probability of the first less that of the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from textcond.errors import QuantityError
from textcond.model.checkpoint import POLARITY_HEADS, Model

Output = Literal["logit", "probability"]
MARGIN = "margin"

_NODES, _PANEL = 16, 4.0
"""A softmax is integrated by Gauss-Legendre with so many nodes on every so many logits by which
its outputs move apart. Its nearest pole is π away, so the error is about (π/2 + √(π²/4 + 1))^-32,
which is below rounding."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A weighted sum of the outputs, each read as a logit or as a probability."""

    target: str
    output: Output
    weights: tuple[float, ...]
    """One for each output of the network, for instance (1, -1) for the margin."""
    softmax: bool
    """Whether a probability is one of a softmax over the outputs or a sigmoid."""

    def score(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch"]:
        """The quantity's value."""
        return self._read(logits) @ logits.new_tensor(self.weights)

    def gradient(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch outputs"]:
        """How fast the score rises with each logit."""
        weights = logits.new_tensor(self.weights)
        if self.output == "logit":
            return weights.expand_as(logits)
        probabilities = self._read(logits)
        if not self.softmax:
            return weights * probabilities * (1 - probabilities)
        return probabilities * (weights - (probabilities @ weights)[..., None])

    def mean_gradient(
        self,
        start: Float[Tensor, "*batch outputs"],
        end: Float[Tensor, "*batch outputs"],
    ) -> Float[Tensor, "*batch outputs"]:
        """The mean of `gradient` along the straight line between two vectors of logits.

        Exact for logits and for the heads' probabilities; to rounding for a softmax.
        """
        if self.output == "logit":
            return start.new_tensor(self.weights).expand_as(start)
        if not self.softmax:
            return start.new_tensor(self.weights) * _sigmoid_slope(start, end)
        return self._integrated(start.flatten(0, -2), end.flatten(0, -2)).view_as(start)

    def _integrated(
        self, start: Float[Tensor, "pieces outputs"], end: Float[Tensor, "pieces outputs"]
    ) -> Float[Tensor, "pieces outputs"]:
        """Gauss-Legendre on panels short enough for the softmax, as many as each piece needs."""
        steps = end - start
        panels = ((steps.amax(-1) - steps.amin(-1)) / _PANEL).ceil().clamp(min=1).long()
        piece = torch.arange(len(panels)).repeat_interleave(panels)
        index = torch.arange(len(piece)) - (panels.cumsum(0) - panels)[piece]
        share = (1 / panels.to(start.dtype))[piece, None]
        low = start[piece] + steps[piece] * share * index[:, None]
        total = torch.zeros_like(start)
        for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
            gradient = self.gradient(low + steps[piece] * share * ((node + 1) / 2))
            total.index_add_(0, piece, gradient * share * (weight / 2))
        return total

    def _read(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch outputs"]:
        if self.output == "logit":
            return logits
        return logits.softmax(-1) if self.softmax else logits.sigmoid()


def quantity_of(model: Model, target: str = MARGIN, output: str = "logit") -> Quantity:
    """The quantity that the two names mean for this model; `QuantityError` if they mean none."""
    if output not in get_args(Output):
        raise QuantityError(f"`output` is {output!r}; it can be logit or probability.")
    reading: Output = "logit" if output == "logit" else "probability"
    plus, separator, minus = target.partition(":")
    if target == MARGIN and model.outputs == POLARITY_HEADS:
        plus, separator, minus = "positive", ":", "negative"
    names = model.outputs
    if plus not in names or (separator and minus not in names) or plus == minus:
        margin = f"{MARGIN}, " if names == POLARITY_HEADS else ""
        raise QuantityError(
            f"`target` is {target!r}; this model has {margin}{', '.join(names)}, "
            f"or one against another, for instance {names[0]}:{names[-1]}."
        )
    weights = tuple(float(name == plus) - float(name == minus) for name in names)
    return Quantity(target, reading, weights, model.softmax)


def _sigmoid_slope(start: Tensor, end: Tensor) -> Tensor:
    """(σ(end) - σ(start)) / (end - start), without cancellation, and σ' where they meet."""
    high, low = torch.maximum(start, end), torch.minimum(start, end)
    gap = high - low
    # σ(high) - σ(low) = σ(high) σ(-low) (1 - exp(low - high))
    decline = torch.where(gap > 0, -torch.expm1(-gap) / torch.where(gap > 0, gap, 1.0), 1.0)
    return high.sigmoid() * (-low).sigmoid() * decline
