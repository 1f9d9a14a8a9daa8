"""How well measures of importance agree with what ablating each filter does (C18 §6.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import seaborn as sns
import torch
from jaxtyping import Float
from scipy.stats import rankdata

from textcond.attribution.conductance import Trace, trace_rows
from textcond.attribution.measures import measure_filters
from textcond.attribution.quantity import quantity_of
from textcond.model.model import Model
from textcond.studies.claims import MEASURES, Finding, Outcome, Picture, Table, named, verdict_of
from textcond.studies.data_sources import Sources
from textcond.studies.plots import panels

TITLE = "Pearson correlation of four measures with the ablation scores of 256 filters"
SOURCE = "C18 §6.1 and its supplement, figure 1"
PAPER = {
    "conductance": 0.88,
    "activation": 0.19,
    "gradient_times_activation": 0.99,
    "internal_influence": -0.43,
}
TARGETS = ("positive", "negative", "margin")
SENTENCES = 100
_STEPS = 500


def run(sources: Sources) -> Outcome:
    """Correlate over the filters of each sentence, and average over sentences."""
    rows = sources.load(sources.sentences, "test")
    texts = list(rows["tokens"])
    drawn = np.sort(sources.generator.choice(len(texts), min(SENTENCES, len(texts)), replace=False))
    results: dict[str, Any] = {}
    ratios: dict[str, Float[np.ndarray, " texts"]] = {}
    for target in sources.tell("correlating", TARGETS, len(TARGETS)):
        values = {
            measure: measure_filters(sources.model, texts, measure, target=target).numpy()
            for measure in (*MEASURES, "ablation")
        }
        results[target] = _correlations(values, drawn)
        ablated = values["ablation"][drawn]
        ratios[target] = np.abs(ablated.sum(axis=1)) / np.abs(ablated).sum(axis=1)
    chosen = [texts[row] for row in drawn]
    mirrored, signs = _mirrored(sources.model, chosen), _signs(sources.model, chosen)
    figures = {
        "sentences": [int(row) for row in drawn],
        "targets": results,
        "ratio": {target: _spread(values) for target, values in ratios.items()},
        "mirrored_filters": mirrored,
        "signs": signs,
    }
    return Outcome(
        data=f"{len(drawn)} sentences drawn from {sources.sentences} test, and all {len(texts):,}",
        findings=_findings(results, ratios, signs),
        figures=figures,
        tables=[_table(results, len(texts))],
        notes=[_on_internal_influence(mirrored, signs)],
        pictures={"ablation": _picture(results, ratios)},
    )


def _correlations(
    values: Mapping[str, Float[np.ndarray, "texts filters"]], drawn: Any
) -> dict[str, Any]:
    """Of each measure: Pearson and Spearman, of the drawn sentences and of all."""
    found = {}
    ablated = values["ablation"]
    for measure in MEASURES:
        pearson = row_correlations(values[measure], ablated)
        spearman = row_correlations(rankdata(values[measure], axis=1), rankdata(ablated, axis=1))
        found[measure] = {
            "pearson": _spread(pearson[drawn]),
            "spearman": _spread(spearman[drawn]),
            "pearson_of_all": _spread(pearson),
            "spearman_of_all": _spread(spearman),
        }
    return found


def row_correlations(
    one: Float[np.ndarray, "texts filters"], other: Float[np.ndarray, "texts filters"]
) -> Float[np.ndarray, " texts"]:
    """Pearson's of each row; not a number where a row is constant."""
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (one, other))
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: Float[np.ndarray, " texts"] = (first * second).sum(axis=1) / scale
    return correlations


def _spread(values: Float[np.ndarray, " texts"]) -> dict[str, float | int]:
    known = values[np.isfinite(values)]
    low, middle, high = np.percentile(known, [25, 50, 75]).tolist()
    return {
        "mean": float(known.mean()),
        "deviation": float(known.std()),
        "quartile_1": low,
        "median": middle,
        "quartile_3": high,
        "texts": len(known),
    }


