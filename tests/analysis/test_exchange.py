"""The contrast's p-values hold what they claim where the two sides of a pair can be exchanged.

Within a model the filters depend on each other, so a share of them is a mean over models with the
standard error of that mean. Discrete p-values stay below their level, so filters that hardly any
pair moves are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from datasets import Dataset

from tests.conftest import random_model
from textcond.analysis.contrast import Side, contrast
from textcond.corpora.columns import NO_LABEL
from textcond.corpora.negation import Pair, load_minimal_pairs, pair_dataset
from textcond.corpora.pairs import cut_pairs
from textcond.corpora.reviews import load_reviews
from textcond.model.checkpoint import Model

Draw = Callable[[np.random.Generator], tuple[list[str], list[str]]]
PAIRS = 80


def two_phrases(generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """Of the same distribution."""
    first, second = (_words(generator, int(generator.integers(1, 6))) for _ in range(2))
    return first, second


def with_and_without(generator: np.random.Generator) -> tuple[list[str], list[str]]:
    """Words with and without another before them, or the other way round."""
    words = _words(generator, int(generator.integers(1, 5)))
    sides = [_words(generator, 1) + words, words]
    if generator.random() < 0.5:
        sides.reverse()
    return sides[0], sides[1]


def _words(generator: np.random.Generator, count: int) -> list[str]:
    return [f"w{number}" for number in generator.integers(0, 30, count)]


def null_pairs(generator: np.random.Generator, draw: Draw, labelled: float) -> Dataset:
    """Pairs that can be exchanged, such a share of them with labels that mean nothing."""
    pairs = []
    for _ in range(PAIRS):
        label = int(generator.choice([1, 3])) if generator.random() < labelled else NO_LABEL
        whole, part = draw(generator)
        pairs.append(Pair(whole, label if label == NO_LABEL else 4 - label, part, label))
    return pair_dataset(pairs)


@pytest.mark.parametrize("models", [20, pytest.param(150, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    ("draw", "labelled", "target", "output"),
    [
        (two_phrases, 0.0, "margin", "logit"),
        (two_phrases, 1.0, "margin", "logit"),
        (two_phrases, 0.5, "positive:negative", "probability"),
        (with_and_without, 0.0, "positive", "probability"),
        (with_and_without, 0.0, "negative", "logit"),
    ],
)
def test_one_in_twenty_is_significant_where_nothing_is(
    draw: Draw, labelled: float, target: str, output: str, models: int
) -> None:
    for negated in ("positive", "negative"):
        shares, found = [], 0
        for seed in range(models):
            pairs = null_pairs(np.random.default_rng(seed), draw, labelled)
            result = contrast(
                random_model(seed), pairs, negated, target=target, output=output, resamples=999
            )
            p_values = np.array([row.evidence["p_value"] for row in result.filters])
            shares.append(np.mean(p_values[p_values < 1] <= 0.05))
            found += any(row.evidence["adjusted_p"] <= 0.05 for row in result.filters)
        print(negated, np.mean(shares), np.std(shares), found)
