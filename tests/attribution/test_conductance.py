"""The closed form: the laws it keeps and what it refuses."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

import textcond
from tests.attribution.cases import MODELS, QUANTITIES, SOFTMAX_MODELS, TEXTS
from tests.conftest import random_model
from textcond.attribution.conductance import (
    conductance,
    conductances,
    filter_conductance,
    trace_path,
)
from textcond.attribution.explanation import explain, explain_all
from textcond.attribution.measures import integrated_gradients
from textcond.attribution.prediction import predict
from textcond.attribution.quantity import quantity_of
from textcond.errors import ModelError, QuantityError, TextError
from textcond.model.model import Model
from textcond.model.network import Shape, TextCNN, pad
from textcond.model.outputs import SENTIMENT, Outputs
from textcond.text.vocabulary import Vocabulary


def network_score(model: Model, tokens: list[str], target: str, output: str) -> tuple[float, float]:
    """The score and the baseline's, by the network's own forward pass in float64."""
    network = copy.deepcopy(model.network).double()
    quantity = quantity_of(model, target, output)
    ids, lengths = pad([model.vocabulary.encode(tokens)])
    with torch.no_grad():
        score = quantity.score(network(ids, lengths))
        baseline = quantity.score(network(torch.zeros_like(ids), lengths))
    return float(score), float(baseline)


# Laws


@given(MODELS, TEXTS, st.sampled_from(QUANTITIES))
@settings(max_examples=100)
def test_completeness(model: Model, tokens: list[str], names: tuple[str, str]) -> None:
    target, output = names
    result = conductance(model, tokens, target=target, output=output)
    score, baseline = network_score(model, tokens, target, output)
    size = 1e-12 * max(1.0, float(result.values.abs().sum()))
    assert abs(result.score - score) <= size
    assert abs(result.baseline_score - baseline) <= size
    assert abs(float(result.values.sum()) - (score - baseline)) <= size


@given(SOFTMAX_MODELS, TEXTS, st.sampled_from(["a", "b", "a:b", "b:a", "b:rest"]))
def test_completeness_of_classes(model: Model, tokens: list[str], target: str) -> None:
    for output in ("logit", "probability"):
        score, baseline = network_score(model, tokens, target, output)
        values = conductance(model, tokens, target=target, output=output).values
        assert abs(float(values.sum()) - (score - baseline)) <= 1e-9 * (
            1 + float(values.abs().sum())
        )


@given(MODELS, st.lists(TEXTS, min_size=2, max_size=6))
def test_a_batch_changes_nothing(model: Model, texts: list[list[str]]) -> None:
    rows = [model.vocabulary.encode(tokens) for tokens in texts]
    batch = trace_path(model.network, rows, quantity_of(model), torch.float64)
    for row, tokens in enumerate(texts):
        alone = conductance(model, tokens)
        size = 1e-12 * max(1.0, float(alone.values.abs().sum()))
        assert abs(float(batch.integrals.score[row]) - alone.score) <= size
        assert float((batch.conductance[row] - alone.by_filter).abs().max()) <= size


@given(MODELS, TEXTS, st.sampled_from(QUANTITIES))
def test_sums_over_tokens_are_the_filters(
    model: Model, tokens: list[str], names: tuple[str, str]
) -> None:
    target, output = names
    one = conductance(model, tokens, target=target, output=output)
    many = filter_conductance(model, [tokens, ["w1"]], target=target, output=output)
    size = 1e-12 * max(1.0, float(one.values.abs().sum()))
    assert float((one.by_filter - many.values[0]).abs().max()) <= size


@given(MODELS, TEXTS, st.sampled_from(QUANTITIES))
def test_sums_over_filters_are_integrated_gradients(
    model: Model, tokens: list[str], names: tuple[str, str]
) -> None:
    target, output = names
    result = conductance(model, tokens, target=target, output=output)
    gradients = integrated_gradients(model, tokens, target=target, output=output)
    size = 1e-12 * max(1.0, float(result.values.abs().sum()))
    assert float((result.by_token - gradients.sum(dim=1)).abs().max()) <= size


@given(MODELS, TEXTS)
def test_insensitive_filters_get_nothing(model: Model, tokens: list[str]) -> None:
    """A filter that nothing above it reads, and one that its text cannot move."""
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        network.hidden.weight[:, 2] = 0
        network.convolutions[1].weight[0] = 0  # filter 6
    values = conductance(replace(model, network=network), tokens).values
    assert not values[:, 2].any()
    assert not values[:, 6].any()


@given(MODELS, TEXTS)
def test_nothing_comes_from_unknown_words_or_outside_the_window(
    model: Model, tokens: list[str]
) -> None:
    result = conductance(model, tokens)
    for place, unknown in enumerate(result.unknown):
        assert not (unknown and result.values[place].any())
    for filter, (start, end) in enumerate(result.windows):
        assert 0 <= start < end <= len(tokens)
        assert not result.values[:start, filter].any()
        assert not result.values[end:, filter].any()


@given(MODELS, TEXTS)
def test_zero_at_the_baseline(model: Model, tokens: list[str]) -> None:
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        network.embedding.weight.zero_()
    result = conductance(replace(model, network=network), tokens)
    assert not result.values.any()
    assert result.score == result.baseline_score


@given(MODELS, TEXTS)
def test_linear_in_the_quantity(model: Model, tokens: list[str]) -> None:
    for output in ("logit", "probability"):
        positive, negative, margin = (
            conductance(model, tokens, target=target, output=output).values
            for target in ("positive", "negative", "margin")
        )
        torch.testing.assert_close(positive - negative, margin, rtol=1e-9, atol=1e-9)


@given(MODELS, st.integers(2, 4))
def test_of_equal_windows_the_first_wins(model: Model, times: int) -> None:
    tokens = [f"w{number}" for number in range(12)]
    once, often = conductance(model, tokens), conductance(model, tokens * times)
    for filter, (start, end) in enumerate(once.windows):
        width = model.network.shape.width(filter)
        if end - start == width and often.ngram(filter) == once.ngram(filter):
            assert often.windows[filter] == (start, end)


def test_one_long_text_among_short_ones() -> None:
    """Batches hold less where padding would fill them."""
    model = random_model(0)
    texts = [["w1"]] * 255 + [["w1", "w2"] * 3_000]
    many = filter_conductance(model, texts)
    for row in (0, 255):
        alone = conductance(model, texts[row])
        torch.testing.assert_close(many.values[row], alone.by_filter, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_a_steep_softmax(size: float) -> None:
    model = random_model(3, classes=3)
    with torch.no_grad():
        model.network.output.weight.mul_(size)
    result = conductance(model, ["w1", "w2"], target="a", output="probability")
    assert abs(result.delta) <= 1e-9 * (1 + float(result.values.abs().sum()))


# Refusals


def test_refuses_one_string_for_many_texts() -> None:
    for call in (filter_conductance, conductances, explain_all, predict):
        with pytest.raises(ValueError, match="`texts` is one string; give a list of texts"):
            call(random_model(0), "w1")


def test_refuses_a_baseline_that_is_not_zero() -> None:
    for row in (0, 1):
        model = random_model(0)
        with torch.no_grad():
            model.network.embedding.weight[row] = 1
        with pytest.raises(ModelError, match="embedding of padding or of the unknown word is not"):
            conductance(model, "w1")


def test_refuses_logits_that_overflow() -> None:
    model = random_model(0)
    with torch.no_grad():
        model.network.output.weight.mul_(1e35)
        model.network.hidden.weight.mul_(1e10)
    with pytest.raises(ModelError, match=r"overflows torch\.float32; use float64"):
        conductance(model, "w1 w2 w3", dtype=torch.float32)


def test_refuses_a_network_in_training_mode() -> None:
    model = random_model(0)
    model.network.train()
    for call in (conductance, integrated_gradients):
        with pytest.raises(ModelError, match=r"in training mode; call `model\.network\.eval\(\)`"):
            call(model, "w1")
    with pytest.raises(ModelError, match="in training mode"):
        filter_conductance(model, ["w1"])
    with pytest.raises(ModelError, match="in training mode"):
        textcond.measure_filters(model, ["w1"], "activation")


def test_refuses_weights_that_are_not_finite() -> None:
    model = random_model(0)
    with torch.no_grad():
        model.network.output.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="weights that are not finite; load or train it again"):
        conductance(model, "w1")


def test_refuses_the_embedding_of_a_word_that_is_not_finite() -> None:
    model = random_model(0)
    with torch.no_grad():
        model.network.embedding.weight[model.vocabulary.encode(["w2"])] = float("inf")
    for call in (conductance, integrated_gradients, textcond.explain):
        call(model, "w1 w3")
        with pytest.raises(ModelError, match="weights that are not finite"):
            call(model, "w1 w2")
    with pytest.raises(ModelError, match="weights that are not finite"):
        predict(model, ["w1", "w2"])


def test_refuses_a_vocabulary_of_another_size() -> None:
    model = random_model(0)
    model.network.embedding = nn.Embedding(7, 5)
    with pytest.raises(ModelError, match="vocabulary has 32 entries but the network embeds 7"):
        conductance(model, "w1")


def test_refuses_texts_that_say_nothing(sst: Model) -> None:
    for text in ("", " \t"):
        with pytest.raises(TextError, match="`text` is empty"):
            conductance(sst, text)
    with pytest.raises(TextError, match="`text` has no tokens"):
        conductance(sst, [])
    with pytest.raises(TextError, match="`texts` is empty"):
        filter_conductance(sst, [])
    for text in ("qwrtz zzyx", "\U0001f600 \U0001f680", "مرحبا بالعالم"):
        with pytest.raises(TextError, match="has no word that the model 'sst' knows"):
            conductance(sst, text)


def test_marks_unknown_words(sst: Model) -> None:
    result = conductance(sst, "a good qwrtz film")
    assert result.unknown == (False, False, True, False)
    assert not result.values[2].any()


@pytest.mark.parametrize(
    ("target", "output", "message"),
    [
        ("happy", "logit", "`target` is 'happy'; this model has margin, positive, negative, or"),
        ("positive:positive", "logit", "`target` is 'positive:positive'"),
        ("positive", "odds", "`output` is 'odds'; it can be logit or probability"),
    ],
)
def test_refuses_unknown_quantities(sst: Model, target: str, output: str, message: str) -> None:
    with pytest.raises(QuantityError, match=message):
        conductance(sst, "good", target=target, output=output)


OUTPUTS = [
    SENTIMENT,
    Outputs(("negative", "positive")),
    Outputs(("positive", "negative"), softmax=True),
    Outputs(("negative", "positive"), softmax=True),
    Outputs(("a", "b"), softmax=True),
    Outputs(("a", "b")),
]


@pytest.mark.parametrize("outputs", OUTPUTS, ids=str)
def test_the_margin_is_the_same_in_every_function(outputs: Outputs) -> None:
    """Whatever the outputs are, and in whichever order."""
    model = replace(random_model(3), outputs=outputs)
    for text in ("w1 w2 w3", "w4 w9", "w7 w7 w1 w2 w8"):
        found, explained = conductance(model, text), explain(model, text)
        predicted = predict(model, [text])[0]
        assert found.quantity == explained.conductance.quantity
        assert found.score == explained.conductance.score
        gradients = integrated_gradients(model, text).sum(dim=1)
        assert torch.allclose(gradients, found.by_token, atol=1e-12)
        if outputs.are_polarity:
            difference = predicted.heads["positive"]["logit"] - predicted.heads["negative"]["logit"]
            assert found.score == pytest.approx(difference, abs=1e-12)
            assert predicted.prediction == ("positive" if found.score > 0 else "negative")
        elif outputs.softmax:
            assert found.quantity.target.startswith(f"{predicted.prediction}:")
            assert found.score > 0
    assert filter_conductance(model, ["w1"]).quantity.target == outputs.default_target


def test_one_output_alone() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TextCNN(Shape(7, outputs=1, dimensions=4, filters_per_width=3, hidden=2)).eval()
    with torch.no_grad():
        network.embedding.weight[:2] = 0
        network.output.weight.zero_()
        network.output.bias.fill_(-5)
    model = Model("spam", network, Vocabulary(["a", "b", "c", "d", "e"]), Outputs(("spam",)))
    assert predict(model, ["a b"])[0].prediction == "none"
    assert conductance(model, "a b").score == -5
    assert filter_conductance(model, ["a b"]).quantity.target == "spam"
    with pytest.raises(QuantityError, match=r"'ham'; this model has margin, spam\.$"):
        conductance(model, "a b", target="ham")


def test_layers_without_a_bias() -> None:
    """Are layers with a bias of 0."""
    plain, zero = random_model(5), random_model(5)
    for layer in (*plain.network.convolutions, plain.network.hidden, plain.network.output):
        layer.bias = None
    with torch.no_grad():
        for layer in (*zero.network.convolutions, zero.network.hidden, zero.network.output):
            layer.bias.zero_()
    for output in ("logit", "probability"):
        found, wanted = (
            conductance(model, "w1 w2 w3 w4", output=output) for model in (plain, zero)
        )
        assert torch.equal(found.values, wanted.values)
        assert found.values.any()
