"""A corpus as ids, and the batches that training and evaluation take from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from textcond.model.network import TextCNN
from textcond.text.vocabulary import PADDING_ID, Vocabulary

MOST_PADDED_TOKENS = 32_768
"""Of one batch: some 50 MB of window scores for each width, in float32."""
_EVALUATED = 256
"""Texts in a batch that is not trained on."""
Batch = tuple[Int[Tensor, "batch length"], Int[Tensor, " batch"], Float[Tensor, "batch outputs"]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts as ids with what each output should say: 1 yes, 0 no."""

    ids: Int[np.ndarray, " all_tokens"]
    """The ids of every text, one after another."""
    starts: Int[np.ndarray, " edges"]
    """Where each text begins in `ids`, and where the last one ends."""
    targets: Float[Tensor, "texts outputs"]

    @classmethod
    def encode(
        cls,
        token_lists: Sequence[Sequence[str]],
        targets: Float[Tensor, "texts outputs"],
        vocabulary: Vocabulary,
    ) -> Examples:
        rows = [vocabulary.encode(tokens) for tokens in token_lists]
        starts = np.cumsum([0, *map(len, rows)])
        return cls(np.array([id for row in rows for id in row], np.int64), starts, targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __add__(self, other: Examples) -> Examples:
        return Examples(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.starts, self.starts[-1] + other.starts[1:]]),
            torch.cat([self.targets, other.targets]),
        )

    @property
    def lengths(self) -> Int[np.ndarray, " texts"]:
        return np.diff(self.starts)

    def batch(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """The padded ids of some texts, their lengths, and their targets."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        places = np.arange(lengths.max())
        inside = places < lengths[:, None]  # (batch, length)
        matrix = np.full(inside.shape, PADDING_ID)
        matrix[inside] = self.ids[(self.starts[rows][:, None] + places)[inside]]
        return torch.from_numpy(matrix), torch.from_numpy(lengths), self.targets[rows]

    def in_order(self, batch_size: int) -> Iterator[tuple[Int[np.ndarray, " batch"], Batch]]:
        """Every text once, short ones first, with its row: for evaluation.

        Batches of long texts are smaller.
        """
        for rows in _chunks(np.argsort(self.lengths, kind="stable"), batch_size):
            padded = len(rows) * max(int(self.lengths[rows[-1]]), 1)
            pieces = -(-padded // MOST_PADDED_TOKENS)
            for part in _chunks(rows, -(-len(rows) // pieces)):
                yield part, self.batch(part)

    def shuffled(self, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Every text once, in batches of like length that come in random order: for training."""
        # Ties are broken at random, so that batches differ from epoch to epoch.
        order = np.lexsort((generator.random(len(self)), self.lengths))
        batches = _chunks(order, batch_size)
        for index in generator.permutation(len(batches)):
            yield self.batch(batches[index])


def head_targets(labels: Int[Tensor, " texts"], softness: float) -> Float[Tensor, "texts 2"]:
    """What the positive and the negative head learn for labels from 0 to 4.

    With softness s the positive head's targets rise from 0 over s/2, s and 1 - s to 1: they keep
    something of the label's strength. Without, they are 0 or 1, and both 0 for label 2.
    """
    steps = torch.tensor([0, softness / 2, softness, 1 - softness, 1])
    return torch.stack([steps[labels.long()], steps[4 - labels.long()]], dim=1)


def predict_logits(network: TextCNN, examples: Examples) -> Float[Tensor, "texts outputs"]:
    """The logits of every text, in the corpus's order; the network is left as it was."""
    logits = torch.empty(len(examples), network.shape.outputs)
    training = network.training
    network.eval()
    with torch.inference_mode():
        for rows, (ids, lengths, _) in examples.in_order(_EVALUATED):
            logits[torch.from_numpy(rows)] = network(ids, lengths)
    network.train(training)
    return logits


def _chunks(rows: Int[np.ndarray, " rows"], size: int) -> list[Int[np.ndarray, " chunk"]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
