"""What `StraightPath` refuses, and what it warns of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.attribution.numerical.lines import close, path
from tests.attribution.numerical.modules import Layer, first_output, network
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.attribution.numerical.straight_path import StraightPath
from textcond.errors import ModelError


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