def _mirrored(model: Model, texts: list[list[str]]) -> dict[str, float]:
    """What writing the network with filters that put out -h does to the two measures.

    Along the path, by finite steps and automatic differentiation through the network itself.
    """
    plain, mirrored = (_along_the_path(model, texts, sign) for sign in (1.0, -1.0))
    ablated = measure_filters(model, texts, "ablation").numpy()
    return {
        f"{measure}{suffix}": float(row_correlations(values, ablated).mean())
        for suffix, pair in (("", plain), ("_mirrored", mirrored))
        for measure, values in zip(("internal_influence", "conductance"), pair, strict=True)
    }


def _signs(model: Model, texts: list[list[str]]) -> dict[str, float]:
    """How often influence and conductance agree in sign, by what the words do to a filter.

    The strength of a filter, its kernel times the embeddings in its window, is how far the words
    move it; conductance has that factor and influence does not.
    """
    rows = model.encode_all(texts)
    traces = [
        trace
        for _, trace in trace_rows(
            model.network, rows, quantity_of(model), dtype=torch.float64, batch_size=256
        )
    ]
    parts: list[Callable[[Trace], torch.Tensor]] = [
        lambda trace: trace.windows.strengths,
        lambda trace: trace.conductance,
        lambda trace: trace.integrals.influence,
    ]
    strengths, conductance, influence = (
        torch.cat([part(trace) for trace in traces]) for part in parts
    )
    agree, rising = (influence * conductance > 0).double(), strengths > 0
    moved = conductance != 0
    return {
        "falling_filters": float((moved & ~rising).sum() / moved.sum()),
        "agreement_of_rising": float(agree[moved & rising].mean()),
        "agreement_of_falling": float(agree[moved & ~rising].mean())
        if (moved & ~rising).any()
        else 0.0,
    }


def _along_the_path(
    model: Model, texts: list[list[str]], sign: float
) -> tuple[Float[np.ndarray, "texts filters"], Float[np.ndarray, "texts filters"]]:
    """Internal influence and conductance of neurons sign · h_f, on the margin."""
    network = model.network
    influences, conductances = [], []
    for tokens in texts:
        embedded = network.embedding(torch.tensor([model.encode(tokens)])).detach()
        edges = torch.linspace(0, 1, _STEPS + 1)[:, None, None] * embedded
        middles = (edges[1:] + edges[:-1]) / 2
        with torch.no_grad():
            outputs = sign * network.pool(edges, torch.full((len(edges),), len(tokens)))
            neurons = sign * network.pool(middles, torch.full((len(middles),), len(tokens)))
        neurons.requires_grad_()
        logits = network.classify(sign * neurons)
        (slopes,) = torch.autograd.grad(model.outputs.margin(logits).sum(), neurons)
        influences.append(slopes.mean(dim=0).numpy())
        conductances.append((slopes * outputs.diff(dim=0)).sum(dim=0).numpy())
    return np.stack(influences).astype(float), np.stack(conductances).astype(float)


def _findings(
    results: Mapping[str, Any],
    ratios: Mapping[str, Float[np.ndarray, " texts"]],
    signs: Mapping[str, float],
) -> list[Finding]:
    means = {
        measure: [results[target][measure]["pearson"]["mean"] for target in TARGETS]
        for measure in MEASURES
    }
    shown = {
        measure: ", ".join(f"{round(value, 2) + 0:.2f}" for value in means[measure])
        for measure in MEASURES
    }
    heads = "positive, negative, margin"
    middle = float(np.median(ratios["margin"]))
    return [
        Finding(
            f"Conductance agrees well with ablation ({heads})",
            "0.88",
            shown["conductance"],
            verdict_of(min(means["conductance"]) >= 0.88, min(means["conductance"]) > 0.5),
        ),
        Finding(
            f"Activation does not ({heads})",
            "0.19",
            shown["activation"],
            verdict_of(
                max(abs(value - 0.19) for value in means["activation"]) < 0.1,
                max(means["activation"]) < min(means["conductance"]),
            ),
        ),
        Finding(
            f"Gradient × activation agrees nearly perfectly: ablation is a step of it ({heads})",
            "0.99",
            shown["gradient_times_activation"],
            verdict_of(
                min(means["gradient_times_activation"]) >= 0.985,
                min(means["gradient_times_activation"]) > 0.9,
            ),
        ),
        Finding(
            f"Internal influence is negatively correlated ({heads})",
            "−0.43",
            shown["internal_influence"],
            verdict_of(max(means["internal_influence"]) < -0.3, False),
            f"Where words lower a filter, influence has the sign of its conductance in "
            f"{signs['agreement_of_falling']:.0%}, where they raise it in "
            f"{signs['agreement_of_rising']:.0%}; here they lower {signs['falling_filters']:.0%} "
            "of those that they move.",
        ),
        Finding(
            "A sentence's ablation scores cancel: |Σ| is mostly far below Σ|·|",
            "most far below 1",
            f"median {middle:.2f}, {np.mean(ratios['margin'] < 0.5):.0%} below one half (margin)",
            verdict_of(
                middle < 0.6 and float(np.mean(ratios["margin"] < 0.9)) > 0.75,
                float(np.mean(ratios["margin"] < 0.9)) > 0.5,
            ),
        ),
    ]


