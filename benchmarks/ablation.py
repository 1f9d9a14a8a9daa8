"""`python -m benchmarks.ablation`: what each part of the recipe of `models/sst` gives.

Trains the recipe whole, without each of its parts, and without all of them, three seeds each,
and writes the table into the model's card. A run takes a few minutes on one core; every
finished run is kept in `benchmarks/ablation.json`, so a stopped command goes on where it was.
Delete that file when the training code has changed. Recipes that pretrain alike share it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from textcond.disk import write_whole
from textcond.model.model import Model
from textcond.model.model_card import markdown_table
from textcond.model.training.building import (
    VOCABULARY_SIZE,
    choose_vocabulary,
    encode_corpora,
    finish,
)
from textcond.model.training.corpora import Corpora, load_corpora
from textcond.model.training.loop import Progress, train
from textcond.model.training.recipe import Recipe
from textcond.text.vocabulary import Vocabulary, WordVectors, load_vectors

LOG = Path("benchmarks/ablation.json")
SHARED = Path("benchmarks/.pretrained")
CARD = Path("models/sst/README.md")
SEEDS = (0, 1, 2)
WHOLE = Recipe()
VARIANTS: dict[str, dict[str, Any]] = {
    "whole recipe": {},
    "no pretraining": {"pretraining_epochs": 0},
    "no substitutions": {"substitutions": 0.0},
    "no negations": {"negations": 0.0},
    "targets of 0 and 1 only": {"softness": 0.0},
    "no averaging": {"averaging": 0.0},
    "none of these": {
        "pretraining_epochs": 0,
        "substitutions": 0.0,
        "negations": 0.0,
        "softness": 0.0,
        "averaging": 0.0,
    },
}
COLUMNS = {
    "dev": ("dev", "margin_accuracy"),
    "test": ("test", "margin_accuracy"),
    "negated positives below zero": ("negation", "negated_positives_below_zero"),
    "negated negatives above un-negated": ("negation", "negated_negatives_above_unnegated"),
    "negated negatives above zero": ("negation", "negated_negatives_above_zero"),
    "minimal pairs right": ("minimal_pairs", "both_right"),
}
Run = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("data/sst"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    done: list[Run] = json.loads(LOG.read_text()) if LOG.exists() else []
    wanted = [
        (variant, asdict(replace(WHOLE, **changes, seed=seed)))
        for variant, changes in VARIANTS.items()
        for seed in SEEDS
    ]
    done = [run for run in done if (run["variant"], run["recipe"]) in wanted]
    known = [(run["variant"], run["recipe"]) for run in done]
    missing = [run for run in wanted if run not in known]
    console = Console()
    pool = ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn"))
    with pool:
        runs = [pool.submit(run, *job, arguments.data_dir) for job in missing]
        for result in track(as_completed(runs), "Training", total=len(runs), console=console):
            done.append(result.result())
            write_whole(LOG, lambda path: path.write_text(json.dumps(done, indent=1) + "\n"))
            last = done[-1]
            figures = ", ".join(f"{name} {_figure(last, name):.4f}" for name in COLUMNS)
            console.print(f"{last['variant']}, seed {last['recipe']['seed']}: {figures}")
    card = with_section(CARD.read_text(), "Ablation", section(done))
    write_whole(CARD, lambda path: path.write_text(card))
    console.print(f"The table is in {CARD}.")


def run(variant: str, recipe: Mapping[str, Any], data_dir: Path) -> Run:
    """Train once, on one thread, and measure as `textcond train` does."""
    torch.set_num_threads(1)
    corpora, vectors, vocabulary = _loaded(recipe["pretraining_epochs"] > 0, data_dir)
    chosen = Recipe(**recipe)
    data = encode_corpora(corpora, vocabulary, chosen)
    shared = SHARED / f"{chosen.seed}-{chosen.averaging}.pt"
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, "run.pt")

        def keep_pretraining(progress: Progress) -> None:
            if progress.epoch == chosen.pretraining_epochs + 1 and not shared.exists():
                SHARED.mkdir(exist_ok=True)
                write_whole(shared, lambda path: shutil.copy(checkpoint, path))

        pretrains = chosen.pretraining_epochs > 0
        network, history = train(
            data,
            vocabulary,
            vectors,
            chosen,
            checkpoint=checkpoint if pretrains else None,
            start=torch.load(shared)["run"] if pretrains and shared.exists() else None,
            watch=keep_pretraining if pretrains else lambda _: None,
        )
    metrics = finish(Model(variant, network, vocabulary), corpora)
    return {"variant": variant, "recipe": dict(recipe), **metrics, "history": history}


@cache
def _loaded(pretrains: bool, data_dir: Path) -> tuple[Corpora, WordVectors, Vocabulary]:
    """Without pretraining its words are missing too."""
    corpora = load_corpora("sst", data_dir, pretrain="imdb-sentences" if pretrains else None)
    vectors = load_vectors(None)
    return corpora, vectors, choose_vocabulary(corpora, vectors, size=VOCABULARY_SIZE)


def section(runs: Sequence[Run]) -> str:
    """The table of means and standard deviations, in percent."""
    rows = []
    for variant in VARIANTS:
        same = [run for run in runs if run["variant"] == variant]
        if same:
            rows.append([variant, *(_mean(same, name) for name in COLUMNS)])
    return (
        f"Mean and standard deviation over the seeds {', '.join(map(str, SEEDS))}, in percent, by "
        "`make ablation`: the margin on polar sentences of dev and test, then the shares of "
        "held-out phrases and minimal pairs as above. The runs with all their figures are in "
        "`benchmarks/ablation.json`; parts were chosen by dev.\n\n"
    ) + markdown_table(["", *COLUMNS], rows)


def _mean(runs: Sequence[Run], name: str) -> str:
    values = [100 * _figure(run, name) for run in runs]
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def _figure(run: Run, name: str) -> float:
    part, figure = COLUMNS[name]
    return float(run[part][figure])


def with_section(card: str, title: str, body: str) -> str:
    """The card with this section replaced, or put before its limits."""
    before, heading, rest = card.partition(f"## {title}\n\n")
    if not heading:
        before, _, rest = card.partition("## Limits\n\n")
        rest = f"## Limits\n\n{rest}"
    else:
        rest = "## " + rest.partition("\n## ")[2]
    return f"{before}## {title}\n\n{body}\n\n{rest}"


if __name__ == "__main__":
    main()
