"""Negation: the filters that handle it, what they cause, and the sentences where they fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from jaxtyping import Int

from textcond.analysis.negation.causal_check import CausalCheck, check_cause
from textcond.analysis.negation.discovery import contrast, respond
from textcond.analysis.negation.found_filters import NegationFilters
from textcond.analysis.negation.retrieval import Retrieval, retrieve
from textcond.analysis.polarity.sides import sides_of_analysis
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.explanation import query_filters
from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.corpora.negation_pairs import DEFAULT_PAIRS, find_pairs, halve, load_pairs
from textcond.model.model import Model


@dataclass(frozen=True, slots=True)
class SideOfNegation:
    """What handles the negation of positive words, or of negative ones."""

    filters: NegationFilters
    causes: CausalCheck
    retrieval: Retrieval | None
    """None where no filter was found."""

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` ranked filters, all of them with 0."""
        return {
            **self.filters.to_dict(top=top),
            "causes": self.causes.to_dict(),
            "retrieval": self.retrieval and self.retrieval.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Negation:
    """The negation filters of a model, with their evidence."""

    analysis: CorpusConductance
    sides: tuple[SideOfNegation, ...]

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` filters of each side, all of them with 0."""
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
    score is the analysis's own, and there is a result for each of its sides. That no filter was
    found, or that a negator has no effect in this model, is a result too: `filters.note` and
    `causes.note` say so. `watch` is told how many draws of the causal check are done.
    Raises `AnalysisError` if the analysis is of another model, and what `contrast` does.
    """
    analysis.check_model(model)
    target, output = analysis.manifest.target, analysis.manifest.output
    if exemplar is not None:
        found = [respond(query_filters(model, *exemplar, target=target, output=output))]
    else:
        found = _found(model, analysis, pairs, seed)
    signs = mean_signs(analysis)
    sides = []
    for place, filters in enumerate(found):

        def step(done: int, total: int, place: int = place) -> None:
            watch(place * total + done, len(found) * total)

        causes = check_cause(model, filters, held_out, signs, draws=draws, seed=seed, watch=step)
        retrieval = None
        if filters.found:
            retrieval = retrieve(analysis, filters.found, filters.direction, top=top)
        sides.append(SideOfNegation(filters, causes, retrieval))
    return Negation(analysis, tuple(sides))


def pairs_of(
    model: Model,
    analysis: CorpusConductance,
    pairs: str | None,
    *,
    data_dir: Path | None = None,
    layout: Layout = DEFAULT,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Pairs to find negation filters with, and pairs to check them on.

    Without `pairs` they are those of `pairs.DEFAULT_PAIRS` for a sentiment model, and for any other
    model they are cut out of the sentences of the analysis, which may hold no negator. Raises what
    `load_pairs` does.
    """
    if pairs is None and not model.outputs.are_polarity:
        tokens = (one.tokens for block in analysis.sentence_blocks() for one in block)
        return halve(find_pairs(tokens), seed=seed)
    return load_pairs(pairs or DEFAULT_PAIRS, data_dir=data_dir, seed=seed, layout=layout)


def negation_filters(
    model: Model, analysis: CorpusConductance, pairs: Dataset, *, seed: int = 0
) -> list[int]:
    """Every filter that qualifies by `contrast`, for either side and the analysis's score."""
    sides = _found(model, analysis, pairs, seed)
    return sorted({row.filter for side in sides for row in side.filters if row.score})


def _found(
    model: Model, analysis: CorpusConductance, pairs: Dataset, seed: int
) -> list[NegationFilters]:
    """For each side of the analysis's score."""
    target, output = analysis.manifest.target, analysis.manifest.output
    return [
        contrast(model, pairs, side, target=target, output=output, seed=seed)
        for side in sides_of_analysis(model, analysis).names
    ]


def mean_signs(analysis: CorpusConductance) -> Int[np.ndarray, " filters"]:
    """The sign of every filter's mean conductance."""
    signs: Int[np.ndarray, " filters"] = np.sign(analysis.means()).astype(np.int64)
    return signs
