"""Class experts: a few filters that tell one class at least as well as all (L18 §III-C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.analysis.experts import Expert, called_class, measure_expert, sweep
from textcond.attribution.measures import measure_filters
from textcond.attribution.pieces import Head
from textcond.corpora.columns import CLASS
from textcond.model.checkpoint import Model
from textcond.studies.outcome import Finding, Outcome, Picture, Table, named, verdict_of
from textcond.studies.plots import draw_curves, panels
from textcond.studies.questions import trained
from textcond.studies.sources import Sources, outputs_of

TITLE = "Experts of one class made of few filters, against the whole network"
SOURCE = "L18 §III-C, figure 3"
SIZES = (0, 1, 2, 3, 5, 8, 13, 20, 32, 48, 64, 96, 128, 256)
"""α and β: how many filters of the greatest and of the lowest influence are kept."""
ORDERS = ("internal_influence", "conductance", "activation")
Found = dict[str, dict[str, dict[str, Any]]]
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
            trained(sources),
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
            "recall. Influence is L18's, the mean slope of the class's logit by a filter over the "
            "texts of the class, along the path; conductance takes how far the filter moves as "
            "well.",
            *notes,
        ],
        pictures={"experts": _picture(classes)},
    )


def _measure(
    sources: Sources,
    model: Model,
    parts: Mapping[str, tuple[Sequence[Sequence[str]], Int[np.ndarray, " texts"]]],
) -> Found:
    head = Head.of(model.network, torch.float64)
    pooled = {
        split: measure_filters(model, texts, "activation", target=model.outputs[0])
        for split, (texts, _) in parts.items()
    }
    found: Found = {}
    names = list(enumerate(model.outputs))
    for output, name in sources.tell("looking for experts", names, len(names)):
        is_class = {split: classes == output for split, (_, classes) in parts.items()}
        called = called_class(head, pooled["test"]) == output
        hits = int((called & is_class["test"]).sum())
        whole = {
            "recall": hits / int(is_class["test"].sum()),
            "precision": hits / max(int(called.sum()), 1),
        }
        dev_texts = [
            text for text, wanted in zip(parts["dev"][0], is_class["dev"], strict=True) if wanted
        ]
        found[name] = {"whole": whole, "texts": {"texts": int(is_class["test"].sum())}}
        for order in ORDERS:
            influence = measure_filters(model, dev_texts, order, target=name).mean(dim=0).numpy()
            found[name][order] = _of_order(head, pooled, is_class, output, influence)
    return found


def _of_order(
    head: Head,
    pooled: Mapping[str, Float[Tensor, "texts filters"]],
    is_class: Mapping[str, Any],
    output: int,
    influence: Float[np.ndarray, " filters"],
) -> dict[str, Any]:
    """The sweep on dev, the expert it chooses on test, and the smallest that match on test."""
    arguments = (head, pooled["dev"], is_class["dev"], output, influence)
    whole = measure_expert(*arguments, positive=len(influence), negative=len(influence))
    grid = sweep(*arguments, sizes=SIZES)
    swept = [one for one in grid.values() if one.filters]
    known = called_class(head, pooled["dev"]) == output
    hits = int((known & is_class["dev"]).sum())
    recall, precision = hits / int(is_class["dev"].sum()), hits / max(int(known.sum()), 1)
    precise = [one for one in swept if one.precision >= precision - 0.01] or [whole]
    best = max(precise, key=lambda one: (one.recall, -one.filters))
    matching = [one for one in precise if one.recall >= recall]
    smallest = min(matching, key=lambda one: one.filters, default=None)
    few = [one for one in swept if one.filters <= len(influence) / 4]
    quarter = max(few, key=lambda one: (one.f1, -one.filters))

    def on_test(chosen: Expert) -> dict[str, Any]:
        return _shown(
            measure_expert(
                *(head, pooled["test"], is_class["test"], output, influence),
                positive=chosen.positive,
                negative=chosen.negative,
            )
        )

    return {
        "best": on_test(best),
        "quarter": on_test(quarter),
        "smallest": None if smallest is None else on_test(smallest),
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


def _is_better(expert: Mapping[str, Any], whole: Mapping[str, float]) -> bool:
    return bool(
        expert["recall"] > whole["recall"] and expert["precision"] >= whole["precision"] - 0.01
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
        order: [
            one[order]["smallest"]["filters"] if one[order]["smallest"] else filters
            for _, _, one in classes
        ]
        for order in ORDERS
    }
    smallest = [f"{size} ({size / filters:.1%})" for size in sizes["internal_influence"]]
    medians = {order: float(np.median(sizes[order])) for order in ORDERS}
    quarter = {
        order: float(np.median([one[order]["quarter"]["f1"] for _, _, one in classes]))
        for order in ORDERS
    }
    lost = [_f1(one["whole"]) - one["internal_influence"]["quarter"]["f1"] for _, _, one in classes]
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
            f"{', '.join(smallest)} of {filters} filters; with a quarter of them F1 is lower by "
            f"{np.median(lost):.3f} in the median class",
            verdict_of(
                min(sizes["internal_influence"]) <= filters / 100
                and medians["internal_influence"] <= filters / 20,
                medians["internal_influence"] <= filters / 4,
            ),
            "The text network is redundant (see flip): half of its filters were dropped at every "
            "step of its training, so that each answer is spread over many of them.",
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
                if expert is None:
                    rows.append(["", f"{named(order)}, {kind}", "none", "-", "-", "-"])
                else:
                    size = f"{expert['positive']} + {expert['negative']}"
                    rows.append(["", f"{named(order)}, {kind}", size, *_pair(expert)])
    return Table(
        "On test: the expert of the best recall at the network's precision, the smallest that "
        "matches its recall, and that of the best F1 with a quarter of the filters (all chosen on "
        "dev); filters are α + β. The JSON file has F1 on dev for α (rows) and β (columns) of "
        f"{', '.join(map(str, SIZES))}.",
        ("class", "expert by", "filters", "recall", "precision", "F1"),
        rows,
    )


def _pair(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{one['recall']:.3f}", f"{one['precision']:.3f}", f"{_f1(one):.3f}"


def _f1(one: Mapping[str, Any]) -> float:
    both = one["recall"] + one["precision"]
    return float(2 * one["recall"] * one["precision"] / both) if both else 0.0


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
