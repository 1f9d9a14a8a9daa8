"""The signs of conductance over a corpus, counted a shard at a time.

How far two filters' signs lie apart follows from how often they stand together, so a matrix of
filters by filters is all that is kept of any number of sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from textcond.analysis.store.corpus import CorpusConductance

Signs = Int[np.ndarray, "sentences filters"]


@dataclass(slots=True)
class SignCounts:
    """What the signs of some sentences, drawn with repetition or not, add up to."""

    positive: Int[np.ndarray, " filters"]
    negative: Int[np.ndarray, " filters"]
    products: Float[np.ndarray, "filters filters"]
    """The sum of the products of two filters' signs."""

    @classmethod
    def none(cls, filters: int) -> SignCounts:
        zeros = np.zeros(filters, np.int64)
        return cls(zeros, zeros.copy(), np.zeros((filters, filters)))

    def add(self, signs: Signs, times: Int[np.ndarray, " sentences"] | None = None) -> None:
        """Count sentences, each as many times as is said."""
        whole = signs.astype(np.float32)  # exact: no more than a shard's rows are added up in it
        weighted = whole if times is None else whole * times[:, None].astype(np.float32)
        self.positive += weighted.clip(0).sum(axis=0).astype(np.int64)
        self.negative += (-weighted).clip(0).sum(axis=0).astype(np.int64)
        self.products += weighted.T @ whole

    @property
    def polarities(self) -> Int[np.ndarray, " filters"]:
        """+1, -1, or 0 without a sign; a filter with as many of each is taken for positive."""
        some = self.positive + self.negative > 0
        return np.where(some, np.where(self.positive >= self.negative, 1, -1), 0)

    def purity(self, filter: int) -> float | None:
        """The share of a filter's signs that agree; None without any."""
        positive, negative = int(self.positive[filter]), int(self.negative[filter])
        total = positive + negative
        return max(positive, negative) / total if total else None

    def distances(self, filters: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some some"]:
        """Euclidean, between the columns of signs of some filters."""
        products = self.products[np.ix_(filters, filters)]
        squares = np.diag(products)
        apart: Float[np.ndarray, "some some"]
        apart = np.sqrt((squares[:, None] + squares[None, :] - 2 * products).clip(0))
        return apart


def signs_of(values: Float[np.ndarray, "sentences filters"], threshold: float) -> Signs:
    """+1 above the threshold, -1 below its negative, 0 between."""
    return (values > threshold).astype(np.int8) - (values < -threshold).astype(np.int8)


def count_signs(
    analysis: CorpusConductance,
    threshold: float,
    *,
    draws: int,
    keep: Int[np.ndarray, " kept"],
    generator: np.random.Generator,
    watch: Callable[[int, int], None],
) -> tuple[SignCounts, list[SignCounts], Signs]:
    """Over the corpus; over bootstrap draws of it; and the signs themselves of the rows to `keep`.

    Each draw takes as many sentences as there are, with replacement. `watch` is told how many of
    the corpus's sentences are done.
    """
    whole = SignCounts.none(analysis.filters)
    drawn = [SignCounts.none(analysis.filters) for _ in range(draws)]
    kept = np.zeros((len(keep), analysis.filters), np.int8)
    shares = _shares(analysis, draws, generator)
    first = 0
    for values, _ in analysis.blocks():
        signs = signs_of(values, threshold)
        whole.add(signs)
        for counts, share in zip(drawn, next(shares), strict=True):
            rows = generator.integers(len(signs), size=share)
            counts.add(signs, np.bincount(rows, minlength=len(signs)))
        inside = (keep >= first) & (keep < first + len(signs))
        kept[inside] = signs[keep[inside] - first]
        first += len(signs)
        watch(first, len(analysis))
    return whole, drawn, kept


def _shares(
    analysis: CorpusConductance, draws: int, generator: np.random.Generator
) -> Iterator[Int[np.ndarray, " draws"]]:
    """How many sentences of each draw fall on each shard."""
    left = np.full(draws, len(analysis))
    remaining = len(analysis)
    for size in analysis.sizes:
        share = generator.binomial(left, size / remaining)
        left, remaining = left - share, remaining - size
        yield share
