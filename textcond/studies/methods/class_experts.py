"""Class experts: the network with few of its filters, as a detector of one class.

Leino et al. 2018, §III-C: the filters of the greatest positive and of the greatest negative
influence on a class are kept, every other one puts out 0, and the network's answer is read as
this class or not. (They write α and β for how many of each.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from textcond.attribution.closed_form.path_integrals import Head


@dataclass(frozen=True, slots=True)
class Expert:
    """How well a class is told from the others by some of the filters."""

    positive: int
    """Filters kept that influence the class the most, and the least."""
    negative: int
    recall: float
    precision: float
    """0 if nothing is called so."""

    @property
    def filters(self) -> int:
        return self.positive + self.negative

    @property
    def f1(self) -> float:
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Detection:
    """Texts put through a network, and which of them are of the class that is looked for."""

    head: Head
    pooled: Float[Tensor, "texts filters"]
    is_class: Bool[np.ndarray, " texts"]
    """True for one text at least."""
    output: int

    @torch.no_grad()
    def by(self, kept: Sequence[int]) -> tuple[float, float]:
        """Recall and precision when every other filter puts out 0."""
        mask = torch.zeros(self.pooled.shape[1], dtype=self.pooled.dtype)
        mask[list(kept)] = 1
        logits = self.head.logits(self.head.units(self.pooled * mask))
        called = (logits.argmax(dim=1) == self.output).numpy()
        found = int((called & self.is_class).sum())
        return found / int(self.is_class.sum()), found / max(int(called.sum()), 1)


def whole_network(detection: Detection) -> Expert:
    """What all filters make of it."""
    filters = detection.pooled.shape[1]
    return Expert(filters, 0, *detection.by(range(filters)))


def measure_expert(
    detection: Detection, influence: Float[np.ndarray, " filters"], positive: int, negative: int
) -> Expert:
    """The expert with so many filters of the highest influence and of the lowest below 0.

    A filter is kept once, so fewer than asked for stay where influences do not reach below 0.
    """
    order = np.argsort(-influence, kind="stable")
    lowest = [filter for filter in order[::-1][:negative].tolist() if influence[filter] < 0]
    highest = [filter for filter in order[:positive].tolist() if influence[filter] > 0]
    return Expert(len(highest), len(lowest), *detection.by(lowest + highest))


def sweep(
    detection: Detection, influence: Float[np.ndarray, " filters"], sizes: Iterable[int]
) -> dict[tuple[int, int], Expert]:
    """The expert for every pair of sizes, as asked for; the first is of the positive ones."""
    every = list(sizes)
    return {
        (positive, negative): measure_expert(detection, influence, positive, negative)
        for positive, negative in product(every, every)
    }
