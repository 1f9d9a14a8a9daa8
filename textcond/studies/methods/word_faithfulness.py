"""Whether the words that are said to matter do: erasing them, and erasing all others.

DeYoung et al. 2020 (ERASER): comprehensiveness is how far the probability of the predicted class
falls when the most important words are deleted, sufficiency how far it falls when they alone are
left. Both are averaged over several shares of the words (AOPC; Samek et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from textcond.attribution.prediction import logits_of_ids
from textcond.model.model import Model

SHARES = (0.05, 0.1, 0.2, 0.5)
"""Of a text's words, at least one: DeYoung et al.'s bins but for 1 %, no word of a sentence."""


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Means over texts; falls of a probability."""

    comprehensiveness: tuple[float, ...]
    """For each of `SHARES`; higher is better."""
    sufficiency: tuple[float, ...]
    """For each of `SHARES`; lower is better."""

    @property
    def comprehensiveness_aopc(self) -> float:
        return float(np.mean(self.comprehensiveness))

    @property
    def sufficiency_aopc(self) -> float:
        return float(np.mean(self.sufficiency))


def polarity_probability(
    model: Model, rows: Sequence[list[int]], outputs: Int[np.ndarray, " texts"]
) -> Float[np.ndarray, " texts"]:
    """The probability that the margin gives to each text's output, 0 or 1.

    A text of no words is the baseline.
    """
    nothing = model.encode(())
    margin = model.outputs.margin(logits_of_ids(model.network, [row or nothing for row in rows]))
    signs = 1.0 - 2.0 * outputs
    probabilities: Float[np.ndarray, " texts"] = (
        margin.mul(margin.new_tensor(signs)).sigmoid().numpy()
    )
    return probabilities


def measure_faithfulness(
    model: Model,
    rows: Sequence[list[int]],
    importances: Sequence[Float[np.ndarray, " _tokens"]],
    outputs: Int[np.ndarray, " texts"],
) -> Faithfulness:
    """Erase words by their importance for each text's output, the greatest first."""
    whole = polarity_probability(model, rows, outputs)
    orders = [np.argsort(-values, kind="stable") for values in importances]
    falls: list[list[float]] = [[], []]
    for share in SHARES:
        counts = [max(1, round(share * len(row))) for row in rows]
        chosen = [set(order[:count].tolist()) for order, count in zip(orders, counts, strict=True)]
        for kind, keeps in enumerate((False, True)):
            left = [
                [id for place, id in enumerate(row) if (place in places) is keeps]
                for row, places in zip(rows, chosen, strict=True)
            ]
            falls[kind].append(float((whole - polarity_probability(model, left, outputs)).mean()))
    return Faithfulness(tuple(falls[0]), tuple(falls[1]))
