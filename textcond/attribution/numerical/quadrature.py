"""Integrals from 0 to 1 of what has many components, with an estimate of their error.

Everything is measured in units of the integrals themselves. The error monitors are functions
whose slopes are integrated beside the integrand: on every interval their slopes must add up to
their rise, which shows kinks and jumps between the nodes that the integrand itself does not show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from textcond.attribution.numerical.exact_cuts import Pieces

Rate = Callable[[Float[Tensor, " points"]], tuple[Tensor, Tensor]]
"""At some points of the path: what is integrated, (points, ...), and the slopes of the error
monitors along the path, (points, monitors), the score's first."""
Monitors = Callable[[Float[Tensor, " points"]], Tensor]
"""Their values, (points, monitors)."""
_GRID = 16
"""The intervals of a path without known kinks; each is halved twice at least."""
_MANY = 64
"""Of so many intervals each is short enough for half the nodes, and for one halving."""
_UNITS = 32
"""Units of rounding, of the integrand's size, that are not told from an error."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What the numbers of a path can hold."""

    epsilon: float
    """The unit of rounding of the module's numbers."""
    offset: float
    """How many times larger the baseline is than the way to the input."""
    tolerance: float
    """Of an integral, as a part of its size."""

    def shortest(self, high: Float[Tensor, " intervals"]) -> Float[Tensor, " intervals"]:
        """The length at which an interval that ends at `high` is rounding, and not worth halving.

        From a baseline of zero the numbers near it are the finest.
        """
        return self.epsilon * (self.offset + high)

    @property
    def attainable(self) -> float:
        """The tolerance, raised to what rounding allows."""
        return max(self.tolerance, 16 * self.epsilon)


@dataclass(frozen=True, slots=True)
class Integral:
    """The integrals of all components."""

    values: Tensor
    error: float
    """Of the worst component, in its own units."""
    relative_error: float
    """Without rounding, as a part of the largest component's size."""
    jumps: bool = False
    """Whether the error is a jump of the score, which its gradient does not show."""


@dataclass(slots=True)
class _Sums:
    """Integrals over some intervals, (intervals, ...)."""

    values: Tensor
    slopes: Tensor
    sizes: Tensor
    """Of the largest component: the integral of the absolute value, (intervals,)."""
    spans: Tensor
    """How far the integrand's largest component moves between the nodes, (intervals,)."""
    high: Tensor
    """Where each ends, (intervals,)."""

    def __getitem__(self, chosen: Tensor | slice) -> _Sums:
        return _Sums(
            *(self.values[chosen], self.slopes[chosen], self.sizes[chosen]),
            *(self.spans[chosen], self.high[chosen]),
        )


