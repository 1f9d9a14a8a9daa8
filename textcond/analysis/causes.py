"""The causal check: what is left of the negation when the filters that handle it are ablated?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from textcond.analysis.contrast import NegationFilters, encode_rows, of_side
from textcond.attribution.conductance import trace_rows
from textcond.attribution.pieces import Head
from textcond.attribution.quantity import MARGIN, Quantity, quantity_of
from textcond.corpora.columns import NO_LABEL
from textcond.errors import AnalysisError
from textcond.model.checkpoint import Model


@dataclass(frozen=True, slots=True)
class CausalCheck:
    """The network with all its filters, without the found ones, and without as many drawn ones."""

    filters: tuple[int, ...]
    pairs: int
    """Whose words of the negated side a negator takes that from."""
    effect: float
    """How far the negator moves the score in its direction, on average, in units of the score."""
    effect_without: float
    """The same without the filters."""
    removed: float
    """The share of the effect that is gone with the filters."""
    drawn_removed: tuple[float, ...]
    """The same for each draw of other filters."""
    unnegated: int
    """Texts without their negator, of both sides, whose prediction is compared."""
    accuracy: float | None
    """Of the margin on those of them that are labelled; None without labels."""
    accuracy_without: float | None
    drawn_accuracy: float | None
    """The mean over the draws."""
    unchanged: float
    """Share of the texts without negator whose prediction stays when the filters are ablated."""

    @property
    def drawn_median(self) -> float:
        return float(np.median(self.drawn_removed))

    @property
    def exceeded(self) -> float:
        """Share of the draws that remove as much or more."""
        return float(np.mean(np.array(self.drawn_removed) >= self.removed))

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        return {**asdict(self), "drawn_median": self.drawn_median, "exceeded": self.exceeded}


def check_cause(
    model: Model,
    found: NegationFilters,
    pairs: Dataset,
    polarity: Int[np.ndarray, " filters"],
    *,
    draws: int = 100,
    seed: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> CausalCheck:
    """Ablate the found filters together, on pairs that they were not found with.

    `polarity` has the sign of each filter's mean conductance: each draw has as many filters of
    either sign as the found ones have. A filter is ablated by an output of 0 (Dhamdhere et al.
    2018, §5.1). Raises `AnalysisError` if there is no such pair or no found filter.
    """
    if not found.found:
        raise AnalysisError("No filter was found, so none can be ablated; give more `pairs`.")
    alike = of_side(model, pairs, found.negated)
    if not len(alike):
        raise AnalysisError(
            f"None of the held-out pairs negates {found.negated} words; give more `pairs`."
        )
    if draws < 1:
        raise AnalysisError(f"`draws` is {draws}; it must be at least 1.")
    with_negator = _Pooled.of(model, alike["tokens"], found.quantity)
    without = _Pooled.of(model, alike["unnegated_tokens"], found.quantity)
    plain = _Pooled.of(model, pairs["unnegated_tokens"], quantity_of(model, MARGIN))
    labels = np.array(pairs["unnegated_label"])

    def effect(ablated: Sequence[int]) -> float:
        moved = with_negator.scores(ablated) - without.scores(ablated)
        return found.direction * float(moved.mean())

    def accuracy(ablated: Sequence[int]) -> float | None:
        known = labels != NO_LABEL
        right = (plain.scores(ablated) > 0) == (labels > 2)
        return float(right[known].mean()) if known.any() else None

    whole, left = effect(()), effect(found.found)
    if whole <= 0:
        raise AnalysisError(
            f"In this model a negator does not move {found.negated} words the other way, so "
            "there is no effect to remove."
        )
    generator = np.random.default_rng(seed)
    removed, accuracies = [], []
    for draw in range(draws):
        others = _draw(polarity, found.found, generator)
        removed.append(1 - effect(others) / whole)
        accuracies.append(accuracy(others))
        watch(draw + 1, draws)
    known = [value for value in accuracies if value is not None]
    same = (plain.scores(()) > 0) == (plain.scores(found.found) > 0)
    return CausalCheck(
        filters=found.found,
        pairs=len(alike),
        effect=whole,
        effect_without=left,
        removed=1 - left / whole,
        drawn_removed=tuple(removed),
        unnegated=len(pairs),
        accuracy=accuracy(()),
        accuracy_without=accuracy(found.found),
        drawn_accuracy=float(np.mean(known)) if known else None,
        unchanged=float(same.mean()),
    )


@dataclass(frozen=True, slots=True)
class _Pooled:
    """Texts as the pooled outputs of the filters, from which everything above is computed."""

    head: Head
    quantity: Quantity
    outputs: Float[Tensor, "texts filters"]

    @classmethod
    def of(cls, model: Model, texts: Sequence[Sequence[str]], quantity: Quantity) -> _Pooled:
        rows = encode_rows(model, texts)
        head = Head.of(model.network, torch.float64)
        batches = trace_rows(model.network, rows, quantity, dtype=torch.float64, batch_size=256)
        strengths = torch.cat([trace.windows.strengths for _, trace in batches])
        return cls(head, quantity, functional.relu(strengths + head.filter_bias))

    @torch.no_grad()
    def scores(self, ablated: Sequence[int]) -> Float[np.ndarray, " texts"]:
        outputs = self.outputs.clone()
        outputs[:, list(ablated)] = 0
        scores: Float[np.ndarray, " texts"]
        scores = self.quantity.score(self.head.logits(self.head.units(outputs))).numpy()
        return scores


def _draw(
    polarity: Int[np.ndarray, " filters"], found: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """As many other filters of each polarity."""
    wanted, drawn = polarity[list(found)], []
    for sign in np.unique(wanted):
        others = np.setdiff1d(np.flatnonzero(polarity == sign), found)
        count = int((wanted == sign).sum())
        if len(others) < count:
            raise AnalysisError(
                f"There are {len(others)} other filters of the polarity of {count} found ones; "
                "draw from an analysis of more sentences."
            )
        drawn += generator.choice(others, count, replace=False).tolist()
    return drawn
