"""Conductance, internal influence and integrated gradients of any module at any layer.

The integrals run along the straight path from a baseline to an input (Dhamdhere et al. 2019,
eq. 1 to 4).

A module of linear layers, ReLU, max-pooling and other piecewise-linear operations is cut where
it bends, as far as the preactivations depend linearly on the input there; softmax or a sigmoid
may follow. Nothing can hide between these cuts, and where the score is linear too, the integrals
are exact to rounding.

Every other module is integrated numerically on 64 intervals of 4 to 8 nodes at least, which are
halved where the last halving changed something, or where the slopes of the score or of the
layer's neurons do not add up to their rise. A bump of the score, or of its gradient, that is
narrower than about a three-hundredth of the path can lie between all nodes and is then missed
without a warning.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from textcond.attribution.numerical.derivatives import LayerDerivatives, gradients
from textcond.attribution.numerical.exact_cuts import PieceFinder
from textcond.attribution.numerical.input_checks import (
    check_inputs,
    check_layer,
    check_limits,
    check_module,
    check_rows,
)
from textcond.attribution.numerical.layer_capture import captured
from textcond.attribution.numerical.progress import Watch, shown
from textcond.attribution.numerical.quadrature import Integral, Precision, Quadrature, Rate
from textcond.attribution.numerical.result import ConvergenceWarning, PathAttribution

Score = Callable[[Tensor], Tensor]
"""From the module's output, (batch, ...), to one score for each point, (batch,)."""
_COMPARED = (0.0, 0.13, 0.31, 0.5, 0.77, 1.0)
"""Points at which rows alone are held against rows in a batch."""


