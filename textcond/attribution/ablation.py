"""The ablation score of a filter: how far the score drops when its output is 0.

Dhamdhere et al. 2018, §5.1: a filter is ablated by a bias of minus infinity, so its pooled
output is 0 and everything above is computed anew.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from textcond.attribution.pieces import Head
from textcond.attribution.quantity import Quantity


def ablation_scores(
    head: Head, pooled: Float[Tensor, "batch filters"], quantity: Quantity
) -> Float[Tensor, "batch filters"]:
    """The score less the score without the filter, for each filter alone, all at once."""
    units = head.units(pooled)  # (batch, hidden)
    without = units[:, None, :] - pooled[:, :, None] * head.hidden_weight.T
    ablated = quantity.score(head.logits(without))  # (batch, filters)
    return quantity.score(head.logits(units))[:, None] - ablated
