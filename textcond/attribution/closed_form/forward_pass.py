"""Whether the closed form gives the logits of the network's own forward pass.

The closed form computes the logits by its own loops. A network that computes something else, a
subclass with other windows or another activation for instance, would get conductances that add up
to the wrong score without a trace of it. So every network is probed once, and the completeness
error of every text is measured against the forward pass.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.closed_form.winning_windows import winning_windows, words_of
from textcond.attribution.quantity import Quantity
from textcond.errors import ModelError
from textcond.model.network import BASELINE, TextCNN, own_logits

_JUDGED = 64
"""Texts in a batch of the network's own forward pass."""
_TOLERANCE = 1e-9
"""How far the logits may be apart, relative to their size; both are computed in float64."""
_LENGTHS = (1, 2, 5, 13, 40)
"""The numbers of words of the texts that a network is probed with."""
_probed: weakref.WeakSet[TextCNN] = weakref.WeakSet()


@torch.no_grad()
def closed_form_logits(
    network: TextCNN, rows: Sequence[list[int]]
) -> Float[Tensor, "texts outputs"]:
    """The logits of one batch of texts as ids by the closed form, in float64."""
    head = Head.of(network, torch.float64)
    strengths = winning_windows(network, words_of(rows), torch.float64).strengths
    return head.logits(head.units(head.pooled(strengths)))


@torch.no_grad()
def check_closed_form(network: TextCNN) -> None:
    """Raise `ModelError` unless the closed form gives the logits of the network's forward pass.

    A network is probed once, with texts of few words and of many.
    """
    if network in _probed:
        return
    known = network.embedding.weight.isfinite().all(dim=1).nonzero()[:, 0].tolist()
    rows = [
        [known[(17 + 7919 * place) % len(known)] for place in range(length)] for length in _LENGTHS
    ]
    ours, theirs = closed_form_logits(network, rows), own_logits(network, rows)
    apart = float((ours - theirs).abs().max())
    if not apart <= _TOLERANCE * (1 + float(ours.abs().max())):
        raise ModelError(
            f"The forward pass of this network, a {type(network).__name__}, gives other logits "
            f"than textcond's closed form, up to {apart:.2g} apart. The closed form is of one "
            "convolution over every window that overlaps a word, ReLU, the maximum of each filter, "
            "and one hidden layer with ReLU. For other networks there is `textcond.StraightPath`."
        )
    _probed.add(network)


def own_rises(
    network: TextCNN, rows: Sequence[list[int]], quantity: Quantity
) -> Float[Tensor, " texts"]:
    """How much higher each text scores than the baseline by the network's own forward pass."""
    texts = [*rows, BASELINE]
    batches = [texts[first : first + _JUDGED] for first in range(0, len(texts), _JUDGED)]
    scores = torch.cat([quantity.score(own_logits(network, batch)) for batch in batches])
    return scores[:-1] - scores[-1]
