"""Filter cards: what one filter does, in its own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from textcond.analysis.negation.retrieval import Retrieved, retrieve
from textcond.analysis.polarity.division import POLARITY_NAMES, THRESHOLD, Polarity
from textcond.analysis.polarity.sides import sides_of_analysis
from textcond.analysis.polarity.sign_counts import SignCounts, signs_of
from textcond.analysis.rules.ngrams import carriers, token_values
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.closed_form.winning_windows import word_scores, words_of
from textcond.attribution.conductance import conductance_of_ids, trace_rows
from textcond.attribution.quantity import quantity_of
from textcond.corpora.negated_phrases import DIMINISHERS, NEGATORS
from textcond.errors import AnalysisError
from textcond.model.model import Model

SHOWN_WORDS = 8
NAMING = 10
"""How many of its strongest sentences a filter is named after."""
SIMILAR = 5
LEAST_COUNT = 3
"""A word of a slot stands so often in the corpus."""
POLAR = 1.0
"""A word is polar if alone it moves the margin by so many logits."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One position of a filter's window."""

    answers: tuple[tuple[str, float], ...]
    """The words of the corpus that raise the filter most there, each with w_{f,j} · e_word."""
    switches_off: tuple[tuple[str, float], ...]
    """Those that lower it most."""


@dataclass(frozen=True, slots=True)
class FilterCard:
    """One filter over a corpus."""

    filter: int
    width: int
    name: str
    """What most of its strongest n-grams are made of, and where they push."""
    polarity: Polarity
    """Whether it usually raises the score (positive) or lowers it (negative)."""
    towards: str
    """The side of the score that it usually pushes to, such as negative; empty for a dead one."""
    purity: float | None
    """Share of its signs that agree with the polarity; None for a dead filter."""
    active: float
    """Share of the sentences for which its conductance is beyond the threshold."""
    mean: float
    """Of its conductance, in units of the score."""
    share: float
    """Of the absolute conductance of all filters."""
    slots: tuple[Slot, ...]
    similar: tuple[tuple[int, float], ...]
    """The filters whose conductance goes along most, with Pearson's correlation."""
    sentences: tuple[Retrieved, ...]
    """Where it pushes most, in the direction of its polarity."""
    drop: float
    """How far the score falls on average when the filter is ablated."""
    flipped: float
    """Share of the sentences whose prediction changes then."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return asdict(self)


def make_cards(
    model: Model,
    analysis: CorpusConductance,
    filters: Sequence[int],
    *,
    threshold: float = THRESHOLD,
    top: int = 10,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> list[FilterCard]:
    """Return a card for each of the filters, with `top` sentences on it.

    A filter is named after its `NAMING` strongest sentences, however many are shown.
    Raises `AnalysisError` if the analysis is of another model or has no such filter.
    """
    analysis.check_model(model)
    for filter in filters:
        if not 0 <= filter < analysis.filters:
            raise AnalysisError(
                f"`filter` is {filter}; the model has filters 0 to {analysis.filters - 1}."
            )
    totals = _totals(analysis)
    slots = _slots(model, analysis, filters)
    effects = _effects(model, analysis, filters)
    similar = _similar(analysis, filters)
    sides = sides_of_analysis(model, analysis)
    cards = []
    for place, filter in enumerate(filters):
        values = analysis.values(filter)
        signs = SignCounts.none(1)
        signs.add(signs_of(values[:, None], threshold))
        polarity = POLARITY_NAMES[int(signs.polarities[0])]
        direction = -1 if polarity == "negative" else 1
        found: tuple[Retrieved, ...] = ()
        if (direction * values > 0).any():
            found = retrieve(analysis, [filter], direction, top=max(top, NAMING)).sentences
        cards.append(
            FilterCard(
                filter=filter,
                width=analysis.manifest.widths[filter],
                name=_name(model, analysis, filter, found[:NAMING], direction),
                polarity=polarity,
                towards="" if polarity == "dead" else sides.pushed_to(direction),
                purity=signs.purity(0),
                active=float(signs.products[0, 0] / len(values)),
                mean=float(values.mean(dtype=np.float64)),
                share=float(totals[filter] / totals.sum()) if totals.any() else 0.0,
                slots=slots[place],
                similar=similar[place],
                sentences=found[:top],
                drop=effects[place][0],
                flipped=effects[place][1],
            )
        )
        watch(place + 1, len(filters))
    return cards


def _totals(analysis: CorpusConductance) -> Float[np.ndarray, " filters"]:
    totals = np.zeros(analysis.filters)
    for values, _ in analysis.blocks():
        totals += np.abs(values).sum(axis=0, dtype=np.float64)
    return totals


def _slots(
    model: Model, analysis: CorpusConductance, filters: Sequence[int]
) -> list[tuple[Slot, ...]]:
    counts: Counter[str] = Counter()
    for sentences in analysis.sentence_blocks():
        counts.update(token.lower() for sentence in sentences for token in sentence.tokens)
    words = sorted(word for word, count in counts.items() if count >= LEAST_COUNT)
    words = [word for word in words if not model.vocabulary.unknown([word])[0]]
    if not words:
        return [() for _ in filters]
    known = words_of([model.encode(words)])
    tables = list(word_scores(model.network, known, torch.float64))
    slots = []
    for filter in filters:
        width, column = divmod(filter, model.network.shape.filters_per_width)
        table = tables[width][known.places, :, column]  # (words, width)
        slots.append(
            tuple(
                Slot(_first(words, table[:, position], 1), _first(words, table[:, position], -1))
                for position in range(table.shape[1])
            )
        )
    return slots


def _first(
    words: Sequence[str], scores: Float[np.ndarray, " words"], sign: int
) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-sign * scores, kind="stable")[:SHOWN_WORDS]
    return tuple((words[place], float(scores[place])) for place in order)


@torch.no_grad()
def _effects(
    model: Model,
    analysis: CorpusConductance,
    filters: Sequence[int],
) -> list[tuple[float, float]]:
    """The mean drop of the score, and the share of changed predictions, without each filter."""
    quantity = quantity_of(model, analysis.manifest.target, analysis.manifest.output)
    decided = model.outputs.called
    drops, flips = np.zeros(len(filters)), np.zeros(len(filters))
    for sentences in analysis.sentence_blocks():
        rows = model.encode_all([sentence.tokens for sentence in sentences])
        for _, trace in trace_rows(
            model.network, rows, quantity, dtype=torch.float64, batch_size=256
        ):
            head, pooled = trace.head, trace.pooled
            before = head.logits(head.units(pooled))
            for place, filter in enumerate(filters):
                ablated = pooled.clone()
                ablated[:, filter] = 0
                after = head.logits(head.units(ablated))
                drops[place] += float((quantity.score(before) - quantity.score(after)).sum())
                flips[place] += int((decided(before) != decided(after)).any(dim=1).sum())
    count = len(analysis)
    return [(float(d / count), float(f / count)) for d, f in zip(drops, flips, strict=True)]


def _similar(
    analysis: CorpusConductance, filters: Sequence[int]
) -> list[tuple[tuple[int, float], ...]]:
    """Correlations from sums over the shards: no more than one is held."""
    wanted = list(filters)
    first = np.zeros(analysis.filters)
    second = np.zeros(analysis.filters)
    cross = np.zeros((len(wanted), analysis.filters))
    for values, _ in analysis.blocks():
        block = values.astype(np.float64)
        first += block.sum(axis=0)
        second += (block**2).sum(axis=0)
        cross += block[:, wanted].T @ block
    count = len(analysis)
    means = first / count
    deviations = np.sqrt(np.maximum(second / count - means**2, 0))
    covariance = cross / count - np.outer(means[wanted], means)
    scale = np.outer(deviations[wanted], deviations)
    correlations = np.divide(
        covariance, scale, out=np.full_like(covariance, -np.inf), where=scale > 0
    )
    similar = []
    for place, filter in enumerate(wanted):
        correlations[place, filter] = -np.inf
        order = np.argsort(-correlations[place], kind="stable")[:SIMILAR]
        similar.append(
            tuple(
                (int(other), float(correlations[place, other]))
                for other in order
                if np.isfinite(correlations[place, other])
            )
        )
    return similar


def _name(
    model: Model,
    analysis: CorpusConductance,
    filter: int,
    found: Sequence[Retrieved],
    direction: int,
) -> str:
    """The commonest make-up of its strongest n-grams, by what their carrying words are.

    Of a classifier over classes, whose words are of no polarity, the commonest of these words.
    """
    if not found:
        return "never pushes"
    sentences = analysis.sentences([one.row for one in found])
    sides = sides_of_analysis(model, analysis)
    shapes: Counter[tuple[str, ...]] = Counter()
    words: Counter[str] = Counter()
    for place, values, _, _ in token_values(model, analysis, sentences):
        start, end = found[place].window
        parts = direction * values[start:end, filter]
        ngram = [token.lower() for token in sentences[place].tokens[start:end]]
        kept = sorted(carriers(parts))
        if not sides.are_polarity:
            shapes[tuple(ngram[at] for at in kept)] += 1
            continue
        kinds = _kinds(model, [ngram[at] for at in kept])
        words.update(ngram[at] for at, kind in zip(kept, kinds, strict=True) if kind == "negator")
        shapes[tuple(dict.fromkeys(kind for kind in kinds if kind))] += 1
    shape = shapes.most_common(1)[0][0]
    negator = words.most_common(1)[0][0] if words else ""
    shown = " + ".join(negator if kind == "negator" else kind for kind in shape) or "context"
    return f"{shown} → {sides.pushed_to(direction)}"


def _kinds(model: Model, words: Sequence[str]) -> list[str]:
    """Negator, positive, negative, or nothing in particular; by the margin in any case."""
    rows = model.encode_all([[word] for word in words])
    result = conductance_of_ids(model.network, rows, quantity_of(model))
    moved = (result.scores - result.baseline_score).tolist()
    kinds = []
    for word, score in zip(words, moved, strict=True):
        if word in NEGATORS | DIMINISHERS:
            kinds.append("negator")
        elif abs(score) >= POLAR:
            kinds.append("positive" if score > 0 else "negative")
        else:
            kinds.append("")
    return kinds
