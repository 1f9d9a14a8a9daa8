"""The division of labour: which filters raise the score and which lower it (C18 figure 3)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from datasets import concatenate_datasets

from textcond.analysis.polarity.division import Division, divide
from textcond.analysis.store.corpus import CorpusConductance
from textcond.model.model import Model
from textcond.report.figures import division_figure
from textcond.studies.claims import Finding, Outcome, Picture, Table, verdict_of
from textcond.studies.data_sources import Sources

TITLE = "The signs of conductance of 256 filters over about 4,000 sentences"
SOURCE = "C18 §6.2 and figure 3; C19 §6.1"
SENTENCES = 4_000
THRESHOLDS = (0.01, 0.03, 0.1)


def run(sources: Sources) -> Outcome:
    """The paper's threshold, and two that leave more signs out."""
    with TemporaryDirectory() as folder:
        analysis = analyzed(sources, Path(folder))
        divisions = [
            divide(
                analysis,
                threshold=threshold,
                draws=100 if threshold == THRESHOLDS[0] else 0,
                seed=sources.seed,
                watch=lambda done, total: sources.watch("dividing", done, total),
            )
            for threshold in THRESHOLDS
        ]
        division = divisions[0]
        picture = division_figure(division)
    first = division.summary()
    figures: dict[str, Any] = {
        "thresholds": {str(t): d.summary() for t, d in zip(THRESHOLDS, divisions, strict=True)}
    }
    purities = np.array([role.purity for role in division.roles if role.purity is not None])
    figures["purity_percentiles"] = np.percentile(purities, [5, 25, 50, 75, 95]).tolist()
    pulls = _counter_pulls(sources.model, division)
    figures["weights_that_pull_against_the_rest"] = pulls
    names = ("mean_purity", "pure_filters", "positive_filters", "negative_filters", "dead_filters")
    rows = [
        (f"{threshold:g}", *(_shown(one.summary()[name]) for name in names))
        for threshold, one in zip(THRESHOLDS, divisions, strict=True)
    ]
    shown = (
        f"{first['pure_filters']:.0%} of the filters keep one sign in 95 % of the sentences or "
        f"more, mean purity {first['mean_purity']:.3f}; {first['positive_filters']} work for "
        f"positive, {first['negative_filters']} for negative"
    )
    return Outcome(
        data=f"{len(analysis):,} sentences of {sources.sentences}",
        findings=[
            Finding(
                "Almost every filter captures positive or negative sentiment, not both",
                "very few filters have both signs",
                shown,
                verdict_of(first["pure_filters"] >= 0.9, first["mean_purity"] >= 0.8),
                f"A filter feeds ten hidden units. Of its weights on the margin through them, "
                f"{pulls['others']:.0%} pull against the rest in the filters below 95 %, "
                f"{pulls['pure']:.0%} in the others: which way those push depends on the units "
                "that a sentence switches on.",
            )
        ],
        figures=figures,
        tables=[
            Table(
                "By the threshold below which a conductance counts as none (the paper's is 0.01).",
                ("threshold", *(name.replace("_", " ") for name in names)),
                rows,
            )
        ],
        pictures={
            "division": Picture(
                picture,
                "Signs of conductance on the margin: sentences by filters, clustered; blue raises, "
                "red lowers, green is within 0.01 of 0.",
            )
        },
    )


@torch.no_grad()
def _counter_pulls(model: Model, division: Division) -> dict[str, float]:
    """The share of a filter's weights, through the hidden units, that is of the rarer sign.

    The mean over the filters whose purity is 95 % or more, and over the others.
    """
    output, hidden = model.network.output.weight, model.network.hidden.weight
    weights = (output[0] - output[1])[:, None] * hidden  # (hidden, filters)
    up, down = weights.clamp(min=0).sum(dim=0), -weights.clamp(max=0).sum(dim=0)
    rarer = (torch.minimum(up, down) / (up + down)).double()
    known = [role for role in division.roles if role.purity is not None]
    pure = [role.filter for role in known if (role.purity or 0) >= 0.95]
    others = [role.filter for role in known if (role.purity or 0) < 0.95]
    return {
        name: float(rarer[filters].mean()) if filters else 0.0
        for name, filters in (("pure", pure), ("others", others))
    }


def analyzed(sources: Sources, folder: Path) -> CorpusConductance:
    """The margin of dev, test, and as many sentences of train as make about 4,000."""
    parts = [sources.load(sources.sentences, split) for split in ("dev", "test", "train")]
    held_out = len(parts[0]) + len(parts[1])
    more = min(max(SENTENCES - held_out, 0), len(parts[2]))
    drawn = np.sort(sources.generator.choice(len(parts[2]), more, replace=False))
    rows = concatenate_datasets([*parts[:2], parts[2].select(drawn)])
    return CorpusConductance.compute(
        sources.model,
        rows,
        folder / "analysis",
        watch=lambda progress: sources.watch("conductance", progress.done, len(rows)),
    )


def _shown(value: float | int) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
