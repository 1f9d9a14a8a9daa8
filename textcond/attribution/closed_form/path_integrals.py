"""Exact integrals along the straight path from the zero embedding to a text.

At the point α of the path the winning window of every filter is the one at α = 1, so the
pooled output of filter f is h_f(α) = max(0, b_f + α m_f). A filter therefore switches on or
off once at most, at its kink -b_f / m_f, and between two kinks every hidden unit is linear in
α. The path falls into pieces on which everything is known in closed form; sorting the kinks
and running sums make this O(F log F + F·H) a text, for F filters and H hidden units.

A hidden unit that is zero on a whole piece is off there, by the definition of its derivative.
Sums of rounded numbers would leave 1e-17 of it, which is on; so where a unit is that near to zero,
its sums are taken without rounding. Probabilities cut the pieces further, where a unit crosses
zero: on what is left every logit is linear, and the mean of a sigmoid's slope has a closed form.
All of this is in float64, whatever the precision of the filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from textcond.attribution.closed_form.compiled_paths import LOGITS, SIGMOIDS, SOFTMAX, walk
from textcond.attribution.closed_form.compiled_pooling import find_kinks, outputs
from textcond.attribution.quantity import Quantity
from textcond.errors import ModelError
from textcond.model.network import TextCNN, bias_of


@dataclass(frozen=True, slots=True)
class Head:
    """The layers from the pooled filters up, and the filters' biases, in one precision."""

    filter_bias: Float[Tensor, " filters"]
    hidden_weight: Float[Tensor, "hidden filters"]
    hidden_bias: Float[Tensor, " hidden"]
    output_weight: Float[Tensor, "outputs hidden"]
    output_bias: Float[Tensor, " outputs"]

    @classmethod
    def of(cls, network: TextCNN, dtype: torch.dtype) -> Head:
        """Raises `ValueError` for a type other than float32 and float64."""
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"`dtype` is {dtype}; it can be torch.float32 or torch.float64.")
        return cls(
            network.filter_bias.to(dtype),
            network.hidden.weight.to(dtype),
            bias_of(network.hidden).to(dtype),
            network.output.weight.to(dtype),
            bias_of(network.output).to(dtype),
        )

    def pooled(self, strengths: Float[Tensor, "*batch filters"]) -> Float[Tensor, "*batch filters"]:
        """The filters' outputs, from what their winning windows' words give them."""
        return functional.relu(strengths + self.filter_bias)

    def units(self, pooled: Float[Tensor, "*batch filters"]) -> Float[Tensor, "*batch hidden"]:
        """The hidden units before their ReLU."""
        return functional.linear(pooled, self.hidden_weight, self.hidden_bias)

    def logits(self, units: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch outputs"]:
        return functional.linear(functional.relu(units), self.output_weight, self.output_bias)


@dataclass(frozen=True, slots=True)
class PathIntegrals:
    """What one quantity does along the paths of a batch."""

    logits: Float[Tensor, "batch outputs"]
    """At the text, and so is `score`."""
    score: Float[Tensor, " batch"]
    baseline_score: Float[Tensor, ""]
    """At the zero embedding."""
    flow: Float[Tensor, "batch filters"]
    """∫ ∂score/∂h_f over the part of the path where filter f is on; times the filter's strength
    this is its conductance."""
    influence: Float[Tensor, "batch filters"]
    """∫ ∂score/∂h_f over the whole path: the internal influence of the pooled filter."""


def integrate(
    head: Head, strengths: Float[Tensor, "batch filters"], quantity: Quantity
) -> PathIntegrals:
    """The integrals for each text of a batch, given its filters' strengths m_f."""
    exact = np.zeros((1 + len(strengths), strengths.shape[1]))
    exact[1:] = strengths.numpy()  # a text of no strength is the zero embedding
    layers = _Layers.of(head)
    found = np.empty((len(exact), len(head.output_bias)))
    outputs(exact, layers, found)
    logits = torch.from_numpy(found)
    scores = quantity.score(logits).to(strengths.dtype)  # the baseline's first
    logits = logits[1:].to(strengths.dtype)
    if not logits.isfinite().all():
        raise ModelError(f"A logit overflows {logits.dtype}; use float64 or train again.")
    kinks, flow, influence = (np.empty_like(exact[1:]) for _ in range(3))
    find_kinks(exact[1:], layers.bias, kinks)
    weights = np.array(quantity.weights)
    order = kinks.argsort(axis=1)
    walk(exact[1:], layers, _reading(quantity), weights, kinks, order, flow, influence)
    return PathIntegrals(
        logits=logits,
        score=scores[1:],
        baseline_score=scores[0],
        flow=torch.from_numpy(flow).to(strengths.dtype),
        influence=torch.from_numpy(influence).to(strengths.dtype),
    )


def _reading(quantity: Quantity) -> int:
    if quantity.output == "logit":
        return LOGITS
    return SOFTMAX if quantity.softmax else SIGMOIDS


class _Layers(NamedTuple):
    """A head as the compiled loops take it, in float64."""

    bias: Float[np.ndarray, " filters"]
    weight: Float[np.ndarray, "filters hidden"]
    hidden_bias: Float[np.ndarray, " hidden"]
    output_weight: Float[np.ndarray, "outputs hidden"]
    output_bias: Float[np.ndarray, " outputs"]

    @classmethod
    def of(cls, head: Head) -> _Layers:
        parts = (
            head.filter_bias,
            head.hidden_weight.T,
            head.hidden_bias,
            head.output_weight,
            head.output_bias,
        )
        return cls(*(np.array(part.numpy(), np.float64, order="C") for part in parts))
