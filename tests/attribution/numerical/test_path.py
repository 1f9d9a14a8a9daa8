"""Any module, any layer: the papers' toy cases, and the closed form as the judge."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.attribution.numerical.cases import Layer, first_output, network
from tests.conftest import random_model
from textcond.attribution.conductance import conductance
from textcond.attribution.measures import measure_filters
from textcond.attribution.numerical.path import StraightPath
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.errors import ModelError
from textcond.model.network import FromEmbedding


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


def test_refuses_what_is_no_path(three_layers: nn.Sequential) -> None:
    one = torch.ones(3, dtype=torch.float64)

    def line(**options: Any) -> StraightPath:
        return StraightPath(three_layers, one, first_output, **options)

    for baseline in ([float("nan"), 0, 0], [0, float("inf"), 0]):
        with pytest.raises(ValueError, match="`baseline` holds numbers that are not finite"):
            path(three_layers, 0, 1, 0, baseline=baseline)
    with pytest.raises(ValueError, match=r"`baseline` is torch\.float32 on cpu but `input` is"):
        line(baseline=torch.zeros(3))
    with pytest.raises(ValueError, match=r"on meta but `input` .* use `baseline\.to\(input\)`"):
        line(baseline=torch.zeros(3, dtype=torch.float64, device="meta"))
    with pytest.raises(ValueError, match=r"`input` has shape \(0, 3\) and holds no number"):
        StraightPath(three_layers, one.new_empty(0, 3), first_output)
    for size in (0, -3):
        with pytest.raises(ValueError, match=f"`batch_size` is {size}; it must be at least 1"):
            line(batch_size=size)
    for tolerance in (0.0, float("nan"), -1e-8):
        with pytest.raises(ValueError, match=r"`tolerance` is .* between 0 and 1"):
            line(tolerance=tolerance)
    with pytest.raises(ValueError, match="`max_evaluations` is 0; it must be at least 1"):
        line(max_evaluations=0)
    elsewhere = nn.Linear(3, 2, device="meta").eval()
    with pytest.raises(ValueError, match="`input` is on cpu but the module is on meta; move one"):
        StraightPath(elsewhere, torch.ones(3), first_output)


# How it runs


@pytest.mark.parametrize(("size", "above"), [(1, torch.relu), (40, torch.sin)])
def test_no_batch_is_larger_than_asked(size: int, above: Any) -> None:
    sizes: list[int] = []

    def below(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return 2 * x - 0.5

    module = network(below, above)
    line = StraightPath(module, torch.ones(2, dtype=torch.float64), first_output, batch_size=size)
    for found in (line.conductance(module[0]), line.internal_influence(module[0])):
        assert found.converged
    assert max(sizes) == size


def test_progress_is_told_and_can_be_stopped() -> None:
    told: list[tuple[int, int]] = []

    def watch(done: int, most: int) -> None:
        told.append((done, most))
        if done > 300:
            raise KeyboardInterrupt

    module = network(lambda x: x.clone(), lambda y: (40 * y).sin())
    one = torch.ones(1, dtype=torch.float64)
    line = StraightPath(module, one, first_output, watch=watch, max_evaluations=5_000)
    with pytest.raises(KeyboardInterrupt):
        line.conductance(module[0])
    assert told == sorted(told)
    assert told[-1][0] > 300
    assert {most for _, most in told} == {5_000}
    assert not module[0]._forward_hooks


def test_no_graph_is_kept() -> None:
    module = network(lambda x: x.clone(), lambda y: y.sin())
    one = torch.ones(1, dtype=torch.float64, requires_grad=True)
    for baseline in (None, torch.zeros_like(one).requires_grad_()):
        line = StraightPath(module, one, first_output, baseline=baseline)
        for found in (line.conductance(module[0]), line.integrated_gradients()):
            assert not found.values.requires_grad
            close(found.values, [0.8414709848])
    assert one.grad is None


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_are_taken_where_they_are_switched_off(off: Any) -> None:
    module = network(lambda x: x.clone(), lambda y: (y - 0.25).relu())
    with off():
        line = path(module, 1.0)
        close(line.conductance(module[0]).values, [0.75])
        close(line.neuron_conductance(module[0], 0).values, [0.75])
        close(line.integrated_gradients().values, [0.75])


def test_only_a_forward_derivative_that_is_missing_is_asked_for() -> None:
    """What has neither a forward-mode nor a second derivative is named."""

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Tensor) -> Tensor:
            context.save_for_backward(x)
            return x**2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(context: Any, gradient: Tensor) -> Any:
            return 2 * context.saved_tensors[0] * gradient

    module = network(Once.apply, torch.sin)
    close(path(module, 1.0).internal_influence(module[0]).values, [0.9045242379])  # ∫ cos(α²)
    close(path(module, 1.0).neuron_conductance(module[0], 0).values, [0.8414709848])
    with pytest.raises(ModelError, match="neither a forward-mode nor a second derivative"):
        path(module, 1.0).conductance(module[0])


# Layers that are written into


def test_the_score_is_the_untouched_module_s() -> None:
    class Writes(nn.Module):
        """The layer returns its input, which is used again after a write."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            hidden = x * 1
            given = self.layer(hidden)
            given.add_(1)
            return given + hidden

    module = Writes().eval()
    with pytest.raises(ModelError, match="module writes into that output and uses the input"):
        path(module, 1.0).internal_influence(module.layer)


def test_an_input_that_is_returned_is_not_what_leads_around_it() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            hidden = 2 * x
            return 3 * self.layer(hidden) + hidden

    module = Around().eval()
    close(path(module, 1.0).internal_influence(module.layer).values, [3.0])
    with pytest.warns(ConvergenceWarning, match="paths around the layer"):
        close(path(module, 1.0).conductance(module.layer).values, [6.0])


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
