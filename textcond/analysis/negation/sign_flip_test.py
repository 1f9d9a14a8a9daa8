"""The sign-flip permutation test: is the mean of many changes greater than chance makes it?

It is `scipy.stats.permutation_test` with `permutation_type="samples"` and one sample, of the mean
and `alternative="greater"`. Here the means under all flips are one matrix product.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

BLOCK = 1_000
"""Flips of all pairs at a time, which bounds the memory."""


def sign_flip_p_values(
    changes: Float[np.ndarray, "pairs columns"], *, resamples: int, seed: int
) -> Float[np.ndarray, " columns"]:
    """Return the one-sided p-value of each column's mean.

    The null hypothesis is that a change is as likely as its opposite, independently for each
    pair; all columns of a pair flip together. If there are no more ways to flip the pairs than
    `resamples`, the p-value is the share of all of them whose mean is as great as the observed
    one. Otherwise the flips are drawn at random, and the observed one is counted with them
    (Phipson and Smyth 2010).
    """
    if resamples < 1:
        raise ValueError(f"`resamples` is {resamples}; it must be at least 1.")
    pairs = len(changes)
    exact = 2**pairs <= resamples
    flips = 2**pairs if exact else resamples
    generator = np.random.default_rng(seed)
    # A sum that only rounding tells from the observed one is as great.
    slack = 100 * np.finfo(changes.dtype).eps * np.abs(changes).sum(axis=0)
    least = changes.sum(axis=0) - slack
    as_great = np.zeros(changes.shape[1], dtype=np.int64)
    for first in range(0, flips, BLOCK):
        count = min(BLOCK, flips - first)
        if exact:
            flipped = np.arange(first, first + count)[:, None] >> np.arange(pairs) & 1
        else:
            flipped = generator.integers(0, 2, (count, pairs), dtype=np.int8)
        signs = (1 - 2 * flipped).astype(changes.dtype)  # (flips, pairs)
        as_great += (signs @ changes >= least).sum(axis=0)
    p_values: Float[np.ndarray, " columns"]
    p_values = as_great / flips if exact else (as_great + 1) / (flips + 1)
    return p_values
