"""Any module, any layer: the papers' toy cases, and the closed form as the judge."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import random_model
from textcond.attribution.conductance import conductance
from textcond.attribution.measures import measure_filters
from textcond.attribution.numerical.path import StraightPath
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.errors import ModelError
from textcond.model.network import FromEmbedding


class Layer(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def network(*functions: Callable[[Tensor], Tensor]) -> nn.Sequential:
    return nn.Sequential(*map(Layer, functions)).eval()


def first_output(output: Tensor) -> Tensor:
    return output[:, 0]


def path(module: nn.Module, *values: float, baseline: list[float] | None = None) -> StraightPath:
    start = None if baseline is None else torch.tensor(baseline, dtype=torch.float64)
    end = torch.tensor(values, dtype=torch.float64)
    return StraightPath(module, end, first_output, baseline=start)


def close(found: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6
    )


# Dhamdhere et al. 2019, §4


def test_saturation() -> None:
    module = network(lambda x: 2 * x, lambda y: y.clamp(max=1))
    close(path(module, 1.0).conductance(module[0]).values, [1.0])
    module = network(lambda x: 2 * x, lambda y: torch.maximum(y, torch.ones_like(y)))
    close(path(module, 1.0).conductance(module[0]).values, [1.0])


def test_overshoot() -> None:
    module = network(lambda x: x.clone(), lambda y: (y - 1).clamp(min=0))
    close(path(module, 1 - 1e-3).conductance(module[0]).values, [0.0])


def test_sign() -> None:
    module = network(lambda x: -x, lambda y: y.clone())
    close(path(module, 1.0).conductance(module[0]).values, [-1.0])
    close(path(module, 1.0).internal_influence(module[0]).values, [1.0])


@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 1), (1, 3), (3, 2), (0.5, 4)])
def test_partition_consistency(p: float, q: float) -> None:
    """Theorem 2: the same function split otherwise gives the same conductance."""
    module = network(
        lambda x: torch.stack([x[:, 0] ** p, x[:, 1] ** q], 1),
        lambda y: (y[:, 0] ** (1 / p) * y[:, 1] ** (1 / q))[:, None],
    )
    close(path(module, 1.0, 1.0).conductance(module[0]).values, [0.5, 0.5])
    # Integrated gradients that start at the hidden layer depend on the split.
    hidden = path(module[1], 1.0, 1.0).integrated_gradients().values
    close(hidden, [q / (p + q), p / (p + q)])


def test_implementation_invariance() -> None:
    """§8.2: splitting the second neuron into two square roots leaves the first as it is."""
    whole = network(lambda x: x.clone(), lambda y: (y[:, 0] * y[:, 1])[:, None])
    close(path(whole, 1.0, 1.0).conductance(whole[0]).values, [0.5, 0.5])
    split = network(
        lambda x: torch.stack([x[:, 0], x[:, 1].sqrt(), x[:, 1].sqrt()], 1),
        lambda y: (y[:, 0] * y[:, 1] * y[:, 2])[:, None],
    )
    values = path(split, 1.0, 1.0).conductance(split[0]).values
    close(values, [0.5, 0.25, 0.25])


# A network of three linear layers with known answers


@pytest.fixture
def three_layers() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        for layer in (layers[0], layers[1], layers[3]):
            layer.weight.fill_(1)
        layers[0].weight.copy_(torch.eye(3))
        layers[0].bias.zero_()
        layers[1].bias.copy_(torch.tensor([-10.0, 1, 1, 1]))
        layers[3].bias.copy_(torch.tensor([-1.0, 1]))
    return layers.double().eval()


def test_layers_of_the_toy_network(three_layers: nn.Sequential) -> None:
    first, second, relu, last = three_layers
    start = path(three_layers, 0, 100, 0)
    close(start.conductance(first).values, [0, 390, 0])
    close(start.conductance(second).values, [90, 100, 100, 100])
    close(start.conductance(relu).values, [90, 100, 100, 100])
    close(start.conductance(last).values, [390, 0])
    close(start.internal_influence(first).values, [3.9, 3.9, 3.9])
    close(start.internal_influence(second).values, [0.9, 1, 1, 1])
    moved = path(three_layers, 0, 80, 0, baseline=[0, -20, 0])
    close(moved.internal_influence(second).values, [0.7, 0.81, 0.81, 0.81])


def test_neurons_of_the_toy_network(three_layers: nn.Sequential) -> None:
    _, second, relu, last = three_layers
    start = path(three_layers, 0, 100, 0)
    close(start.neuron_conductance(last, 0).values, [0, 390, 0])
    close(start.neuron_conductance(second, 0).values, [0, 90, 0])
    close(path(three_layers, 0, 70, 30).neuron_conductance(relu, 3).values, [0, 70, 30])


def test_a_layer_that_writes_in_place(three_layers: nn.Sequential) -> None:
    three_layers[2] = nn.ReLU(inplace=True).eval()
    values = path(three_layers, 0, 100, 0).conductance(three_layers[1]).values
    close(values, [90, 100, 100, 100])


# The sentiment network


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_agrees_with_the_closed_form(output: str) -> None:
    for seed in range(3):
        model = random_model(seed)
        tokens = ["w3", "w14", "w1", "w5", "w9", "w2"]
        result = conductance(model, tokens, output=output)
        module = FromEmbedding(copy.deepcopy(model.network).double())
        embedded = module.network.embedding(torch.tensor([model.vocabulary.encode(tokens)]))
        line = StraightPath(module, embedded[0].detach(), result.quantity.score, tolerance=1e-7)

        pooled = module.network.dropout  # its input and output are the pooled filters
        found = line.conductance(pooled)
        assert found.converged
        assert abs(found.delta) < 1e-7
        torch.testing.assert_close(found.values, result.by_filter, rtol=0, atol=1e-7)

        # By position; the three other widths are paths around this one.
        with pytest.warns(ConvergenceWarning, match="paths around the layer"):
            by_position = line.conductance(module.network.convolutions[0]).values
        torch.testing.assert_close(by_position.sum(dim=1), result.by_filter[:6], rtol=0, atol=1e-7)
        filter = int(result.by_filter.abs().argmax())
        one = line.neuron_conductance(pooled, filter).values
        torch.testing.assert_close(one.sum(dim=1), result.values[:, filter], rtol=0, atol=1e-7)
        gradients = line.integrated_gradients().values
        torch.testing.assert_close(gradients.sum(dim=1), result.by_token, rtol=0, atol=1e-7)
        influence = line.internal_influence(pooled).values
        expected = measure_filters(model, [tokens], "internal_influence", output=output)[0]
        torch.testing.assert_close(influence, expected, rtol=0, atol=1e-7)


# Where nodes do not look


@pytest.mark.parametrize("kink", [0.003, 0.37, 0.6251, 0.995, 0.9999])
def test_kinks_that_cancel_in_the_score(kink: float) -> None:
    """The score is flat; only the layer's own rise shows where it bends."""
    module = network(
        lambda x: torch.cat([(x - kink).relu(), -(x - kink).relu()], 1),
        lambda y: y.sum(dim=1, keepdim=True),
    )
    result = path(module, 1.0).conductance(module[0])
    assert result.converged
    close(result.values, [1 - kink, kink - 1])


