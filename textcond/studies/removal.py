"""The score as filters and words are removed, in a sentence's own order or its class's (L18)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.analysis.selection import class_means
from textcond.attribution.ablation import scores_as_removed
from textcond.attribution.conductance import conductances
from textcond.attribution.measures import measure_filters
from textcond.attribution.pieces import Head
from textcond.attribution.prediction import logits_of_ids
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.model.checkpoint import Model
from textcond.studies.outcome import Finding, Outcome, Picture, Table, verdict_of
from textcond.studies.plots import Curve, draw_curves, panels
from textcond.studies.sources import Sources
from textcond.text.vocabulary import UNKNOWN_ID

TITLE = "The score as filters, or words, are removed in order of their influence"
SOURCE = "L18 §III-A, figure 2"
SHARES = np.linspace(0, 1, 21)
"""Of the filters or words that are gone."""
_CHUNK = 256


def run(sources: Sources) -> Outcome:
    """Orders from each sentence, from the mean over its predicted class on dev, and at random."""
    model = sources.model
    texts, dev = (list(sources.polar(split)["tokens"]) for split in ("test", "dev"))
    sides, dev_sides = (_sides(model, part) for part in (texts, dev))
    curves = {
        "filters": _of_filters(sources, texts, sides, dev, dev_sides),
        "words": _of_words(sources, texts, sides, dev, dev_sides),
    }
    areas = {
        kind: {name: float(np.trapezoid(values, SHARES)) for name, values in found.items()}
        for kind, found in curves.items()
    }
    own, mean, chance = (areas["filters"][name] for name in ("own", "class mean", "random"))
    word_own, word_mean = (areas["words"][name] for name in ("own", "class mean"))
    gap, word_gap = mean - own, word_mean - word_own
    quarter = SHARES.tolist().index(0.25)
    return Outcome(
        data=f"{len(texts):,} polar sentences of {sources.sentences} test; class means from dev",
        findings=[
            Finding(
                "For internal units the class's mean order removes the score nearly as fast as the "
                "sentence's own; for inputs it does not",
                "curves nearly alike for units, apart for inputs",
                f"area under the curve: filters {own:.2f} own, {mean:.2f} class mean, {chance:.2f} "
                f"random; words {word_own:.2f} own, {word_mean:.2f} class mean",
                verdict_of(gap < 0.5 * word_gap and gap < 0.1, gap < word_gap and mean < chance),
            ),
            Finding(
                "The score falls at once: few units in order of influence carry it",
                "most of it within the first tenths",
                f"with a quarter of the filters gone {curves['filters']['own'][quarter]:.2f} of it "
                f"is left in the sentence's own order, {curves['filters']['random'][quarter]:.2f} "
                "at random",
                verdict_of(
                    curves["filters"]["own"][quarter] < 0.25,
                    curves["filters"]["own"][quarter] < curves["filters"]["random"][quarter] / 2,
                ),
            ),
        ],
        figures={"shares": SHARES.tolist(), "curves": curves, "areas": areas},
        tables=[_table(areas)],
        notes=[
            "The score is the margin towards the predicted side, as a share of its mean over the "
            "sentences; 0 is the score of no words. Below 0 the sentences are called otherwise: "
            "what speaks for the prediction goes first, so what is left speaks against it. Removed "
            "filters put out 0, removed words are zero vectors. A class's order of words is by "
            "each word's mean conductance over dev; a word that dev lacks counts 0."
        ],
        pictures={"removal": _picture(curves)},
    )


def _sides(model: Model, texts: Sequence[Sequence[str]]) -> Float[Tensor, " texts"]:
    logits = logits_of_ids(model.network, [model.vocabulary.encode(text) for text in texts])
    return torch.where(logits[:, 0] > logits[:, 1], 1.0, -1.0).double()


def _of_filters(
    sources: Sources,
    texts: Sequence[Sequence[str]],
    sides: Float[Tensor, " texts"],
    dev: Sequence[Sequence[str]],
    dev_sides: Float[Tensor, " dev"],
) -> dict[str, list[float]]:
    model = sources.model
    head, quantity = Head.of(model.network, torch.float64), quantity_of(model)
    pooled = measure_filters(model, texts, "activation")
    own = measure_filters(model, texts, "conductance") * sides[:, None]
    classes = (dev_sides < 0).long().numpy()
    means = class_means(
        (measure_filters(model, dev, "conductance") * dev_sides[:, None]).numpy(), classes
    )
    orders = {
        "own": own,
        "class mean": torch.from_numpy(means)[(sides < 0).long()],
        "random": torch.from_numpy(sources.generator.random(own.shape)),
    }
    baseline = _baseline(head, quantity)
    steps = np.round(SHARES * own.shape[1]).astype(int)
    curves = {}
    for name, values in sources.tell("removing filters", orders.items(), len(orders)):
        order = values.argsort(dim=1, descending=True, stable=True)
        scores = torch.cat(
            [
                scores_as_removed(head, pooled[rows], order[rows], quantity)[:, steps]
                for rows in torch.arange(len(texts)).split(_CHUNK)
            ]
        )
        curves[name] = _normalized((scores * sides[:, None]).mean(dim=0), sides, baseline)
    return curves


@torch.no_grad()
def _baseline(head: Head, quantity: Quantity) -> float:
    """The score of no words."""
    return float(quantity.score(head.logits(head.units(head.filter_bias.relu()))))


def _normalized(
    scores: Float[Tensor, " shares"], sides: Float[Tensor, " texts"], baseline: float
) -> list[float]:
    """1 for the mean score of whole texts, 0 for that of no words."""
    zero = baseline * float(sides.mean())
    values: list[float] = ((scores - zero) / (scores[0] - zero)).tolist()
    return values


def _of_words(
    sources: Sources,
    texts: Sequence[Sequence[str]],
    sides: Float[Tensor, " texts"],
    dev: Sequence[Sequence[str]],
    dev_sides: Float[Tensor, " dev"],
) -> dict[str, list[float]]:
    model = sources.model
    rows = [model.vocabulary.encode(text) for text in texts]
    own = [
        (one.by_token * side).numpy()
        for one, side in zip(conductances(model, texts), sides.tolist(), strict=True)
    ]
    means = _word_means(model, dev, dev_sides)
    generator = sources.generator
    orders = {
        "own": own,
        "class mean": [
            np.array([means[side > 0].get(id, 0.0) for id in row])
            for row, side in zip(rows, sides.tolist(), strict=True)
        ],
        "random": [generator.random(len(row)) for row in rows],
    }
    quantity = quantity_of(model)
    head = Head.of(model.network, torch.float64)
    baseline = _baseline(head, quantity)
    curves = {}
    for name, values in sources.tell("removing words", orders.items(), len(orders)):
        ranked = [np.argsort(-one, kind="stable") for one in values]
        scores = []
        for share in SHARES:
            left = [_without(row, order, share) for row, order in zip(rows, ranked, strict=True)]
            score = quantity.score(logits_of_ids(model.network, left))
            scores.append(float((score * sides).mean()))
        curves[name] = _normalized(torch.tensor(scores), sides, baseline)
    return curves


def _without(row: list[int], order: Int[np.ndarray, " tokens"], share: float) -> list[int]:
    gone = set(order[: round(share * len(row))].tolist())
    return [UNKNOWN_ID if place in gone else id for place, id in enumerate(row)]


def _word_means(
    model: Model, texts: Sequence[Sequence[str]], sides: Float[Tensor, " texts"]
) -> Mapping[bool, dict[int, float]]:
    """For either predicted side, the mean conductance of each word towards it."""
    sums: dict[bool, dict[int, list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    for one, side in zip(conductances(model, texts), sides.tolist(), strict=True):
        for id, value in zip(model.vocabulary.encode(one.tokens), one.by_token, strict=True):
            sums[side > 0][id].append(float(value) * side)
    return {
        side: {id: float(np.mean(values)) for id, values in words.items()}
        for side, words in sums.items()
    }


def _table(areas: Mapping[str, Mapping[str, float]]) -> Table:
    names = list(areas["filters"])
    return Table(
        "Area under the curve of the score; lower is faster.",
        ("removed", *names),
        [(kind, *(f"{found[name]:.3f}" for name in names)) for kind, found in areas.items()],
    )


def _picture(curves: Mapping[str, Mapping[str, Any]]) -> Picture:
    figure, axes = panels(2)
    shown = {"own": "own", "class mean": "class mean*", "random": "random"}
    for ax, (kind, found) in zip(axes, curves.items(), strict=True):
        lines: dict[str, Curve] = {
            shown[name]: ((100 * SHARES).tolist(), values) for name, values in found.items()
        }
        draw_curves(ax, lines, x=f"percent of the {kind} removed", y="score, share of the whole")
        ax.axhline(0, color="#1c2329", linewidth=0.6)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    return Picture(
        figure,
        "The mean score as filters (left) and words (right) are removed, the most influential "
        "first: by each sentence's own order, by its class's mean order, and at random.",
    )
