"""Conductance of every filter for every token, in closed form.

The conductance of a neuron y for an input i is the part of the integrated gradient of i that
flows through y (Dhamdhere et al. 2019, eq. 2), along the straight path from the zero
embedding to the text. A filter's conductance is the sum over its positions; with 1-max
pooling only the winning window carries any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Literal, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.attribution.batching import in_batches
from textcond.attribution.closed_form.forward_pass import own_rises
from textcond.attribution.closed_form.path_integrals import Head, PathIntegrals, integrate
from textcond.attribution.closed_form.winning_windows import (
    Windows,
    token_values,
    winning_windows,
    words_of,
)
from textcond.attribution.input_checks import (
    OnError,
    Text,
    as_list,
    check_is_model,
    encode_all,
    encode_some,
    only,
)
from textcond.attribution.prediction import targets_of
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.errors import TextError
from textcond.model.model import Model
from textcond.model.network import TextCNN
from textcond.model.outputs import MARGIN


@dataclass(frozen=True, slots=True, eq=False)
class Conductance:
    """How much of one score flows through each filter from each token.

    Adding over everything gives `score - baseline_score`, to rounding (completeness).
    """

    tokens: tuple[str, ...]
    unknown: tuple[bool, ...]
    """Which tokens the model does not know; they embed to zero and carry nothing."""
    values: Float[Tensor, "tokens filters"]
    """In units of the score; positive pushes it up."""
    windows: tuple[tuple[int, int], ...]
    """The tokens that each filter's winning window covers, as a half-open range."""
    quantity: Quantity
    logits: Float[Tensor, " outputs"]
    score: float
    baseline_score: float
    """Of the zero embedding."""
    network: TextCNN = field(repr=False, compare=False)
    ids: tuple[int, ...] = field(repr=False, compare=False)
    """Of the tokens."""

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.unknown) == len(self.values):
            raise ValueError(
                f"`tokens` has {len(self.tokens)} entries, `unknown` {len(self.unknown)} and "
                f"`values` {len(self.values)} rows; they must match one to one."
            )
        if len(self.windows) != self.values.shape[1]:
            raise ValueError(
                f"`windows` has {len(self.windows)} entries but `values` has "
                f"{self.values.shape[1]} columns; they must match one to one."
            )

    @property
    def by_filter(self) -> Float[Tensor, " filters"]:
        """The conductance of each filter."""
        return self.values.sum(dim=0)

    @property
    def by_token(self) -> Float[Tensor, " tokens"]:
        """The integrated gradient of each token."""
        return self.values.sum(dim=1)

    @property
    def delta(self) -> float:
        """The completeness error: the sum of all values, less how far the score of the network's
        own forward pass is from the baseline's, in float64. Computed when it is asked for."""
        rise = own_rises(self.network, [list(self.ids)], self.quantity)
        return float(self.values.sum()) - float(rise[0])

    def ngram(self, filter: int) -> tuple[str, ...]:
        """The tokens in the filter's winning window."""
        start, end = self.windows[filter]
        return self.tokens[start:end]


@dataclass(frozen=True, slots=True, eq=False)
class FilterConductance:
    """The conductance of every filter for many texts."""

    values: Float[Tensor, "texts filters"]
    starts: Int[Tensor, "texts filters"]
    """The first token of each winning window; below 0 where it hangs over the text's start."""
    quantity: Quantity
    scores: Float[Tensor, " texts"]
    baseline_score: float
    network: TextCNN = field(repr=False, compare=False)
    rows: Sequence[list[int]] = field(repr=False, compare=False)
    """The texts as ids."""

    @property
    def deltas(self) -> Float[Tensor, " texts"]:
        """The completeness error of each text, as of `Conductance.delta`."""
        return self.values.sum(dim=1) - own_rises(self.network, self.rows, self.quantity)


def conductance(
    model: Model,
    text: Text,
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
) -> Conductance:
    """The whole filter × token matrix of one text.

    `target` and `output` choose the score (see `quantity_of`). Raises `TextError` for a text
    without a known word, `QuantityError`, and `ModelError` for a network that is training.
    """
    results = conductances(
        model, [text], target=target, output=output, dtype=dtype, on_error="return"
    )
    return only(results)


@overload
def conductances(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
    batch_size: int = 64,
    on_error: Literal["raise"] = "raise",
) -> list[Conductance]: ...


@overload
def conductances(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
    batch_size: int = 64,
    on_error: OnError,
) -> list[Conductance | TextError]: ...


