"""Any module, any layer: the papers' toy cases, and the closed form as the judge."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.attribution.numerical.lines import close, path
from tests.attribution.numerical.modules import first_output, network
from tests.conftest import random_model
from textcond.attribution.conductance import conductance
from textcond.attribution.measures import measure_filters
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.attribution.numerical.straight_path import StraightPath
from textcond.model.network import FromEmbedding

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


# Exact cuts


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("middle", [0.27116, 0.5, 0.931])
def test_no_bump_hides_between_exact_cuts(middle: float, width: float) -> None:
    module = network(lambda x: x[:, 1:] * (1 - (x[:, :1] - middle).abs() / width).relu() / width)
    found = path(module, 1.0, 1.0).integrated_gradients()
    missed = (found.values - torch.tensor([-1.0, 1.0], dtype=torch.float64)).abs().max()
    assert missed <= found.error  # the slopes of ±1/width² cancel, and rounding is left
    assert found.error < max(1e-6, 1e-14 / width**2)
    assert found.evaluations < 5_000


def test_many_kinks_are_cut_one_by_one() -> None:
    """A sawtooth of 400 teeth has as many pieces, and is exact after a few evaluations of each."""
    places = torch.linspace(0.001, 0.999, 400, dtype=torch.float64)
    signs = torch.tensor([1.0, -1.0] * 200, dtype=torch.float64)
    module = network(lambda x: x - places, lambda y: (y.relu() * signs).sum(dim=1, keepdim=True))
    found = path(module, 1.0).internal_influence(module[0])
    assert found.evaluations < 5_000
    close(found.values, ((1 - places) * signs).tolist())


@pytest.mark.parametrize("kernel", [(3, 2, 1, 1), (2, 1, 0, 2), (3, 3, 0, 1)])
@pytest.mark.parametrize("ceil", [False, True])
def test_max_pooling_is_exact(kernel: tuple[int, int, int, int], ceil: bool) -> None:
    size, stride, padding, dilation = kernel
    torch.manual_seed(1)
    pool = nn.MaxPool2d(size, stride, padding, dilation, ceil_mode=ceil)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), pool, nn.Flatten()).double().eval()
    image = torch.randn(2, 9, 9, dtype=torch.float64)
    line = StraightPath(module, image, lambda out: (out * out.detach().sign() * 0 + out).sum(dim=1))
    found = line.conductance(module[0])
    assert found.converged
    assert found.evaluations < 20_000
    assert abs(found.delta) < 1e-12
    assert found.error < 1e-10


# Numbers of every size


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6])
@pytest.mark.parametrize("above", [torch.sin, lambda y: y**3 - y])
def test_the_unit_of_a_layer_does_not_matter(unit: float, above: Any) -> None:
    module = network(lambda x: unit * torch.cat([x, x**2], 1), lambda y: above(y / unit))
    found = path(module, 1.0).conductance(module[0])
    assert found.converged
    assert found.evaluations < 2_000
    influence = path(module, 1.0).internal_influence(module[0])
    assert influence.converged
    assert influence.evaluations < 2_000


@pytest.mark.parametrize("slope", [10, 100, 1_000])
@pytest.mark.parametrize("middle", [0.211, 0.5, 0.8])
def test_steep_functions_settle_in_float32(slope: float, middle: float) -> None:
    module = network(lambda x: x.clone(), lambda y: (slope * (y - middle)).tanh())
    found = StraightPath(module, torch.ones(1), first_output).conductance(module[0])
    ends = torch.tensor([-slope * middle, slope * (1 - middle)], dtype=torch.float64).tanh()
    assert found.converged
    assert abs(float(found.values) - float(ends[1] - ends[0])) <= found.error
    assert found.error < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_added_in_a_wider_type(dtype: torch.dtype) -> None:
    wide = nn.Linear(256, 256, dtype=dtype).eval()
    with torch.no_grad():
        wide.weight.fill_(2.0)
        wide.bias.zero_()
    line = StraightPath(wide, torch.full((256,), 0.5, dtype=dtype), lambda out: out.mean(dim=1))
    assert float(line.integrated_gradients().values.sum()) == pytest.approx(256, rel=0.02)
