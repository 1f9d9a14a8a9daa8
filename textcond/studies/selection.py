"""Filters as features of a linear classifier, chosen by each measure (C19 §5.2), on sentiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.model_selection import train_test_split

from textcond.attribution.measures import measure_filters
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.model.model import Model
from textcond.model.outputs import SENTIMENT
from textcond.studies.claims import MEASURES, Finding, Outcome, Picture, Table, named
from textcond.studies.data_sources import Sources, check_classes, outputs_of
from textcond.studies.methods.filter_selection import class_means, linear_accuracy, ranked_for_any
from textcond.studies.plots import draw_curves, panels

TITLE = "Sentiment classified by few filters, chosen by each measure"
SOURCE = "the protocol of C19 §5.2 and §6.2, on corpora that the papers do not try"
SIZES = (5, 10, 15, 20)
REPETITIONS = 20
_ORDERS = (*MEASURES, "random")
Accuracies = dict[str, list[list[float]]]
"""Of each order, for each repetition, at each of `SIZES`."""


def run(sources: Sources) -> Outcome:
    """Two and five classes on SST's test sentences, two on those of rotten-tomatoes."""
    tasks = {}
    for corpus in dict.fromkeys((sources.sentences, "rotten-tomatoes")):
        rows, polar = sources.load(corpus, "test"), sources.polar(corpus=corpus)
        outputs = outputs_of(polar)
        check_classes(outputs, SENTIMENT.names, "test")
        tasks[f"{corpus}, 2 classes"] = _repeat(sources, list(polar["tokens"]), outputs)
        labels = np.array(rows["label"])
        if (labels != NO_LABEL).all():
            check_classes(labels, [f"labelled {label}" for label in range(5)], "test")
            tasks[f"{corpus}, 5 classes"] = _repeat(sources, list(rows["tokens"]), labels)
    figures = {task: summarize(accuracies) for task, accuracies in tasks.items()}
    findings = [
        Finding(
            f"Conductance chooses better filters than chance ({task})",
            "not tried",
            f"{_row(figures[task]['conductance'])} against {_row(figures[task]['random'])} % at "
            f"{', '.join(map(str, SIZES))} filters",
            "no figure to meet",
        )
        for task in tasks
    ]
    return Outcome(
        data="the test parts: " + "; ".join(tasks),
        findings=findings,
        figures=figures,
        tables=[accuracy_table(task, figures[task], {}) for task in tasks],
        notes=[
            "For two classes a measure is that of the class's own head; for five, whose strengths "
            "no head tells, its absolute value on the margin: a class of negative texts is told by "
            "filters that lower it."
        ],
        pictures={"selection": picture(figures, "test parts")},
    )


def _repeat(
    sources: Sources, texts: Sequence[Sequence[str]], classes: Int[np.ndarray, " texts"]
) -> Accuracies:
    model = sources.model
    values = {
        measure: np.abs(measure_filters(model, texts, measure).numpy())
        if classes.max() > 1
        else values_of_own_class(model, texts, measure, classes)
        for measure in MEASURES
    }
    features = measure_filters(model, texts, "activation").numpy()
    return repeat(sources, values, features, classes)


def values_of_own_class(
    model: Model,
    texts: Sequence[Sequence[str]],
    measure: str,
    classes: Int[np.ndarray, " texts"],
) -> Float[np.ndarray, "texts filters"]:
    """A measure of every filter on the logit of each text's own class."""
    values = np.zeros((len(texts), model.network.shape.filters))
    for output, name in enumerate(model.outputs.names):
        rows = np.flatnonzero(classes == output).tolist()
        if rows:
            chosen = [texts[row] for row in rows]
            values[rows] = measure_filters(model, chosen, measure, target=name).numpy()
    return values


def repeat(
    sources: Sources,
    values: Mapping[str, Float[np.ndarray, "texts filters"]],
    features: Float[np.ndarray, "texts filters"],
    classes: Int[np.ndarray, " texts"],
    *,
    rank: Callable[[Float[np.ndarray, "classes filters"]], list[int]] = ranked_for_any,
) -> Accuracies:
    """Draw 80 % to choose filters and train on, and measure on the rest, again and again."""
    found: Accuracies = {name: [] for name in _ORDERS}
    for repetition in sources.tell("selecting", range(REPETITIONS), REPETITIONS):
        generator = np.random.default_rng([sources.seed, repetition])
        state = int(generator.integers(2**32))
        train, test = train_test_split(np.arange(len(classes)), test_size=0.2, random_state=state)
        orders = {
            name: rank(class_means(measured[train], classes[train]))
            for name, measured in values.items()
        }
        orders["random"] = generator.permutation(features.shape[1]).tolist()
        for name, order in orders.items():
            found[name].append(
                [linear_accuracy(features, classes, order[:size], train, test) for size in SIZES]
            )
    return found


def summarize(accuracies: Accuracies) -> dict[str, Any]:
    """Mean and standard deviation over the repetitions, in percent, for each of `SIZES`."""
    return {
        name: {
            "mean": (100 * np.mean(rows, axis=0)).tolist(),
            "deviation": (100 * np.std(rows, axis=0)).tolist(),
        }
        for name, rows in accuracies.items()
    }


def accuracy_table(
    title: str,
    figures: Mapping[str, Any],
    paper: Mapping[str, Sequence[float]],
    *,
    networks: int = 1,
) -> Table:
    """Accuracy in percent, the paper's beside ours where it has one."""
    rows = []
    for name in _ORDERS:
        ours = zip(figures[name]["mean"], figures[name]["deviation"], strict=True)
        cells = [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in ours]
        theirs = [f"{value:.2f}" for value in paper.get(name, ())] or ["-"] * len(SIZES)
        rows.append([named(name), *(cells if not paper else _interleave(cells, theirs))])
    sizes = [f"{size} filters" for size in SIZES]
    head = sizes if not paper else _interleave(sizes, ["paper"] * len(SIZES))
    return Table(
        f"{title}: accuracy in percent, mean and standard deviation over {REPETITIONS} draws"
        + (f" for each of {networks} networks." if networks > 1 else "."),
        ["filters chosen by", *head],
        rows,
    )


def _interleave(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return [cell for pair in zip(one, other, strict=True) for cell in pair]


def picture(
    figures: Mapping[str, Mapping[str, Any]],
    where: str,
    paper: Mapping[str, Sequence[float]] | None = None,
) -> Picture:
    """Accuracy by the number of filters."""
    figure, axes = panels(len(figures))
    for ax, (task, found) in zip(axes, figures.items(), strict=True):
        curves = {named(name): (SIZES, found[name]["mean"]) for name in _ORDERS}
        # Often as good as conductance to a hair.
        curves["gradient × activation*"] = curves.pop("gradient × activation")
        if paper:
            curves["paper, conductance*"] = (SIZES, paper["conductance"])
        draw_curves(ax, curves, x="filters", y="accuracy, percent", markers=True)
        ax.set_xticks(SIZES)
        ax.set_title(task, fontsize=10)
    axes[-1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return Picture(figure, f"Accuracy of a linear classifier on few filters, {where}.")


def _row(found: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{mean:.1f}" for mean in found["mean"])
