"""Conductance, internal influence and integrated gradients of any module at any layer.

The integrals run along the straight path from a baseline to an input (Dhamdhere et al. 2019,
eq. 1 to 4). They are taken by Gauss-Legendre on intervals that are halved until halving
changes nothing and until the slope of the score adds up to the score's rise on each of them, so
kinks of ReLUs and max-pools cost a few more halvings, not accuracy. Run the module in float64
for tight tolerances: rounding in float32 is about 1e-6 of the score.
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
"""At some points α of the path, (points,): what is integrated, (points, ...), and the slope of
the score along the path, (points,)."""

_NODES = 8
_SHORTEST = 1e-13
"""Halving an interval further would only halve rounding."""


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
    input: Float[Tensor, "*shape"]
    """Without the batch dimension."""
    score: Score
    baseline: Tensor | None = None
    """Zero if not given."""
    tolerance: float = 1e-8
    max_evaluations: int = 200_000
    batch_size: int = 256

    def __post_init__(self) -> None:
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
        paths lead around it, a `ConvergenceWarning` says how much is missing.
        """
        direction = self._direction

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas)
            gradient, slope = self._gradient(layer, points)
            with torch.no_grad(), forward_ad.dual_level(), _captured(layer) as outputs:
                self.module(forward_ad.make_dual(points, direction.expand_as(points).clone()))
                tangent = forward_ad.unpack_dual(outputs[0]).tangent
            return torch.zeros_like(gradient) if tangent is None else gradient * tangent, slope

        return self._checked(self._integral(rate))

    def neuron_conductance(self, layer: nn.Module, neurons: Any) -> PathAttribution:
        """How much each input contributes through some neurons of the layer (eq. 2).

        `neurons` indexes the layer's output without its batch dimension, for instance `3` or
        `(5, slice(None))` for all positions of filter 5.
        """
        direction = self._direction

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas).requires_grad_()
            with _captured(layer) as outputs:
                score = self._scores(points)
            gradient, full = torch.autograd.grad(
                score.sum(), (outputs[0], points), retain_graph=True
            )
            chosen = torch.zeros_like(gradient)
            index = neurons if isinstance(neurons, tuple) else (neurons,)
            chosen[(slice(None), *index)] = gradient[(slice(None), *index)]
            (pulled,) = torch.autograd.grad(outputs[0], points, chosen)
            return pulled * direction, self._slope(full)

        return self._integral(rate)

    def internal_influence(self, layer: nn.Module) -> PathAttribution:
        """The mean gradient of the score by every neuron of the layer (eq. 4)."""
        return self._integral(lambda alphas: self._gradient(layer, self._points(alphas)))

    def integrated_gradients(self) -> PathAttribution:
        """The integrated gradient of every input (eq. 1)."""

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas).requires_grad_()
            (gradient,) = torch.autograd.grad(self._scores(points).sum(), points)
            return gradient * self._direction, self._slope(gradient)

        return self._checked(self._integral(rate))

    @property
    def _start(self) -> Tensor:
        return torch.zeros_like(self.input) if self.baseline is None else self.baseline

    @property
    def _direction(self) -> Tensor:
        return self.input - self._start

    def _points(self, alphas: Float[Tensor, " points"]) -> Float[Tensor, points * shape]:
        alphas = alphas.to(self.input.dtype).view(-1, *[1] * self.input.ndim)
        return (self._start + alphas * self._direction).detach()

    def _scores(self, points: Float[Tensor, points * shape]) -> Float[Tensor, " points"]:
        scores = self.score(self.module(points))
        if scores.shape != (len(points),):
            raise ValueError(
                f"`score` gave shape {tuple(scores.shape)} for {len(points)} points; it must "
                "give one number for each."
            )
        return scores

    def _gradient(self, layer: nn.Module, points: Tensor) -> tuple[Tensor, Tensor]:
        """The score's gradient by the layer's output, and its slope along the path."""
        with _captured(layer) as outputs:
            score = self._scores(points.requires_grad_())
        gradient, full = torch.autograd.grad(
            score.sum(), (outputs[0], points), materialize_grads=True
        )
        return gradient, self._slope(full)

    def _slope(self, gradient: Float[Tensor, points * shape]) -> Float[Tensor, " points"]:
        return (gradient * self._direction).flatten(1).sum(dim=1)

    def _integral(self, rate: Rate) -> PathAttribution:
        def scores(alphas: Tensor) -> Tensor:
            with torch.no_grad():
                parts = alphas.split(self.batch_size)
                return torch.cat([self._scores(self._points(part)) for part in parts])

        values, error, evaluations, settled = _adaptive(
            rate, scores, self.tolerance, self.max_evaluations, self.batch_size
        )
        if not settled:
            warnings.warn(
                f"After {evaluations:,} evaluations the integral still moves by {error:.1e} "
                f"(`tolerance` is {self.tolerance:.1e}); raise `max_evaluations` or run the "
                "module in float64.",
                ConvergenceWarning,
                stacklevel=3,
            )
        ends = scores(torch.tensor([0.0, 1.0], dtype=torch.float64))
        return PathAttribution(values, error, float(ends[1]), float(ends[0]), evaluations, settled)

    def _checked(self, result: PathAttribution) -> PathAttribution:
        if result.converged and abs(result.delta) > 10 * self.tolerance:
            warnings.warn(
                f"The values miss the difference of the scores by {result.delta:.1e}: the score "
                "jumps on the way, or is reached by paths around the layer.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return result


@contextmanager
def _captured(layer: nn.Module) -> Iterator[list[Tensor]]:
    """The output of the layer while the module runs."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or outputs:
            raise ValueError(
                "`layer` must run once in a forward pass and give one tensor; choose another."
            )
        outputs.append(output)
        return output.clone()  # what follows may write in place

    handle = layer.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
    if not outputs:
        raise ValueError("`layer` did not run; it must be a part of `module`.")


def _adaptive(
    rate: Rate,
    score: Callable[[Tensor], Tensor],
    tolerance: float,
    max_evaluations: int,
    batch_size: int,
) -> tuple[Tensor, float, int, bool]:
    """∫ rate from 0 to 1: the value, its error, the points used, and whether it settled.

    The error is the change that each interval's last halving made, or what its slopes miss of
    the score's rise if that is more (a kink between the nodes shows only there), added up.
    """
    nodes, shares = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(_NODES))
    nodes, shares = (nodes + 1) / 2, shares / 2

    def estimates(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The integrals of the rate and of the slope on each interval."""
        alphas = low[:, None] + (high - low)[:, None] * nodes
        parts = [rate(part) for part in alphas.flatten().split(batch_size)]
        rates = torch.cat([rates for rates, _ in parts]).unflatten(0, alphas.shape)
        slopes = torch.cat([slopes for _, slopes in parts]).view_as(alphas)
        weights = (shares * (high - low)[:, None]).to(rates.dtype)
        return torch.einsum("in,in...->i...", weights, rates), (weights * slopes).sum(dim=1)

    low, high = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    coarse, _ = estimates(low, high)
    at_low, at_high = score(low), score(high)
    total, error, evaluations = torch.zeros_like(coarse[0]), 0.0, _NODES + 2
    while len(low) and evaluations < max_evaluations:
        middle = (low + high) / 2
        at_middle = score(middle)
        fine, rises = estimates(torch.cat([low, middle]), torch.cat([middle, high]))
        evaluations += (2 * _NODES + 1) * len(low)
        (left, right), (left_rise, right_rise) = fine.chunk(2), rises.chunk(2)
        change = (left + right - coarse).flatten(1).abs().amax(dim=1)
        missed = (left_rise - (at_middle - at_low)).abs() + (
            right_rise - (at_high - at_middle)
        ).abs()
        doubt = torch.maximum(change, missed).double()
        # Many kinks may share the tolerance; their intervals are a small part of all.
        settled = (doubt <= tolerance / 1024) | (high - low < _SHORTEST)
        total = total + (left + right)[settled].sum(dim=0)
        error += float(doubt[settled].sum())
        open_ = ~settled
        coarse = torch.cat([left[open_], right[open_]])
        at_low, at_high = (
            torch.cat([at_low[open_], at_middle[open_]]),
            torch.cat([at_middle[open_], at_high[open_]]),
        )
        low, high = (
            torch.cat([low[open_], middle[open_]]),
            torch.cat([middle[open_], high[open_]]),
        )
    if len(low):
        total, error = total + coarse.sum(dim=0), float("inf")
    return total, error, evaluations, error <= tolerance
