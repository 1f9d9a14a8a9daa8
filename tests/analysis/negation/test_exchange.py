"""The contrast's p-values hold what they claim where the two sides of a pair can be exchanged.

Within a model the filters depend on each other, so their share is averaged over models. A filter
that no pair moves has a p-value of 1, always, and is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from datasets import Dataset

from tests.conftest import random_model
from textcond.analysis.negation.discovery import contrast
from textcond.attribution.conductance import conductance_of_ids
from textcond.attribution.quantity import quantity_of
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.corpora.loading import load_corpus
from textcond.corpora.negated_phrases import Pair, load_minimal_pairs, pair_dataset
from textcond.corpora.negation_pairs import cut_pairs
from textcond.model.model import Model
from textcond.model.outputs import POLARITY

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


def even_model(seed: int, pairs: Dataset) -> Model:
    """A random one that takes as many of the texts for positive as for negative."""
    model = random_model(seed)
    rows = model.encode_all([*pairs["tokens"], *pairs["unnegated_tokens"]])
    margins = conductance_of_ids(model.network, rows, quantity_of(model)).scores
    model = random_model(seed)
    with torch.no_grad():
        model.network.output.bias[0] -= float(margins.mean())
    return model


CASES = [
    (two_phrases, 0.0, "margin", "logit"),
    (with_and_without, 0.0, "positive", "probability"),
    (two_phrases, 1.0, "margin", "logit"),
    (two_phrases, 0.5, "positive:negative", "probability"),
    (with_and_without, 0.0, "negative", "logit"),
]


@pytest.mark.parametrize(
    ("draw", "labelled", "target", "output", "models"),
    [
        *((*case, 10) for case in CASES),
        pytest.param(*CASES[0], 150, marks=pytest.mark.thorough),
    ],
)
def test_one_in_twenty_is_significant_where_nothing_is(
    draw: Draw, labelled: float, target: str, output: str, models: int
) -> None:
    for negated in POLARITY:
        shares, discoveries = [], 0
        for seed in range(models):
            pairs = null_pairs(np.random.default_rng(seed), draw, labelled)
            model = even_model(seed, pairs)
            result = contrast(model, pairs, negated, target=target, output=output, resamples=999)
            p_values = np.array([row.evidence["p_value"] for row in result.filters])
            shares.append(np.mean(p_values[p_values < 1] <= 0.05))
            discoveries += any(row.evidence["adjusted_p"] <= 0.05 for row in result.filters)
        # The filters of one model stand for four independent ones at least: it has four units.
        error = np.sqrt(0.05 * 0.95 / (4 * models))
        assert abs(np.mean(shares) - 0.05) < 3 * error
        # All of a model's filters are null, so any discovery is a false one.
        assert discoveries <= 0.05 * models + 4 * np.sqrt(0.05 * 0.95 * models)


def exchanged(pairs: Dataset, seed: int) -> Dataset:
    """The sides of every other pair, at random, in each other's place, and without labels."""
    generator = np.random.default_rng(seed)
    sides = zip(pairs["tokens"], pairs["unnegated_tokens"], strict=True)
    return pair_dataset(
        [
            Pair(part, NO_LABEL, whole, NO_LABEL)
            if generator.random() < 0.5
            else Pair(whole, NO_LABEL, part, NO_LABEL)
            for whole, part in sides
        ]
    )


@pytest.mark.parametrize(
    "corpus", ["minimal-pairs", pytest.param("rotten-tomatoes", marks=pytest.mark.thorough)]
)
def test_exchanged_pairs_find_no_filter_of_the_shipped_model(sst: Model, corpus: str) -> None:
    if corpus == "minimal-pairs":
        pairs = load_minimal_pairs()
    else:
        pairs = cut_pairs(load_corpus(corpus, "train")["tokens"])
    for seed in range(3):
        for negated in POLARITY:
            found = contrast(sst, exchanged(pairs, seed), negated, resamples=999)
            assert min(row.evidence["adjusted_p"] for row in found.filters) > 0.05
            assert found.found == ()


def test_the_p_value_is_that_of_a_choice_made_anew_at_each_exchange() -> None:
    """All 2¹⁰ exchanges of ten pairs, each as a contrast of its own."""
    generator = np.random.default_rng(5)
    pairs = null_pairs(generator, with_and_without, labelled=0.3).select(range(10))
    model = even_model(5, pairs)
    rows = [model.encode_all(pairs[name]) for name in ("tokens", "unnegated_tokens")]
    values = [conductance_of_ids(model.network, row, quantity_of(model)) for row in rows]
    falls = (values[1].values - values[0].values).numpy()  # (pairs, filters)
    positive = [(side.scores > 0).numpy() for side in values]
    labelled = np.array([kind != "" for kind in pairs["kind"]])
    wanted = np.array([kind == "negated positive" for kind in pairs["kind"]])
    sums = []
    for signs in itertools.product((1, -1), repeat=10):
        alone = np.where(np.array(signs) == 1, positive[1], positive[0])
        chosen = np.where(labelled, wanted, alone)
        sums.append((np.array(signs) * chosen) @ falls)
    expected = np.mean(np.array(sums) >= sums[0] - 1e-12, axis=0)
    assert 0 < labelled.sum() < 10
    assert 0 < (positive[0] != positive[1]).sum() < 10
    result = contrast(model, pairs, "positive", resamples=2**10)
    for row in result.filters:
        assert row.evidence["p_value"] == pytest.approx(expected[row.filter], abs=1e-9)


def bare_pairs() -> Dataset:
    """The minimal pairs without their labels."""
    pairs = load_minimal_pairs()
    sides = zip(pairs["tokens"], pairs["unnegated_tokens"], strict=True)
    return pair_dataset([Pair(whole, NO_LABEL, part, NO_LABEL) for whole, part in sides])


def test_pairs_without_labels_find_the_filters_of_those_with(sst: Model) -> None:
    pairs, bare = load_minimal_pairs(), bare_pairs()
    for negated in POLARITY:
        with_labels = contrast(sst, pairs, negated, resamples=999).found
        without = contrast(sst, bare, negated, resamples=999)
        assert len({*with_labels} & {*without.found}) >= 0.75 * len({*with_labels, *without.found})
        assert all(row.evidence["change"] > 0 for row in without.filters if row.score)
        assert all(row.score >= 0 for row in without.filters)


def test_no_filter_qualifies_that_the_negation_moves_the_other_way(sst: Model) -> None:
    """It may be significant: chosen by their scores, the pairs could have moved it more so."""
    result = contrast(sst, bare_pairs(), "negative", resamples=999)
    (row,) = (
        row
        for row in result.filters
        if row.evidence["adjusted_p"] <= 0.05 and row.evidence["change"] <= 0
    )
    assert row.score == 0
