"""The ablation score of a filter: how far the score drops when its output is 0.

Dhamdhere et al. 2018, §5.1: a filter is ablated by a bias of minus infinity, so its pooled
output is 0 and everything above is computed anew.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.quantity import Quantity


def ablation_scores(
    head: Head, pooled: Float[Tensor, "batch filters"], quantity: Quantity
) -> Float[Tensor, "batch filters"]:
    """The score less the score without the filter, for each filter alone, all at once."""
    units = head.units(pooled)  # (batch, hidden)
    without = units[:, None, :] - pooled[:, :, None] * head.hidden_weight.T
    ablated = quantity.score(head.logits(without))  # (batch, filters)
    return quantity.score(head.logits(units))[:, None] - ablated


@torch.no_grad()
def scores_as_removed(
    head: Head,
    pooled: Float[Tensor, "batch filters"],
    order: Int[Tensor, "batch filters"],
    quantity: Quantity,
) -> Float[Tensor, "batch removed"]:
    """The score with none, the first, the first two, ... and all filters of an order ablated.

    Samek et al. 2017's curves, for filters as Leino et al. 2018, figure 2, take them.
    """
    weights = head.hidden_weight.T[order]  # (batch, filters, hidden)
    given = pooled.gather(1, order)[:, :, None] * weights
    units = head.units(pooled)[:, None, :]
    left = torch.cat([units, units - given.cumsum(dim=1)], dim=1)
    return quantity.score(head.logits(left))
