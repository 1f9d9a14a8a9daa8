"""What an integral along the path returns, and the warning where it is in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


class ConvergenceWarning(UserWarning):
    """An integral did not converge, or a layer's conductances do not add up to the score."""


@dataclass(frozen=True, slots=True)
class PathAttribution:
    """An integral along the path, and how far it can be trusted."""

    values: Float[Tensor, "*shape"]
    error: float
    """An estimate of the largest error of a value, floating-point rounding included."""
    score: float
    baseline_score: float
    evaluations: int
    """The number of points of the path at which the module was run."""
    converged: bool
    """Whether the error is within the tolerance, or is floating-point rounding."""

    @property
    def delta(self) -> float:
        """The completeness error; it means nothing for internal influence."""
        return float(self.values.sum(dtype=_wide(self.values))) - (self.score - self.baseline_score)


def _wide(values: Tensor) -> torch.dtype:
    return torch.promote_types(values.dtype, torch.float64)