@pytest.mark.parametrize("kink", [0.004, 0.37, 0.627, 0.996])
def test_kinks_above_the_layer_that_cancel_in_the_score(kink: float) -> None:
    module = network(
        lambda x: torch.cat([x, -x], 1),
        lambda y: (y[:, :1] - kink).relu() + (y[:, 1:] + kink).clamp(max=0),
    )
    close(path(module, 1.0).conductance(module[0]).values, [1 - kink, kink - 1])
    close(path(module, 1.0).internal_influence(module[0]).values, [1 - kink, 1 - kink])


def test_a_jump_of_the_score_is_told() -> None:
    module = network(lambda x: x.clone(), lambda y: y + (y > 0.3713))
    with pytest.warns(ConvergenceWarning):
        path(module, 1.0).conductance(module[0])


def test_float32_settles_at_its_precision() -> None:
    module = network(lambda x: x.clone(), lambda y: y**2)
    line = StraightPath(module, torch.ones(1), first_output)
    result = line.conductance(module[0])
    assert result.converged
    assert result.evaluations < 1_000
    assert float(result.values) == pytest.approx(1, abs=1e-3)


def test_the_limit_holds() -> None:
    module = network(lambda x: x.clone(), lambda y: (40 * y).sin().relu())
    end = torch.ones(1, dtype=torch.float64)
    line = StraightPath(module, end, first_output, max_evaluations=500)
    with pytest.warns(ConvergenceWarning, match="still moves"):
        result = line.integrated_gradients()
    assert result.evaluations <= 500
    assert 0 < result.error < float("inf")


