"""`make bench`: every figure of PERFORMANCE.md, as a table and in `benchmarks/results.json`.

Takes about 15 minutes on a machine that does nothing else. `--only` runs some parts and leaves the
others' figures as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import textcond
from benchmarks import attribution, corpora, service, startup, training
from benchmarks.timing import Figures
from textcond.corpora.loading import load_corpus
from textcond.errors import TextcondError

RESULTS = Path("benchmarks/results.json")


def parts(data_dir: Path) -> dict[str, tuple[str, Callable[[], Figures]]]:
    """What each letter measures."""
    model = textcond.load("sst")
    texts = list(load_corpus("sst", "test", data_dir=data_dir)["tokens"])
    return {
        "a": ("closed form and forward pass", partial(attribution.forward_pass, model, texts)),
        "b": ("filters, and Captum's", partial(attribution.captum_layer, model, texts)),
        "c": (
            "filters × tokens of one sentence",
            partial(attribution.captum_neurons, model, texts),
        ),
        "d": ("growth", partial(attribution.growth, model, texts)),
        "e": ("corpora", partial(corpora.by_size, texts)),
        "f": ("training", partial(training.epochs, data_dir)),
        "g": ("Dask", partial(corpora.on_dask, texts)),
        "h": ("seconds from nothing", startup.seconds),
        "i": ("the service", service.figures),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("data/sst"))
    parser.add_argument("--only", default="abcdefghi", help="letters, for instance abc")
    arguments = parser.parse_args()
    console = Console()
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results["machine"] = {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "processor": platform.machine(),
        **{name: version(name) for name in ("torch", "numpy", "numba", "captum")},
        "torch threads": torch.get_num_threads(),
    }
    try:
        measures = parts(arguments.data_dir)
    except TextcondError as error:
        raise SystemExit(f"{error}") from None
    if not arguments.only or not {*arguments.only} <= {*measures}:
        parser.error(f"argument --only: give some of the letters {''.join(measures)}")
    for letter, (title, measure) in measures.items():
        if letter not in arguments.only:
            continue
        with console.status(f"({letter}) {title}"):
            results[letter] = measure()
        console.print(table_of(f"({letter}) {title}", results[letter]))
        RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def table_of(title: str, figures: Figures) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    for name, value in _rows(figures):
        table.add_row(name, _shown(value))
    return table


def _rows(figures: Figures, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _rows(value, f"{before}{name}: ")
        else:
            yield before + name, value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


if __name__ == "__main__":
    main()
