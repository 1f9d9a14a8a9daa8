"""Filters ranked by how well they fit as negation filters, and those of them that are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from textcond.attribution.input_checks import first_of
from textcond.attribution.quantity import Quantity
from textcond.model.model import Model
from textcond.model.outputs import are_polarity

FOUND_SHARE = 0.5
"""The found filters are the fewest that make this share of the score of all that qualify."""
LEAST_PAIRS = 5
"""With fewer pairs no filter is taken for found, since the p-values of so few are never low."""


@dataclass(frozen=True, slots=True)
class NegationFilter:
    """One filter, how well it fits, and why."""

    filter: int
    width: int
    score: float
    """0 for a filter that does not qualify."""
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NegationFilters:
    """All filters, those that handle the negation of one side first."""

    negated: str
    """The side of the score that is negated: "not good" negates what is positive."""
    direction: int
    """Where the negation moves the score: +1 up, -1 down."""
    quantity: Quantity
    filters: tuple[NegationFilter, ...]
    found: tuple[int, ...]
    """The fewest filters that make half of the score of all."""
    pairs: int | None = None
    """That they were looked for with; None for an exemplar."""

    @property
    def subject(self) -> str:
        """The words that are negated, for a reader: "positive words", or "words that speak against
        date"."""
        first, second = self.quantity.poles
        if are_polarity((first, second)):
            return f"{self.negated} words"
        if self.negated == second == f"not {first}":
            return f"words that speak against {first}"
        return f"words that speak for {self.negated}"

    @property
    def evidence_names(self) -> list[str]:
        """What a reader is shown of each filter's evidence; none without filters."""
        return [name for row in self.filters[:1] for name in row.evidence if name != "p_value"]

    @property
    def note(self) -> str:
        """Why no filter was found; empty if one was."""
        if self.found:
            return ""
        if self.pairs is not None and self.pairs < LEAST_PAIRS:
            count = "no pair" if self.pairs == 0 else f"{self.pairs} pair"
            left = (
                f"{count} is left that negates"
                if self.pairs < 2
                else f"{count}s are left that negate"
            )
            return (
                f"After halving, or setting the held-out part aside, {left} {self.subject}; at "
                f"least {LEAST_PAIRS} are needed to find filters."
            )
        return (
            f"In {self.pairs:,} pairs that negate {self.subject}, no filter was found that "
            "responds to a negator together with what it negates."
        )

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` filters of it, all of them with 0."""
        return {
            "negated": self.negated,
            "subject": self.subject,
            "direction": self.direction,
            "found": list(self.found),
            "pairs": self.pairs,
            "note": self.note,
            "filters": [
                {
                    "filter": row.filter,
                    "width": row.width,
                    "score": row.score,
                    **row.evidence,
                }
                for row in first_of(self.filters, top)
            ],
        }


def ranked(
    model: Model,
    negated: str,
    direction: int,
    quantity: Quantity,
    scores: Float[np.ndarray, " filters"],
    evidence: Mapping[str, Float[np.ndarray, " filters"]],
    *,
    ties: Float[np.ndarray, " filters"],
    pairs: int | None = None,
) -> NegationFilters:
    """Return all filters by their scores, equal ones by `ties`, with their evidence."""
    order = np.lexsort((-ties, -scores))
    total = np.cumsum(scores[order])
    enough = int(np.searchsorted(total, FOUND_SHARE * total[-1])) + 1 if total[-1] > 0 else 0
    return NegationFilters(
        negated=negated,
        direction=direction,
        quantity=quantity,
        filters=tuple(
            NegationFilter(
                filter=int(filter),
                width=model.network.shape.width(int(filter)),
                score=float(scores[filter]),
                evidence={name: float(values[filter]) for name, values in evidence.items()},
            )
            for filter in order
        ),
        found=tuple(int(filter) for filter in order[:enough]),
        pairs=pairs,
    )
