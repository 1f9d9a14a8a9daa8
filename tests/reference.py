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
    convolution, for every filter and token. The second is the same wherever the same window
    wins, so the first is summed by window.
    """
    embedded = network.embedding(torch.tensor([ids])).detach()[0]  # (tokens, dimensions)
    windows = len(ids) + max(network.shape.widths) - 1
    sums = torch.zeros(windows, network.shape.filters, dtype=embedded.dtype)
    for chunk in torch.arange(steps).split(2_000):
        alphas = ((chunk + 0.5) / steps).to(embedded.dtype)
        best, winner = _best(network, alphas[:, None, None] * embedded)
        gradient = _gradient_by_filters(network, best.relu(), score)  # (points, filters)
        sums.scatter_add_(0, winner, gradient * (best > 0))
    given = [_given(kernel, embedded, windows) for kernel in network.kernels]
    return torch.einsum("wf,fwt->tf", sums / steps, torch.cat(given))


def internal_influence(network: TextCNN, ids: list[int], score: Score, *, steps: int) -> Tensor:
    """The mean gradient of the score by each pooled filter, (filters,); C19 eq. 4."""
    embedded = network.embedding(torch.tensor([ids])).detach()[0]
    alphas = (torch.arange(steps, dtype=embedded.dtype) + 0.5) / steps
    best, _ = _best(network, alphas[:, None, None] * embedded)
    return _gradient_by_filters(network, best.relu(), score).mean(dim=0)


def _gradient_by_filters(network: TextCNN, pooled: Tensor, score: Score) -> Tensor:
    pooled = pooled.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(network.classify(pooled)).sum(), pooled)
    return gradient


@torch.no_grad()
def _best(network: TextCNN, points: Tensor) -> tuple[Tensor, Tensor]:
    """The winning window's value and place, each (points, filters).

    They are looked up at the point itself, not carried over from the end of the path.
    """
    found = [each(points.transpose(1, 2)).max(dim=2) for each in network.convolutions]
    best, winner = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
    last = network.pool(points[-1:], torch.tensor([points.shape[1]]))
    assert torch.allclose(best[-1:].relu(), last)  # what the network's own forward pass takes
    return best, winner


@torch.no_grad()
def _given(kernel: Tensor, embedded: Tensor, windows: int) -> Tensor:
    """e_i · ∂h_f/∂e_i if window w wins and is on, (filters, windows, tokens).

    ∂h_f/∂e_i is then the kernel's column over token i; there are as many windows as the widest
    kernel has.
    """
    filters, _, width = kernel.shape
    tokens = len(embedded)
    given = torch.zeros(filters, windows, tokens, dtype=embedded.dtype)
    for window in range(tokens + width - 1):
        for position in range(width):
            token = window - width + 1 + position
            if 0 <= token < tokens:
                given[:, window, token] = kernel[:, :, position] @ embedded[token]
    return given
