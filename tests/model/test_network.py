"""The network, against the same sums written out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st

from tests.conftest import random_model
from textcond.model.network import Shape, TextCNN, pad

IDS = st.lists(st.integers(1, 31), min_size=1, max_size=9)


@given(st.integers(0, 50), IDS)
def test_forward_is_the_sum_written_out(seed: int, ids: list[int]) -> None:
    network = random_model(seed).network.double()
    embedded = [network.embedding.weight[id] for id in ids]
    pooled = []
    for kernel, convolution in zip(network.kernels, network.convolutions, strict=True):
        width = kernel.shape[2]
        for filter in range(kernel.shape[0]):
            scores = []
            for start in range(1 - width, len(ids)):  # every window with at least one token
                inside = range(max(start, 0), min(start + width, len(ids)))
                scores.append(sum(kernel[filter, :, i - start] @ embedded[i] for i in inside))
            pooled.append(torch.relu(max(scores) + convolution.bias[filter]))
    hidden = torch.relu(network.hidden.weight @ torch.stack(pooled) + network.hidden.bias)
    logits = network.output.weight @ hidden + network.output.bias
    torch.testing.assert_close(network(*pad([ids]))[0], logits, rtol=0, atol=1e-12)


@given(st.integers(0, 50), st.lists(IDS, min_size=2, max_size=5), st.integers(0, 40))
def test_a_batch_and_padding_change_nothing(
    seed: int, batch: list[list[int]], padding: int
) -> None:
    network = random_model(seed).network.double()
    alone = torch.cat([network(*pad([ids])) for ids in batch])
    ids, lengths = pad(batch)
    padded = torch.nn.functional.pad(ids, (0, padding))
    torch.testing.assert_close(network(padded, lengths), alone, rtol=0, atol=1e-12)


def test_the_shape_of_the_papers() -> None:
    shape = Shape(words=10)
    assert shape.filters == 256
    assert [shape.width(filter) for filter in (0, 63, 64, 191, 192, 255)] == [3, 3, 4, 5, 6, 6]
    network = TextCNN(shape)
    assert sum(weight.numel() for weight in network.convolutions.parameters()) == 57_600 + 256


def test_padding_stays_zero_in_training() -> None:
    network = TextCNN(Shape(words=10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    network(torch.tensor([[2, 3, 0, 0]]), torch.tensor([2])).sum().backward()
    optimizer.step()
    assert not network.embedding.weight[0].any()


@pytest.mark.parametrize(
    "sizes", [{"words": 0}, {"words": 5, "widths": ()}, {"words": 5, "widths": (0,)}]
)
def test_impossible_shapes(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        Shape(**sizes)
