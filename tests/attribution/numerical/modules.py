"""Small modules of every kind, to explain: recurrent, attentive, written in place, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]
DOUBLE = torch.float64


class Layer(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def network(*functions: Function) -> nn.Sequential:
    return nn.Sequential(*map(Layer, functions)).eval()


def first_output(output: Tensor) -> Tensor:
    return output if output.ndim == 1 else output.flatten(1)[:, 0]


class InPlace(nn.Module):
    """`h` is written into, and then used under its old name."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Layer(lambda x: x * 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return self.relu(h) * 2 + h


class Residual(nn.Module):
    """One in-place ReLU for two layers, and a path around both."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.relu(self.second(self.relu(self.first(x))))
        return self.last(self.relu(hidden + x))


class Recurrent(nn.Module):
    """Words in, the last state out."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.below = nn.Linear(4, 4)
        self.recurrent = kind(4, 5, batch_first=True)
        self.last = nn.Identity()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(self.below(x).tanh())
        return self.head(self.last(states[:, -1]))


class WordsFirst(nn.Module):
    """Positions stand before the batch, as in older recurrent code."""

    def __init__(self) -> None:
        super().__init__()
        self.below, self.head = nn.Linear(4, 5), nn.Linear(5, 2)
        self.pooled = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.below(x.transpose(0, 1)).relu()
        return self.head(self.pooled(hidden.sum(dim=0)))


class TextConvolution(nn.Module):
    """300 dimensions, windows of 2 to 4 words, 100 filters each."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(300, 100, width) for width in (2, 3, 4))
        self.pooled, self.head = nn.Identity(), nn.Linear(300, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        filters = [one(x).relu().amax(dim=2) for one in self.convolutions]
        return self.head(self.pooled(torch.cat(filters, dim=1)))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.below = nn.Linear(4, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.below(x)
        return self.attention(hidden, hidden, hidden)[0].mean(dim=1)


class Spectrum(nn.Module):
    """Complex weights on the way from real inputs to a real score."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2, dtype=torch.complex128)

    def forward(self, x: Tensor) -> Tensor:
        return (self.linear(x.to(torch.complex128)).abs() ** 2).sum(dim=1, keepdim=True)


class OnlyBackward(torch.autograd.Function):
    """Without a derivative in forward mode."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = context.saved_tensors
        return 2 * x * gradient


def mlp(*between: nn.Module, inputs: int = 6, outputs: int = 2) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(inputs, 12)]
    for one in between:
        layers += [one, nn.Linear(12, 12)]
    return nn.Sequential(*layers[:-1], nn.Linear(12, outputs)).eval()


def bump(x: Tensor) -> Tensor:
    return x[:, 1:] * (1 - (x[:, :1] - 0.27116).abs() / 0.0026).relu() / 0.0026


def probability(output: Tensor) -> Tensor:
    return output.softmax(dim=1)[:, 0]


def draw(*shape: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(shape, dtype=DOUBLE).to(dtype)
