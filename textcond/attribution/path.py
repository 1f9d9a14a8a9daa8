"""Conductance, internal influence and integrated gradients of any module at any layer.

The integrals run along the straight path from a baseline to an input (Dhamdhere et al. 2019,
eq. 1 to 4). They are taken by Gauss-Legendre on intervals that are halved until two halvings in
turn change nothing. The score and the layer's neurons are witnesses: on every interval their
slopes must add up to their rise, which shows kinks and jumps that lie between the nodes. What no
witness shows, such as two kinks above the layer that cancel in the score, can be missed within
a thousandth of the path of an interval's edge. In float32 half a percent of the conductances' sum
is not told from rounding: run the module in float64 for tight tolerances.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import forward_ad

from textcond.errors import ModelError
from textcond.model.network import has_finite_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

Score = Callable[[Tensor], Tensor]
"""From the module's output, (batch, ...), to one score for each point, (batch,)."""
Rate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""At some points α of the path, (points,): what is integrated, (points, ...), and the slopes of
the witnesses along the path, (points, witnesses)."""

_NODES, _INTERVALS = 8, 8
_SHORTEST = 1e-13
"""Halving an interval further would only halve rounding."""
_ROUNDING = 4096
"""Tolerances below so many units of rounding of the score are not to be had."""


class ConvergenceWarning(UserWarning):
    """An integral did not settle, or a layer's conductances do not add up to the score."""


@dataclass(frozen=True, slots=True)
class PathAttribution:
    """An integral along the path, and how far it can be trusted."""

    values: Float[Tensor, "*shape"]
    error: float
    """How far the integral may be off: what the last halvings still changed or missed."""
    score: float
    baseline_score: float
    evaluations: int
    """Points of the path at which the module was run."""
    converged: bool

    @property
    def delta(self) -> float:
        """The completeness error; it means nothing for internal influence."""
        return float(self.values.sum()) - (self.score - self.baseline_score)


