"""How many filters must be ablated before the prediction changes (C18 §5.1, for text §1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from textcond.attribution.ablation import scores_as_removed
from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.measures import measure_filters
from textcond.attribution.quantity import quantity_of
from textcond.studies.claims import MEASURES, Finding, Outcome, Picture, Table, named, verdict_of
from textcond.studies.data_sources import Sources
from textcond.studies.plots import curves_figure

TITLE = "Filters to ablate, in each measure's order, before the sentence is called otherwise"
SOURCE = "C18 §5.1, and §1 on the text model"
PAPER_MEAN = 3.7
_CHUNK = 256


def run(sources: Sources) -> Outcome:
    """Ablate what supports the prediction the most, one filter after another."""
    texts = list(sources.load(sources.sentences, "test")["tokens"])
    model = sources.model
    pooled = measure_filters(model, texts, "activation")
    head, quantity = Head.of(model.network, torch.float64), quantity_of(model)
    sides = quantity.score(head.logits(head.units(pooled))).sign()
    orders = {
        named(measure): measure_filters(model, texts, measure)
        * (1 if measure == "activation" else sides[:, None])
        for measure in (*MEASURES, "ablation")
    }
    generator = sources.generator
    orders["random"] = torch.from_numpy(generator.random(pooled.shape))
    counts: dict[str, Int[np.ndarray, " texts"]] = {}
    for name, values in sources.tell("ablating", orders.items(), len(orders)):
        order = values.argsort(dim=1, descending=True, stable=True)
        counts[name] = np.concatenate(
            [
                _flips(
                    scores_as_removed(head, pooled[rows], order[rows], quantity) * sides[rows, None]
                )
                for rows in torch.arange(len(texts)).split(_CHUNK)
            ]
        )
    figures: dict[str, Any] = {
        name: _summary(count, pooled.shape[1]) for name, count in counts.items()
    }
    medians = {name: row["median"] for name, row in figures.items()}
    found = figures["conductance"]
    shown = f"{found['mean']:.1f} of {pooled.shape[1]} on average, median {found['median']:.0f}"
    best = min(MEASURES, key=lambda measure: figures[named(measure)]["mean"])
    without_any = quantity.score(head.logits(head.units(torch.zeros_like(pooled[:1]))))
    same = int((sides * without_any.sign() > 0).sum())
    return Outcome(
        data=f"all {len(texts):,} sentences of {sources.sentences} test",
        findings=[
            Finding(
                "The text model is redundant: many filters must go before a prediction changes",
                "a relatively large number; on images 3.7 of 5,484",
                shown,
                verdict_of(found["mean"] > 2 * PAPER_MEAN, found["mean"] > PAPER_MEAN),
            ),
            Finding(
                "Conductance finds the filters that a prediction rests on: fewer than at random",
                "3.7 by conductance; by internal influence ten suffice for 5 of 100 images",
                f"in half of the sentences {medians['conductance']:.0f} or fewer, against "
                f"{medians['random']:.0f} at random and {medians['internal influence']:.0f} by "
                "internal influence",
                verdict_of(
                    medians["conductance"] < 0.5 * medians["random"]
                    and medians["conductance"] < medians["internal influence"],
                    medians["conductance"] < medians["random"],
                ),
                f"The fewest on average, of the four measures: {named(best)}.",
            ),
        ],
        figures=figures,
        tables=[_table(figures)],
        notes=[
            "Activation has no sign, so its order is the same for either prediction. “Never” are "
            "the sentences that no step of the order calls otherwise; in the averages they count "
            "as all filters, which medians do not mind; “most” is of the others. With all filters "
            f"gone {same:,} sentences are still called what they are called, since one answer is "
            "left for all of them."
        ],
        pictures={"flip": _picture(counts, pooled.shape[1])},
    )


def _flips(supports: Float[torch.Tensor, "texts removed"]) -> Int[np.ndarray, " texts"]:
    """How many are gone when the score first changes its sign; one more than all if never."""
    flipped = supports <= 0
    first = flipped.long().argmax(dim=1)
    counts: Int[np.ndarray, " texts"] = torch.where(
        flipped.any(dim=1), first, supports.shape[1]
    ).numpy()
    return counts


def _summary(counts: Int[np.ndarray, " texts"], filters: int) -> dict[str, Any]:
    reached = np.minimum(counts, filters)
    low, middle, high = np.percentile(reached, [25, 50, 75]).tolist()
    return {
        "mean": float(reached.mean()),
        "quartile_1": low,
        "median": middle,
        "quartile_3": high,
        "most": int(counts[counts <= filters].max()) if (counts <= filters).any() else None,
        "never": int((counts > filters).sum()),
    }


def _table(figures: dict[str, Any]) -> Table:
    names = ("mean", "quartile_1", "median", "quartile_3", "most", "never")
    rows = [
        (
            name,
            *("-" if row[key] is None else f"{row[key]:,.1f}".removesuffix(".0") for key in names),
        )
        for name, row in figures.items()
    ]
    return Table("Filters ablated until the sign of the margin changes.", ("order", *names), rows)


def _picture(counts: dict[str, Int[np.ndarray, " texts"]], filters: int) -> Picture:
    steps = np.arange(filters + 1)
    curves = {
        # Its curve covers that of gradient × activation.
        name.replace("ablation", "ablation*"): (
            steps.tolist(),
            [100 * float((count <= step).mean()) for step in steps],
        )
        for name, count in counts.items()
    }
    return Picture(
        curves_figure(curves, x="filters ablated", y="percent of sentences called otherwise"),
        "How many sentences are called otherwise after so many filters are ablated.",
    )
