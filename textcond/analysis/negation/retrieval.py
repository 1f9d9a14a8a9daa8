"""The sentences that push most through some filters, as in figures 4 and 5 of the papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.negated_phrases import DIMINISHERS, NEGATORS
from textcond.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A sentence, and the n-gram of that filter which pushes most."""

    row: int
    text: str
    tokens: tuple[str, ...]
    label: int
    score: float
    conductance: float
    """Of the filters together, those that push the other way left out."""
    filter: int
    window: tuple[int, int]
    """The tokens of the n-gram, as a half-open range."""
    ngram: str
    shifters: tuple[str, ...]
    """The negators and diminishers in the n-gram."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The sentences by conductance through the filters, the strongest first."""

    filters: tuple[int, ...]
    direction: int
    sentences: tuple[Retrieved, ...]

    @property
    def precision(self) -> float | None:
        """Share of the sentences with a negator or diminisher in the n-gram; None without any."""
        if not self.sentences:
            return None
        return float(np.mean([bool(sentence.shifters) for sentence in self.sentences]))

    @property
    def note(self) -> str:
        """Why the filters may be none of negation; empty if their n-grams contain negators."""
        if not self.sentences:
            return "They push that way in no sentence of the analysis."
        if self.precision:
            return ""
        return (
            "None of these n-grams contains a negator or diminisher: either hardly any sentence of "
            "this corpus is negated, or the filters respond to something else."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {**asdict(self), "precision": self.precision, "note": self.note}


def retrieve(
    analysis: CorpusConductance, filters: Sequence[int], direction: int, *, top: int = 50
) -> Retrieval:
    """The sentences whose conductance through the filters pushes most in a direction.

    At most `top`; none if no sentence pushes that way. Raises `AnalysisError` without a filter.
    """
    if top < 1:
        raise AnalysisError(f"`top` is {top}; it must be at least 1.")
    if not filters:
        raise AnalysisError("`filters` is empty; give at least one filter.")
    amounts = np.zeros(len(analysis))
    strongest, best = np.full(len(analysis), -np.inf), np.zeros(len(analysis), np.int64)
    for filter in filters:  # a column at a time: of a large corpus no more is held
        values = direction * analysis.values(filter)
        amounts += values.clip(0)
        best = np.where(values > strongest, filter, best)
        strongest = np.maximum(values, strongest)
    rows = [int(row) for row in np.argsort(-amounts, kind="stable")[:top] if amounts[row] > 0]
    starts = {filter: analysis.starts(filter) for filter in {int(best[row]) for row in rows}}
    found = []
    for sentence in analysis.sentences(rows):
        filter = int(best[sentence.row])
        window = analysis.window(sentence, filter, int(starts[filter][sentence.row]))
        ngram = sentence.tokens[slice(*window)]
        found.append(
            Retrieved(
                row=sentence.row,
                text=sentence.text,
                tokens=sentence.tokens,
                label=sentence.label,
                score=sentence.score,
                conductance=float(amounts[sentence.row]),
                filter=filter,
                window=window,
                ngram=" ".join(ngram),
                shifters=tuple(w for w in ngram if w.lower() in NEGATORS | DIMINISHERS),
            )
        )
    return Retrieval(tuple(filters), direction, tuple(found))
