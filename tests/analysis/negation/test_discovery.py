"""Negation filters: found by contrast, checked by ablation, on the model that ships."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from datasets import Dataset

import textcond
from tests.conftest import random_model
from textcond.analysis.negation.causal_check import _draws, check_cause
from textcond.analysis.negation.discovery import (
    NegationFilters,
    contrast,
    direction_of,
    of_side,
    respond,
)
from textcond.analysis.polarity.sides import sides_of
from textcond.attribution.quantity import quantity_of
from textcond.corpora.negated_phrases import load_minimal_pairs
from textcond.model.model import Model


@pytest.fixture(scope="module")
def pairs() -> Dataset:
    return load_minimal_pairs()


@pytest.fixture(scope="module")
def found(sst: Model, pairs: Dataset) -> NegationFilters:
    return contrast(sst, pairs, "positive", resamples=999)


def test_the_evidence_is_the_conductance(
    sst: Model, pairs: Dataset, found: NegationFilters
) -> None:
    first = found.filters[0]
    rows = of_side(sst, found.quantity, pairs, "positive")
    changes = [
        textcond.conductance(sst, negated).by_filter[first.filter]
        - textcond.conductance(sst, alone).by_filter[first.filter]
        for negated, alone in zip(rows["tokens"], rows["unnegated_tokens"], strict=True)
    ]
    assert found.direction == -1
    assert first.evidence["change"] == pytest.approx(-float(np.mean(changes)))
    assert first.evidence["adjusted_p"] <= 0.05


def test_the_found_filters_are_the_fewest_with_half_of_the_score(found: NegationFilters) -> None:
    scores = [row.score for row in found.filters]
    assert scores == sorted(scores, reverse=True)
    assert list(found.found) == [row.filter for row in found.filters[: len(found.found)]]
    assert sum(scores[: len(found.found)]) >= sum(scores) / 2 > sum(scores[: len(found.found) - 1])


def test_directions(sst: Model) -> None:
    for target, expected in (("margin", -1), ("positive", -1), ("negative", 1)):
        sides = sides_of(sst, quantity_of(sst, target, "logit"))
        assert direction_of(sides, "positive") == expected
        assert direction_of(sides, "negative") == -expected
    for target, expected in (("positive:negative", -1), ("negative:positive", 1)):
        sides = sides_of(sst, quantity_of(sst, target, "probability"))
        assert direction_of(sides, "positive") == expected
    classes = random_model(0, classes=3)
    for target in ("a", "a:rest", "a:c"):
        sides = sides_of(classes, quantity_of(classes, target, "logit"))
        assert direction_of(sides, "a") == -1
        assert direction_of(sides, "c" if target == "a:c" else "not a") == 1


@pytest.mark.parametrize(
    ("rows", "count", "ranked", "left"),
    [
        ([0, 1, 2, 3], 2, 256, "2 pairs are left that negate"),
        ([], 0, 0, "no pair is left that negates"),
        (range(8), 4, 256, "4 pairs are left that negate"),
    ],
)
def test_too_few_pairs_find_none(
    sst: Model, pairs: Dataset, rows: list[int], count: int, ranked: int, left: str
) -> None:
    found = contrast(sst, pairs.select(rows), "positive")
    assert (found.found, found.pairs, len(found.filters)) == ((), count, ranked)
    assert found.to_dict()["note"] == (
        f"After halving, or setting the held-out part aside, {left} positive words; at least "
        "5 are needed to find filters."
    )
    assert all(row.score == 0 for row in found.filters)
    check = check_cause(sst, found, pairs, np.ones(256, np.int64))
    assert check.note == "No filter was found, so none is ablated."
    assert check.effect is not None
    assert check.effect > 1
    assert (check.removed, check.drawn_removed, check.drawn_median, check.exceeded) == (
        *(None, ()),
        *(None, None),
    )


def test_a_negator_without_effect_is_a_result(sst: Model, pairs: Dataset) -> None:
    rows = [row for row, kind in enumerate(pairs["kind"]) if kind == "negated positive"]
    plain = pairs.select(rows).remove_columns("tokens")
    plain = plain.add_column("tokens", plain["unnegated_tokens"][:])
    found = contrast(sst, plain, "positive", resamples=99)
    assert found.found == ()
    assert found.note == (
        f"In {len(rows)} pairs that negate positive words, no filter was found that responds to a "
        "negator together with what it negates."
    )
    check = check_cause(sst, found, plain, np.ones(256, np.int64))
    assert (check.effect, check.removed, check.effect_without) == (0.0, None, None)
    assert "does not move positive words the other way: the mean effect is +0.000" in check.note
    apart = check_cause(sst, found, plain.select([]), np.ones(256, np.int64))
    assert apart.note == "None of the held-out pairs negates positive words."


def test_an_exemplar_gives_the_filters_of_its_pattern(sst: Model) -> None:
    query = textcond.query_filters(sst, "this is not good", "not good")
    found = respond(query)
    assert found.negated == "positive"
    assert set(found.found) <= {match.filter for match in query.matches}


def test_ablation_is_a_network_without_these_filters(
    sst: Model, pairs: Dataset, found: NegationFilters
) -> None:
    network = copy.deepcopy(sst.network)
    with torch.no_grad():
        network.hidden.weight[:, list(found.found)] = 0
    without = Model("without", network, sst.vocabulary)
    rows = of_side(sst, found.quantity, pairs, "positive")

    def effect(model: Model) -> float:
        moved = [
            textcond.conductance(model, alone).score - textcond.conductance(model, negated).score
            for negated, alone in zip(rows["tokens"], rows["unnegated_tokens"], strict=True)
        ]
        return float(np.mean(moved))

    polarity = np.ones(256, dtype=np.int64)
    check = check_cause(sst, found, pairs, polarity, draws=3)
    assert check.effect == pytest.approx(effect(sst))
    assert check.effect_without == pytest.approx(effect(without))
    assert check.removed == pytest.approx(1 - effect(without) / effect(sst))
    assert len(check.drawn_removed) == 3


def test_the_draws_are_of_other_filters() -> None:
    polarity = np.array([1, 1, 1, 1, -1, -1, -1, 0])
    drawn = _draws(polarity, [0, 1, 4], 50, np.random.default_rng(0))
    assert {tuple(sorted(one)) for one in drawn} == {(2, 3, 5), (2, 3, 6)}
    assert _draws(np.array([1, 1, 1, 1, 1]), [0, 1, 2], 50, np.random.default_rng(0)) == []