# What it refuses, and what it warns of


def test_says_so_when_the_integral_does_not_settle() -> None:
    module = network(lambda x: x.clone(), lambda y: (40 * y).sin())
    line = StraightPath(
        module, torch.ones(1, dtype=torch.float64), first_output, max_evaluations=30
    )
    with pytest.warns(ConvergenceWarning, match="still moves .* raise `max_evaluations`"):
        result = line.conductance(module[0])
    assert not result.converged


def test_says_so_when_a_path_leads_around_the_layer() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Layer(lambda x: 2 * x)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.layer(x)

    module = Skip().eval()
    with pytest.warns(ConvergenceWarning, match="reached by paths around the layer"):
        result = path(module, 1.0).conductance(module.layer)
    close(result.values, [2.0])
    assert result.delta == pytest.approx(-1.0)


def test_refuses_training_mode_and_broken_weights(three_layers: nn.Sequential) -> None:
    with torch.no_grad():
        three_layers[3].bias[0] = float("inf")
    with pytest.raises(ModelError, match="holds weights that are not finite"):
        path(three_layers, 0, 1, 0)
    three_layers.train()
    with pytest.raises(ModelError, match=r"in training mode; call `module\.eval\(\)`"):
        path(three_layers, 0, 1, 0)


def test_refuses_what_has_no_gradient(three_layers: nn.Sequential) -> None:
    words = torch.tensor([1, 2, 3])
    with pytest.raises(ValueError, match=r"`input` has the type torch\.int64; give real numbers"):
        StraightPath(three_layers, words, first_output)
    with pytest.raises(ValueError, match="`input` holds numbers that are not finite"):
        path(three_layers, float("nan"), 0, 0)
    cut = network(lambda x: x.detach() * 2)
    with pytest.raises(ValueError, match="it is constant, or the module detaches it"):
        path(cut, 1.0).conductance(cut[0])


def test_a_layer_that_the_score_does_not_use() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Layer(lambda x: 2 * x)

        def forward(self, x: Tensor) -> Tensor:
            self.layer(x)
            return x**2

    module = Idle().eval()
    with pytest.warns(ConvergenceWarning, match="paths around the layer"):
        close(path(module, 1.0).conductance(module.layer).values, [0.0])
    close(path(module, 1.0).neuron_conductance(module.layer, 0).values, [0.0])
    close(path(module, 1.0).internal_influence(module.layer).values, [0.0])


def test_refuses_what_does_not_fit(three_layers: nn.Sequential) -> None:
    with pytest.raises(ValueError, match=r"`baseline` has shape \(2,\) but `input` has \(3,\)"):
        path(three_layers, 0, 1, 0, baseline=[0, 1])
    with pytest.raises(ValueError, match="`layer` did not run; it must be a part of `module`"):
        path(three_layers, 0, 1, 0).conductance(nn.ReLU())
    whole = StraightPath(three_layers, torch.ones(3, dtype=torch.float64), lambda out: out)
    with pytest.raises(ValueError, match=r"`score` gave shape .* one number for each"):
        whole.integrated_gradients()
    shared = nn.ReLU()
    twice = nn.Sequential(shared, nn.Linear(1, 1).double(), shared).eval()
    with pytest.raises(ValueError, match="`layer` must run once in a forward pass"):
        path(twice, 1.0).conductance(shared)
