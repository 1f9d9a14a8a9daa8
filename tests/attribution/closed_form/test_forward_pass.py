"""Networks that are not what the closed form takes them for are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import textcond
from tests.conftest import random_model
from textcond.errors import ModelError
from textcond.model.model import Model
from textcond.model.network import TextCNN, own_logits, pad


class Narrow(TextCNN):
    """No window hangs over the ends of the text."""

    def pool(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        columns = functional.pad(embedded.transpose(1, 2), (0, 5))
        scores = [
            functional.conv1d(columns, layer.weight, layer.bias).amax(dim=2)
            for layer in self.convolutions
        ]
        return functional.relu(torch.cat(scores, dim=1))


class Tanh(TextCNN):
    def pool(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        return torch.tanh(super().pool(embedded, lengths))


class FixedLength(TextCNN):
    """Reads the first four words."""

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(ids[:, :4], lengths.clamp(max=4))


class Deeper(TextCNN):
    def classify(self, pooled: Tensor) -> Tensor:
        return super().classify(functional.relu(pooled - 0.1))


def of_class(kind: type[TextCNN]) -> Model:
    model = random_model(2)
    network = kind(model.network.shape).eval()
    network.load_state_dict(model.network.state_dict())
    return replace(model, network=network)


CALLS: list[Callable[[Model], object]] = [
    lambda model: textcond.conductance(model, "w1 w2"),
    lambda model: textcond.explain(model, "w1 w2"),
    lambda model: textcond.predict(model, ["w1 w2"]),
    lambda model: textcond.filter_conductance(model, ["w1 w2"]),
    lambda model: textcond.measure_filters(model, ["w1 w2"], "ablation"),
    lambda model: textcond.integrated_gradients(model, "w1 w2"),
]


@pytest.mark.parametrize("kind", [Narrow, Tanh, FixedLength, Deeper])
@pytest.mark.parametrize("call", CALLS)
def test_another_network_is_refused_by_its_name(
    kind: type[TextCNN], call: Callable[[Model], object]
) -> None:
    with pytest.raises(ModelError, match=f"this network, a {kind.__name__}, gives other logits"):
        call(of_class(kind))


def test_a_subclass_that_computes_the_same() -> None:
    class Same(TextCNN):
        pass

    assert textcond.conductance(of_class(Same), "w1 w2").delta == pytest.approx(0, abs=1e-12)


def test_the_error_is_that_against_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it differs from the closed form only after it was probed."""
    model = random_model(8)
    before = textcond.conductance(model, "w1 w2", target="positive")
    many = textcond.filter_conductance(model, ["w1 w2", "w3"], target="positive")
    assert abs(before.delta) < 1e-12
    assert many.deltas.abs().max() < 1e-12
    own = TextCNN.classify
    monkeypatch.setattr(TextCNN, "classify", lambda network, pooled: 2 * own(network, pooled))
    rise = before.score - before.baseline_score
    assert before.delta == pytest.approx(-rise, rel=1e-9)
    assert many.deltas[0] == pytest.approx(-rise, rel=1e-9)


def test_a_hook_that_changes_the_filters_is_seen() -> None:
    model = random_model(4)
    model.network.convolutions[0].register_forward_hook(lambda *given: given[2] * 2)
    with pytest.raises(ModelError, match="a TextCNN, gives other logits"):
        textcond.explain(model, "w1 w2")


def test_the_own_forward_pass() -> None:
    model = random_model(6)
    rows = [[2, 5, 1, 9], [7], [3, 3, 3, 4, 8, 2, 11]]
    wanted = model.network.double()(*pad(rows))
    torch.testing.assert_close(own_logits(random_model(6).network, rows), wanted)
