"""Cut the path exactly where a piecewise-linear module bends.

Every interval that is examined gives the whole linear piece around a point inside it, and leaves
what lies on both sides of that piece to be examined next. So there are about as many examinations
as pieces, and no piece can be missed, however short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from textcond.attribution.numerical.derivatives import Run
from textcond.attribution.numerical.piecewise_linearity import (
    NotPiecewiseLinearError,
    Operations,
    Record,
)

_FIRST = 16
"""Intervals that are examined first; they also show how many pieces there are."""
_PLACE = 0.4871
"""Where in an interval its inner point lies: not at a fraction that a kink is likely to be at."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The linear pieces of a path in their order; the score may be smooth instead of linear."""

    low: Float[Tensor, " pieces"]
    high: Float[Tensor, " pieces"]
    inner: Float[Tensor, " pieces"]
    """A point inside each."""
    rises: Float[Tensor, " pieces"]
    """How much the score rises on each, if it is linear."""
    jumps: float
    """The sum of the score's jumps between them, if it is linear."""
    linear: bool
    """Whether the score is linear on each, or only the preactivations of all kinks are."""


@dataclass(slots=True)
class PieceFinder:
    """How the pieces are searched for, and the evaluations that it took."""

    run: Run
    points: Callable[[Float[Tensor, " points"]], Tensor]
    batch_size: int
    shortest: Callable[[Float[Tensor, " intervals"]], Float[Tensor, " intervals"]]
    """From where intervals end to a length; shorter ones belong to the piece beside them."""
    budget: int
    """Points of the path at which the module may run."""
    tell: Callable[[int], None]
    evaluations: int = 0
    _linear: bool = True
    _kinks: int = 0

    def find(self) -> Pieces | None:
        """Give all pieces; none if the module has no kinks, other kinks, or too many."""
        try:
            by_row = self._rows_are_apart()
            if not self._kinks and not self._linear:
                return None
            return self._cut(self.batch_size if by_row else 1)
        except NotPiecewiseLinearError:
            return None

    def _rows_are_apart(self) -> bool:
        """Whether the first dimension of every preactivation counts the points."""
        for alphas in ([0.45], [0.37, 0.61], [0.29, 0.53, 0.83]):
            if len(alphas) > self.batch_size:
                return False
            record, _ = self._record(torch.tensor(alphas, dtype=torch.float64))
            self._linear, self._kinks = record.linear, len(record.cells)
            if not record.rows <= {len(alphas)}:
                return False
        return True

    def _cut(self, size: int) -> Pieces | None:
        edges = torch.linspace(0, 1, _FIRST + 1, dtype=torch.float64)
        low, high = edges[:-1], edges[1:]
        found: list[Tensor] = []
        while len(low):
            if self.evaluations + 3 * len(low) > self.budget:
                return None
            parts = zip(low.split(size), high.split(size), strict=True)
            pieces = torch.cat([self._examine(*part) for part in parts])
            left, right = pieces[:, 0], pieces[:, 1]
            left = torch.where(left - low <= self.shortest(left), low, left)
            right = torch.where(high - right <= self.shortest(high), high, right)
            pieces[:, 0], pieces[:, 1] = left, right
            if not found and self._expected(left, right) > self.budget:
                return None
            found.append(pieces[right > left])
            low, high = torch.cat([low, right]), torch.cat([left, high])
            low, high = low[(rest := high > low)], high[rest]
        return self._ordered(torch.cat(found))

    def _expected(self, left: Float[Tensor, " pieces"], right: Float[Tensor, " pieces"]) -> float:
        """Evaluations that all pieces are likely to take.

        The mean of 1/length over pieces that are met at random points is their number; the
        shortest is left out, for one may be short by chance.
        """
        longest = (
            torch.maximum(right - left, self.shortest(right)).sort(descending=True).values[:-1]
        )
        return 4 * float((1 / longest).mean())

    def _examine(
        self, low: Float[Tensor, " intervals"], high: Float[Tensor, " intervals"]
    ) -> Float[Tensor, "intervals 5"]:
        """The piece around a point inside each interval: where it begins and ends, the point,
        and the score at both ends."""
        inner = low + _PLACE * (high - low)
        record, score = self._record(inner)
        left, at_low = self._reach(low, record)
        right, at_high = self._reach(high, record)
        return torch.stack(
            [
                torch.where(left < 1, inner + left * (low - inner), low),
                torch.where(right < 1, inner + right * (high - inner), high),
                inner,
                score + left * (at_low - score),
                score + right * (at_high - score),
            ],
            dim=1,
        )

    def _record(self, alphas: Float[Tensor, " points"]) -> tuple[Record, Tensor]:
        points = self.points(alphas).requires_grad_()  # as when it is differentiated
        with Operations(points) as operations:
            score = self.run(points)
        operations.finish(score)
        self._count(alphas)
        return operations.record, score.detach().double().cpu()

    def _reach(self, alphas: Float[Tensor, " points"], record: Record) -> tuple[Tensor, Tensor]:
        points = self.points(alphas).requires_grad_()
        with Operations(points, record) as operations:
            score = self.run(points)
        operations.finish(score)
        self._count(alphas)
        return operations.reach.cpu(), score.detach().double().cpu()

    def _count(self, alphas: Tensor) -> None:
        self.evaluations += len(alphas)
        self.tell(self.evaluations)

    def _ordered(self, pieces: Float[Tensor, "pieces 5"]) -> Pieces:
        low, high, inner, at_low, at_high = pieces[pieces[:, 0].argsort()].unbind(dim=1)
        jumps = float((at_high[:-1] - at_low[1:]).abs().sum()) if self._linear else 0.0
        return Pieces(low, high, inner, at_high - at_low, jumps, self._linear)
