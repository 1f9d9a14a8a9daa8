"""`python -m benchmarks`: the closed form against the forward pass and against Captum.

Texts are SST's test sentences where `data/sst` or `--data-dir` has them, otherwise the
rotten-tomatoes test part. Figures are medians of several turns, taken in alternation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from captum.attr import LayerConductance, NeuronConductance
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import textcond
from textcond.attribution.conductance import conductance, trace_path
from textcond.attribution.quantity import quantity_of
from textcond.corpora.loading import load_corpus
from textcond.model.checkpoint import Model
from textcond.model.network import FromEmbedding, TextCNN, pad

BATCH_SIZE = 256
TURNS = 7
CAPTUM_TEXTS = 64
Batch = tuple[Tensor, Tensor]


class Margin(nn.Module):
    """What Captum attributes to: one score a text."""

    def __init__(self, network: TextCNN) -> None:
        super().__init__()
        self.logits = FromEmbedding(network)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        logits = self.logits(embedded, lengths)
        return logits[:, 0] - logits[:, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("data/sst"))
    arguments = parser.parse_args()
    console = Console()
    data = "sst" if (arguments.data_dir / "test.txt").is_file() else "rotten-tomatoes"
    texts = list(load_corpus(data, "test", data_dir=arguments.data_dir)["tokens"])
    model = textcond.load("sst")
    console.print(f"{len(texts):,} texts of {data}, {torch.get_num_threads()} threads")
    console.print(throughput(model, texts))
    console.print(accuracy_of_captum(model))


def throughput(model: Model, texts: list[list[str]]) -> Table:
    """Filters only, for all texts, each way in turn."""
    rows = sorted((model.vocabulary.encode(tokens) for tokens in texts), key=len)
    batches = [pad(rows[i : i + BATCH_SIZE]) for i in range(0, len(rows), BATCH_SIZE)]
    spread = [rows[i] for i in range(0, len(rows), len(rows) // CAPTUM_TEXTS)][:CAPTUM_TEXTS]
    few = [pad(spread)]
    quantity = quantity_of(model)

    def forward(batches: list[Batch]) -> None:
        with torch.no_grad():
            for ids, lengths in batches:
                model.network(ids, lengths)

    def closed(batches: list[Batch], dtype: torch.dtype) -> None:
        for ids, lengths in batches:
            trace_path(model.network, ids, lengths, quantity, dtype)

    def captum(batches: list[Batch]) -> None:
        method = LayerConductance(Margin(model.network), model.network.dropout)
        for ids, lengths in batches:
            embedded = model.network.embedding(ids).detach()
            method.attribute(embedded, additional_forward_args=lengths, n_steps=50)

    table = Table(title="Filters of many texts", title_justify="left", box=None)
    for name in ("way", "texts a second", "share of forward pass", "times Captum"):
        table.add_column(name, justify="left" if name == "way" else "right")
    seconds = alternate(
        {
            "forward pass": lambda: forward(batches),
            "closed form, float64": lambda: closed(batches, torch.float64),
            "closed form, float32": lambda: closed(batches, torch.float32),
            "few: closed form, float64": lambda: closed(few, torch.float64),
            "few: closed form, float32": lambda: closed(few, torch.float32),
            "Captum, 50 steps": lambda: captum(few),
        }
    )
    peer = seconds["Captum, 50 steps"]
    for name in ("forward pass", "closed form, float64", "closed form, float32"):
        # Against Captum on the same texts, in one batch.
        same = seconds.get(f"few: {name}")
        table.add_row(
            name,
            f"{len(rows) / seconds[name]:,.0f}",
            f"{seconds['forward pass'] / seconds[name]:.2f}",
            "" if same is None else f"{peer / same:,.0f}",
        )
    table.add_row("Captum, 50 steps", f"{CAPTUM_TEXTS / peer:,.0f}", "", "1")
    return table


def accuracy_of_captum(model: Model) -> Table:
    """How far Captum's sums are from the closed form as its steps grow."""
    network = model.network
    result = conductance(model, "the plot is thin , but it is not bad at all")
    ids, lengths = pad([model.vocabulary.encode(result.tokens)])
    module = Margin(network.double()).eval()
    embedded = network.embedding(ids).detach()
    neuron = int(result.by_filter.abs().argmax())
    table = Table(title="Captum's distance from the closed form", title_justify="left", box=None)
    for name in ("steps", "filters", "completeness", f"tokens of filter {neuron}", "seconds"):
        table.add_column(name, justify="right")
    for steps in (50, 500, 5_000, 50_000):
        options = {
            "n_steps": steps,
            "method": "riemann_middle",
            "internal_batch_size": 500,
            "additional_forward_args": lengths,
        }
        started = time.perf_counter()
        layer = LayerConductance(module, network.dropout).attribute(embedded, **options)[0].detach()
        seconds = time.perf_counter() - started
        tokens = NeuronConductance(module, network.dropout).attribute(embedded, neuron, **options)
        table.add_row(
            f"{steps:,}",
            f"{float((layer - result.by_filter).abs().max()):.1e}",
            f"{float(layer.sum()) - (result.score - result.baseline_score):+.1e}",
            f"{float((tokens[0].sum(dim=1) - result.values[:, neuron]).abs().max()):.1e}",
            f"{seconds:.2f}",
        )
    network.float()
    table.add_row("closed form", "", f"{result.delta:+.1e}", "", "")
    return table


def alternate(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, one turn of each after another, after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:
                taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


if __name__ == "__main__":
    main()
