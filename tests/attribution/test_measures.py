"""The other measures, each against its definition."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import example, given, settings, strategies as st

from tests import reference
from tests.conftest import random_model
from textcond.attribution.measures import measure_filters
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.model.network import TextCNN, pad

CASES = st.tuples(
    st.integers(0, 10_000),
    st.lists(st.integers(0, 29).map("w{}".format), min_size=1, max_size=8),
    st.sampled_from(["positive", "margin"]),
    st.sampled_from(["logit", "probability"]),
)


def prepared(case: tuple[int, list[str], str, str]) -> tuple[TextCNN, Quantity, torch.Tensor]:
    """The network in float64, the quantity, and the pooled filters of the text."""
    seed, tokens, target, output = case
    model = random_model(seed, whole=seed % 2 == 0)
    network = copy.deepcopy(model.network).double()
    ids, lengths = pad([model.vocabulary.encode(tokens)])
    with torch.no_grad():
        pooled = network.pool(network.embedding(ids), lengths)
    return network, quantity_of(model, target, output), pooled


def found(case: tuple[int, list[str], str, str], measure: str) -> torch.Tensor:
    seed, tokens, target, output = case
    options = {"target": target, "output": output}
    return measure_filters(random_model(seed, whole=seed % 2 == 0), [tokens], measure, **options)[0]


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@given(CASES)
def test_activation(case: tuple[int, list[str], str, str]) -> None:
    close(found(case, "activation"), prepared(case)[2][0])


@given(CASES)
def test_gradient_times_activation(case: tuple[int, list[str], str, str]) -> None:
    network, quantity, pooled = prepared(case)
    pooled.requires_grad_()
    (gradient,) = torch.autograd.grad(quantity.score(network.classify(pooled)).sum(), pooled)
    close(found(case, "gradient_times_activation"), (pooled * gradient)[0].detach())


@given(CASES)
def test_ablation(case: tuple[int, list[str], str, str]) -> None:
    network, quantity, pooled = prepared(case)
    with torch.no_grad():
        score = quantity.score(network.classify(pooled))
        drops = []
        for filter in range(pooled.shape[1]):
            ablated = pooled.clone()
            ablated[:, filter] = 0
            drops.append(score - quantity.score(network.classify(ablated)))
    close(found(case, "ablation"), torch.cat(drops))


@given(CASES)
@example((1672, ["w27"], "margin", "logit"))  # a hidden unit is 0 along a sixth of the path
@example((1078, ["w24", "w24"], "margin", "logit"))
@settings(max_examples=30)
def test_internal_influence(case: tuple[int, list[str], str, str]) -> None:
    seed, tokens, _, _ = case
    network, quantity, _ = prepared(case)
    ids = random_model(seed).vocabulary.encode(tokens)
    # With a power of two the midpoints of whole weights are exact: what is 0 is not rounded off 0.
    expected = reference.internal_influence(network, ids, quantity.score, steps=4_096)
    limit = 5e-3 * (1 + float(expected.abs().max()))
    assert float((found(case, "internal_influence") - expected).abs().max()) <= limit


def test_unknown_measure() -> None:
    with pytest.raises(ValueError, match="`measure` is 'deeplift'; it can be conductance, activ"):
        measure_filters(random_model(0), ["w1"], "deeplift")