def _table(results: Mapping[str, Any], texts: int) -> Table:
    rows = [
        (
            named(measure),
            f"{PAPER[measure]:.2f}",
            *(_shown(results[target][measure]["pearson"]) for target in TARGETS),
            *(f"{results[target][measure]['spearman']['mean']:.2f}" for target in TARGETS),
            *(f"{results[target][measure]['pearson_of_all']['mean']:.2f}" for target in TARGETS),
        )
        for measure in MEASURES
    ]
    head = (
        "",
        "paper",
        *(f"Pearson, {target}" for target in TARGETS),
        *(f"Spearman, {target}" for target in TARGETS),
        *(f"Pearson of all {texts:,}, {target}" for target in TARGETS),
    )
    return Table("Mean over sentences; ± is their standard deviation.", head, rows)


def _shown(spread: Mapping[str, float]) -> str:
    return f"{round(spread['mean'], 2) + 0:.2f} ± {spread['deviation']:.2f}"


def _on_internal_influence(mirrored: Mapping[str, float], signs: Mapping[str, float]) -> str:
    return (
        "Internal influence is the mean slope of the score by a filter's output. Conductance has "
        "one factor more: how far, and which way, the embeddings move the filter. C18 traces its "
        "negative correlation to an embedding whose values are mostly negative. That factor is "
        f"below 0 here for {signs['falling_filters']:.0%} of the filters that a sentence moves, "
        "and it is there that the two measures part in sign; a network most of whose filters are "
        "lowered by words would show the paper's sign. The papers' own network is not at hand to "
        "see whether it was such a one. Nor is the sign one of the function: with every filter "
        "written as −h and the next layer's weights turned, no answer and no ablation score "
        f"changes, conductance correlates with them by {mirrored['conductance']:.2f} before and "
        f"{mirrored['conductance_mirrored']:.2f} after, internal influence, a slope by h, by "
        f"{mirrored['internal_influence']:+.2f} and {mirrored['internal_influence_mirrored']:+.2f}."
    )


def _picture(
    results: Mapping[str, Any], ratios: Mapping[str, Float[np.ndarray, " texts"]]
) -> Picture:
    figure, (left, right) = panels(2)
    names = [named(measure) for measure in MEASURES]
    places = np.arange(len(MEASURES))
    for place, target in enumerate(TARGETS):
        heights = [results[target][measure]["pearson"]["mean"] for measure in MEASURES]
        left.bar(places + 0.2 * (place - 1.5), heights, 0.2, label=target)
    left.bar(places + 0.3, [PAPER[m] for m in MEASURES], 0.2, label="paper", color="#9aa5b1")
    left.axhline(0, color="#1c2329", linewidth=0.8)
    left.set_xticks(places, [name.replace(" ", "\n", 1) for name in names], fontsize=8)
    left.set_ylabel("Pearson with ablation")
    left.legend(frameon=False, fontsize=8)
    sns.histplot(x=ratios["margin"], bins=np.linspace(0, 1, 21), ax=right, edgecolor="white")
    right.set_xlabel("|Σ ablation| / Σ |ablation|, margin")
    right.set_ylabel("sentences")
    sns.despine(figure)
    figure.tight_layout()
    return Picture(
        figure,
        "Left: mean correlation of each measure with the ablation scores, for three scores, beside "
        "the paper's. Right: how far a sentence's ablation scores cancel; 1 is not at all.",
    )
