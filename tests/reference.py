"""The definitions, written out: slow, literal, and independent of the closed form.

Everything goes through the network's own forward pass and automatic differentiation; the
integrals are midpoint sums.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from textcond.model.network import TextCNN

Score = Callable[[Tensor], Tensor]
"""(batch, outputs) logits → (batch,) scores."""


def conductance(network: TextCNN, ids: list[int], score: Score, *, steps: int) -> Tensor:
    """Conductance of each filter for each token, (tokens, filters); C19 eq. 2 by midpoints.

    At each midpoint: ∂score/∂h_f from the layers above, times ∂h_f/∂e_i · (e_i - 0) from the
    convolution, for every filter and token.
    """
    embedded = network.embedding(torch.tensor([ids])).detach()[0]  # (tokens, dimensions)
    total = torch.zeros(len(ids), network.shape.filters, dtype=embedded.dtype)
    for chunk in torch.arange(steps).split(2_000):
        alphas = ((chunk + 0.5) / steps).to(embedded.dtype)
        points = alphas[:, None, None] * embedded
        gradient = _gradient_by_filters(network, points, score)  # (points, filters)
        total += torch.einsum("pf,ptf->tf", gradient, _pulls(network, points, embedded))
    return total / steps


def internal_influence(network: TextCNN, ids: list[int], score: Score, *, steps: int) -> Tensor:
    """The mean gradient of the score by each pooled filter, (filters,); C19 eq. 4."""
    embedded = network.embedding(torch.tensor([ids])).detach()[0]
    alphas = (torch.arange(steps, dtype=embedded.dtype) + 0.5) / steps
    return _gradient_by_filters(network, alphas[:, None, None] * embedded, score).mean(dim=0)


def _gradient_by_filters(network: TextCNN, points: Tensor, score: Score) -> Tensor:
    lengths = torch.full((len(points),), points.shape[1])
    pooled = network.pool(points, lengths).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(network.classify(pooled)).sum(), pooled)
    return gradient


@torch.no_grad()
def _pulls(network: TextCNN, points: Tensor, embedded: Tensor) -> Tensor:
    """e_i · ∂h_f/∂e_i at each point, (points, tokens, filters).

    ∂h_f/∂e_i is the kernel's column over token i if the winning window is on, else zero; the
    winner is looked up at the point itself, not carried over from the end of the path.
    """
    pulls = []
    for kernel, convolution in zip(network.kernels, network.convolutions, strict=True):
        best, winner = convolution(points.transpose(1, 2)).max(dim=2)  # each (points, filters)
        given = _given(kernel, embedded)
        filters = torch.arange(kernel.shape[0])
        pulls.append(given[filters, winner] * (best > 0)[:, :, None])  # (points, filters, tokens)
    return torch.cat(pulls, dim=1).transpose(1, 2)


def _given(kernel: Tensor, embedded: Tensor) -> Tensor:
    """e_i · (the kernel's column over token i in window p), (filters, windows, tokens)."""
    filters, _, width = kernel.shape
    tokens = len(embedded)
    given = torch.zeros(filters, tokens + width - 1, tokens, dtype=embedded.dtype)
    for window in range(tokens + width - 1):
        for position in range(width):
            token = window - width + 1 + position
            if 0 <= token < tokens:
                given[:, window, token] = kernel[:, :, position] @ embedded[token]
    return given
