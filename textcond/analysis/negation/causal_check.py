"""The causal check: what is left of the negation when the filters that handle it are ablated?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from jaxtyping import Bool, Float, Int
from torch import Tensor

from textcond.analysis.negation.discovery import of_side
from textcond.analysis.negation.found_filters import NegationFilters
from textcond.analysis.polarity.sides import Sides, sides_of
from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.conductance import trace_rows
from textcond.attribution.quantity import Quantity
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.errors import AnalysisError
from textcond.model.model import Model


@dataclass(frozen=True, slots=True)
class CausalCheck:
    """The network with all its filters, without the found ones, and without as many drawn ones.

    What there is nothing to measure with is None: without held-out pairs or found filters, or
    where the negator has no effect that could be removed. `note` says which.
    """

    filters: tuple[int, ...]
    pairs: int
    """Whose words of the negated side a negator takes that from."""
    effect: float | None
    """How far the negator moves the score in its direction, on average, in units of the score."""
    unnegated: int
    """Texts without their negator, of both sides, whose prediction is compared."""
    accuracy: float | None
    """Of the margin on those of them that are labelled; None without labels."""
    effect_without: float | None = None
    """The effect without the filters."""
    removed: float | None = None
    """The share of the effect that is gone with the filters."""
    drawn_removed: tuple[float, ...] = ()
    """The same for each draw of other filters."""
    accuracy_without: float | None = None
    """The accuracy without the filters."""
    drawn_accuracy: float | None = None
    """The mean accuracy over the draws."""
    unchanged: float | None = None
    """Share of the texts without negator whose prediction stays when the filters are ablated."""
    note: str = ""
    """Why the share is not known; empty if it is."""

    @property
    def drawn_median(self) -> float | None:
        return float(np.median(self.drawn_removed)) if self.drawn_removed else None

    @property
    def exceeded(self) -> float | None:
        """Share of the draws that remove as much or more."""
        if not self.drawn_removed:
            return None
        return float(np.mean(np.array(self.drawn_removed) >= self.removed))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {**asdict(self), "drawn_median": self.drawn_median, "exceeded": self.exceeded}


def check_cause(
    model: Model,
    found: NegationFilters,
    pairs: Dataset,
    signs: Int[np.ndarray, " filters"],
    *,
    draws: int = 100,
    seed: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> CausalCheck:
    """Ablate the found filters together, on pairs that they were not found with.

    `signs` has the sign of each filter's mean conductance: each draw has as many filters of
    either sign as the found ones have. A filter is ablated by an output of 0 (Dhamdhere et al.
    2018, §5.1).
    """
    if draws < 1:
        raise AnalysisError(f"`draws` is {draws}; it must be at least 1.")
    alike = of_side(model, found.quantity, pairs, found.negated)
    with_negator = _Pooled.of(model, alike["tokens"], found.quantity)
    without = _Pooled.of(model, alike["unnegated_tokens"], found.quantity)
    plain = _Plain.of(model, found.quantity, pairs)

    def effect(ablated: Sequence[int]) -> float:
        moved = with_negator.scores(ablated) - without.scores(ablated)
        return found.direction * float(moved.mean())

    whole = effect(()) if len(alike) else None
    note = _nothing_to_remove(found, whole)
    check = CausalCheck(found.found, len(alike), whole, len(pairs), plain.accuracy(()), note=note)
    if not found.found or whole is None:
        return check
    others = [] if note else _draws(signs, found.found, draws, np.random.default_rng(seed))
    if not others and not note:
        note = "There are too few other filters of the found ones' signs to draw as many of them."
    left = effect(found.found)
    removed, accuracies = [], []
    for draw, some in enumerate(others, start=1):
        removed.append(1 - effect(some) / whole)
        accuracies.append(plain.accuracy(some))
        watch(draw, draws)
    known = [value for value in accuracies if value is not None]
    return replace(
        check,
        effect_without=left,
        removed=1 - left / whole if whole > 0 else None,
        drawn_removed=tuple(removed),
        accuracy_without=plain.accuracy(found.found),
        drawn_accuracy=float(np.mean(known)) if known else None,
        unchanged=plain.unchanged(found.found),
        note=note,
    )


def _nothing_to_remove(found: NegationFilters, effect: float | None) -> str:
    """Why ablating has nothing to measure; empty if it has."""
    if effect is None:
        return f"None of the held-out pairs negates {found.subject}."
    if effect <= 0:
        return (
            f"In this model a negator does not move {found.subject} the other way: the mean "
            f"effect is {effect + 0.0:+.3f}, so there is none to remove."
        )
    return "" if found.found else "No filter was found, so none is ablated."


@dataclass(frozen=True, slots=True)
class _Pooled:
    """Texts as the pooled outputs of the filters, from which everything above is computed."""

    head: Head
    quantity: Quantity
    outputs: Float[Tensor, "texts filters"]

    @classmethod
    def of(cls, model: Model, texts: Sequence[Sequence[str]], quantity: Quantity) -> _Pooled:
        rows = model.encode_all(texts)
        head = Head.of(model.network, torch.float64)
        batches = trace_rows(model.network, rows, quantity, dtype=torch.float64, batch_size=256)
        none = torch.zeros(0, model.network.shape.filters, dtype=torch.float64)
        return cls(head, quantity, torch.cat([none, *(trace.pooled for _, trace in batches)]))

    @torch.no_grad()
    def logits(self, ablated: Sequence[int]) -> Float[Tensor, "texts classes"]:
        outputs = self.outputs.clone()
        outputs[:, list(ablated)] = 0
        return self.head.logits(self.head.units(outputs))

    def scores(self, ablated: Sequence[int]) -> Float[np.ndarray, " texts"]:
        scores: Float[np.ndarray, " texts"] = self.quantity.score(self.logits(ablated)).numpy()
        return scores


@dataclass(frozen=True, slots=True)
class _Plain:
    """The words without their negator: what the network calls them, and what they are."""

    pooled: _Pooled
    sides: Sides
    labels: Int[np.ndarray, " texts"]

    @classmethod
    def of(cls, model: Model, quantity: Quantity, pairs: Dataset) -> _Plain:
        sides = sides_of(model, quantity)
        labels = np.array(pairs["unnegated_label"], np.int64)
        labels = labels if sides.are_polarity else np.full(len(pairs), NO_LABEL)
        return cls(_Pooled.of(model, pairs["unnegated_tokens"], quantity), sides, labels)

    def _called(self, ablated: Sequence[int]) -> Bool[np.ndarray, " texts"]:
        return self.sides.calls_first(self.pooled.logits(ablated).numpy())

    def accuracy(self, ablated: Sequence[int]) -> float | None:
        known = self.labels != NO_LABEL
        right = self._called(ablated) == (self.labels > 2)
        return float(right[known].mean()) if known.any() else None

    def unchanged(self, ablated: Sequence[int]) -> float:
        return float((self._called(()) == self._called(ablated)).mean())


def _draws(
    signs: Int[np.ndarray, " filters"],
    found: Sequence[int],
    count: int,
    generator: np.random.Generator,
) -> list[list[int]]:
    """As many other filters of each sign as the found ones, again and again; empty where there
    are too few."""
    wanted = signs[list(found)]
    others = {
        int(sign): np.setdiff1d(np.flatnonzero(signs == sign), found) for sign in np.unique(wanted)
    }
    needed = {sign: int((wanted == sign).sum()) for sign in others}
    if any(len(others[sign]) < needed[sign] for sign in others):
        return []
    return [
        [
            filter
            for sign, some in others.items()
            for filter in generator.choice(some, needed[sign], replace=False).tolist()
        ]
        for _ in range(count)
    ]
