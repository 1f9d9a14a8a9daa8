"""The closed form once more, in rational numbers: nothing is rounded, and nothing is fast.

For networks and texts whose numbers are few: every number of a network is a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from torch import Tensor

from textcond.model.network import TextCNN

Vector = list[Fraction]
Slopes = Callable[[Vector, Vector], Vector]
"""The mean gradient of a score by the logits, on the line from some logits to others."""
ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class ExactIntegrals:
    """Of each filter."""

    flow: Vector
    """∫ ∂score/∂h_f where the filter is on."""
    influence: Vector
    """∫ ∂score/∂h_f over the whole path."""
    conductance: Vector
    rise: Fraction
    """The score less that of the baseline, which the conductances add up to."""


def fractions(values: Tensor) -> Vector:
    return [Fraction(value) for value in values.double().flatten().tolist()]


def matrix(values: Tensor) -> list[Vector]:
    return [fractions(row) for row in values]


def strengths_of(network: TextCNN, ids: Sequence[int]) -> Vector:
    """The greatest sum of each filter over a window that holds a token, without the bias."""
    words = [fractions(network.embedding.weight[id]) for id in ids]
    found = []
    for kernel in network.kernels:
        width = kernel.shape[2]
        for filter in kernel:
            columns = matrix(filter.T)  # (width, dimensions)
            windows = []
            for start in range(1 - width, len(words)):
                inside = [j for j in range(width) if 0 <= start + j < len(words)]
                windows.append(
                    sum((dot(columns[j], words[start + j]) for j in inside), Fraction(0))
                )
            found.append(max(windows))
    return found


def integrate_exactly(network: TextCNN, strengths: Vector, slopes: Slopes) -> ExactIntegrals:
    """By the definition: wherever nothing switches, what is on is what is on in the middle."""
    bias = fractions(network.filter_bias)
    hidden, output = matrix(network.hidden.weight), matrix(network.output.weight)
    hidden_bias, output_bias = fractions(network.hidden.bias), fractions(network.output.bias)

    def pooled(alpha: Fraction) -> Vector:
        return [max(b + alpha * m, ZERO) for b, m in zip(bias, strengths, strict=True)]

    def units(alpha: Fraction) -> Vector:
        at = pooled(alpha)
        return [c + dot(row, at) for c, row in zip(hidden_bias, hidden, strict=True)]

    def logits(alpha: Fraction) -> Vector:
        above = [max(unit, ZERO) for unit in units(alpha)]
        return [c + dot(row, above) for c, row in zip(output_bias, output, strict=True)]

    kinks = {-b / m for b, m in zip(bias, strengths, strict=True) if m}
    edges = sorted({ZERO, ONE, *(kink for kink in kinks if 0 < kink < 1)})
    flow, influence, rise = [ZERO] * len(bias), [ZERO] * len(bias), ZERO
    for low, high in pairwise(edges):
        first, last = units(low), units(high)
        crossings = {a / (a - b) for a, b in zip(first, last, strict=True) if a * b < 0}
        cuts = sorted({low, high, *(low + share * (high - low) for share in crossings)})
        for start, end in pairwise(cuts):
            middle = (start + end) / 2
            at_start, at_end = logits(start), logits(end)
            by_logit = slopes(at_start, at_end)
            rise += dot(by_logit, [b - a for a, b in zip(at_start, at_end, strict=True)])
            above = [unit for unit, value in enumerate(units(middle)) if value > 0]
            by_unit = {unit: dot(by_logit, [row[unit] for row in output]) for unit in above}
            for filter, value in enumerate(pooled(middle)):
                gradient = sum((by_unit[unit] * hidden[unit][filter] for unit in above), ZERO)
                influence[filter] += gradient * (end - start)
                flow[filter] += gradient * (end - start) * (value > 0)
    conductance = [m * g for m, g in zip(strengths, flow, strict=True)]
    return ExactIntegrals(flow, influence, conductance, rise)


def of_logits(weights: Sequence[float]) -> Slopes:
    """For a sum of the logits."""
    return lambda start, end: [Fraction(weight) for weight in weights]


def of_sigmoids(weights: Sequence[float]) -> Slopes:
    """For a sum of the heads' probabilities, with thirty digits in place of all."""

    def slope(start: Fraction, end: Fraction) -> Fraction:
        if start == end:
            return sigmoid(start) * (1 - sigmoid(start))
        return (sigmoid(end) - sigmoid(start)) / (end - start)

    def slopes(start: Vector, end: Vector) -> Vector:
        ends = zip(weights, start, end, strict=True)
        return [Fraction(weight) * slope(a, b) for weight, a, b in ends]

    return slopes


def sigmoid(value: Fraction) -> Fraction:
    with localcontext(prec=60):
        power = (Decimal(-value.numerator) / value.denominator).exp()
    return 1 / (1 + Fraction(power))


def dot(one: Vector, other: Vector) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), ZERO)
