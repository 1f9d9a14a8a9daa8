"""Exact integrals along the straight path from the zero embedding to a text.

At the point α of the path the winning window of every filter is the one at α = 1, so the
pooled output of filter f is h_f(α) = max(0, b_f + α m_f). A filter therefore switches on or
off once at most, at its kink -b_f / m_f, and between two kinks every hidden unit is linear in
α. The path falls into pieces on which everything is known in closed form; sorting the kinks
and running sums make this O(F log F + F·H) a text, for F filters and H hidden units.

Logits take a compiled loop over the pieces, in float64; probabilities, and the check of that
loop, take the same sums as tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from textcond.attribution.kernels import find_kinks, outputs, walk
from textcond.attribution.quantity import Quantity
from textcond.errors import ModelError
from textcond.model.network import TextCNN


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
        return cls(
            network.filter_bias.to(dtype),
            network.hidden.weight.to(dtype),
            network.hidden.bias.to(dtype),
            network.output.weight.to(dtype),
            network.output.bias.to(dtype),
        )

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


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A path cut so that every hidden unit is linear on every piece: u(α) = at_zero + α slope."""

    edges: Float[Tensor, "batch edges"]
    at_zero: Float[Tensor, "batch hidden pieces"]
    slope: Float[Tensor, "batch hidden pieces"]

    def units(self) -> Float[Tensor, "batch hidden edges"]:
        """The units at every edge; they do not jump there."""
        ends = torch.addcmul(self.at_zero, self.slope, self.edges[:, None, 1:])
        return torch.cat([self.at_zero[:, :, :1], ends], dim=2)


def integrate(
    head: Head, strengths: Float[Tensor, "batch filters"], quantity: Quantity
) -> PathIntegrals:
    """The integrals for each text of a batch, given its filters' strengths m_f."""
    exact = np.zeros((1 + len(strengths), strengths.shape[1]))
    exact[1:] = strengths.numpy()  # a text of no strength is the zero embedding
    layers = _Layers.of(head)
    found = np.empty((len(exact), len(head.output_bias)))
    outputs(exact, *layers, found)
    baseline, logits = torch.from_numpy(found).to(strengths.dtype).split([1, len(strengths)])
    if not logits.isfinite().all():
        raise ModelError(f"A logit overflows {logits.dtype}; use float64 or train again.")
    if quantity.output == "logit":
        parts = _walked(layers, exact[1:], quantity)
        flow, influence = (torch.from_numpy(part).to(strengths.dtype) for part in parts)
    else:
        flow, influence = integrate_plainly(head, strengths, quantity)
    return PathIntegrals(
        logits=logits,
        score=quantity.score(logits),
        baseline_score=quantity.score(baseline)[0],
        flow=flow,
        influence=influence,
    )


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


def _walked(
    layers: _Layers, strengths: Float[np.ndarray, "batch filters"], quantity: Quantity
) -> tuple[Float[np.ndarray, "batch filters"], Float[np.ndarray, "batch filters"]]:
    """`integrate_plainly` for logits, one text after another."""
    kinks, flow, influence = (np.empty_like(strengths) for _ in range(3))
    find_kinks(strengths, layers.bias, kinks)
    rated = layers.weight * (np.array(quantity.weights) @ layers.output_weight)
    walk(strengths, *layers[:3], rated, kinks, kinks.argsort(axis=1), flow, influence)
    return flow, influence


def integrate_plainly(
    head: Head, strengths: Float[Tensor, "batch filters"], quantity: Quantity
) -> tuple[Float[Tensor, "batch filters"], Float[Tensor, "batch filters"]]:
    """`flow` and `influence` of `PathIntegrals`."""
    bias = head.filter_bias
    on_at_start = (bias > 0).expand_as(strengths)
    on_at_end = bias + strengths > 0
    switches = on_at_start != on_at_end
    kinks = torch.where(switches, (-bias / strengths).clamp(0, 1), 1.0)
    kinks, order = kinks.sort(dim=1)
    pieces = _cut_at_kinks(head, strengths, on_at_start, on_at_end, kinks, order)
    kink_edges = torch.arange(1, kinks.shape[1] + 1).expand_as(order)
    if quantity.output == "probability":
        pieces, kink_edges = _cut_at_crossings(pieces)
    totals = _running_totals(head, pieces, quantity)  # (batch, hidden, pieces + 1)

    whole = totals[:, :, -1:]  # (batch, hidden, 1)
    edge = kink_edges.gather(1, order.argsort(dim=1))  # of each filter's kink
    before = totals.gather(2, edge[:, None, :].expand(-1, totals.shape[1], -1))
    # On the pieces where the filter is on: the whole path, up to its kink, or from it on.
    active = torch.where(
        switches[:, None, :],
        torch.where(on_at_start[:, None, :], before, whole - before),
        whole * (on_at_start & on_at_end)[:, None, :],
    )
    return (active * head.hidden_weight).sum(dim=1), whole[:, :, 0] @ head.hidden_weight


