"""Straight paths of small modules, and how their values are compared."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.attribution.numerical.modules import first_output
from textcond.attribution.numerical.straight_path import StraightPath


def path(module: nn.Module, *values: float, baseline: list[float] | None = None) -> StraightPath:
    start = None if baseline is None else torch.tensor(baseline, dtype=torch.float64)
    end = torch.tensor(values, dtype=torch.float64)
    return StraightPath(module, end, first_output, baseline=start)


def close(found: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6
    )