def conductances(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
    batch_size: int = 64,
    on_error: OnError = "raise",
) -> list[Conductance] | list[Conductance | TextError]:
    """`conductance` of each of many texts, some at a time; all of it is held.

    The margin of a model without a positive and a negative output is that of each text: between the
    class that the model predicts for it and the next likely one, or, where a text can be of
    several, the logit of the likeliest.
    For a text that cannot be read the `TextError` names its index; with `on_error` "return" it
    stands in the place of the result, and the other texts are computed.
    """
    check_is_model(model)
    quantity_for = cache(partial(quantity_of, model, output=output))
    quantity_for(target)  # what it refuses, it refuses without texts too
    encoded = encode_all(model, as_list(texts), on_error=on_error)
    targets = targets_of(model, encoded.rows, target)
    found: dict[int, Conductance] = {}
    for wanted in dict.fromkeys(targets):
        places = [place for place, named in enumerate(targets) if named == wanted]
        some = _some_conductances(
            model,
            [encoded.tokens[place] for place in places],
            [encoded.rows[place] for place in places],
            quantity_for(wanted),
            dtype=dtype,
            batch_size=batch_size,
        )
        found.update(zip(places, some, strict=True))
    return encoded.with_errors(found[place] for place in range(len(targets)))


def _some_conductances(
    model: Model,
    tokens: Sequence[tuple[str, ...]],
    rows: Sequence[list[int]],
    quantity: Quantity,
    *,
    dtype: torch.dtype,
    batch_size: int,
) -> Iterator[Conductance]:
    """That of texts with one quantity, in order."""
    network = model.network
    widths = torch.tensor(network.shape.filter_widths)
    for batch, trace in trace_rows(network, rows, quantity, dtype=dtype, batch_size=batch_size):
        values = trace.token_values
        lengths = torch.tensor([len(rows[row]) for row in batch])
        starts = trace.windows.starts
        ends = torch.minimum(starts + widths, lengths[:, None])
        windows = zip(starts.clamp(min=0).tolist(), ends.tolist(), strict=True)
        for place, (row, (first, last)) in enumerate(zip(batch, windows, strict=True)):
            yield Conductance(
                tokens=tokens[row],
                unknown=tuple(model.vocabulary.are_unknown(rows[row])),
                values=values[place],
                windows=tuple(zip(first, last, strict=True)),
                quantity=quantity,
                logits=trace.integrals.logits[place],
                score=float(trace.integrals.score[place]),
                baseline_score=float(trace.integrals.baseline_score),
                network=network,
                ids=tuple(rows[row]),
            )


def filter_conductance(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    dtype: torch.dtype = torch.float64,
    batch_size: int = 256,
) -> FilterConductance:
    """The filters' conductance for many texts: the sums of `Conductance.values` over tokens.

    All texts share one score. For a model whose margin differs between texts, `margin` means
    `Outputs.default_target`.

    Raises what `conductance` does, naming the index of a text that cannot be read, and `TextError`
    if there are no texts.
    """
    check_is_model(model)
    quantity = quantity_of(model, target, output)
    rows = encode_some(model, texts)
    return conductance_of_ids(model.network, rows, quantity, dtype=dtype, batch_size=batch_size)


def conductance_of_ids(
    network: TextCNN,
    rows: Sequence[list[int]],
    quantity: Quantity,
    *,
    dtype: torch.dtype = torch.float64,
    batch_size: int = 256,
) -> FilterConductance:
    """`filter_conductance` of texts that are ids already, one or more each.

    A text of unknown words alone is the baseline itself: all its conductance is 0.
    """
    values, starts, scores = [], [], []
    for _, trace in trace_rows(network, rows, quantity, dtype=dtype, batch_size=batch_size):
        values.append(trace.conductance)
        starts.append(trace.windows.starts)
        scores.append(trace.integrals.score)
    return FilterConductance(
        values=torch.cat(values),
        starts=torch.cat(starts),
        quantity=quantity,
        scores=torch.cat(scores),
        baseline_score=float(trace.integrals.baseline_score),
        network=network,
        rows=rows,
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """One batch followed along its paths."""

    head: Head
    windows: Windows
    integrals: PathIntegrals

    @property
    def pooled(self) -> Float[Tensor, "batch filters"]:
        """The filters' outputs at the text."""
        return self.head.pooled(self.windows.strengths)

    @property
    def conductance(self) -> Float[Tensor, "batch filters"]:
        return torch.from_numpy(self.windows.strengths.numpy() * self.integrals.flow.numpy())

    @property
    def token_values(self) -> tuple[Float[Tensor, "_tokens filters"], ...]:
        """The filter × token matrix of each text."""
        values = token_values(self.windows, self.integrals.flow)
        return tuple(torch.split(values, np.diff(self.windows.edges).tolist()))


@torch.no_grad()
def trace_path(
    network: TextCNN,
    rows: Sequence[Sequence[int]],
    quantity: Quantity,
    dtype: torch.dtype,
) -> Trace:
    """The closed form, on a batch of ids: windows, then integrals."""
    head = Head.of(network, dtype)
    windows = winning_windows(network, words_of(rows), dtype)
    return Trace(head, windows, integrate(head, windows.strengths, quantity))


def trace_rows(
    network: TextCNN,
    rows: Sequence[list[int]],
    quantity: Quantity,
    *,
    dtype: torch.dtype,
    batch_size: int,
) -> Iterator[tuple[range, Trace]]:
    """Texts as ids, in order and in batches; each batch with the numbers of its rows."""

    def trace(some: Sequence[list[int]]) -> Trace:
        return trace_path(network, some, quantity, dtype)

    return in_batches(rows, batch_size, trace)
