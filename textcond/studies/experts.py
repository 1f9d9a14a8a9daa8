"""Class experts: a few filters that tell one class at least as well as all (L18 §III-C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
import torch
from jaxtyping import Float, Int

from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.measures import measure_filters
from textcond.corpora.dataset_columns import CLASS
from textcond.model.model import Model
from textcond.studies.claims import Finding, Outcome, Picture, Table, named, verdict_of
from textcond.studies.data_sources import Sources, check_classes, outputs_of
from textcond.studies.methods.class_experts import (
    Detection,
    Expert,
    measure_expert,
    sweep,
    whole_network,
)
from textcond.studies.plots import draw_curves, panels
from textcond.studies.questions import trained

TITLE = "Experts of one class made of few filters, against the whole network"
SOURCE = "L18 §III-C, figure 3"
SIZES = (0, 1, 2, 3, 5, 8, 13, 20, 32, 48, 64, 96, 128, 256)
"""α and β: how many filters of the greatest and of the lowest influence are kept."""
MARGIN = 0.01
"""How much lower a precision counts as comparable."""
ORDERS = ("internal_influence", "conductance", "activation")
Found = dict[str, dict[str, Any]]
"""Of each class and order, the whole network's figures and the chosen experts'."""


def run(sources: Sources) -> Outcome:
    """Choose α and β on the dev part, and measure on the test part."""
    polar = {split: sources.polar(split) for split in ("dev", "test")}
    tasks = {
        sources.sentences: _measure(
            sources,
            sources.model,
            {split: (list(rows["tokens"]), outputs_of(rows)) for split, rows in polar.items()},
        )
    }
    notes = []
    if sources.questions is None:
        notes.append(
            "Without WikiTableQuestions (`--questions-dir`) its five classes are left out."
        )
    else:
        parts = {split: sources.load("questions", split) for split in ("dev", "test")}
        tasks["questions"] = _measure(
            sources,
            trained(sources, sources.seed),
            {split: (list(rows["tokens"]), np.array(rows[CLASS])) for split, rows in parts.items()},
        )
    classes = [(task, name, found[name]) for task, found in tasks.items() for name in found]
    return Outcome(
        data=f"{', '.join(tasks)}: experts chosen on dev, measured on test",
        findings=_findings(classes),
        figures=tasks,
        tables=[_table(classes)],
        notes=[
            "An expert is called better if its recall on the class is higher than the whole "
            "network's and its precision no more than a point lower; “matches” asks for as high a "
            "recall, at such a precision too. Influence is L18's, the mean slope of the class's "
            "logit by a filter over the texts of the class, along the path; conductance takes how "
            "far the filter moves as well.",
            *notes,
        ],
        pictures={"experts": _picture(classes)},
    )


def _measure(
    sources: Sources,
    model: Model,
    parts: Mapping[str, tuple[Sequence[Sequence[str]], Int[np.ndarray, " texts"]]],
) -> Found:
    for split, (_, classes) in parts.items():
        check_classes(classes, model.outputs.names, split)
    head = Head.of(model.network, torch.float64)
    pooled = {
        split: measure_filters(model, texts, "activation", target=model.outputs.names[0])
        for split, (texts, _) in parts.items()
    }
    found: Found = {}
    names = list(enumerate(model.outputs.names))
    for output, name in sources.tell("looking for experts", names, len(names)):
        dev, test = (
            Detection(head, pooled[split], parts[split][1] == output, output)
            for split in ("dev", "test")
        )
        texts = [text for text, wanted in zip(parts["dev"][0], dev.is_class, strict=True) if wanted]
        found[name] = {
            "texts": int(test.is_class.sum()),
            "whole": _shown(whole_network(test)),
        }
        for order in ORDERS:
            influence = measure_filters(model, texts, order, target=name).mean(dim=0).numpy()
            found[name][order] = _of_order(dev, test, influence)
    return found


def _of_order(
    dev: Detection, test: Detection, influence: Float[np.ndarray, " filters"]
) -> dict[str, Any]:
    """The experts that the sweep on dev chooses, as they are on test."""
    grid = sweep(dev, influence, SIZES)
    whole = whole_network(dev)
    swept = [one for one in grid.values() if one.filters]
    precise = [one for one in (*swept, whole) if one.precision >= whole.precision - MARGIN]
    few = [one for one in swept if one.filters <= len(influence) / 4]
    chosen = {
        "best": max(precise, key=lambda one: (one.recall, -one.filters)),
        "smallest": min(
            (one for one in precise if one.recall >= whole.recall), key=lambda one: one.filters
        ),
        "quarter": max(few, key=lambda one: (one.f1, -one.filters)),
    }
    return {
        **{
            kind: _shown(
                whole_network(test)
                if one is whole
                else measure_expert(test, influence, one.positive, one.negative)
            )
            for kind, one in chosen.items()
        },
        "f1_on_dev": [[round(grid[p, n].f1, 3) for n in SIZES] for p in SIZES],
        "best_f1_on_dev": _best_so_far(swept),
    }


def _best_so_far(experts: Sequence[Expert]) -> list[tuple[int, float]]:
    """The best F1 with at most so many filters, where it rises."""
    best = 0.0
    curve = []
    for expert in sorted(experts, key=lambda one: (one.filters, -one.f1)):
        if expert.f1 > best:
            best = expert.f1
            curve.append((expert.filters, round(best, 4)))
    return curve


def _shown(expert: Expert) -> dict[str, Any]:
    return {
        "positive": expert.positive,
        "negative": expert.negative,
        "filters": expert.filters,
        "recall": expert.recall,
        "precision": expert.precision,
        "f1": expert.f1,
    }


def _is_better(expert: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return bool(
        expert["recall"] > whole["recall"] and expert["precision"] >= whole["precision"] - MARGIN
    )


def _matches(expert: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return bool(
        expert["recall"] >= whole["recall"] and expert["precision"] >= whole["precision"] - MARGIN
    )


def _findings(classes: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[Finding]:
    filters = 256
    number = len(classes)
    better = [
        name
        for _, name, one in classes
        if one["internal_influence"]["best"]["filters"] < filters / 4
        and _is_better(one["internal_influence"]["best"], one["whole"])
    ]
    sizes = {
        order: [one[order]["smallest"]["filters"] for _, _, one in classes] for order in ORDERS
    }
    holds = [_matches(one["internal_influence"]["smallest"], one["whole"]) for _, _, one in classes]
    smallest = [f"{size} ({size / filters:.1%})" for size in sizes["internal_influence"]]
    medians = {order: float(np.median(sizes[order])) for order in ORDERS}
    quarter = {
        order: float(np.median([one[order]["quarter"]["f1"] for _, _, one in classes]))
        for order in ORDERS
    }
    lost = [
        one["whole"]["f1"] - one["internal_influence"]["quarter"]["f1"] for _, _, one in classes
    ]
    return [
        Finding(
            "An expert with less than a quarter of the units has a better recall than the whole "
            "network, at comparable precision",
            "5 of 5 classes",
            f"{len(better)} of {number} classes" + (f" ({', '.join(better)})" if better else ""),
            verdict_of(len(better) == number, len(better) > number / 2),
        ),
        Finding(
            "A tiny share of the units matches the whole network's recall",
            "as few as 1 %",
            f"by internal influence {', '.join(smallest)} of {filters} filters match it on dev, "
            f"and {sum(holds)} of these {number} on test too; with a quarter of the filters F1 on "
            f"test is lower by {np.median(lost):.3f} in the median class",
            verdict_of(
                min(sizes["internal_influence"]) <= filters / 100
                and medians["internal_influence"] <= filters / 20
                and all(holds),
                medians["internal_influence"] <= filters / 4 and sum(holds) > number / 2,
            ),
        ),
        Finding(
            "Experts by activation need far more units",
            "at least half of the units to match",
            f"{medians['activation']:.0f} filters (median) against "
            f"{medians['internal_influence']:.0f} by influence and {medians['conductance']:.0f} by "
            f"conductance; with a quarter of them F1 is {quarter['activation']:.3f} against "
            f"{quarter['internal_influence']:.3f} and {quarter['conductance']:.3f} (medians)",
            verdict_of(
                medians["activation"] >= filters / 2
                and medians["activation"] >= 2 * medians["internal_influence"],
                quarter["activation"] < quarter["internal_influence"],
            ),
        ),
    ]


def _table(classes: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Table:
    rows = []
    for task, name, one in classes:
        rows.append([f"{task}: {name}", "whole network", "256", *_pair(one["whole"])])
        for order in ORDERS:
            for kind in ("best", "smallest", "quarter"):
                expert = one[order][kind]
                size = f"{expert['positive']} + {expert['negative']}"
                rows.append(["", f"{named(order)}, {kind}", size, *_pair(expert)])
    return Table(
        "Figures on test of experts chosen on dev: that of the best recall at the network's "
        "precision, the smallest that matched its recall there, and that of the best F1 with a "
        "quarter of the filters. Filters are α + β. The JSON file has F1 on dev for α (rows) and β "
        "(columns) of "
        f"{', '.join(map(str, SIZES))}.",
        ("class", "expert by", "filters", "recall", "precision", "F1"),
        rows,
    )


def _pair(one: Mapping[str, Any]) -> list[str]:
    return [f"{one[name]:.3f}" for name in ("recall", "precision", "f1")]


def _picture(classes: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Picture:
    figure, axes = panels(len(classes), width=3.4)
    for ax, (task, name, one) in zip(axes, classes, strict=True):
        curves = {}
        for order in ORDERS:
            curve = one[order]["best_f1_on_dev"]
            curves[named(order)] = ([size for size, _ in curve], [f1 for _, f1 in curve])
        draw_curves(ax, curves, x="filters kept", y="F1 on dev, best so far")
        ax.set_xscale("log")
        ax.set_title(f"{task}: {name}", fontsize=10)
    axes[0].legend(frameon=False, fontsize=8)
    sns.despine(figure)
    figure.tight_layout()
    return Picture(
        figure, "The best F1 of an expert with at most so many filters, by what they are chosen by."
    )
