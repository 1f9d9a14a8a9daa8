"""The closed form against the forward pass, Captum, and a loop of autograd's."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from captum.attr import LayerConductance, NeuronConductance
from torch import Tensor, nn
from torch.func import jvp, vmap

from benchmarks.timing import Figures, alternate, median_seconds, threads
from textcond.attribution.closed_form.compiled_pooling import product
from textcond.attribution.closed_form.path_integrals import Head, integrate
from textcond.attribution.closed_form.winning_windows import (
    token_values,
    winning_windows,
    word_scores,
    words_of,
)
from textcond.attribution.conductance import (
    conductance,
    conductance_of_ids,
    trace_path,
    trace_rows,
)
from textcond.attribution.explanation import explain
from textcond.attribution.quantity import quantity_of
from textcond.model.model import Model
from textcond.model.network import FromEmbedding, Shape, TextCNN, pad

BATCH_SIZE = 256
FEW = 64
STEPS = 50
TOLERANCE = 2e-5
"""Of completeness, which the closed form keeps in float32."""
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


class Margin(nn.Module):
    """What Captum attributes to: one score a text."""

    def __init__(self, network: TextCNN) -> None:
        super().__init__()
        self.logits = FromEmbedding(network)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        logits = self.logits(embedded, lengths)
        return logits[:, 0] - logits[:, 1]


@torch.no_grad()
def forward_pass(model: Model, texts: list[list[str]]) -> Figures:
    """(a) All texts: the plain network, the filters, and filters by tokens."""
    rows = sorted((model.vocabulary.encode(tokens) for tokens in texts), key=len)
    batches = [rows[i : i + BATCH_SIZE] for i in range(0, len(rows), BATCH_SIZE)]
    padded = [pad(batch) for batch in batches]
    quantity = quantity_of(model)

    def forward() -> None:
        with torch.no_grad():
            for ids, lengths in padded:
                model.network(ids, lengths)

    def closed(dtype: torch.dtype, *, tokens: bool) -> None:
        traces = trace_rows(model.network, rows, quantity, dtype=dtype, batch_size=BATCH_SIZE)
        for _, trace in traces:
            _ = trace.token_values if tokens else trace.conductance

    figures: Figures = {"texts": len(rows)}
    for count in (1, 2):
        ways = {"forward pass": forward} | {
            f"{what}, {name}": partial(closed, dtype, tokens=tokens)
            for name, dtype in PRECISIONS.items()
            for what, tokens in (("filters", False), ("filters × tokens", True))
        }
        with threads(count):
            seconds = alternate(ways)
        figures[f"{count} threads"] = {
            name: {
                "texts a second": len(rows) / taken,
                "times the forward pass": taken / seconds["forward pass"],
            }
            for name, taken in seconds.items()
        }
    return {**figures, "limits": limits(model, texts)}


@torch.no_grad()
def limits(model: Model, texts: list[list[str]]) -> Figures:
    """What one core does at most, what the filters of the texts take of it, and where."""
    rows = sorted((model.vocabulary.encode(tokens) for tokens in texts), key=len)
    batches = [rows[i : i + BATCH_SIZE] for i in range(0, len(rows), BATCH_SIZE)]
    network, quantity, shape = model.network, quantity_of(model), model.network.shape
    head = Head.of(network, torch.float32)
    columns = sum(shape.widths) * shape.filters_per_width
    one, other = torch.rand(1_000, shape.dimensions), torch.rand(shape.dimensions, columns)
    ours = [np.ascontiguousarray(values.numpy()) for values in (one, other)]
    much, place = np.ones(64_000_000, np.float32), np.ones(64_000_000, np.float32)
    product_flops = 2 * len(one) * shape.dimensions * columns
    words = [words_of(batch) for batch in batches]
    found = [winning_windows(network, some, torch.float32) for some in words]
    flows = [integrate(head, windows.strengths, quantity).flow for windows in found]

    with threads(1):
        seconds = alternate(
            {
                "torch's product": lambda: one @ other,
                "our product": lambda: product(*ours),
                "copy": lambda: np.copyto(place, much),
                "forward pass": lambda: [network(*pad(batch)) for batch in batches],
                "distinct words": lambda: [words_of(batch) for batch in batches],
                "table of words": lambda: [
                    # None is kept, as in what follows.
                    deque(word_scores(network, some, torch.float32), maxlen=0)
                    for some in words
                ],
                "table and windows": lambda: [
                    winning_windows(network, some, torch.float32) for some in words
                ],
                "integrals": lambda: [
                    integrate(head, windows.strengths, quantity) for windows in found
                ],
                "filters × tokens": lambda: [
                    token_values(windows, flow) for windows, flow in zip(found, flows, strict=True)
                ],
            }
        )
    tokens, distinct = sum(map(len, rows)), sum(len(some.ids) for some in words)
    return {
        "a product's GFLOP a second, torch": product_flops / seconds["torch's product"] / 1e9,
        "a product's GFLOP a second, ours": product_flops / seconds["our product"] / 1e9,
        "GB a second copied": 2 * much.nbytes / seconds["copy"] / 1e9,
        "tokens a text": tokens / len(rows),
        "distinct words a token": distinct / tokens,
        "GFLOP a second of the forward pass": (
            2 * tokens * shape.dimensions * columns / seconds["forward pass"] / 1e9
        ),
        "microseconds a text": {
            name: 1e6 * seconds[name] / len(rows) for name in list(seconds)[3:]
        },
    }


def captum_layer(model: Model, texts: list[list[str]]) -> Figures:
    """(b) Filters of a batch by Captum's LayerConductance, and by as many steps as it needs."""
    rows = sorted((model.vocabulary.encode(tokens) for tokens in texts), key=len)
    rows = rows[:: len(rows) // FEW][:FEW]
    ids, lengths = pad(rows)
    network, quantity = model.network, quantity_of(model)
    embedded = network.embedding(ids).detach()
    method = LayerConductance(Margin(network), network.dropout)
    ways = {
        "closed form": lambda: conductance_of_ids(network, rows, quantity, dtype=torch.float32),
        "Captum": lambda: method.attribute(
            embedded, additional_forward_args=lengths, n_steps=STEPS
        ),
    }
    found = {}
    for count in (1, 2):
        with threads(count):
            seconds = alternate(ways)
        found[f"{count} threads"] = {
            "texts a second": FEW / seconds["closed form"],
            "Captum at 50 steps, texts a second": FEW / seconds["Captum"],
            "times Captum at 50 steps": seconds["Captum"] / seconds["closed form"],
        }
    single = trace_path(network, rows, quantity, torch.float32)
    exact = trace_path(network, rows, quantity, torch.float64)
    change = exact.integrals.score - exact.integrals.baseline_score
    few = list(range(0, FEW, FEW // 4))
    steps, error, taken = _steps_needed(network, [rows[place] for place in few], change[few])
    return {
        "texts": FEW,
        **found,
        "worst completeness of the closed form": float(
            (single.conductance.double().sum(dim=1) - change).abs().max()
        ),
        "Captum's steps for the same": steps,
        "its worst completeness then": error,
        "times Captum at equal completeness": (
            taken / len(few) * found[f"{torch.get_num_threads()} threads"]["texts a second"]
        ),
    }


def _steps_needed(
    network: TextCNN, rows: list[list[int]], change: Tensor
) -> tuple[int, float, float]:
    """Steps, the error, and the seconds for all of the texts, one after another."""
    double = Margin(network.double()).eval()
    method = LayerConductance(double, network.dropout)
    try:
        steps = STEPS
        while True:
            errors, started = [], time.perf_counter()
            for row, wanted in zip(rows, change, strict=True):
                ids, lengths = pad([row])
                found = method.attribute(
                    network.embedding(ids).detach(),
                    n_steps=steps,
                    method="riemann_middle",
                    internal_batch_size=500,
                    additional_forward_args=lengths,
                )
                errors.append(abs(float(found.detach().sum() - wanted)))
            seconds = time.perf_counter() - started
            if max(errors) <= TOLERANCE or steps > 1_000_000:
                return steps, max(errors), seconds
            steps *= 2
    finally:
        network.float()


def captum_neurons(model: Model, texts: list[list[str]]) -> Figures:
    """(c) Filters × tokens of one sentence, against two loops of 50 steps."""
    tokens = next(tokens for tokens in texts if len(tokens) == 20)
    row = model.vocabulary.encode(tokens)
    rows = [model.vocabulary.encode(tokens) for tokens in texts if len(tokens) == 20]
    ids, lengths = pad([row])
    network, quantity = model.network, quantity_of(model)
    embedded = network.embedding(ids).detach()
    method = NeuronConductance(Margin(network), network.dropout)

    def captum() -> None:
        for filter in range(network.shape.filters):
            method.attribute(embedded, filter, n_steps=STEPS, additional_forward_args=lengths)

    def closed(rows: list[list[int]]) -> object:
        return trace_path(network, rows, quantity, torch.float32).token_values

    exact = trace_path(network, [row], quantity, torch.float64).token_values[0]
    fused = fused_loop(network, embedded[0], STEPS)
    seconds = {
        "closed form": median_seconds(lambda: closed([row])),
        "closed form, in a batch": median_seconds(lambda: closed(rows)) / len(rows),
        "conductance()": median_seconds(lambda: conductance(model, tokens)),
        "fused loop": median_seconds(lambda: fused_loop(network, embedded[0], STEPS)),
        "Captum's loop": median_seconds(captum, turns=1),
    }
    one = seconds["closed form"]
    return {
        "milliseconds": {name: 1_000 * value for name, value in seconds.items()},
        "times Captum's loop": seconds["Captum's loop"] / one,
        "times Captum's loop, in a batch": (
            seconds["Captum's loop"] / seconds["closed form, in a batch"]
        ),
        "times the fused loop": seconds["fused loop"] / one,
        "the fused loop's worst value": float((fused - exact).abs().max()),
    }


def fused_loop(network: TextCNN, embedded: Tensor, steps: int) -> Tensor:
    """All filters × tokens at once: the steps are a batch, the tokens are directions.

    A step's share is ∂score/∂h_f, one backward pass for all filters, times the change of h_f
    along each token's embedding, one forward-mode pass a token, all in one call.
    """
    tokens = len(embedded)
    alphas = (torch.arange(steps) + 0.5) / steps
    path = alphas[:, None, None] * embedded
    lengths = torch.full((steps,), tokens)
    pooled = network.pool(path, lengths).detach().requires_grad_()
    logits = network.classify(pooled)
    (gradient,) = torch.autograd.grad((logits[:, 0] - logits[:, 1]).sum(), pooled)
    directions = (torch.eye(tokens)[:, :, None] * embedded)[:, None].expand(-1, steps, -1, -1)

    def along(direction: Tensor) -> Tensor:
        changes: Tensor
        _, changes = jvp(lambda points: network.pool(points, lengths), (path,), (direction,))
        return (gradient * changes).mean(dim=0)

    with torch.no_grad():
        found: Tensor = vmap(along)(directions)  # (tokens, filters)
    return found


def growth(model: Model, texts: list[list[str]]) -> Figures:
    """(d) The cost of a text by its length, and by the number of filters."""
    words = [token for tokens in texts for token in tokens]
    by_length = {}
    for length in (10, 100, 1_000, 10_000):
        tokens = words[:length]
        seconds = median_seconds(lambda tokens=tokens: explain(model, tokens), turns=5)
        by_length[f"{length:,}"] = {
            "milliseconds": 1_000 * seconds,
            "microseconds a token": 1e6 * seconds / length,
        }
    by_filters = {}
    rows = [model.vocabulary.encode(tokens) for tokens in texts if len(tokens) == 20]
    for filters in (64, 256, 1_024, 4_096):
        wide = _random_model(model, filters)
        quantity = quantity_of(wide)
        seconds = median_seconds(
            lambda wide=wide, quantity=quantity: (
                trace_path(wide.network, rows, quantity, torch.float32).conductance
            ),
            turns=5,
        )
        by_filters[f"{filters:,}"] = {
            "milliseconds a text": 1_000 * seconds / len(rows),
            "microseconds a filter": 1e6 * seconds / len(rows) / filters,
        }
    return {"explained text by tokens": by_length, "text of 20 tokens by filters": by_filters}


def _random_model(model: Model, filters: int) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TextCNN(Shape(words=len(model.vocabulary), filters_per_width=filters // 4))
    with torch.no_grad():
        network.embedding.weight[:2] = 0
    return replace(model, network=network.eval())


def sample(texts: list[list[str]], count: int) -> list[list[str]]:
    """Texts drawn with repetition, always the same."""
    return random.Random(0).choices(texts, k=count)
