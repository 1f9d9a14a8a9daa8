"""The closed form against the definition, against Captum, and on the treebank."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from captum.attr import LayerConductance, NeuronConductance
from hypothesis import given, settings, strategies as st
from torch import nn

from tests import reference
from tests.attribution.cases import MODELS, QUANTITIES, SOFTMAX_MODELS, TEXTS
from tests.conftest import SENTENCES, random_model
from textcond.attribution.conductance import conductance, filter_conductance
from textcond.attribution.quantity import quantity_of
from textcond.corpora.treebank import load_treebank
from textcond.model.model import Model
from textcond.model.network import FromEmbedding, pad

FIRST_QUANTITIES = [
    ("margin", "logit"),
    ("positive", "probability"),
    *(
        pytest.param(*names, marks=pytest.mark.thorough)
        for names in QUANTITIES
        if names not in (("margin", "logit"), ("positive", "probability"))
    ),
]

# The definition, written out


@pytest.mark.parametrize(("target", "output"), FIRST_QUANTITIES)
def test_the_midpoint_rule_converges_to_it_as_one_over_n(target: str, output: str) -> None:
    errors = []
    for steps in (100, 1_000, 10_000):
        total = 0.0
        for seed in range(6):
            model = random_model(seed)
            tokens = [f"w{(seed * 7 + i * 3) % 30}" for i in range(6)]
            result = conductance(model, tokens, target=target, output=output)
            network = copy.deepcopy(model.network).double()
            expected = reference.conductance(
                network, model.vocabulary.encode(tokens), result.quantity.score, steps=steps
            )
            total += float((result.values - expected).abs().mean())
        errors.append(total)
    assert errors[2] < 1e-3
    assert 5 < errors[0] / errors[1] < 20
    assert 5 < errors[1] / errors[2] < 20


@pytest.mark.parametrize(
    "sentences",
    [SENTENCES[:1], pytest.param(SENTENCES, marks=pytest.mark.thorough)],
    ids=["one", "twenty"],
)
def test_sentences_against_the_definition(sst: Model, sentences: list[str]) -> None:
    """256 filters × tokens of each, at 10,000 midpoints."""
    network = copy.deepcopy(sst.network).double()
    for sentence in sentences:
        result = conductance(sst, sentence)
        ids = sst.vocabulary.encode(result.tokens)
        expected = reference.conductance(network, ids, result.quantity.score, steps=10_000)
        assert float((result.values - expected).abs().max()) <= 1e-4, sentence


@given(st.one_of(MODELS, SOFTMAX_MODELS), TEXTS)
@settings(max_examples=8)
def test_probabilities_against_the_definition(model: Model, tokens: list[str]) -> None:
    assert_probability_by_definition(model, tokens)


@pytest.mark.thorough
@given(st.one_of(MODELS, SOFTMAX_MODELS), TEXTS)
@settings(max_examples=80)
def test_many_probabilities_against_the_definition(model: Model, tokens: list[str]) -> None:
    assert_probability_by_definition(model, tokens)


def assert_probability_by_definition(model: Model, tokens: list[str]) -> None:
    target = model.outputs.names[1]
    result = conductance(model, tokens, target=target, output="probability")
    network = copy.deepcopy(model.network).double()
    ids = model.vocabulary.encode(tokens)
    # A probability may turn within a few logits: a step moves a logit by some tenths at most, also
    # where a unit that is off at the end is on.
    path = torch.linspace(0, 1, 1_001, dtype=torch.float64)[:, None, None]
    with torch.no_grad():
        logits = FromEmbedding(network)(path * network.embedding(torch.tensor([ids])))
    steps = 4_000 + 10 * int(1_000 * logits.diff(dim=0).abs().max())
    expected = reference.conductance(network, ids, result.quantity.score, steps=steps)
    # A step of the path moves at most one kink of each filter and unit across.
    assert float((result.values - expected).abs().max()) <= 5e-3 * (1 + float(expected.abs().max()))


# Captum


class Margin(nn.Module):
    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[:, 0] - logits[:, 1]


def test_captum_agrees_as_its_steps_grow(sst: Model) -> None:
    """Layer and neuron conductance by Captum's midpoint rule; it never meets the closed form
    at 50 steps and comes closer with every tenfold."""
    network = copy.deepcopy(sst.network).double()
    module = nn.Sequential(FromEmbedding(network), Margin()).eval()
    result = conductance(sst, "the plot is not bad at all")
    ids = torch.tensor([sst.vocabulary.encode(result.tokens)])
    embedded = network.embedding(ids).detach()
    neuron = int(result.by_filter.abs().argmax())
    layer_errors, neuron_errors = [], []
    for steps in (50, 500, 5_000):
        options = {"n_steps": steps, "method": "riemann_middle", "internal_batch_size": 500}
        layer = LayerConductance(module, network.dropout).attribute(embedded, **options)[0].detach()
        layer_errors.append(float((layer - result.by_filter).abs().max()))
        one = NeuronConductance(module, network.dropout).attribute(embedded, neuron, **options)
        neuron_errors.append(float((one[0].sum(dim=1) - result.values[:, neuron]).abs().max()))
    for errors in (layer_errors, neuron_errors):
        assert errors[2] < 1e-3
        assert errors[2] < errors[0] / 5


# The treebank


@pytest.mark.parametrize(("target", "output"), FIRST_QUANTITIES)
def test_completeness_on_the_test_sentences(
    sst: Model, treebank: Path, target: str, output: str
) -> None:
    texts = list(load_treebank("test", data_dir=treebank)["tokens"])
    network = copy.deepcopy(sst.network).double()
    quantity = quantity_of(sst, target, output)
    exact = filter_conductance(sst, texts, target=target, output=output)
    single = filter_conductance(sst, texts, target=target, output=output, dtype=torch.float32)
    with torch.no_grad():
        rows = [pad([sst.vocabulary.encode(tokens)]) for tokens in texts]
        scores = torch.cat([quantity.score(network(ids, lengths)) for ids, lengths in rows])
        ids = torch.zeros(1, 1, dtype=torch.int64)
        baseline = quantity.score(network(ids, torch.tensor([1])))
    assert len(texts) == 2_210
    assert float((exact.values.sum(dim=1) - (scores - baseline)).abs().max()) <= 1e-9
    # In float32 held against the float64 scores: summing is part of what is tested.
    assert float((single.values.sum(dim=1) - (scores - baseline)).abs().max()) <= 2e-5


def test_alone_and_in_a_batch(sst: Model) -> None:
    texts = [" ".join(SENTENCES[i % 20].split()[: 1 + i % 9]) for i in range(256)]
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        many = filter_conductance(sst, texts, dtype=dtype)
        for row in (0, 17, 255):
            alone = conductance(sst, texts[row], dtype=dtype)
            assert abs(float(many.scores[row]) - alone.score) <= tolerance
            assert float((many.values[row] - alone.by_filter).abs().max()) <= tolerance
