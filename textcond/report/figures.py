"""Figures, by seaborn: blue for what pushes the score up, red for down, green for near zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from textcond.analysis.division import Division
from textcond.disk import write_whole
from textcond.errors import AnalysisError

BLUE, RED, GREEN = "#2b5fb3", "#c23b3b", "#b9dfb5"
_POLARITY_COLOURS = {"positive": BLUE, "negative": RED, "dead": "#555555"}
ENDINGS = (".svg", ".pdf", ".png")


def division_figure(division: Division) -> Figure:
    """The signs of conductance, sentences by filters, both ordered by their clusters.

    As figure 3 of Dhamdhere et al. 2018; the bars beside it tell the clusters, the filters'
    polarity, and whether the network calls the sentence positive.
    """
    signs = pd.DataFrame(division.signs)
    clusters = sns.color_palette("colorblind", 8)
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
    rows = pd.DataFrame(
        {
            "score": [BLUE if score > 0 else RED for score in scores],
            "cluster": [clusters[(c - 1) % 8] for c in division.sentence_clusters.tolist()],
        }
    )
    grid = sns.clustermap(
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
        colors_ratio=(0.008, 0.016),
        cbar_pos=None,
        xticklabels=True,
        yticklabels=False,
        rasterized=True,
        tree_kws={"linewidths": 0.5},
    )
    axes = grid.ax_heatmap
    axes.tick_params(axis="x", labelsize=6, length=1, pad=1, rotation=90)
    axes.set_xlabel("filter", fontsize=14)
    axes.set_ylabel(f"{len(division.rows):,} sentences", fontsize=14)
    handles = [
        Patch(color=colour, label=label)
        for colour, label in (
            (BLUE, "raises the score"),
            (RED, "lowers it"),
            (GREEN, f"within {division.threshold:.2g} of 0"),
        )
    ]
    grid.ax_col_dendrogram.legend(
        handles=handles, loc="lower left", ncols=3, frameon=False, fontsize=14
    )
    figure: Figure = grid.figure
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as svg, pdf or png, by the file's ending, and close it."""
    if path.suffix.lower() not in ENDINGS:
        raise AnalysisError(f"{path} is none of {', '.join(ENDINGS)}; choose one of these endings.")
    kind = path.suffix.lower()[1:]
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with mpl.rc_context({"svg.hashsalt": "textcond"}):
        write_whole(
            path,
            lambda at: figure.savefig(
                at, format=kind, dpi=110, bbox_inches="tight", metadata=metadata
            ),
        )
    plt.close(figure)
