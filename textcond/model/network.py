"""The whole network: embed, convolve, take each filter's strongest window, classify.

Kim, "Convolutional Neural Networks for Sentence Classification" (2014), in the variant of
Dhamdhere et al., "How Important Is a Neuron?" (2019, §6): 50 dimensions, widths 3 to 6 with
64 filters each, 1-max pooling, ten hidden units, one logit per output. The convolution is
wide (Kalchbrenner et al. 2014): a window counts when it overlaps at least one token.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from textcond.text.vocabulary import PADDING_ID, UNKNOWN_ID

BASELINE = [UNKNOWN_ID]
"""A text whose words all embed to zero."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that make a `TextCNN`."""

    words: int
    """Rows of the embedding, padding and unknown word included."""
    outputs: int = 2
    dimensions: int = 50
    widths: tuple[int, ...] = (3, 4, 5, 6)
    filters_per_width: int = 64
    hidden: int = 10

    def __post_init__(self) -> None:
        sizes = (self.words, self.outputs, self.dimensions, self.filters_per_width, self.hidden)
        if any(type(size) is not int for size in sizes + self.widths):
            raise ValueError("every size must be a whole number.")
        if not self.widths or min(sizes + self.widths) < 1:
            raise ValueError("every size must be at least 1.")
        if len(self.widths) > 100 or max(sizes + self.widths) > 10**8:
            raise ValueError("a size is beyond 100 widths or 100,000,000.")

    @property
    def filters(self) -> int:
        return len(self.widths) * self.filters_per_width

    def width(self, filter: int) -> int:
        """Filters are numbered width by width: 0-63 have the first width, and so on."""
        return self.widths[filter // self.filters_per_width]

    @property
    def filter_widths(self) -> list[int]:
        """The width of every filter."""
        return [width for width in self.widths for _ in range(self.filters_per_width)]


class TextCNN(nn.Module):
    """Word ids → logits. Padding embeds to zero, and so does the baseline."""

    def __init__(self, shape: Shape, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.words, shape.dimensions, padding_idx=PADDING_ID)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(shape.dimensions, shape.filters_per_width, width, padding=width - 1)
            for width in shape.widths
        )
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(shape.filters, shape.hidden)
        self.output = nn.Linear(shape.hidden, shape.outputs)

    def forward(
        self, ids: Int[Tensor, "batch length"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch outputs"]:
        return self.classify(self.pool(self.embedding(ids), lengths))

    @property
    def kernels(self) -> list[Float[Tensor, "filters_per_width dimensions _width"]]:
        """The weights of the filters, width by width."""
        return [cast(nn.Conv1d, convolution).weight for convolution in self.convolutions]

    @property
    def filter_bias(self) -> Float[Tensor, " filters"]:
        """0 for a convolution without a bias."""
        return torch.cat([bias_of(cast(nn.Conv1d, layer)) for layer in self.convolutions])

    def pool(
        self,
        embedded: Float[Tensor, "batch length dimensions"],
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch filters"]:
        """Each filter's output at its strongest window, after the ReLU."""
        columns = embedded.transpose(1, 2)  # (batch, dimensions, length)
        strongest = []
        for width, convolution in zip(self.shape.widths, self.convolutions, strict=True):
            scores = convolution(columns)  # (batch, filters_per_width, length + width - 1)
            # Window p starts at token p - width + 1; from the last token on it sees only padding.
            starts = torch.arange(1 - width, embedded.shape[1])
            outside = starts >= lengths[:, None]  # (batch, windows)
            strongest.append(scores.masked_fill(outside[:, None], -torch.inf).max(dim=2).values)
        return functional.relu(torch.cat(strongest, dim=1))

    def classify(self, pooled: Float[Tensor, "*batch filters"]) -> Float[Tensor, "*batch outputs"]:
        """The layers above the filters."""
        hidden: Tensor = functional.relu(self.hidden(self.dropout(pooled)))
        logits: Tensor = self.output(hidden)
        return logits


class FromEmbedding(nn.Module):
    """A network from its embedded words up: what a tool that wants gradients by its input needs.

    Shares the network's layers; `network.dropout` is the one whose output is the pooled
    filters. Without `lengths` no text of the batch is padded.
    """

    def __init__(self, network: TextCNN) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(
        self,
        embedded: Float[Tensor, "batch length dimensions"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch outputs"]:
        if lengths is None:
            lengths = torch.full((len(embedded),), embedded.shape[1])
        return self.network.classify(self.network.pool(embedded, lengths))


def bias_of(layer: nn.Linear | nn.Conv1d) -> Float[Tensor, " outputs"]:
    """The bias of a layer, or zeros where it has none."""
    return layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias


def has_zero_rows(network: TextCNN) -> bool:
    """Whether padding and the unknown word embed to zero, the baseline."""
    return not network.embedding.weight[[PADDING_ID, UNKNOWN_ID]].any()


def has_finite_weights(module: nn.Module, rows: Sequence[Sequence[int]] | None = None) -> bool:
    """Whether no weight is infinite or not a number; of embeddings, of the ids in `rows` alone."""
    weights: list[Tensor] = list(module.parameters())
    if rows is not None and isinstance(module, TextCNN):
        table = module.embedding.weight
        used = torch.tensor(sorted(set(chain.from_iterable(rows))), dtype=torch.int64)
        weights = [table[used], *(weight for weight in weights if weight is not table)]
    # A sum keeps what is not finite, and needs no copy of the weights.
    # Half precision is added in single, for a sum of finite halves may be beyond their range.
    halves = (torch.float16, torch.bfloat16)
    return all(
        cmath.isfinite(
            weight.detach().sum(dtype=torch.float32 if weight.dtype in halves else None).item()
        )
        for weight in weights
    )


def pad(ids: list[list[int]]) -> tuple[Int[Tensor, "batch length"], Int[Tensor, " batch"]]:
    """Lists of ids as one padded matrix, and their lengths."""
    lengths = torch.tensor([len(row) for row in ids])
    matrix = torch.full((len(ids), int(lengths.max())), PADDING_ID)
    for row, values in enumerate(ids):
        matrix[row, : len(values)] = torch.tensor(values, dtype=torch.int64)
    return matrix, lengths


@torch.no_grad()
def own_logits(network: TextCNN, rows: Sequence[list[int]]) -> Float[Tensor, "texts outputs"]:
    """The logits of texts as ids by the network's forward pass, in float64.

    Other threads may be reading the network, so a copy of it runs, whose weights are float64. Its
    embedding has the rows of the texts' words only.
    """
    words, places = torch.tensor([*chain.from_iterable(rows)]).unique(return_inverse=True)
    # Padding first, as `pad` writes it.
    table = network.embedding.weight.detach()[torch.cat([torch.tensor([PADDING_ID]), words])]
    renumbered = (places + 1).split([*map(len, rows)])
    weights = {id(network.embedding.weight): table.double()}
    for tensor in chain(network.parameters(), network.buffers()):
        if id(tensor) not in weights:
            weights[id(tensor)] = tensor.double() if tensor.is_floating_point() else tensor
    logits: Tensor = _copy_of(network, weights)(*pad([row.tolist() for row in renumbered]))
    return logits


def _copy_of(module: nn.Module, weights: Mapping[int, Tensor]) -> nn.Module:
    """The same module with other tensors, each in the place of the one with that `id`."""
    copied = object.__new__(type(module))
    copied.__dict__ |= module.__dict__
    for kind in ("_parameters", "_buffers"):
        held = module.__dict__[kind].items()
        copied.__dict__[kind] = {name: weights.get(id(tensor)) for name, tensor in held}
    children = {name: child and _copy_of(child, weights) for name, child in module._modules.items()}
    copied.__dict__["_modules"] = children
    return copied
