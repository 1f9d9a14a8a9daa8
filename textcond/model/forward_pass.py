"""The logits of a network's own forward pass, in float64: what closed forms are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn

from textcond.model.network import TextCNN, pad
from textcond.text.vocabulary import PADDING_ID, UNKNOWN_ID

BASELINE = [UNKNOWN_ID]
"""A text whose words all embed to zero."""


@torch.no_grad()
def own_logits(network: TextCNN, rows: Sequence[list[int]]) -> Float[Tensor, "texts outputs"]:
    """The logits of texts as ids by the network's forward pass, in float64.

    A copy of the network is run, whose weights are float64, of the embedding those of the texts'
    words: other threads may be reading the network meanwhile.
    """
    words, places = torch.tensor([*chain.from_iterable(rows)]).unique(return_inverse=True)
    # Padding first, as `pad` writes it.
    table = network.embedding.weight.detach()[torch.cat([torch.tensor([PADDING_ID]), words])]
    renumbered = (places + 1).split([*map(len, rows)])
    own = _copy_of(network, {id(network.embedding.weight): table.double()})
    logits: Tensor = own(*pad([row.tolist() for row in renumbered]))
    return logits


def _copy_of(module: nn.Module, instead: Mapping[int, Tensor]) -> nn.Module:
    """The same module with float64 weights; what is given stands in the place of some."""

    def weight(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or id(tensor) in instead:
            return None if tensor is None else instead[id(tensor)]
        return tensor.detach().double() if tensor.is_floating_point() else tensor

    copied = object.__new__(type(module))
    copied.__dict__ |= module.__dict__
    for kind in ("_parameters", "_buffers"):
        held = {name: weight(tensor) for name, tensor in module.__dict__[kind].items()}
        copied.__dict__[kind] = held
    children = {name: child and _copy_of(child, instead) for name, child in module._modules.items()}
    copied.__dict__["_modules"] = children
    return copied