class Quadrature:
    """One integral along the path: it counts the evaluations, and adds up."""

    def __init__(
        self,
        rate: Rate,
        monitors: Monitors,
        precision: Precision,
        *,
        batch_size: int,
        budget: int,
        tell: Callable[[int], None],
    ) -> None:
        self._rate, self._monitors, self._precision = rate, monitors, precision
        self._batch_size, self._budget, self._tell = batch_size, budget, tell
        self.evaluations = 0

    def on_pieces(self, pieces: Pieces) -> Integral | None:
        """Where everything is constant on the pieces; none if the score's slopes contradict it."""
        length = pieces.high - pieces.low
        total, size, missed, rises, turns = None, 0.0, 0.0, 0.0, 0.0
        last: Tensor | None = None
        for part in torch.arange(len(length)).split(self._batch_size):
            rates, slopes = self._rate(pieces.inner[part])
            self._count(len(part))
            shares = length[part].to(rates.device)
            moved = torch.einsum("i,i...->...", shares, rates.double())
            total = moved if total is None else total + moved
            size += float(shares @ _largest(rates.double()))
            beside = rates[:1] if last is None else last
            turns += float(_largest(torch.cat([beside, rates]).double().diff(dim=0)).sum())
            last = rates[-1:]
            found = slopes[:, 0].double().cpu() * length[part]
            missed += float((found - pieces.rises[part]).abs().sum())
            rises += float(found.abs().sum())
        assert total is not None
        noise = _UNITS * self._precision.epsilon
        relative = missed / max(rises, float(pieces.rises.abs().sum()), 1e-300)
        if relative > self._precision.attainable + 16 * noise:
            return None
        apart = pieces.jumps / max(rises + pieces.jumps, 1e-300)
        apart = apart if apart > self._precision.attainable + noise else 0.0
        ends = self._precision.epsilon * (1 + self._precision.offset) * turns
        return Integral(total, size * (apart + relative + noise) + ends, apart, jumps=apart > 0)

    def adaptive(self, kinks: Float[Tensor, " _kinks"] | None = None) -> Integral:
        """Halve intervals until what the last halving changed is within the tolerance.

        `kinks` are places at which intervals have to end. The error of an interval is what its
        last halving changed, or what the slopes of an error monitor miss of its rise.
        """
        edges = self._edges(kinks)
        low, high = edges[:-1], edges[1:]
        nodes = 8 if len(low) <= _MANY else 4
        coarse = self._sums(low, high, nodes)
        at_edges = self._values(edges)
        at_low, at_high = at_edges[:-1], at_edges[1:]
        epsilon = self._precision.epsilon
        floor = 16 * epsilon * at_edges.abs().amax(dim=0)  # rounding of each monitor
        ranges = at_edges.amax(dim=0) - at_edges.amin(dim=0)
        size, ranges = float(coarse.sizes.sum()), _joined(ranges, coarse, floor)
        doubt = torch.full((len(low),), torch.inf, dtype=torch.float64)
        before = torch.zeros_like(doubt)
        total = torch.zeros_like(coarse.values[0])
        retired = noise = 0.0
        least = 2 if len(low) <= _MANY else 1
        while len(low):
            chosen = self._to_halve(low, high, doubt, retired, nodes, every=least > 0)
            least -= 1
            kept = ~chosen
            total = total + coarse.values[kept.to(total.device)].sum(dim=0)
            retired += float(doubt[kept].sum())
            noise += float(self._noise(coarse[kept]).sum())
            low, high, coarse = low[chosen], high[chosen], coarse[chosen]
            at_low, at_high, before = at_low[chosen], at_high[chosen], before[chosen]
            if not len(low):
                break
            middle = (low + high) / 2
            at_middle = self._values(middle)
            halves = self._sums(torch.cat([low, middle]), torch.cat([middle, high]), nodes)
            left, right = halves[: len(low)], halves[len(low) :]
            change = _largest(left.values + right.values - coarse.values).cpu()
            change = (change - self._noise(coarse)).clamp(min=0) / max(size, 1e-300)
            missed = torch.maximum(
                ((left.slopes - (at_middle - at_low)).abs() - floor).clamp(min=0) / ranges,
                ((right.slopes - (at_high - at_middle)).abs() - floor).clamp(min=0) / ranges,
            )
            found = torch.maximum(change, missed.amax(dim=1).cpu())
            # An agreement by chance is told by the halving before, which has to agree nearly.
            doubt = torch.maximum(found, before / 16).repeat(2) / 2
            before = found.repeat(2) / 2
            at_low, at_high = torch.cat([at_low, at_middle]), torch.cat([at_middle, at_high])
            low, high, coarse = torch.cat([low, middle]), torch.cat([middle, high]), halves
        return Integral(total, (size * retired if size else 0.0) + noise, retired)

    def _edges(self, kinks: Tensor | None) -> Float[Tensor, " edges"]:
        most = max(1, min(_GRID, (self._budget - self.evaluations - 1) // 9))
        edges = torch.linspace(0, 1, most + 1, dtype=torch.float64)
        if kinks is None:
            return edges
        edges = torch.cat([edges, kinks]).unique()
        apart = torch.ones(len(edges), dtype=torch.bool)
        apart[1:-1] = edges[1:-1] - edges[:-2] > self._precision.shortest(edges[1:-1])
        distinct: Tensor = edges[apart]
        return distinct

    def _to_halve(
        self,
        low: Tensor,
        high: Tensor,
        doubt: Tensor,
        retired: float,
        nodes: int,
        *,
        every: bool,
    ) -> Tensor:
        """Which intervals to halve: all but those whose errors together are small enough."""
        order = doubt.argsort()
        rest = max(0.0, self._precision.attainable - retired)
        small = doubt[order].cumsum(dim=0) <= (rest if doubt.sum() <= rest else rest / 2)
        chosen = torch.ones(len(low), dtype=torch.bool)
        chosen[order[small]] = every
        chosen &= high - low > self._precision.shortest(high)
        affordable = max(0, self._budget - self.evaluations) // (2 * nodes + 1)
        if int(chosen.sum()) > affordable:
            worst = order[chosen[order]].flip(0)[:affordable]
            chosen = torch.zeros_like(chosen)
            chosen[worst] = True
        return chosen

    def _sums(self, low: Tensor, high: Tensor, nodes: int) -> _Sums:
        places, shares = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(nodes))
        places, shares = (places + 1) / 2, shares / 2
        size = max(1, self._batch_size // nodes)
        parts = []
        for start, length in zip(low.split(size), (high - low).split(size), strict=True):
            alphas = start[:, None] + length[:, None] * places  # (intervals, nodes)
            pairs = [self._rate(one) for one in alphas.flatten().split(self._batch_size)]
            self._count(alphas.numel())
            rates, slopes = (
                torch.cat(both).double().unflatten(0, alphas.shape)
                for both in zip(*pairs, strict=True)
            )
            weights = (shares * length[:, None]).to(rates.device)
            parts.append(
                (
                    torch.einsum("in,in...->i...", weights, rates),
                    torch.einsum("in,inw->iw", weights, slopes),
                    _largest(torch.einsum("in,in...->i...", weights, rates.abs())).cpu(),
                    _largest(rates.amax(dim=1) - rates.amin(dim=1)).cpu(),
                )
            )
        values, slopes, sizes, spans = (torch.cat(column) for column in zip(*parts, strict=True))
        return _Sums(values, slopes, sizes, spans, high)

    def _values(self, alphas: Float[Tensor, " points"]) -> Float[Tensor, "points monitors"]:
        parts = []
        for part in alphas.split(self._batch_size):
            parts.append(self._monitors(part).double())
            self._count(len(part))
        return torch.cat(parts)

    def _noise(self, sums: _Sums) -> Float[Tensor, " intervals"]:
        """Rounding of the integrand itself, and of the place at which it is taken."""
        places = self._precision.offset + sums.high
        return self._precision.epsilon * (_UNITS * sums.sizes + places * sums.spans)

    def _count(self, points: int) -> None:
        self.evaluations += points
        self._tell(self.evaluations)


def _largest(values: Float[Tensor, "rows *shape"]) -> Float[Tensor, " rows"]:
    """Of the components' absolute values, for each row."""
    return values.abs().reshape(len(values), -1).amax(dim=1)


def _joined(ranges: Tensor, coarse: _Sums, floor: Tensor) -> Float[Tensor, " monitors"]:
    """What each monitor's misses are measured by: its own way for the score, and for a layer's
    neurons the longest way among them."""
    ways = torch.maximum(ranges, coarse.slopes.abs().sum(dim=0))
    ways[1:] = ways[1:].amax() if len(ways) > 1 else 0.0
    return torch.maximum(ways, floor).clamp(min=1e-300)