@dataclass(frozen=True, slots=True)
class StraightPath:
    """A module, a score of its output, and the straight line between two inputs.

    A compiled module is run as it was before `torch.compile`; the weights are the same.
    """

    module: nn.Module
    input: Tensor
    """Real numbers, of any shape; without the batch dimension."""
    score: Score
    baseline: Tensor | None = None
    """Zero if not given."""
    tolerance: float = 1e-8
    """Of an integral, as a part of the largest value's size; raised to what the input's
    precision allows, which is 2e-6 in float32 and 0.02 in float16."""
    max_evaluations: int = 200_000
    """Points of the path at which the module may be run."""
    batch_size: int = 256
    watch: Watch | None = None
    """Told how many points are evaluated, and how many there may be; without it a line in the
    terminal shows that if it takes more than two seconds."""

    def __post_init__(self) -> None:
        check_limits(self.tolerance, self.max_evaluations, self.batch_size)
        check_inputs(self.input, self.baseline)
        check_module(self.module, self.input)

    def conductance(self, layer: nn.Module) -> PathAttribution:
        """The conductance of every neuron of the layer (eq. 3), in the layer's own shape.

        Adds up to the difference of the scores if the layer cuts the network; where other
        paths lead around it, a `ConvergenceWarning` says how much is missing. Every operation
        below the layer needs a forward-mode or a second derivative, or `ModelError` is raised.
        """

        def rate(at: LayerDerivatives, points: Tensor) -> tuple[Tensor, Tensor]:
            found = at.along(points)
            assert found.tangent is not None
            slopes = [self._slope(found.full), found.tangent.reshape(len(points), -1)]
            return found.gradient * found.tangent, torch.cat(slopes, dim=1)

        return self._checked(self._layer_integral(layer, rate, by_neuron=True))

    def neuron_conductance(self, layer: nn.Module, neurons: Any) -> PathAttribution:
        """How much each input contributes through some neurons of the layer (eq. 2).

        `neurons` indexes the layer's output without its batch dimension, for instance `3` or
        `(5, slice(None))` for all positions of filter 5.
        """
        index = (slice(None), *(neurons if isinstance(neurons, tuple) else (neurons,)))

        def rate(at: LayerDerivatives, points: Tensor) -> tuple[Tensor, Tensor]:
            found = at.through(points, index)
            assert found.pulled is not None
            return found.pulled * self._direction, self._slope(found.full)

        return self._layer_integral(layer, rate)

    def internal_influence(self, layer: nn.Module) -> PathAttribution:
        """The mean gradient of the score by every neuron of the layer (eq. 4)."""

        def rate(at: LayerDerivatives, points: Tensor) -> tuple[Tensor, Tensor]:
            found = at.gradient(points)
            return found.gradient, self._slope(found.full)

        return self._layer_integral(layer, rate)

    def integrated_gradients(self) -> PathAttribution:
        """The integrated gradient of every input (eq. 1)."""

        def rate(alphas: Tensor) -> tuple[Tensor, Tensor]:
            points = self._points(alphas).requires_grad_()
            (gradient,) = gradients(self._scores(points), (points,))
            return gradient * self._direction, self._slope(gradient)

        with _eager():
            return self._checked(self._integral(rate, self._compared()))

    @property
    def _start(self) -> Tensor:
        return torch.zeros_like(self.input) if self.baseline is None else self.baseline.detach()

    @property
    def _direction(self) -> Tensor:
        return self.input.detach() - self._start

    def _points(self, alphas: Float[Tensor, " points"]) -> Float[Tensor, "points *shape"]:
        shares = alphas.to(self.input).view(-1, *[1] * self.input.ndim)
        return self._start + shares * self._direction

    def _scores(self, points: Float[Tensor, "points *shape"]) -> Float[Tensor, " points"]:
        module = getattr(self.module, "_orig_mod", self.module)
        scores = self.score(module(points.clone()))  # it may write into its input
        if scores.shape != (len(points),):
            raise ValueError(
                f"`score` gave shape {tuple(scores.shape)} for {len(points)} points; it must "
                "give one number for each."
            )
        return scores

    def _slope(self, gradient: Float[Tensor, "points *shape"]) -> Float[Tensor, "points 1"]:
        return (gradient * self._direction).reshape(len(gradient), -1).sum(dim=1, keepdim=True)

    def _layer_integral(
        self,
        layer: nn.Module,
        rate: Callable[[LayerDerivatives, Tensor], tuple[Tensor, Tensor]],
        *,
        by_neuron: bool = False,
    ) -> PathAttribution:
        layer = getattr(layer, "_orig_mod", layer)
        with _eager():
            alone = self._compared()
            at = LayerDerivatives(self._scores, layer, self._direction)
            points = self._points(torch.tensor(_COMPARED[1:3], dtype=torch.float64))
            at.copy = at.has_no_node(points[:1])
            seen = torch.cat([at.scores(one) for one in points.split(self.batch_size)])
            check_layer(alone[1:3], seen)
            return self._integral(
                lambda alphas: rate(at, self._points(alphas)), alone, layer if by_neuron else None
            )

    @torch.no_grad()
    def _compared(self) -> Float[Tensor, " points"]:
        """The scores at some points, one at a time, which have to be those in a batch."""
        points = self._points(torch.tensor(_COMPARED, dtype=torch.float64))
        alone = torch.cat([self._scores(one) for one in points.split(1)])
        if self.batch_size > 1:
            parts = points.split(self.batch_size)
            check_rows(alone, torch.cat([self._scores(part) for part in parts]))
        return alone

    def _integral(
        self, rate: Rate, compared: Float[Tensor, " points"], layer: nn.Module | None = None
    ) -> PathAttribution:
        @torch.no_grad()
        def monitors(alphas: Tensor) -> Tensor:
            """The score, and the layer's neurons if there is a layer, (points, monitors)."""
            points = self._points(alphas)
            if layer is None:
                return self._scores(points)[:, None]
            with captured(layer, len(points)) as found:
                scores = self._scores(points)
            assert found.value is not None
            return torch.cat([scores[:, None], found.value.reshape(len(points), -1)], dim=1)

        spent = 2 * len(_COMPARED)
        precision = self._precision()
        with shown(self.watch) as watch:
            finder = PieceFinder(
                run=self._scores,
                points=self._points,
                batch_size=self.batch_size,
                shortest=precision.shortest,
                budget=self.max_evaluations - spent,
                tell=lambda done: watch(spent + done, self.max_evaluations),
            )
            pieces = finder.find()
            spent += finder.evaluations
            quadrature = Quadrature(
                *(rate, monitors, precision),
                batch_size=self.batch_size,
                budget=self.max_evaluations - spent,
                tell=lambda done: watch(spent + done, self.max_evaluations),
            )
            found = quadrature.on_pieces(pieces) if pieces and pieces.linear else None
            if found is None:
                found = quadrature.adaptive(pieces.low[1:] if pieces else None)
        values = found.values.to(torch.promote_types(self.input.dtype, torch.float32))
        return self._told(
            found,
            precision.attainable,
            PathAttribution(
                *(values, found.error, float(compared[-1]), float(compared[0])),
                evaluations=spent + quadrature.evaluations,
                converged=found.relative_error <= precision.attainable,
            ),
        )

    def _precision(self) -> Precision:
        way = float(self._direction.abs().max())
        offset = float(self._start.abs().max()) / way if way else 0.0
        return Precision(torch.finfo(self.input.dtype).eps, offset, self.tolerance)

    def _told(self, found: Integral, tolerance: float, result: PathAttribution) -> PathAttribution:
        """Warn if the integral is in doubt."""
        if not result.converged:
            warnings.warn(
                "The score jumps on the way, which its gradient does not show."
                if found.jumps
                else f"After {result.evaluations:,} evaluations the integral still moves by "
                f"{found.relative_error:.1e} of its size (tolerance {tolerance:.1e}); raise "
                "`max_evaluations` or run the module in float64.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return result

    def _checked(self, result: PathAttribution) -> PathAttribution:
        precision = self._precision()
        size = float(result.values.double().abs().sum())
        scores = max(abs(result.score), abs(result.baseline_score))
        slack = 10 * precision.attainable * size + 64 * precision.epsilon * scores + result.error
        if result.converged and not abs(result.delta) <= slack:
            warnings.warn(
                f"The values miss the difference of the scores by {result.delta:.1e}: the score "
                "jumps on the way, or is reached by paths around the layer.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return result


@contextmanager
def _eager() -> Iterator[None]:
    """Take gradients wherever this is called from, and run compiled parts as they were written."""
    compiled: Any = nullcontext()
    if "torch._dynamo" in sys.modules:  # otherwise nothing is compiled, and it takes seconds
        compiled = torch.compiler.set_stance("force_eager")
    with torch.inference_mode(False), torch.enable_grad(), compiled:
        yield
