"""Negation filters: which filters take "not" together with what it negates.

Two ways to find them. From one exemplar and a pattern in it, as Dhamdhere et al. (2018, §6.3)
do; or by contrast over many phrases with and without their negator. Either gives a ranked list
with the evidence for each filter, and the few that are taken for found.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal

import numpy as np
import torch
from datasets import Dataset
from jaxtyping import Bool, Float
from scipy.stats import false_discovery_control

from textcond.analysis.negation.found_filters import LEAST_PAIRS, NegationFilters, ranked
from textcond.analysis.negation.sign_flip_test import sign_flip_p_values
from textcond.analysis.polarity.sides import Sides, sides_of
from textcond.attribution.conductance import conductance_of_ids, trace_rows
from textcond.attribution.explanation import PatternQuery
from textcond.attribution.input_checks import check_ready
from textcond.attribution.prediction import logits_of_ids
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.model.outputs import MARGIN

SIGNIFICANT = 0.05
"""Of the corrected p-value."""


def contrast(
    model: Model,
    pairs: Dataset,
    negated: str,
    *,
    target: str = MARGIN,
    output: str = "logit",
    resamples: int = 9_999,
    seed: int = 0,
) -> NegationFilters:
    """Find the negation filters by many pairs with the columns of `negated_phrases.PAIR_FEATURES`.

    `negated` is one of the two sides of the score (`sides.Sides`). The pairs are those whose words
    alone are of this side and whose negator takes that away: by their labels, or, where they have
    none or the sides are not positive and negative, those that the model itself takes for
    `negated` without the negator. In the direction of the negation:

    - `change`: the mean of a filter's conductance with the negator less that without;
    - `p_value`: how probable so great a sum of changes is under the null hypothesis that the two
      sides of each pair are exchangeable: which of them has the negator makes no difference to
      the network. `adjusted_p` is that for all filters together (Benjamini and Hochberg);
    - `joint`: the share of its conductance with the negator to which the negator's words and the
      others both give;
    - `selective`: its mean conductance with the negator, over that plus the mean for the phrases
      without negation that push the same way ("bad", for "not good").

    A filter qualifies with a positive change, an adjusted p up to 0.05 and more than half joint
    and selective; its score is change · joint · selective.

    The test is a one-sided permutation test that exchanges the sides of pairs at random. A label
    belongs to the pair, and an exchange leaves it as it is. The model's own choice depends on the
    side: one that is chosen for its high score has, by regression to the mean, more conductance
    than the other even if a negator does nothing. So pairs without labels are chosen anew after
    each exchange, and the sum is over the pairs that are chosen then. This is the same test as
    to flip the signs of the changes, each multiplied by the number of the pair's sides for which
    it would be chosen (0, 1 or 2), and that number is symmetric in the sides. The null
    distribution need not have a mean of 0, so a filter can be significant without a positive
    change; it does not qualify.

    With fewer than `LEAST_PAIRS` pairs no filter qualifies, and without any there is no evidence.
    Raises what `conductance` does about the model and the quantity.
    """
    quantity = quantity_of(model, target, output)
    check_ready(model)
    sides = sides_of(model, quantity)
    direction = direction_of(sides, negated)
    chosen = _chosen(model, sides, pairs, negated, "unnegated_tokens")
    count = int(chosen.sum())
    if not count:
        return NegationFilters(negated, direction, quantity, (), (), 0)
    times_chosen = chosen.astype(np.int64) + _chosen(model, sides, pairs, negated, "tokens")
    tested = np.flatnonzero(times_chosen)
    negator, others = (direction * side for side in _given(model, pairs.select(tested), quantity))
    whole = negator + others
    changes = whole - direction * unnegated(model, pairs.select(tested), quantity)
    p_values = sign_flip_p_values(
        times_chosen[tested, None] * changes, resamples=resamples, seed=seed
    )
    negator, others, whole, changes = (
        values[chosen[tested]] for values in (negator, others, whole, changes)
    )
    plain = direction * unnegated(model, _plain(model, sides, pairs, negated), quantity)
    change = changes.mean(axis=0)
    amount = whole.clip(0).mean(axis=0)
    both = (negator > 0) & (others > 0)
    joint = _ratio(np.where(both, whole, 0.0).clip(0).mean(axis=0), amount)
    selective = _ratio(amount, amount + (plain.clip(0).mean(axis=0) if len(plain) else 0.0))
    adjusted = false_discovery_control(p_values)
    qualifies = (change > 0) & (adjusted <= SIGNIFICANT) & (joint > 0.5) & (selective > 0.5)
    qualifies &= count >= LEAST_PAIRS
    scores = np.where(qualifies, change * joint * selective, 0.0)
    evidence = {
        "change": change,
        "p_value": p_values,
        "adjusted_p": adjusted,
        "joint": joint,
        "selective": selective,
        "conductance": whole.mean(axis=0),
    }
    return ranked(model, negated, direction, quantity, scores, evidence, ties=change, pairs=count)


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
    sides = sides_of(model, result.quantity)
    negated = next(side for side in sides.names if direction_of(sides, side) == direction)
    evidence = {"pattern_conductance": given, "share": shares}
    return ranked(model, negated, direction, result.quantity, scores, evidence, ties=scores)


def direction_of(sides: Sides, negated: str) -> int:
    """Where the negation of one side moves the score: +1 up, -1 down."""
    return -sides.sense if negated == sides.names[0] else sides.sense


def of_side(model: Model, quantity: Quantity, pairs: Dataset, negated: str) -> Dataset:
    """The pairs whose words alone are of this side and whose negator takes that away."""
    chosen = _chosen(model, sides_of(model, quantity), pairs, negated, "unnegated_tokens")
    return pairs.select(np.flatnonzero(chosen))


def unnegated(
    model: Model, pairs: Dataset, quantity: Quantity
) -> Float[np.ndarray, "pairs filters"]:
    """The conductance of every filter for the words without the negator."""
    if not len(pairs):
        return np.zeros((0, model.network.shape.filters))
    rows = model.encode_all(pairs["unnegated_tokens"])
    return conductance_of_ids(model.network, rows, quantity).values.numpy()


def _chosen(
    model: Model,
    sides: Sides,
    pairs: Dataset,
    negated: str,
    alone: Literal["tokens", "unnegated_tokens"],
) -> Bool[np.ndarray, " pairs"]:
    """Which pairs have words alone of this side and a negator that takes that away.

    Where there are no labels the model tells the side of the column `alone`.
    """
    kinds = np.array(pairs["kind"], dtype=np.str_)
    chosen: Bool[np.ndarray, " pairs"] = kinds == f"negated {negated}"
    unlabelled = np.flatnonzero((kinds == "") | (not sides.are_polarity))
    chosen[unlabelled] = _has_side(model, sides, pairs.select(unlabelled)[alone], negated)
    return chosen


def _plain(model: Model, sides: Sides, pairs: Dataset, negated: str) -> Dataset:
    """The pairs whose words without the negator push as the negation of `negated` does."""
    other = sides.names[1 - sides.names.index(negated)]
    labels = np.array(pairs["unnegated_label"])
    wanted = labels > 2 if other == "positive" else (labels < 2) & (labels != NO_LABEL)
    unlabelled = np.flatnonzero((labels == NO_LABEL) | (not sides.are_polarity))
    alone = pairs.select(unlabelled)["unnegated_tokens"]
    wanted[unlabelled] = _has_side(model, sides, alone, other)
    return pairs.select(np.flatnonzero(wanted))


def _has_side(
    model: Model, sides: Sides, texts: Sequence[Sequence[str]], side: str
) -> Bool[np.ndarray, " texts"]:
    """Which texts the model itself takes for this side."""
    if not len(texts):
        return np.zeros(0, bool)
    return sides.calls(logits_of_ids(model.network, model.encode_all(texts)).numpy(), side)


def _given(
    model: Model, pairs: Dataset, quantity: Quantity
) -> tuple[Float[np.ndarray, "pairs filters"], Float[np.ndarray, "pairs filters"]]:
    """What the negator's words and what the other words give each filter."""
    rows = model.encode_all(pairs["tokens"])
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


def _ratio(
    part: Float[np.ndarray, " filters"], whole: Float[np.ndarray, " filters"]
) -> Float[np.ndarray, " filters"]:
    ratio: Float[np.ndarray, " filters"]
    ratio = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio
