"""The loops over words, windows and the layers above them, compiled.

`winning_windows.py` and `path_integrals.py` say what they compute. They take one word or text after
another, with the same bits whatever stands beside it, and release Python's lock for the threads of
`batching.py`. Around them is numpy and not torch, whose threads hold their cores for milliseconds
after their work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, no_type_check

import numpy as np
from numba import njit

Function = Callable[..., Any]
WORDS = 4
"""Words come in blocks of so many."""


def compiled(function: Function | None = None, *, fused: bool = True) -> Any:
    """A function that is compiled at its first call, and kept beside its file or in the user's
    cache folder.

    Products and sums may be `fused`, which rounds once in place of twice. A division is numpy's,
    since one that can raise prevents vectorization.
    """
    if function is None:
        return partial(compiled, fused=fused)
    contraction = {"contract"} if fused else False
    compiler = partial(njit, nogil=True, fastmath=contraction, error_model="numpy")
    try:
        return compiler(cache=True)(function)
    except RuntimeError:  # neither can be written to: every process compiles for itself
        return compiler()(function)


@compiled
@no_type_check
def fill_table(embedded, weights, table):
    """`table` (words, columns) = `embedded` (words, dimensions) times `weights`.

    Words come in whole blocks of `WORDS`, dimensions in pairs: what is loaded is used often, as
    in a library's product, which would bring threads of its own.
    """
    words, dimensions = embedded.shape
    for word in range(0, words, WORDS):
        first, second = table[word], table[word + 1]
        third, fourth = table[word + 2], table[word + 3]
        table[word : word + WORDS] = 0
        for at in range(0, dimensions, 2):
            a, b = embedded[word, at], embedded[word, at + 1]
            c, d = embedded[word + 1, at], embedded[word + 1, at + 1]
            e, f = embedded[word + 2, at], embedded[word + 2, at + 1]
            g, h = embedded[word + 3, at], embedded[word + 3, at + 1]
            one, other = weights[at], weights[at + 1]
            for column in range(table.shape[1]):
                x, y = one[column], other[column]
                first[column] += a * x + b * y
                second[column] += c * x + d * y
                third[column] += e * x + f * y
                fourth[column] += g * x + h * y


def product(embedded: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`fill_table` into a new table."""
    table = np.empty((len(embedded), weights.shape[1]), weights.dtype)
    fill_table(embedded, weights, table)
    return table


@compiled
@no_type_check
def find_winners(places, edges, table, strengths, starts, given):
    """The strongest window of filters of one width in each text, the first one of equals.

    `places` (all_tokens): each token's row in `table` (words, width, filters), which holds what
    the word gives to the filters at each position. Text i has the tokens edges[i]:edges[i + 1].
    Writes `strengths` and `starts` (texts, filters), and what the window's words give: `given`
    (texts, width, filters).
    """
    _, width, filters = table.shape
    score, at = np.empty(filters, table.dtype), np.empty(filters, np.int32)
    for text in range(len(edges) - 1):
        first, length = edges[text], edges[text + 1] - edges[text]
        best = strengths[text]
        best[:] = -np.inf
        for start in range(1 - width, length):
            score[:] = 0
            for token in range(max(start, 0), min(start + width, length)):
                scores = table[places[first + token], token - start]
                for filter in range(filters):
                    score[filter] += scores[filter]
            here = np.int32(start)  # as short as a score, for vectors
            for filter in range(filters):
                at[filter] = here if score[filter] > best[filter] else at[filter]
                best[filter] = max(score[filter], best[filter])
        starts[text] = at
        for position in range(width):
            for filter in range(filters):
                token = at[filter] + position
                inside = 0 <= token < length
                given[text, position, filter] = (
                    table[places[first + token], position, filter] if inside else 0
                )


@compiled
@no_type_check
def share_out(edges, given, starts, flow, values):
    """What each token gives to each filter, times the filter's flow: `values` (tokens, filters).

    The other arguments are those of `find_winners`.
    """
    _, width, filters = given.shape
    for text in range(len(edges) - 1):
        first, end = edges[text], edges[text + 1]
        for token in range(first, end):
            values[token] = 0
        for position in range(width):
            for filter in range(filters):
                token = first + starts[text, filter] + position
                if first <= token < end:
                    values[token, filter] = given[text, position, filter] * flow[text, filter]


@compiled
@no_type_check
def outputs(strengths, layers, logits):
    """The layers above the filters: `logits` (texts, outputs).

    `layers` are the filters' bias, the weight (filters, hidden) and bias of the hidden units, and
    the weight (outputs, hidden) and bias of the outputs.
    """
    bias, weight, hidden_bias, output_weight, output_bias = layers
    units = np.empty_like(hidden_bias)
    for text in range(len(strengths)):
        units[:] = hidden_bias
        for filter in range(len(bias)):
            pooled = bias[filter] + strengths[text, filter]
            if pooled > 0:
                for unit in range(len(units)):
                    units[unit] += pooled * weight[filter, unit]
        for output in range(len(output_bias)):
            logit = output_bias[output]
            for unit in range(len(units)):
                logit += max(units[unit], 0.0) * output_weight[output, unit]
            logits[text, output] = logit


@compiled
@no_type_check
def find_kinks(strengths, bias, kinks):
    """Where on its path each filter switches on or off: `kinks` (texts, filters), 2 for never."""
    for text in range(len(strengths)):
        for filter in range(len(bias)):
            on, strength = bias[filter] > 0, strengths[text, filter]
            if on == (bias[filter] + strength > 0):
                kinks[text, filter] = 2
            else:
                kinks[text, filter] = min(max(-bias[filter] / strength, 0.0), 1.0)
