"""Negation filters: which filters take "not" together with what it negates.

Two ways to find them. From one exemplar and a pattern in it, as Dhamdhere et al. (2018, §6.3)
do; or by contrast over many phrases with and without their negator. Either gives a ranked list
with the evidence for each filter, and the few that are taken for found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset
from jaxtyping import Bool, Float
from scipy.stats import false_discovery_control, permutation_test

from textcond.attribution.conductance import conductance_of_ids, trace_rows
from textcond.attribution.explanation import PatternQuery
from textcond.attribution.inputs import check_ready
from textcond.attribution.quantity import MARGIN, Quantity, quantity_of
from textcond.corpora.columns import NO_LABEL
from textcond.errors import AnalysisError
from textcond.model.checkpoint import Model
from textcond.text.vocabulary import UNKNOWN_ID

Side = Literal["positive", "negative"]
SIDES: tuple[Side, Side] = ("positive", "negative")
SIGNIFICANT = 0.05
"""Of the corrected p-value."""
FOUND_SHARE = 0.5
"""The found filters are the fewest that make this share of the score of all that qualify."""
LEAST_PAIRS = 5


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

    negated: Side
    """What is negated: "not good" negates what is positive."""
    direction: int
    """Where the negation moves the score: +1 up, -1 down."""
    quantity: Quantity
    filters: tuple[NegationFilter, ...]
    found: tuple[int, ...]
    """The fewest filters that make half of the score of all."""

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """The machine form; `top` filters of it, all of them with 0."""
        return {
            "negated": self.negated,
            "direction": self.direction,
            "found": list(self.found),
            "filters": [
                {
                    "filter": row.filter,
                    "width": row.width,
                    "score": row.score,
                    **row.evidence,
                }
                for row in self.filters[: top or None]
            ],
        }


def contrast(
    model: Model,
    pairs: Dataset,
    negated: Side,
    *,
    target: str = MARGIN,
    output: str = "logit",
    resamples: int = 9_999,
    seed: int = 0,
) -> NegationFilters:
    """Find the negation filters by many pairs with the columns of `negation.PAIR_FEATURES`.

    Over the pairs whose words alone are `negated` and whose negator takes that away, in the
    direction of the negation:

    - `change`: the mean of a filter's conductance with the negator less that without;
    - `p_value`: of that change if with and without could be exchanged (sign flips, one-sided),
      `adjusted_p` for all filters together (Benjamini and Hochberg);
    - `joint`: the share of its conductance with the negator to which the negator's words and the
      others both give;
    - `selective`: its mean conductance with the negator, over that plus the mean for the phrases
      without negation that push the same way ("bad", for "not good").

    A filter qualifies with an adjusted p up to 0.05 and more than half joint and selective; its
    score is change · joint · selective. Pairs without labels are sorted by the model's own score.
    Raises `AnalysisError` for fewer than five pairs, and what `conductance` does about the model
    and the quantity.
    """
    quantity = quantity_of(model, target, output)
    check_ready(model)
    direction = direction_of(model, quantity, negated)
    alike = of_side(model, pairs, negated)
    if len(alike) < LEAST_PAIRS:
        raise AnalysisError(
            f"There are {len(alike)} pairs whose {negated} words are negated; give at least "
            f"{LEAST_PAIRS} in `pairs`."
        )
    negator, others = _sides(model, alike, quantity)
    whole, alone = direction * (negator + others), direction * unnegated(model, alike, quantity)
    both = (direction * negator > 0) & (direction * others > 0)
    plain = direction * unnegated(model, _plain(model, pairs, negated), quantity)
    change = (whole - alone).mean(axis=0)
    amount = whole.clip(0).mean(axis=0)
    joint = _ratio(np.where(both, whole, 0.0).clip(0).mean(axis=0), amount)
    selective = _ratio(amount, amount + (plain.clip(0).mean(axis=0) if len(plain) else 0.0))
    p_values = _p_values(whole - alone, resamples, seed)
    adjusted = false_discovery_control(p_values)
    qualifies = (adjusted <= SIGNIFICANT) & (joint > 0.5) & (selective > 0.5)
    scores = np.where(qualifies, change * joint * selective, 0.0)
    evidence = {
        "change": change,
        "p_value": p_values,
        "adjusted_p": adjusted,
        "joint": joint,
        "selective": selective,
        "conductance": whole.mean(axis=0),
    }
    return _ranked(model, negated, direction, quantity, scores, evidence, ties=change)


def respond(query: PatternQuery) -> NegationFilters:
    """The negation filters of one exemplar: those that `query_filters` found for its pattern and
    that push the way the pattern's words push together; the score is what the pattern gives them.

    Raises `AnalysisError` if there are none.
    """
    model, result = query.explanation.model, query.explanation.conductance
    inside = np.zeros(len(result.tokens), bool)
    for start, end in query.spans:
        inside[start:end] = True
    given = result.values.numpy()[inside].sum(axis=0)
    direction = 1 if given.sum() > 0 else -1
    scores, shares = np.zeros(len(given)), np.zeros(len(given))
    for match in query.matches:
        shares[match.filter] = match.share
        scores[match.filter] = max(direction * match.pattern_conductance, 0.0)
    if not scores.any():
        raise AnalysisError(
            f"No filter responds to {' '.join(query.pattern)!r} in that text; give another "
            "`text` or `pattern`."
        )
    negated = next(
        side for side in SIDES if direction_of(model, result.quantity, side) == direction
    )
    evidence = {"pattern_conductance": given, "share": shares}
    return _ranked(model, negated, direction, result.quantity, scores, evidence, ties=scores)


def direction_of(model: Model, quantity: Quantity, negated: Side) -> int:
    """Where the negation of one side moves the score: +1 up, -1 down; raises what `sense_of`
    does."""
    sense = sense_of(model, quantity)
    return -sense if negated == "positive" else sense


def sense_of(model: Model, quantity: Quantity) -> int:
    """+1 if the score rises with what is positive, -1 if it falls: that of the negative head.

    Raises `AnalysisError` for a model that is not about positive and negative.
    """
    if model.outputs != SIDES:
        raise AnalysisError(
            f"This is about positive and negative; the model has {', '.join(model.outputs)}. Use "
            "a sentiment model."
        )
    positive, negative = quantity.weights
    return 1 if positive > negative else -1


def of_side(model: Model, pairs: Dataset, negated: Side) -> Dataset:
    """The pairs whose words alone are of this side and whose negator takes that away."""
    if not len(pairs):
        return pairs
    labelled = np.array([kind != "" for kind in pairs["kind"]])
    wanted = np.array([kind == f"negated {negated}" for kind in pairs["kind"]])
    wanted |= ~labelled & _has_side(model, pairs, negated)
    return pairs.select(np.flatnonzero(wanted))


def unnegated(
    model: Model, pairs: Dataset, quantity: Quantity
) -> Float[np.ndarray, "pairs filters"]:
    """The conductance of every filter for the words without the negator."""
    if not len(pairs):
        return np.zeros((0, model.network.shape.filters))
    rows = encode_rows(model, pairs["unnegated_tokens"])
    return conductance_of_ids(model.network, rows, quantity).values.numpy()


def encode_rows(model: Model, texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """Ids of each text; one without a token is the baseline, like one of unknown words."""
    return [model.vocabulary.encode(tokens) or [UNKNOWN_ID] for tokens in texts]


def _plain(model: Model, pairs: Dataset, negated: Side) -> Dataset:
    """The pairs whose words without the negator push as the negation of `negated` does."""
    other = SIDES[1 - SIDES.index(negated)]
    labels = np.array(pairs["unnegated_label"])
    wanted = labels > 2 if other == "positive" else (labels < 2) & (labels != NO_LABEL)
    wanted |= (labels == NO_LABEL) & _has_side(model, pairs, other)
    return pairs.select(np.flatnonzero(wanted))


def _has_side(model: Model, pairs: Dataset, side: Side) -> Bool[np.ndarray, " pairs"]:
    """What the model itself says of the words without the negator."""
    rows = encode_rows(model, pairs["unnegated_tokens"])
    margins = conductance_of_ids(model.network, rows, quantity_of(model)).scores.numpy()
    wanted: Bool[np.ndarray, " pairs"] = margins > 0 if side == "positive" else margins < 0
    return wanted


def _sides(
    model: Model, pairs: Dataset, quantity: Quantity
) -> tuple[Float[np.ndarray, "pairs filters"], Float[np.ndarray, "pairs filters"]]:
    """What the negator's words and what the other words give each filter."""
    rows = encode_rows(model, pairs["tokens"])
    masks = [
        _negator_words(negated, alone)
        for negated, alone in zip(pairs["tokens"], pairs["unnegated_tokens"], strict=True)
    ]
    negator = np.zeros((len(rows), model.network.shape.filters))
    others = np.zeros_like(negator)
    batches = trace_rows(model.network, rows, quantity, dtype=torch.float64, batch_size=256)
    for batch, trace in batches:
        for row, values in zip(batch, trace.token_values, strict=True):
            negator[row] = values.numpy()[masks[row]].sum(axis=0)
            others[row] = values.numpy()[~masks[row]].sum(axis=0)
    return negator, others


