"""Where each filter looks: the winning window of every filter in every text.

A convolution without its bias is a sum over the words of a window, so each distinct word of
a batch meets each position of each filter once, in one table; the windows then only add rows
of it. Windows with the same words get the very same score, and of equals the first one wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from textcond.model.network import TextCNN
from textcond.text.vocabulary import PADDING_ID


@dataclass(frozen=True, slots=True)
class WordScores:
    """What every word of a batch gives every filter at every position of its window."""

    places: Int[Tensor, "batch length"]
    """The row of each token in the tables; row 0 is padding, all zero."""
    tables: tuple[Float[Tensor, "words _width filters_per_width"], ...]
    """One for each width: w_{f,j} · e_word."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The winning window of every filter."""

    strengths: Float[Tensor, "batch filters"]
    """Sum over the window of w_{f,j} · e_j: the filter's response without its bias."""
    starts: Int[Tensor, "batch filters"]
    """The window's first token; below 0 where the window hangs over the text's start."""


def word_scores(
    network: TextCNN, ids: Int[Tensor, "batch length"], dtype: torch.dtype
) -> WordScores:
    """The tables of one batch, computed in `dtype`."""
    padded = torch.cat([ids.new_tensor([PADDING_ID]), ids.flatten()])
    distinct, places = padded.unique(return_inverse=True)
    embedded = network.embedding.weight[distinct].to(dtype)  # (words, dimensions)
    tables = []
    for kernel in network.kernels:  # (filters_per_width, dimensions, width)
        table = embedded @ kernel.to(dtype).permute(1, 2, 0).flatten(1)
        tables.append(table.view(len(distinct), kernel.shape[2], kernel.shape[0]))
    return WordScores(places[1:].view_as(ids), tuple(tables))


def winning_windows(words: WordScores, lengths: Int[Tensor, " batch"]) -> Windows:
    """The strongest of the windows that overlap a token, for each filter."""
    winners = [_winners(words.places, table, lengths) for table in words.tables]
    return Windows(
        torch.cat([strengths for strengths, _ in winners], dim=1),
        torch.cat([starts for _, starts in winners], dim=1),
    )


def _winners(
    places: Int[Tensor, "batch length"],
    table: Float[Tensor, "words width filters_per_width"],
    lengths: Int[Tensor, " batch"],
) -> tuple[Float[Tensor, "batch filters_per_width"], Int[Tensor, "batch filters_per_width"]]:
    width = table.shape[1]
    padded = functional.pad(places, (width - 1, width - 1))
    rows = padded.unfold(1, width, 1) * width + torch.arange(width)  # (batch, windows, width)
    scores = functional.embedding_bag(rows.flatten(0, 1), table.flatten(0, 1), mode="sum")
    scores = scores.view(*rows.shape[:2], -1)  # (batch, windows, filters_per_width)
    outside = torch.arange(1 - width, places.shape[1]) >= lengths[:, None]
    strengths, windows = scores.masked_fill_(outside[:, :, None], -torch.inf).max(dim=1)
    return strengths, windows + 1 - width


def token_scores(
    words: WordScores, starts: Int[Tensor, "batch filters"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch length filters"]:
    """What each token gives to the strength of each filter: 0 outside the winning window."""
    batch, length = words.places.shape
    scores = words.tables[0].new_zeros(batch, length, starts.shape[1])
    first = 0
    for table in words.tables:
        _, width, filters = table.shape
        columns = torch.arange(filters)
        for position in range(width):
            tokens = starts[:, first : first + filters] + position  # (batch, filters_per_width)
            inside = (tokens >= 0) & (tokens < lengths[:, None])
            tokens = tokens.clamp(0, length - 1)
            given = table[words.places.gather(1, tokens), position, columns]
            # Added, not set: a clamped place may be another position's own.
            place = tokens[:, None, :]
            part = scores[:, :, first : first + filters]
            part.scatter_add_(1, place, (given * inside)[:, None, :])
        first += filters
    return scores
