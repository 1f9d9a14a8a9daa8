"""The loss of training: the cross-entropy, in which classes may have weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def loss_of(
    logits: Float[Tensor, "batch outputs"],
    targets: Float[Tensor, "batch outputs"],
    *,
    softmax: bool,
    weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """The mean cross-entropy of the batch, in nats.

    With `weights` each text counts as much as its class does (`class_weights`).
    """
    reduction = "mean" if weights is None else "none"
    if softmax:
        losses = functional.cross_entropy(logits, targets, reduction=reduction)
    else:
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction=reduction)
    if weights is None:
        return losses
    by_text = losses if softmax else losses.mean(dim=1)
    return (by_text * (_memberships(targets) @ weights)).mean()


def class_weights(targets: Float[Tensor, "texts outputs"]) -> Float[Tensor, " classes"]:
    """Weights with which every class that occurs has the same share of the loss.

    One for each output, and last one for the texts of none; their mean over the texts is 1.
    """
    sums = _memberships(targets).sum(dim=0)
    present = sums > 1e-3
    weights = torch.zeros_like(sums)
    weights[present] = len(targets) / (int(present.sum()) * sums[present])
    return weights


def _memberships(targets: Float[Tensor, "texts outputs"]) -> Float[Tensor, "texts classes"]:
    """How far each text belongs to each output, and last to none of them, as a neutral text."""
    rest = (1 - targets.sum(dim=1, keepdim=True)).clamp(min=0)
    return torch.cat([targets, rest], dim=1)
