"""Where each filter looks: the winning window of every filter in every text.

A convolution without its bias is a sum over the words of a window, so each distinct word of
a batch meets each position of each filter once, in one table; the windows then only add rows
of it. Windows with the same words get the very same score, and of equals the first one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.attribution.kernels import find_winners, share_out
from textcond.model.network import TextCNN


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one batch, one after another, by their distinct words."""

    ids: Int[Tensor, " words"]
    places: Int[np.ndarray, " all_tokens"]
    """Which word each token is."""
    edges: Int[np.ndarray, " edges"]
    """Where each text begins in `places`, and where the last one ends."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The winning window of every filter."""

    words: Words
    tables: tuple[Float[Tensor, "words _width filters_per_width"], ...]
    """For each width what every word gives every filter at every position."""
    strengths: Float[Tensor, "batch filters"]
    """Sum over the window of w_{f,j} · e_j: the filter's response without its bias."""
    starts: Int[Tensor, "batch filters"]
    """The window's first token; below 0 where the window hangs over the text's start."""


def words_of(rows: Sequence[Sequence[int]]) -> Words:
    """The distinct words of one batch of texts as ids."""
    ids = np.fromiter(chain.from_iterable(rows), np.int64)
    distinct, places = np.unique(ids, return_inverse=True)
    return Words(torch.from_numpy(distinct), places, np.cumsum([0, *map(len, rows)]))


def word_scores(
    network: TextCNN, words: Words, dtype: torch.dtype
) -> Iterator[Float[Tensor, "words _width filters_per_width"]]:
    """What every word gives every filter at every position, w_{f,j} · e_word: width by width."""
    embedded = network.embedding.weight[words.ids].to(dtype)
    for kernel in network.kernels:  # (filters_per_width, dimensions, width)
        table = embedded @ kernel.to(dtype).permute(1, 2, 0).flatten(1)
        yield table.view(len(words.ids), kernel.shape[2], kernel.shape[0])


def winning_windows(network: TextCNN, words: Words, dtype: torch.dtype) -> Windows:
    """The strongest of the windows that overlap a token, for each filter."""
    texts = len(words.edges) - 1
    tables, strengths, starts = [], [], []
    for table in word_scores(network, words, dtype):
        best = table.new_empty(texts, table.shape[2])
        at = torch.zeros(best.shape, dtype=torch.int64)
        # At once, while the table is in the processor's cache.
        find_winners(words.places, words.edges, table.numpy(), best.numpy(), at.numpy())
        tables.append(table)
        strengths.append(best)
        starts.append(at)
    return Windows(words, tuple(tables), torch.cat(strengths, dim=1), torch.cat(starts, dim=1))


def token_values(
    windows: Windows, flow: Float[Tensor, "batch filters"]
) -> Float[Tensor, "all_tokens filters"]:
    """What each token gives to the strength of each filter, times the filter's flow.

    It is 0 outside the winning window. The texts' tokens follow each other.
    """
    words = windows.words
    values = flow.new_zeros(len(words.places), flow.shape[1])
    first = 0
    for table in windows.tables:
        filters = slice(first, first + table.shape[2])
        parts = (part[:, filters].numpy() for part in (windows.starts, flow, values))
        share_out(words.places, words.edges, table.numpy(), *parts)
        first = filters.stop
    return values
