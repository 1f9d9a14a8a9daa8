"""Examples and their batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textcond.model.training.batches import Examples, head_targets
from textcond.text.vocabulary import Vocabulary


def test_batches_hold_every_text_once() -> None:
    vocabulary = Vocabulary([f"w{n}" for n in range(50)])
    texts = [[f"w{n}"] * (1 + n % 7) for n in range(50)]
    targets = torch.arange(50.0)[:, None].repeat(1, 2)
    examples = Examples.encode(texts, targets, vocabulary)
    batches = list(examples.shuffled(8, np.random.default_rng(0)))
    assert sorted(int(t) for _, _, targets in batches for t in targets[:, 0]) == list(range(50))
    for ids, lengths, targets in batches:
        assert int(lengths.max() - lengths.min()) <= 2
        for row, length, target in zip(ids, lengths, targets[:, 0], strict=True):
            assert row[:length].tolist() == [int(target) + 2] * int(length)
            assert not row[length:].any()


def test_soft_targets_keep_the_strength() -> None:
    targets = head_targets(torch.arange(5), 0.2)
    assert targets[:, 0].tolist() == pytest.approx([0, 0.1, 0.2, 0.8, 1])
    assert torch.equal(targets[:, 1], targets[:, 0].flip(0))
    assert head_targets(torch.arange(5), 0.0)[:, 0].tolist() == [0, 0, 0, 1, 1]
