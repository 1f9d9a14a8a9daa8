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

from textcond.attribution.closed_form.compiled_pooling import (
    WORDS,
    find_winners,
    product,
    share_out,
)
from textcond.model.network import TextCNN


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one batch, one after another, by their distinct words."""

    ids: Int[np.ndarray, " words"]
    places: Int[np.ndarray, " all_tokens"]
    """Which word each token is."""
    edges: Int[np.ndarray, " edges"]
    """Where each text begins in `places`, and where the last one ends."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The winning window of every filter."""

    edges: Int[np.ndarray, " edges"]
    """Where each text begins among all tokens, and where the last one ends."""
    strengths: Float[Tensor, "batch filters"]
    """Sum over the window of w_{f,j} · e_j: the filter's response without its bias."""
    starts: Int[Tensor, "batch filters"]
    """The window's first token; below 0 where the window hangs over the text's start."""
    given: tuple[Float[np.ndarray, "batch _width filters_per_width"], ...]
    """For each width what the window's words give each filter: 0 beside the text."""


def words_of(rows: Sequence[Sequence[int]]) -> Words:
    """The distinct words of one batch of texts as ids."""
    ids = np.fromiter(chain.from_iterable(rows), np.int64)
    distinct, places = np.unique(ids, return_inverse=True)
    return Words(distinct, places, np.cumsum([0, *map(len, rows)]))


def word_scores(
    network: TextCNN, words: Words, dtype: torch.dtype
) -> Iterator[Float[np.ndarray, "words _width filters_per_width"]]:
    """What every word gives every filter at every position, w_{f,j} · e_word: width by width."""
    kind = torch.empty(0, dtype=dtype).numpy().dtype
    count, dimensions = len(words.ids), network.shape.dimensions
    # Zeros fill the blocks of the product.
    embedded = np.zeros((count + -count % WORDS, dimensions + dimensions % 2), kind)
    embedded[:count, :dimensions] = network.embedding.weight.detach().numpy()[words.ids]
    for kernel in network.kernels:
        filters, _, width = kernel.shape
        weights = np.zeros((embedded.shape[1], width, filters), kind)
        weights[:dimensions] = kernel.detach().numpy().transpose(1, 2, 0)
        yield product(embedded, weights.reshape(-1, width * filters))[:count].reshape(
            count, width, filters
        )


def winning_windows(network: TextCNN, words: Words, dtype: torch.dtype) -> Windows:
    """The strongest of the windows that overlap a token, for each filter."""
    texts, size = len(words.edges) - 1, network.shape.filters_per_width
    strengths, starts, given = [], [], []
    for table in word_scores(network, words, dtype):
        strengths.append(np.empty((texts, size), table.dtype))
        starts.append(np.empty((texts, size), np.int64))
        given.append(np.empty((texts, *table.shape[1:]), table.dtype))
        # At once, while the table is in the processor's cache.
        find_winners(words.places, words.edges, table, strengths[-1], starts[-1], given[-1])
    found = (torch.from_numpy(np.concatenate(parts, axis=1)) for parts in (strengths, starts))
    return Windows(words.edges, next(found), next(found), tuple(given))


def token_values(
    windows: Windows, flow: Float[Tensor, "batch filters"]
) -> Float[Tensor, "all_tokens filters"]:
    """What each token gives to the strength of each filter, times the filter's flow.

    It is 0 outside the winning window. The texts' tokens follow each other.
    """
    starts, flows = windows.starts.numpy(), flow.numpy()
    values = np.empty((windows.edges[-1], flow.shape[1]), flows.dtype)
    first = 0
    for given in windows.given:
        filters = slice(first, first := first + given.shape[2])
        share_out(windows.edges, given, starts[:, filters], flows[:, filters], values[:, filters])
    return torch.from_numpy(values)