def _cut_at_kinks(
    head: Head,
    strengths: Float[Tensor, "batch filters"],
    on_at_start: Bool[Tensor, "batch filters"],
    on_at_end: Bool[Tensor, "batch filters"],
    kinks: Float[Tensor, "batch filters"],
    order: Int[Tensor, "batch filters"],
) -> _Pieces:
    """Running sums over the sorted kinks: at each one a filter joins or leaves every unit."""
    change = on_at_end.to(strengths.dtype) - on_at_start.to(strengths.dtype)
    weights = head.hidden_weight[:, order].transpose(0, 1)  # (batch, hidden, filters)

    def running(start: Tensor, jumps: Tensor) -> Tensor:
        steps = weights * jumps.gather(1, order)[:, None, :]
        return torch.cat([start[:, :, None], steps], dim=2).cumsum_(dim=2)

    bias = head.filter_bias
    edges = functional.pad(functional.pad(kinks, (1, 0), value=0.0), (0, 1), value=1.0)
    return _Pieces(
        edges,
        at_zero=running(head.units(bias * on_at_start), change * bias),
        slope=running((strengths * on_at_start) @ head.hidden_weight.T, change * strengths),
    )


def _cut_at_crossings(
    pieces: _Pieces,
) -> tuple[_Pieces, Int[Tensor, "batch filters"]]:
    """Cut further where a unit crosses zero; also the edge at which each sorted kink now is."""
    ends = pieces.units()
    low, high = ends[:, :, :-1], ends[:, :, 1:]
    batches, units, inside = torch.nonzero(low * high < 0, as_tuple=True)
    low, high = low[batches, units, inside].abs(), high[batches, units, inside].abs()
    start, end = pieces.edges[batches, inside], pieces.edges[batches, inside + 1]
    crossings = torch.lerp(start, end, low / (low + high))
    # As many columns as the text with the most crossings has; the others are cut at 1 as well.
    counts = torch.bincount(batches, minlength=len(pieces.edges))
    first = counts.cumsum(0) - counts
    columns = torch.arange(len(batches)) - first[batches]
    extra = pieces.edges.new_ones(len(counts), int(counts.max()))
    extra[batches, columns] = crossings

    edges, origin = torch.cat([pieces.edges, extra], dim=1).sort(dim=1, stable=True)
    kinks = pieces.edges.shape[1]
    is_kink = origin < kinks
    piece = (is_kink.cumsum(dim=1)[:, :-1] - 1).clamp(0, kinks - 2)
    piece = piece[:, None, :].expand(-1, pieces.slope.shape[1], -1)
    places = origin.argsort(dim=1)[:, 1 : kinks - 1]
    finer = _Pieces(edges, pieces.at_zero.gather(2, piece), pieces.slope.gather(2, piece))
    return finer, places


def _running_totals(
    head: Head, pieces: _Pieces, quantity: Quantity
) -> Float[Tensor, "batch hidden edges"]:
    """∫ ∂score/∂u_j from 0 to each edge."""
    units = pieces.units()
    active = functional.relu(units)
    amounts = units.abs().add_(torch.finfo(units.dtype).tiny)
    # The share of each piece on which the unit is above zero; it is linear there.
    above = (active[:, :, :-1] + active[:, :, 1:]).div_(amounts[:, :, :-1] + amounts[:, :, 1:])
    if quantity.output == "logit":
        rates = (units.new_tensor(quantity.weights) @ head.output_weight)[:, None]
    else:
        logits = head.logits(units.transpose(1, 2))  # (batch, edges, outputs)
        gradient = quantity.mean_gradient(logits[:, :-1], logits[:, 1:])
        rates = (gradient @ head.output_weight).transpose(1, 2)  # (batch, hidden, pieces)
    lengths = pieces.edges.diff(dim=1)[:, None, :]
    return functional.pad(above.mul_(lengths).mul_(rates).cumsum(dim=2), (1, 0))
