"""The studies' pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textcond.report.figures import BLUE, RED

COLOURS = {
    "conductance": BLUE,
    "internal influence": "#7b4fa3",
    "gradient × activation": "#d08a1d",
    "activation": "#2a8c6a",
    "random": "#9aa5b1",
    "paper": RED,
}
_OTHERS = (BLUE, "#d08a1d", "#2a8c6a", "#7b4fa3", RED, "#9aa5b1")
Curve = tuple[Sequence[float | int], Sequence[float | int]]


def panels(
    number: int, *, columns: int = 4, width: float = 4.2, height: float = 3.4
) -> tuple[Figure, list[Axes]]:
    """Axes side by side, in rows of so many."""
    columns = min(columns, number)
    rows = -(-number // columns)
    size = (width * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for spare in axes.flat[number:]:
        spare.axis("off")
    return figure, list(axes.flat[:number])


def draw_curves(
    axes: Axes, curves: Mapping[str, Curve], *, x: str, y: str, markers: bool = False
) -> None:
    """Lines with their names; a name that ends in * is dashed."""
    for place, (name, (xs, ys)) in enumerate(curves.items()):
        plain = name.rstrip("*")
        axes.plot(
            xs,
            ys,
            label=plain,
            color=COLOURS.get(plain.split(",")[0], _OTHERS[place % len(_OTHERS)]),
            linestyle="--" if name.endswith("*") else "-",
            marker="o" if markers else None,
            markersize=4,
        )
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    sns.despine(ax=axes)


def curves_figure(curves: Mapping[str, Curve], *, x: str, y: str, markers: bool = False) -> Figure:
    """One panel of lines."""
    figure, (axes,) = panels(1, width=5.2)
    draw_curves(axes, curves, x=x, y=y, markers=markers)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