def _negator_words(negated: Sequence[str], alone: Sequence[str]) -> Bool[np.ndarray, " tokens"]:
    """Which words of the negated text are not in the other."""
    mask = np.ones(len(negated), bool)
    whole, part = ([token.lower() for token in tokens] for tokens in (negated, alone))
    for block in SequenceMatcher(None, whole, part, autojunk=False).get_matching_blocks():
        mask[block.a : block.a + block.size] = False
    return mask


def _p_values(
    changes: Float[np.ndarray, "pairs filters"], resamples: int, seed: int
) -> Float[np.ndarray, " filters"]:
    result = permutation_test(
        (changes,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=resamples,
        vectorized=True,
        batch=32,
        rng=np.random.default_rng(seed),
    )
    values: Float[np.ndarray, " filters"] = np.atleast_1d(result.pvalue)
    return values


def _ratio(
    part: Float[np.ndarray, " filters"], whole: Float[np.ndarray, " filters"]
) -> Float[np.ndarray, " filters"]:
    ratio: Float[np.ndarray, " filters"]
    ratio = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio


def _ranked(
    model: Model,
    negated: Side,
    direction: int,
    quantity: Quantity,
    scores: Float[np.ndarray, " filters"],
    evidence: Mapping[str, Float[np.ndarray, " filters"]],
    *,
    ties: Float[np.ndarray, " filters"],
) -> NegationFilters:
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
    )
