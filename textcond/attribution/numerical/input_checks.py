"""What is refused before anything is integrated."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from textcond.errors import ModelError
from textcond.model.network import has_finite_weights

_ROUNDING = 1024
"""Scores that differ by more units of rounding are different."""


def check_inputs(input: Tensor, baseline: Tensor | None) -> None:
    """Refuse what is no point of a path; raises `ValueError`."""
    if not input.is_floating_point():
        raise ValueError(
            f"`input` has the type {input.dtype}; give real numbers, for words their embeddings."
        )
    if not input.numel():
        raise ValueError(f"`input` has shape {tuple(input.shape)} and holds no number.")
    if not input.isfinite().all():
        raise ValueError("`input` holds numbers that are not finite.")
    if baseline is None:
        return
    if baseline.shape != input.shape:
        raise ValueError(
            f"`baseline` has shape {tuple(baseline.shape)} but `input` has "
            f"{tuple(input.shape)}; they must be equal."
        )
    if baseline.dtype != input.dtype or baseline.device != input.device:
        raise ValueError(
            f"`baseline` is {baseline.dtype} on {baseline.device} but `input` is {input.dtype} on "
            f"{input.device}; they must be equal: use `baseline.to(input)`."
        )
    if not baseline.isfinite().all():
        raise ValueError("`baseline` holds numbers that are not finite.")


def check_limits(tolerance: float, max_evaluations: int, batch_size: int) -> None:
    """Refuse limits with which nothing can be integrated; raises `ValueError`."""
    if not 0 < tolerance < 1:
        raise ValueError(f"`tolerance` is {tolerance}; it must lie between 0 and 1.")
    if max_evaluations < 1:
        raise ValueError(f"`max_evaluations` is {max_evaluations}; it must be at least 1.")
    if batch_size < 1:
        raise ValueError(f"`batch_size` is {batch_size}; it must be at least 1.")


def check_module(module: nn.Module, input: Tensor) -> None:
    """Refuse a module that would give wrong scores; raises `ModelError`."""
    if any(part.training for part in module.modules()):
        raise ModelError("The module is in training mode; call `module.eval()` first.")
    devices = {part.device for part in chain(module.parameters(), module.buffers())}
    if devices and input.device not in devices:
        raise ValueError(
            f"`input` is on {input.device} but the module is on "
            f"{', '.join(sorted(map(str, devices)))}; move one of them by `.to(...)`."
        )
    if not has_finite_weights(module):
        raise ModelError("The module holds weights that are not finite; load it again.")


def check_rows(alone: Tensor, together: Tensor) -> None:
    """Refuse a module whose rows depend on their batch; raises `ModelError`."""
    if not agree(alone, together):
        raise ModelError(
            "The module gives a row another score in a batch than alone, by up to "
            f"{float((alone - together).abs().max()):.1e}: its rows depend on each other, or on "
            "chance. Use `batch_size=1` if they depend on each other."
        )


def check_layer(untouched: Tensor, seen: Tensor) -> None:
    """Refuse a layer that cannot be looked at without changing the score; raises `ModelError`."""
    if not agree(untouched, seen):
        raise ModelError(
            "The score changes when the output of `layer` is kept apart from its input: the "
            "module writes into that output and uses the input again. Choose the layer before."
        )


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two runs gave the same scores, to rounding."""
    slack = min(_ROUNDING * torch.finfo(one.dtype).eps, 0.05) * float(one.abs().max())
    return bool(((one - other).abs() <= slack).all())
