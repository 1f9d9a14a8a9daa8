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

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from textcond.attribution.kernels import LANES, find_kinks, hidden_units, in_threads, walk
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
    # A text of no strength is the zero embedding.
    baseline, logits = _logits(head, functional.pad(strengths, (0, 0, 1, 0))).tensor_split([1])
    if not logits.isfinite().all():
        raise ModelError(f"A logit overflows {logits.dtype}; use float64 or train again.")
    find = _walked if quantity.output == "logit" else integrate_plainly
    flow, influence = find(head, strengths, quantity)
    return PathIntegrals(
        logits=logits,
        score=quantity.score(logits),
        baseline_score=quantity.score(baseline)[0],
        flow=flow,
        influence=influence,
    )


def _logits(
    head: Head, strengths: Float[Tensor, "batch filters"]
) -> Float[Tensor, "batch outputs"]:
    """What `Head` gives for texts of these strengths, one after another."""
    bias, weight, hidden_bias, output_weight, output_bias = (
        part.double().numpy()
        for part in (
            head.filter_bias,
            head.hidden_weight.T.contiguous(),
            head.hidden_bias,
            head.output_weight,
            head.output_bias,
        )
    )
    units = np.empty((len(strengths), len(hidden_bias)))
    hidden_units(strengths.numpy().astype(np.float64), bias, weight, hidden_bias, units)
    logits = units.clip(0) @ output_weight.T + output_bias
    return torch.from_numpy(logits).to(strengths.dtype)


def _walked(
    head: Head, strengths: Float[Tensor, "batch filters"], quantity: Quantity
) -> tuple[Float[Tensor, "batch filters"], Float[Tensor, "batch filters"]]:
    """`integrate_plainly` for logits, one text after another."""
    bias = head.filter_bias.double().numpy()
    exact = strengths.numpy().astype(np.float64)
    kinks, flow, influence = (np.empty_like(exact) for _ in range(3))
    rates = strengths.new_tensor(quantity.weights) @ head.output_weight
    padding = (0, -len(rates) % LANES)
    by_unit = [
        functional.pad(values.double(), padding).contiguous().numpy()
        for values in (head.hidden_weight.T, head.hidden_weight.T * rates, head.hidden_bias)
    ]

    def work(first: int, end: int) -> None:
        part = slice(first, end)
        find_kinks(exact[part], bias, kinks[part])
        order = kinks[part].argsort(axis=1)
        walk(exact[part], bias, kinks[part], order, *by_unit, flow[part], influence[part])

    in_threads(work, len(exact))
    kind = strengths.numpy().dtype
    return torch.from_numpy(flow.astype(kind)), torch.from_numpy(influence.astype(kind))


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
