"""Figures, by seaborn: blue for what pushes the score up, red for down, green for near zero."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from textcond.analysis.negation.causal_check import CausalCheck
from textcond.analysis.polarity.division import Division
from textcond.analysis.rules.evaluation import RuleCheck
from textcond.disk import write_whole
from textcond.errors import AnalysisError
from textcond.model.outputs import MARGIN

BLUE, RED, GREEN, INK = "#2b5fb3", "#c23b3b", "#b9dfb5", "#1c2329"
_POLARITY_COLOURS = {"positive": BLUE, "negative": RED, "dead": "#555555"}
_LARGE = 22
"""Points; the heat map is mostly looked at in half its size."""
ENDINGS = (".svg", ".pdf", ".png")


def division_figure(division: Division) -> Figure:
    """The signs of conductance, sentences by filters, both ordered by their clusters.

    As figure 3 of Dhamdhere et al. 2018; the bars beside it tell the clusters, the filters'
    polarity, and whether the score is above 0, or a single probability above 0.5.
    """
    signs = pd.DataFrame(division.signs)
    clusters = sns.color_palette("Dark2", 8)  # no blue and no red
    columns = pd.DataFrame(
        {
            "polarity": [_POLARITY_COLOURS[role.polarity] for role in division.roles],
            "cluster": [
                clusters[(role.cluster - 1) % 8] if role.cluster else (1.0, 1.0, 1.0)
                for role in division.roles
            ],
        }
    )
    scores = division.analysis.column("score")[division.rows]
    manifest = division.analysis.manifest
    single = manifest.target != MARGIN and ":" not in manifest.target
    middle = 0.5 if single and manifest.output == "probability" else 0.0
    rows = pd.DataFrame(
        {
            "score": [BLUE if score > middle else RED for score in scores],
            "cluster": [clusters[(c - 1) % 8] for c in division.sentence_clusters.tolist()],
        }
    )
    with warnings.catch_warnings():
        # Where all sentences have the same signs, their tree has no height.
        warnings.filterwarnings("ignore", "Attempting to set identical low and high xlims")
        warnings.filterwarnings("ignore", "Attempting to set identical low and high ylims")
        grid = _clustered(division, signs, rows, columns)
    axes = grid.ax_heatmap
    axes.tick_params(axis="x", labelsize=6, length=0, pad=2, rotation=90)
    axes.set_xlabel("filter", fontsize=_LARGE)
    axes.set_ylabel(f"{len(division.rows):,} sentences", fontsize=_LARGE)
    grid.ax_row_colors.tick_params(axis="x", labelsize=_LARGE - 3, length=0)
    grid.ax_col_colors.tick_params(axis="y", labelsize=_LARGE - 3, length=0)
    handles = [
        Patch(color=colour, label=label)
        for colour, label in (
            (BLUE, "raises the score"),
            (RED, "lowers it"),
            (GREEN, f"within {division.threshold:.2g} of 0"),
        )
    ]
    grid.ax_col_dendrogram.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        fontsize=_LARGE,
    )
    figure: Figure = grid.figure
    return figure


def _clustered(
    division: Division, signs: pd.DataFrame, rows: pd.DataFrame, columns: pd.DataFrame
) -> sns.matrix.ClusterGrid:
    return sns.clustermap(
        signs,
        row_linkage=division.sentence_tree,
        col_linkage=division.filter_tree,
        row_colors=rows,
        col_colors=columns,
        cmap=ListedColormap([RED, GREEN, BLUE]),
        vmin=-1.5,
        vmax=1.5,
        figsize=(26, 15),
        dendrogram_ratio=(0.06, 0.1),
        colors_ratio=(0.012, 0.021),
        cbar_pos=None,
        xticklabels=True,
        yticklabels=False,
        rasterized=True,
        tree_kws={"linewidths": 0.5},
    )


def causes_figure(causes: CausalCheck) -> Figure:
    """What the draws of other filters remove of the negation's effect, and what the found do.

    There must be draws.
    """
    figure, axes = plt.subplots(figsize=(5, 2.4))
    sns.histplot(
        x=[100 * share for share in causes.drawn_removed],
        ax=axes,
        color="#9aa5b1",
        edgecolor="white",
        label="as many others, drawn",
    )
    assert causes.removed is not None
    axes.axvline(100 * causes.removed, color=INK, linewidth=2, label="the found filters")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    axes.set_xlabel("percent of the negator's effect removed")
    axes.set_ylabel("draws")
    sns.despine(figure)
    return figure


def curve_figure(check: RuleCheck) -> Figure:
    """Agreement with the network and accuracy, by the number of rules."""
    figure, axes = plt.subplots(figsize=(5, 3))
    curves = {"agreement with the network": [(p.rules, p.agreement) for p in check.curve]}
    labelled = [(p.rules, p.accuracy) for p in check.curve if p.accuracy is not None]
    if labelled:
        curves["accuracy"] = labelled
    for (name, points), colour in zip(curves.items(), (INK, "#9aa5b1"), strict=False):
        axes.plot(
            [rules for rules, _ in points],
            [100 * share for _, share in points],
            color=colour,
            marker="o",
            label=name,
        )
    axes.legend(frameon=False)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("rules")
    axes.set_ylabel("percent")
    sns.despine(figure)
    return figure


def svg_of(figure: Figure) -> bytes:
    """The figure as an SVG document, the same bytes each time; closes it."""
    content = io.BytesIO()
    _draw(figure, content, "svg")
    return content.getvalue()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as svg, pdf or png, by the file's ending, and close it."""
    check_ending(path)
    write_whole(path, lambda at: _draw(figure, at, path.suffix.lower()[1:]))


def check_ending(path: Path) -> None:
    """Raise `AnalysisError` for another kind of file."""
    if path.suffix.lower() not in ENDINGS:
        raise AnalysisError(f"{path} is none of {', '.join(ENDINGS)}; choose one of these endings.")


def _draw(figure: Figure, place: Path | io.BytesIO, kind: str) -> None:
    """Write it without a date and close it."""
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with mpl.rc_context({"svg.hashsalt": "textcond"}):
        figure.savefig(place, format=kind, dpi=110, bbox_inches="tight", metadata=metadata)
    plt.close(figure)
