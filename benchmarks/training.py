"""Training on the treebank's phrases, against a plain loop around the same network."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from benchmarks.timing import Figures
from textcond.corpora.loading import load_corpus
from textcond.model.network import TextCNN, pad
from textcond.model.outputs import SENTIMENT
from textcond.model.training.batches import predict_logits
from textcond.model.training.evaluation import accuracy_of, encode_examples
from textcond.model.training.loop import Progress, TrainingData, initial_network, train
from textcond.model.training.recipe import Recipe
from textcond.text.vocabulary import build_vocabulary, load_vectors

EPOCHS = 4
WANTED = 0.84


def epochs(data_dir: Path) -> Figures:
    """(f) Both learn from the same phrases in as many batches, for as many epochs."""
    phrases = load_corpus("sst-phrases", "train", data_dir=data_dir)
    vectors = load_vectors()
    vocabulary = build_vocabulary(phrases["tokens"], vectors, size=20_000)
    recipe = Recipe(epochs=EPOCHS, patience=EPOCHS)
    examples = encode_examples(phrases, vocabulary, SENTIMENT, softness=recipe.softness)
    dev = encode_examples(load_corpus("sst", "dev", data_dir=data_dir), vocabulary, SENTIMENT)
    data = TrainingData(examples, dev)

    ends: list[float] = []
    started = time.perf_counter()

    def watch(progress: Progress) -> None:
        if progress.ends_epoch:
            ends.append(time.perf_counter() - started)

    _, history = train(data, vocabulary, vectors, recipe, watch=watch)
    ours = [epoch["dev_accuracy"] for epoch in history]

    network = initial_network(vocabulary, vectors, 2, recipe)
    rows = [examples.ids[a:b].tolist() for a, b in pairwise(examples.starts)]
    plain, plain_ends = _plain(network, rows, examples.targets, data, recipe)
    seconds, plain_seconds = ends[-1] / EPOCHS, plain_ends[-1] / EPOCHS
    return {
        "phrases": len(rows),
        "seconds an epoch": seconds,
        "dev accuracy by epoch": ours,
        "seconds to 84 % dev": _first(ours, ends),
        "plain loop": {
            "seconds an epoch": plain_seconds,
            "dev accuracy by epoch": plain,
            "seconds to 84 % dev": _first(plain, plain_ends),
        },
        "times the plain loop": plain_seconds / seconds,
    }


def _plain(
    network: TextCNN,
    rows: list[list[int]],
    targets: torch.Tensor,
    data: TrainingData,
    recipe: Recipe,
) -> tuple[list[float], list[float]]:
    """What one writes first: shuffled batches, padded to their longest text, and Adam."""
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    network.train()
    found, ends, seconds = [], [], 0.0
    for _ in range(EPOCHS):
        started = time.perf_counter()
        order = torch.randperm(len(rows))
        for batch in order.split(recipe.batch_size):
            ids, lengths = pad([rows[row] for row in batch.tolist()])
            loss = functional.binary_cross_entropy_with_logits(
                network(ids, lengths), targets[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - started
        ends.append(seconds)
        found.append(_accuracy(network, data))
    return found, ends


def _accuracy(network: nn.Module, data: TrainingData) -> float:
    assert isinstance(network, TextCNN)
    network.eval()
    accuracy = accuracy_of(predict_logits(network, data.dev), data.dev.targets, SENTIMENT)
    network.train()
    assert accuracy is not None
    return accuracy


def _first(accuracies: list[float], ends: list[float]) -> float | None:
    return next(
        (end for end, found in zip(ends, accuracy_of, strict=True) if found >= WANTED), None
    )