@dataclass(frozen=True, slots=True)
class StraightPath:
    """A module, a score of its output, and the straight line between two inputs."""

    module: nn.Module
    input: Tensor
    """Real numbers, of any shape; without the batch dimension."""
    score: Score
    baseline: Tensor | None = None
    """Zero if not given."""
    tolerance: float = 1e-8
    """Of the integral, in units of the score; raised to what the input's precision allows."""
    max_evaluations: int = 200_000
    batch_size: int = 256

    def __post_init__(self) -> None:
        if not self.input.is_floating_point():
            raise ValueError(
                f"`input` has the type {self.input.dtype}; give real numbers, for words their "
                "embeddings."
            )
        if not self.input.isfinite().all():
            raise ValueError("`input` holds numbers that are not finite.")
        if any(part.training for part in self.module.modules()):
            raise ModelError("The module is in training mode; call `module.eval()` first.")
        if not has_finite_weights(self.module):
            raise ModelError("The module holds weights that are not finite; load it again.")
        if self.baseline is not None and self.baseline.shape != self.input.shape:
            raise ValueError(
                f"`baseline` has shape {tuple(self.baseline.shape)} but `input` has "
                f"{tuple(self.input.shape)}; they must be equal."
            )

    def conductance(self, layer: nn.Module) -> PathAttribution:
        """The conductance of every neuron of the layer (eq. 3), in the layer's own shape.

        Adds up to the difference of the scores if the layer cuts the network; where other
        paths lead around it, a `ConvergenceWarning` says how much is missing. Every operation
        below the layer needs a forward-mode derivative, which torch's fused attention lacks.
        """

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            gradient, tangent, slopes = self._at(layer, self._points(alphas))
            return gradient * tangent, slopes

        return self._checked(self._integral(rate, layer))

    def neuron_conductance(self, layer: nn.Module, neurons: Any) -> PathAttribution:
        """How much each input contributes through some neurons of the layer (eq. 2).

        `neurons` indexes the layer's output without its batch dimension, for instance `3` or
        `(5, slice(None))` for all positions of filter 5.
        """
        index = (slice(None), *(neurons if isinstance(neurons, tuple) else (neurons,)))

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas)
            gradient, _, slopes = self._at(layer, points)
            with _captured(layer) as outputs:
                self.module(points.requires_grad_())
            chosen = torch.zeros_like(gradient)
            chosen[index] = gradient[index]
            (pulled,) = torch.autograd.grad(
                outputs[0].primal, points, chosen, materialize_grads=True
            )
            return pulled * self._direction, slopes

        return self._integral(rate, layer)

    def internal_influence(self, layer: nn.Module) -> PathAttribution:
        """The mean gradient of the score by every neuron of the layer (eq. 4)."""

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            gradient, _, slopes = self._at(layer, self._points(alphas))
            return gradient, slopes

        return self._integral(rate, layer)

    def integrated_gradients(self) -> PathAttribution:
        """The integrated gradient of every input (eq. 1)."""

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas).requires_grad_()
            (gradient,) = torch.autograd.grad(self._differentiable(points).sum(), points)
            return gradient * self._direction, self._slope(gradient)[:, None]

        return self._checked(self._integral(rate))

    @property
    def _start(self) -> Tensor:
        return torch.zeros_like(self.input) if self.baseline is None else self.baseline

    @property
    def _direction(self) -> Tensor:
        return self.input - self._start

    def _points(self, alphas: Float[Tensor, " points"]) -> Float[Tensor, "points *shape"]:
        alphas = alphas.to(self.input.dtype).view(-1, *[1] * self.input.ndim)
        return (self._start + alphas * self._direction).detach()

    def _scores(self, points: Float[Tensor, "points *shape"]) -> Float[Tensor, " points"]:
        scores = self.score(self.module(points))
        if scores.shape != (len(points),):
            raise ValueError(
                f"`score` gave shape {tuple(scores.shape)} for {len(points)} points; it must "
                "give one number for each."
            )
        return scores

    def _differentiable(self, points: Tensor) -> Tensor:
        score = self._scores(points)
        if not score.requires_grad:
            raise ValueError(
                "`score` has no gradient by the input: it is constant, or the module detaches it."
            )
        return score

    def _at(self, layer: nn.Module, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The score's gradient by the layer's output, that output's slope along the path, and the
        slopes of all witnesses."""
        points.requires_grad_()
        direction = self._direction.expand_as(points).clone()
        with forward_ad.dual_level(), _captured(layer) as outputs:
            score = self._differentiable(forward_ad.make_dual(points, direction))
            output, tangent = outputs[0]
            tangent = torch.zeros_like(output) if tangent is None else tangent.detach()
        gradient, full = torch.autograd.grad(score.sum(), (output, points), materialize_grads=True)
        slopes = torch.cat([self._slope(full)[:, None], tangent.flatten(1)], dim=1)
        return gradient, tangent, slopes

    def _slope(self, gradient: Float[Tensor, "points *shape"]) -> Float[Tensor, " points"]:
        return (gradient * self._direction).flatten(1).sum(dim=1)

    def _integral(self, rate: Rate, layer: nn.Module | None = None) -> PathAttribution:
        @torch.no_grad()
        def witnesses(alphas: Tensor) -> Tensor:
            """The score, and the layer's neurons if there is a layer, (points, witnesses)."""
            parts = []
            for part in alphas.split(self.batch_size):
                if layer is None:
                    parts.append(self._scores(self._points(part))[:, None])
                    continue
                with _captured(layer) as outputs:
                    scores = self._scores(self._points(part))
                parts.append(torch.cat([scores[:, None], outputs[0].primal.flatten(1)], dim=1))
            return torch.cat(parts)

        start, end = witnesses(torch.tensor([0.0, 1.0], dtype=torch.float64))[:, 0].tolist()
        rounding = self._rounding(max(1.0, abs(start), abs(end)))
        tolerance = max(self.tolerance, rounding)
        values, error, evaluations = _adaptive(
            rate, witnesses, tolerance, self.max_evaluations, self.batch_size
        )
        settled = error <= tolerance
        if not settled:
            warnings.warn(
                f"After {evaluations:,} evaluations the integral still moves by {error:.1e} "
                f"(tolerance {tolerance:.1e}); raise `max_evaluations` or run the "
                "module in float64.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return PathAttribution(values, error, end, start, evaluations, settled)

    def _rounding(self, size: float) -> float:
        return _ROUNDING * torch.finfo(self.input.dtype).eps * size

    def _checked(self, result: PathAttribution) -> PathAttribution:
        rounding = self._rounding(float(result.values.abs().sum()))
        if result.converged and abs(result.delta) > 10 * max(self.tolerance, rounding):
            warnings.warn(
                f"The values miss the difference of the scores by {result.delta:.1e}: the score "
                "jumps on the way, or is reached by paths around the layer.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return result


@contextmanager
def _captured(layer: nn.Module) -> Iterator[list[forward_ad.UnpackedDualTensor]]:
    """The output of the layer while the module runs, and its tangent, which goes no further."""
    outputs: list[forward_ad.UnpackedDualTensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or outputs:
            raise ValueError(
                "`layer` must run once in a forward pass and give one tensor; choose another."
            )
        outputs.append(forward_ad.unpack_dual(output))
        return outputs[0].primal.clone()  # what follows may write in place

    handle = layer.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
    if not outputs:
        raise ValueError("`layer` did not run; it must be a part of `module`.")


def _adaptive(
    rate: Rate,
    witnesses: Callable[[Tensor], Tensor],
    tolerance: float,
    max_evaluations: int,
    batch_size: int,
) -> tuple[Tensor, float, int]:
    """∫ rate from 0 to 1: the value, its error, and the points used.

    The error of an interval is the change that its last halving made, or what the slopes of a
    witness miss of its rise if that is more.
    """
    nodes, shares = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(_NODES))
    nodes, shares = (nodes + 1) / 2, shares / 2

    def estimates(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The integrals of the rate and of the slopes on each interval."""
        parts = []
        size = max(1, batch_size // _NODES)
        for start, length in zip(low.split(size), (high - low).split(size), strict=True):
            alphas = start[:, None] + length[:, None] * nodes  # (intervals, nodes)
            rates, slopes = rate(alphas.flatten())
            weights = (shares * length[:, None]).to(rates.dtype)
            parts.append(
                (
                    torch.einsum("in,in...->i...", weights, rates.unflatten(0, alphas.shape)),
                    torch.einsum("in,inw->iw", weights, slopes.unflatten(0, alphas.shape)),
                )
            )
        return torch.cat([part for part, _ in parts]), torch.cat([part for _, part in parts])

    edges = torch.linspace(0, 1, _INTERVALS + 1, dtype=torch.float64)
    low, high = edges[:-1], edges[1:]
    coarse, _ = estimates(low, high)
    at_edges = witnesses(edges)
    at_low, at_high = at_edges[:-1], at_edges[1:]
    noise = 16 * torch.finfo(at_edges.dtype).eps * at_edges.abs().amax(dim=0)  # of each witness
    quiet = torch.zeros(len(low), dtype=torch.bool)  # whether the halving before changed nothing
    doubt = torch.full((len(low),), torch.inf, dtype=torch.float64)
    total, error, evaluations = torch.zeros_like(coarse[0]), 0.0, len(low) * _NODES + len(edges)
    while len(low) and evaluations + (cost := (2 * _NODES + 1) * len(low)) <= max_evaluations:
        evaluations += cost
        middle = (low + high) / 2
        at_middle = witnesses(middle)
        halves, rises = estimates(torch.cat([low, middle]), torch.cat([middle, high]))
        (left, right), (left_rise, right_rise) = halves.chunk(2), rises.chunk(2)
        change = (left + right - coarse).flatten(1).abs().amax(dim=1)
        missed = torch.maximum(
            (left_rise - (at_middle - at_low)).abs() - noise,
            (right_rise - (at_high - at_middle)).abs() - noise,
        ).amax(dim=1)
        doubt = torch.maximum(change, missed).double()
        # Many kinks may share the tolerance; their intervals are a small part of all.
        still = doubt <= tolerance / 1024
        done = (still & quiet) | (high - low < _SHORTEST)
        total = total + (left + right)[done].sum(dim=0)
        error += float(doubt[done].sum())
        more = ~done
        coarse = torch.cat([left[more], right[more]])
        at_low, at_high = (
            torch.cat([at_low[more], at_middle[more]]),
            torch.cat([at_middle[more], at_high[more]]),
        )
        low, high = torch.cat([low[more], middle[more]]), torch.cat([middle[more], high[more]])
        quiet, doubt = still[more].repeat(2), doubt[more].repeat(2) / 2
    return total + coarse.sum(dim=0), error + float(doubt.sum()), evaluations
