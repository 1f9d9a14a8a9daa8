"""Where each filter looks: the winning window of every filter in every text.

A convolution without its bias is a sum over the words of a window, so each distinct word of
a batch meets each position of each filter once, in one table; the windows then only add rows
of it. Windows with the same words get the very same score, and of equals the first one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.attribution.kernels import WORDS, find_winners, in_threads, product, share_out
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

    words: Words
    tables: tuple[Float[np.ndarray, "words _width filters_per_width"], ...]
    """For each width what every word gives every filter at every position."""
    strengths: Float[Tensor, "batch filters"]
    """Sum over the window of w_{f,j} · e_j: the filter's response without its bias."""
    starts: Int[Tensor, "batch filters"]
    """The window's first token; below 0 where the window hangs over the text's start."""


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
    tables, strengths, starts = [], [], []
    for table in word_scores(network, words, dtype):
        best, at = np.empty((texts, size), table.dtype), np.zeros((texts, size), np.int64)

        def work(first: int, end: int, table: Any = table, best: Any = best, at: Any = at) -> None:
            edges, part = words.edges[first : end + 1], slice(first, end)
            find_winners(words.places, edges, table, best[part], at[part])

        # At once, while the table is in the processor's cache.
        in_threads(work, texts)
        tables.append(table)
        strengths.append(best)
        starts.append(at)
    found = (torch.from_numpy(np.concatenate(parts, axis=1)) for parts in (strengths, starts))
    return Windows(words, tuple(tables), next(found), next(found))


def token_values(
    windows: Windows, flow: Float[Tensor, "batch filters"]
) -> Float[Tensor, "all_tokens filters"]:
    """What each token gives to the strength of each filter, times the filter's flow.

    It is 0 outside the winning window. The texts' tokens follow each other.
    """
    words, starts, flows = windows.words, windows.starts.numpy(), flow.numpy()
    values = np.zeros((len(words.places), flow.shape[1]), flows.dtype)
    places = _columns(windows.tables)

    def work(first: int, end: int) -> None:
        edges = words.edges[first : end + 1]
        for table, filters in zip(windows.tables, places, strict=True):
            part = (starts[first:end, filters], flows[first:end, filters], values[:, filters])
            share_out(words.places, edges, table, *part)

    in_threads(work, len(starts))
    return torch.from_numpy(values)


def _columns(tables: Sequence[Float[np.ndarray, "words _width filters"]]) -> list[slice]:
    """The filters of each width."""
    ends = np.cumsum([table.shape[2] for table in tables]).tolist()
    return [slice(end - table.shape[2], end) for end, table in zip(ends, tables, strict=True)]
