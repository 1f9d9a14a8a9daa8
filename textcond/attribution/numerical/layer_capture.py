"""The output of one layer while a module runs, without a change to what the module computes.

A layer's output is the tensor that it returns, as it is when it returns. What follows may write
into it: the gradient is taken at the node of autograd's graph that made the output, which later
writes leave alone. Every use of that tensor counts, also one under another name, such as `h`
after `relu_(h)`. Two outputs have no node of their own: an input that is returned as it came
(`nn.Identity`), and a view into which something is written later. The module then goes on with a
copy, and its score is compared with that of the untouched module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.graph import GradientEdge, get_gradient_edge


@dataclass(slots=True)
class Captured:
    """What a layer returned in one run of the module."""

    edge: GradientEdge | None = None
    """The node of autograd's graph by which the score is differentiated; none without gradients."""
    value: Tensor | None = None
    tangent: Tensor | None = None
    """The output's derivative along the path, if the run was in forward mode."""
    needs_copy: bool = False
    """Whether the output has no node of its own."""
    inputs: list[GradientEdge] = field(default_factory=list)


@contextmanager
def captured(layer: nn.Module, points: int, *, copy: bool = False) -> Iterator[Captured]:
    """Keep the layer's output of the run inside; with `copy` the module goes on with a copy of it.

    Raises `ValueError` if the layer does not run exactly once, or if its output is not one real
    tensor with one row for each point.
    """
    found = Captured()
    output: Tensor | None = None
    version = 0

    def before(_module: nn.Module, inputs: Any) -> None:
        found.inputs = [
            get_gradient_edge(part)
            for part in inputs
            if isinstance(part, Tensor) and part.requires_grad
        ]

    def after(_module: nn.Module, _inputs: Any, given: Any) -> Tensor | None:
        nonlocal output, version
        if not isinstance(given, Tensor) or found.value is not None:
            raise ValueError(
                "`layer` must run once in a forward pass and give one tensor; choose another."
            )
        _check(given, points)
        found.value = given.detach().clone()
        if not torch.is_grad_enabled():
            return None
        output, changed = given, None
        if not given.requires_grad and forward_ad.unpack_dual(given).tangent is None:
            output = changed = given.detach().requires_grad_().clone()  # depends on no input
        elif copy:
            output = changed = given.clone()
        found.edge = get_gradient_edge(output)
        if forward_ad._current_level >= 0:
            found.tangent = forward_ad.unpack_dual(output).tangent
            if found.tangent is not None:
                found.tangent = found.tangent.detach().clone()
        version = output._version
        found.needs_copy = found.edge in found.inputs
        return changed

    handles = [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    if found.value is None:
        raise ValueError(
            "`layer` did not run; it must be a part of `module`, and no part of a scripted one."
        )
    if output is not None and output._is_view() and output._version != version:
        found.needs_copy = True


def _check(output: Tensor, points: int) -> None:
    if output.ndim == 0 or len(output) != points:
        raise ValueError(
            f"`layer` gives shape {tuple(output.shape)} for {points} inputs; the batch must be its "
            "first dimension: choose another."
        )
    if not output.is_floating_point():
        raise ValueError(f"`layer` gives {output.dtype}; choose one that gives real numbers.")
