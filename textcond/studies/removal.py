"""The score as filters and words are removed, in a sentence's own order or its class's (L18)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.attribution.ablation import scores_as_removed
from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.conductance import conductances
from textcond.attribution.measures import measure_filters
from textcond.attribution.prediction import logits_of_ids
from textcond.attribution.quantity import quantity_of
from textcond.model.model import Model
from textcond.studies.claims import Finding, Outcome, Picture, Table, verdict_of
from textcond.studies.data_sources import Sources, check_classes
from textcond.studies.methods.filter_selection import class_means
from textcond.studies.plots import Curve, draw_curves, panels

TITLE = "The score as filters, or words, are removed, those that count most first"
SOURCE = "L18 §III-A, figure 2"
SHARES = np.linspace(0, 1, 21)
"""Of the filters or words that are gone."""
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class _Part:
    """Sentences of one part, and for each the sign of its margin."""

    texts: Sequence[Sequence[str]]
    sides: Float[Tensor, " texts"]

    @classmethod
    def of(cls, sources: Sources, split: str) -> _Part:
        texts, model = list(sources.polar(split)["tokens"]), sources.model
        logits = logits_of_ids(model.network, model.encode_all(texts))
        part = cls(texts, torch.where(model.outputs.margin(logits) > 0, 1.0, -1.0).double())
        check_classes(part.classes, model.outputs.names, split)
        return part

    @property
    def classes(self) -> Int[np.ndarray, " texts"]:
        """The predicted side: 0 positive, 1 negative."""
        classes: Int[np.ndarray, " texts"] = (self.sides < 0).long().numpy()
        return classes

    def normalized(self, model: Model, scores: Float[Tensor, " shares"]) -> list[float]:
        """1 for the mean score of whole texts, 0 for that of no words."""
        nothing = quantity_of(model).score(logits_of_ids(model.network, [model.encode(())]))
        zero = float(nothing) * float(self.sides.mean())
        values: list[float] = ((scores - zero) / (scores[0] - zero)).tolist()
        return values


def run(sources: Sources) -> Outcome:
    """Orders from each sentence, from the mean over its predicted class on dev, and at random."""
    test, dev = (_Part.of(sources, split) for split in ("test", "dev"))
    curves = {
        "filters": _of_filters(sources, test, dev),
        "words": _of_words(sources, test, dev),
    }
    areas = {
        kind: {name: float(np.trapezoid(values, SHARES)) for name, values in found.items()}
        for kind, found in curves.items()
    }
    return Outcome(
        data=f"{len(test.texts):,} polar sentences of {sources.sentences} test; class means from "
        "dev",
        findings=_findings(curves, areas),
        figures={"shares": SHARES.tolist(), "curves": curves, "areas": areas},
        tables=[_table(areas)],
        notes=[
            "The order is that of conductance towards the predicted side; L18's is that of its "
            "influence. The score is the margin towards that side, as a share of its mean over the "
            "sentences; 0 is the mean score of no words. It falls below that since what speaks for "
            "the prediction goes first, and what is left speaks against it. Removed filters put "
            "out 0, removed words are zero vectors. A class's order of words is by each word's "
            "mean conductance over dev; a word that dev lacks counts 0."
        ],
        pictures={"removal": _picture(curves)},
    )


def _findings(
    curves: Mapping[str, Mapping[str, list[float]]], areas: Mapping[str, Mapping[str, float]]
) -> list[Finding]:
    own, mean, chance = (areas["filters"][name] for name in ("own", "class mean", "random"))
    word_own, word_mean = (areas["words"][name] for name in ("own", "class mean"))
    gap, word_gap = mean - own, word_mean - word_own
    places = [int(np.abs(SHARES - share).argmin()) for share in (0.05, 0.1, 0.2)]
    filters, words = ([curves[kind]["own"][place] for place in places] for kind in curves)
    return [
        Finding(
            "For internal units the class's mean order removes the score nearly as fast as the "
            "sentence's own; for inputs it does not",
            "a very small gap for units, not for inputs",
            f"area under the curve: filters {own:.2f} own, {mean:.2f} class mean, {chance:.2f} "
            f"random; words {word_own:.2f} own, {word_mean:.2f} class mean",
            verdict_of(gap < 0.5 * word_gap and gap < 0.1, gap < word_gap and mean < chance),
        ),
        Finding(
            "The score falls more steeply for internal units than for inputs",
            "a steeper dropoff for units",
            "left with 5, 10 and 20 % gone: filters "
            + ", ".join(f"{value:.2f}" for value in filters)
            + "; words "
            + ", ".join(f"{value:.2f}" for value in words),
            verdict_of(
                all(one < other - 0.05 for one, other in zip(filters, words, strict=True)),
                all(one < other for one, other in zip(filters, words, strict=True)),
            ),
        ),
    ]


def _of_filters(sources: Sources, test: _Part, dev: _Part) -> dict[str, list[float]]:
    model = sources.model
    head, quantity = Head.of(model.network, torch.float64), quantity_of(model)
    pooled = measure_filters(model, test.texts, "activation")
    own, dev_own = (
        measure_filters(model, part.texts, "conductance") * part.sides[:, None]
        for part in (test, dev)
    )
    means = torch.from_numpy(class_means(dev_own.numpy(), dev.classes))
    orders = {
        "own": own,
        "class mean": means[torch.from_numpy(test.classes)],
        "random": torch.from_numpy(sources.generator.random(own.shape)),
    }
    steps = np.round(SHARES * own.shape[1]).astype(int)
    curves = {}
    for name, values in sources.tell("removing filters", orders.items(), len(orders)):
        order = values.argsort(dim=1, descending=True, stable=True)
        scores = torch.cat(
            [
                scores_as_removed(head, pooled[rows], order[rows], quantity)[:, steps]
                for rows in torch.arange(len(test.texts)).split(_CHUNK)
            ]
        )
        curves[name] = test.normalized(model, (scores * test.sides[:, None]).mean(dim=0))
    return curves


def _of_words(sources: Sources, test: _Part, dev: _Part) -> dict[str, list[float]]:
    model = sources.model
    rows = model.encode_all(test.texts)
    (unknown,) = model.encode(())
    sides = test.sides.tolist()
    means = _word_means(model, dev)
    generator = sources.generator
    orders = {
        "own": [
            (one.by_token * side).numpy()
            for one, side in zip(conductances(model, test.texts), sides, strict=True)
        ],
        "class mean": [
            np.array([means[side > 0].get(id, 0.0) for id in row])
            for row, side in zip(rows, sides, strict=True)
        ],
        "random": [generator.random(len(row)) for row in rows],
    }
    quantity = quantity_of(model)
    curves = {}
    for name, values in sources.tell("removing words", orders.items(), len(orders)):
        ranked = [np.argsort(-one, kind="stable") for one in values]
        scores = []
        for share in SHARES:
            left = [
                _without(row, order, share, unknown)
                for row, order in zip(rows, ranked, strict=True)
            ]
            score = quantity.score(logits_of_ids(model.network, left))
            scores.append(float((score * test.sides).mean()))
        curves[name] = test.normalized(model, torch.tensor(scores))
    return curves


def _without(
    row: list[int], order: Int[np.ndarray, " tokens"], share: float, unknown: int
) -> list[int]:
    """The row with the share of its words that comes first in the order read as unknown ones."""
    gone = set(order[: round(share * len(row))].tolist())
    return [unknown if place in gone else id for place, id in enumerate(row)]


def _word_means(model: Model, part: _Part) -> Mapping[bool, dict[int, float]]:
    """For either predicted side, the mean conductance of each word towards it."""
    sums: dict[bool, dict[int, list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    for one, side in zip(conductances(model, part.texts), part.sides.tolist(), strict=True):
        for id, value in zip(model.encode(one.tokens), one.by_token, strict=True):
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
        "The mean score as filters (left) and words (right) are removed, those of the "
        "highest conductance first: by each sentence's own order, by its class's mean order, and "
        "at random.",
    )
