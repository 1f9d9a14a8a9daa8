"""Class experts: the network with few of its filters, as a detector of one class.

Leino et al. 2018, §III-C: the filters of the greatest positive and of the greatest negative
influence on a class are kept, every other one puts out 0, and the network's answer is read as
this class or not. (They write α and β for how many of each.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from textcond.attribution.pieces import Head


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


@torch.no_grad()
def measure_expert(
    head: Head,
    pooled: Float[Tensor, "texts filters"],
    is_class: Bool[np.ndarray, " texts"],
    output: int,
    influence: Float[np.ndarray, " filters"],
    positive: int,
    negative: int,
) -> Expert:
    """The expert with so many filters of the highest influence and of the lowest below 0.

    A filter is kept once, so fewer than asked for stay where influences do not reach below 0.
    """
    order = np.argsort(-influence, kind="stable")
    lowest = [filter for filter in order[::-1][:negative].tolist() if influence[filter] < 0]
    highest = [filter for filter in order[:positive].tolist() if influence[filter] > 0]
    kept = torch.zeros(pooled.shape[1], dtype=pooled.dtype)
    kept[lowest + highest] = 1
    called = called_class(head, pooled * kept) == output
    found = int((called & is_class).sum())
    return Expert(
        positive=len(highest),
        negative=len(lowest),
        recall=found / int(is_class.sum()),
        precision=found / int(called.sum()) if called.any() else 0.0,
    )


def called_class(head: Head, pooled: Float[Tensor, "texts filters"]) -> Int[np.ndarray, " texts"]:
    """The output with the greatest logit."""
    classes: Int[np.ndarray, " texts"] = head.logits(head.units(pooled)).argmax(dim=1).numpy()
    return classes


def sweep(
    head: Head,
    pooled: Float[Tensor, "texts filters"],
    is_class: Bool[np.ndarray, " texts"],
    output: int,
    influence: Float[np.ndarray, " filters"],
    sizes: Iterable[int],
) -> dict[tuple[int, int], Expert]:
    """The expert for every pair of sizes, as asked for; the first is of the positive ones."""
    every = list(sizes)
    return {
        (positive, negative): measure_expert(
            head, pooled, is_class, output, influence, positive, negative
        )
        for positive, negative in product(every, every)
    }
