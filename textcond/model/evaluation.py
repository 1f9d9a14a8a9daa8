"""How often a network is right."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from textcond.model.batches import Examples
from textcond.model.network import TextCNN

_BATCH_SIZE = 256


def predict_logits(network: TextCNN, examples: Examples) -> Float[Tensor, "texts outputs"]:
    """The logits of every text, in the corpus's order; the network is left as it was."""
    logits = torch.empty(len(examples), network.shape.outputs)
    training = network.training
    network.eval()
    with torch.inference_mode():
        for rows, (ids, lengths, _) in examples.in_order(_BATCH_SIZE):
            logits[torch.from_numpy(rows)] = network(ids, lengths)
    network.train(training)
    return logits


def accuracies(
    logits: Float[Tensor, "texts 2"], targets: Float[Tensor, "texts 2"]
) -> dict[str, float]:
    """Accuracy of the positive and the negative head, and of the margin between them.

    The heads are asked about every text (is it positive, is it negative: a neutral text is
    neither). The margin is asked about polar texts only; it calls a text positive when the
    positive logit is the greater.
    """
    right = (logits > 0) == (targets > 0)
    polar = is_polar(targets)
    margin_right = (logits[:, 0] > logits[:, 1]) == (targets[:, 0] > targets[:, 1])
    return {
        "positive_accuracy": _share(right[:, 0]),
        "negative_accuracy": _share(right[:, 1]),
        "margin_accuracy": _share(margin_right[polar]),
        "texts": len(targets),
        "polar_texts": int(polar.sum()),
    }


def is_polar(targets: Float[Tensor, "texts 2"]) -> Bool[Tensor, " texts"]:
    """Whether a text is labelled positive or negative, rather than neither."""
    return targets[:, 0] != targets[:, 1]


def _share(right: Bool[Tensor, " texts"]) -> float:
    return float(right.double().mean()) if len(right) else float("nan")
