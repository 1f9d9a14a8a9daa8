"""Negation: the filters that handle it, what they cause, and the sentences where they fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from jaxtyping import Int

from textcond.analysis.causes import CausalCheck, check_cause
from textcond.analysis.contrast import SIDES, NegationFilters, contrast, respond
from textcond.analysis.corpus import CorpusConductance
from textcond.analysis.retrieval import Retrieval, retrieve
from textcond.attribution.explanation import query_filters
from textcond.model.checkpoint import Model


@dataclass(frozen=True, slots=True)
class SideOfNegation:
    """What handles the negation of positive words, or of negative ones."""

    filters: NegationFilters
    causes: CausalCheck
    retrieval: Retrieval

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """The machine form; `top` of the ranked filters, all of them with 0."""
        return {
            **self.filters.to_dict(top=top),
            "causes": self.causes.to_dict(),
            "retrieval": self.retrieval.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Negation:
    """The negation filters of a model, with their evidence."""

    analysis: CorpusConductance
    sides: tuple[SideOfNegation, ...]

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """The machine form; `top` of the ranked filters of each side, all of them with 0."""
        return {
            **self.analysis.summary(),
            "sides": [side.to_dict(top=top) for side in self.sides],
        }


def find_negation(
    model: Model,
    analysis: CorpusConductance,
    pairs: Dataset,
    held_out: Dataset,
    *,
    exemplar: tuple[str, str] | None = None,
    draws: int = 100,
    top: int = 50,
    seed: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Negation:
    """Find the negation filters by `pairs`, check them on the `held_out` ones, and retrieve the
    sentences of the analysis where they fire.

    With an `exemplar`, a text and a pattern in it, the filters are found by that instead. The
    score is the analysis's own. `watch` is told how many draws of the causal check are done.
    Raises `AnalysisError` if the analysis is of another model, and what `contrast`, `check_cause`
    and `retrieve` do.
    """
    analysis.check_model(model)
    target, output = analysis.manifest.target, analysis.manifest.output
    if exemplar is not None:
        found = [respond(query_filters(model, *exemplar, target=target, output=output))]
    else:
        found = [
            contrast(model, pairs, side, target=target, output=output, seed=seed) for side in SIDES
        ]
    polarity = mean_signs(analysis)
    sides = []
    for place, filters in enumerate(found):

        def step(done: int, total: int, place: int = place) -> None:
            watch(place * total + done, len(found) * total)

        causes = check_cause(model, filters, held_out, polarity, draws=draws, seed=seed, watch=step)
        retrieval = retrieve(analysis, filters.found, filters.direction, top=top)
        sides.append(SideOfNegation(filters, causes, retrieval))
    return Negation(analysis, tuple(sides))


def negation_filters(
    model: Model, analysis: CorpusConductance, pairs: Dataset, *, seed: int = 0
) -> list[int]:
    """Every filter that qualifies by `contrast`, for either side and the analysis's score."""
    target, output = analysis.manifest.target, analysis.manifest.output
    sides = [
        contrast(model, pairs, side, target=target, output=output, seed=seed) for side in SIDES
    ]
    return sorted({row.filter for side in sides for row in side.filters if row.score})


def mean_signs(analysis: CorpusConductance) -> Int[np.ndarray, " filters"]:
    """The sign of every filter's mean conductance."""
    signs: Int[np.ndarray, " filters"] = np.sign(analysis.means()).astype(np.int64)
    return signs
