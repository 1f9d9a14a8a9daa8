"""How `StraightPath` runs: batches, progress, memory, modules that write in place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.attribution.numerical.lines import close, path
from tests.attribution.numerical.modules import first_output, network
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.attribution.numerical.straight_path import StraightPath
from textcond.errors import ModelError


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
