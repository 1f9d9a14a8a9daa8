"""Modules of every kind with what is to be measured on them, and what should come out.

What is known by hand stands beside the module. For the rest a literal sum is the judge: gradients
in the middle of thousands of steps times the layer's steps, with nothing clever in between. The
tests and `python -m benchmarks.numerical` read the same table.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tests.attribution.numerical.modules import (
    DOUBLE,
    Attention,
    Function,
    InPlace,
    OnlyBackward,
    Recurrent,
    Residual,
    Spectrum,
    TextConvolution,
    WordsFirst,
    bump,
    draw,
    first_output,
    mlp,
    network,
    probability,
)
from textcond.attribution.numerical.result import PathAttribution
from textcond.attribution.numerical.straight_path import StraightPath

Measure = Literal["conductance", "internal_influence", "integrated_gradients"]


@dataclass(frozen=True)
class Case:
    """A module, a measure of it at a layer, and the right answer."""

    name: str
    module: nn.Module
    input: Tensor
    measure: Measure = "conductance"
    layer: nn.Module | None = None
    wanted: Sequence[float] | None = None
    """Known by hand; without it `literal` is the judge."""
    score: Function = first_output
    options: dict[str, Any] = field(default_factory=dict)
    plain: nn.Module | None = None
    """The same module as it was before it was compiled, for the literal sum."""
    outcome: Literal["right", "warns", "refuses"] = "right"
    """Where the right answer cannot be had, the least that must be done."""

    def path(self) -> StraightPath:
        return StraightPath(self.module, self.input, self.score, **self.options)

    def measured(self) -> PathAttribution:
        line = self.path()
        if self.measure == "integrated_gradients":
            return line.integrated_gradients()
        assert self.layer is not None
        return getattr(line, self.measure)(self.layer)

    def truth(self, steps: int = 20_000) -> tuple[Tensor, float]:
        """The right answer, and how exactly it is known."""
        if self.wanted is not None:
            return torch.tensor(self.wanted, dtype=DOUBLE), 1e-11
        return literal(self, steps)


def literal(case: Case, steps: int) -> tuple[Tensor, float]:
    """Σ gradient in the middle of a step × what the layer does in that step, and its error.

    The error is at most half a step times the way that the integrand makes up and down.
    """
    start = case.options.get("baseline", torch.zeros_like(case.input)).detach()
    direction = case.input.detach() - start
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output)
        return output

    def at(places: Tensor) -> Tensor:
        shares = places.to(case.input.dtype).view(-1, *[1] * case.input.ndim)
        return start + shares * direction

    parts: list[Tensor] = []
    module, layer = case.plain or case.module, getattr(case.layer, "_orig_mod", case.layer)
    handle = layer.register_forward_hook(keep) if layer is not None else None
    for part in torch.arange(steps, dtype=DOUBLE).split(500):
        points = at((part + 0.5) / steps).requires_grad_()
        kept.clear()
        score = case.score(module(points.clone())).sum()
        target = kept[0] if layer is not None else points
        (gradient,) = torch.autograd.grad(score, target)
        if case.measure == "internal_influence":
            moved: Tensor | float = 1 / steps
        elif layer is None:
            moved = direction.double() / steps
        else:
            with torch.no_grad():
                kept.clear()
                module(at(torch.cat([part, part[-1:] + 1]) / steps))
                moved = kept[0].double().diff(dim=0)
        parts.append(gradient.double() * moved)
    if handle is not None:
        handle.remove()
    shares = torch.cat(parts)
    total = shares.sum(dim=0)
    rounding = steps**0.5 * torch.finfo(case.input.dtype).eps * float(total.abs().max())
    return total, float(shares.diff(dim=0).abs().sum(dim=0).max()) / 2 + rounding


def cases() -> list[Case]:
    """The whole table; weights are drawn from a fixed seed, and the global one is left alone."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, on nested tensors
        torch.manual_seed(0)
        return [*_linear(), *_smooth(), *_in_place(), *_precision(), *_hidden(), *_odd()]


def _linear() -> list[Case]:
    relu = mlp(nn.ReLU(), nn.ReLU(), nn.ReLU()).double()
    mixed = mlp(nn.LeakyReLU(0.1), nn.Hardtanh(-0.3, 0.4), nn.PReLU(), nn.ReLU6()).double()
    picture = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6()),
        *(nn.MaxPool2d(3, stride=2, padding=1), nn.Conv2d(8, 6, 3, bias=False), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)),
    )
    picture = picture.double().eval()
    text = TextConvolution().eval()
    first = WordsFirst().double().eval()
    chosen = network(
        lambda x: torch.stack([x[:, 0], 2 * x[:, 1] - 0.3, x[:, 0] - x[:, 1]], dim=1),
        lambda y: (
            torch.where(y > 0.2, y, 0.5 * y + 0.1).max(dim=1).values
            + torch.minimum(y[:, 0], y[:, 1]).abs()
        ),
    )
    classifier = mlp(nn.ReLU(), nn.ReLU()).double()
    picture_input = 3 * draw(3, 12, 12)
    return [
        Case("ReLU", relu, 3 * draw(6), layer=relu[3]),
        Case("ReLU, integrated gradients", relu, 3 * draw(6), "integrated_gradients"),
        Case("leaky, clipped and PReLU", mixed, 3 * draw(6), layer=mixed[2]),
        Case("picture: ReLU6, max-pool", picture, picture_input, layer=picture[3]),
        Case("picture, influence", picture, picture_input, "internal_influence", picture[5]),
        Case("text: 300 filters", text, draw(20, 300).float(), layer=text.pooled),
        Case("positions before the batch", first, 3 * draw(7, 4), layer=first.pooled),
        Case("max, min, where", chosen, torch.tensor([1.0, 0.7]).double(), layer=chosen[0]),
        Case(
            *("ReLU, probability", classifier, 3 * draw(6)),
            layer=classifier[1],
            score=probability,
        ),
    ]


def _smooth() -> list[Case]:
    gelu = mlp(nn.GELU(), nn.LayerNorm(12), nn.SiLU()).double()
    norm = mlp(nn.LayerNorm(12), nn.ReLU()).double()
    lstm, lstm32, gru = Recurrent(nn.LSTM), Recurrent(nn.LSTM), Recurrent(nn.GRU)
    attention = Attention().double().eval()
    encoder = nn.Sequential(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(12, 2)
    ).eval()
    root = network(lambda x: x.clone(), lambda y: y.sqrt().sum(dim=1, keepdim=True))
    steep = network(lambda x: x.clone(), lambda y: (1_000 * (y - 0.5)).sigmoid())
    only = network(OnlyBackward.apply, lambda y: y.sin())
    words, single = draw(5, 4), draw(5, 4).float()
    lstm, gru = lstm.double().eval(), gru.double().eval()
    lstm32 = lstm32.eval()
    return [
        Case("GELU, LayerNorm, SiLU", gelu, 2 * draw(6), layer=gelu[2]),
        Case(
            *("ReLU after LayerNorm", norm, 2 * draw(6), "integrated_gradients"),
            options={"baseline": draw(6), "tolerance": 1e-6},
        ),
        Case("LSTM", lstm, words, layer=lstm.last),
        Case("LSTM, float32", lstm32, single, layer=lstm32.last),
        Case("LSTM, float32, influence", lstm32, single, "internal_influence", lstm32.last),
        Case("GRU", gru, words, layer=gru.last),
        Case("attention", attention, words, layer=attention.below),
        Case("encoder, float32", encoder, draw(3, 4).float(), layer=encoder[1]),
        Case(
            *("encoder, influence", encoder, draw(3, 4).float(), "internal_influence"),
            layer=encoder[1],
        ),
        Case("square root at 0", root, torch.ones(2).double(), layer=root[0], wanted=[1, 1]),
        Case("steep, float32", steep, torch.ones(1), layer=steep[0], wanted=[1]),
        Case(
            *("only a second derivative", only, torch.ones(1).double()),
            layer=only[0],
            wanted=[math.sin(1)],
        ),
    ]


def _in_place() -> list[Case]:
    one = torch.tensor([0.071], dtype=DOUBLE)
    in_place = InPlace().eval()
    flat = nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (3, 4)), nn.Flatten())
    flat = nn.Sequential(*flat, nn.ReLU(inplace=True), nn.Linear(12, 2)).double().eval()
    residual = Residual().double().eval()
    overwrites = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 2)).double().eval()
    shift = network(lambda x: 2 * x, lambda y: y.sub_(0.5).mul_(3).relu_())
    return [
        Case("h, then relu_(h)·2 + h", in_place, one, layer=in_place.first, wanted=[0.213]),
        Case("relu_(h)·2 + h", in_place, one, layer=in_place.relu, wanted=[0.213]),
        Case("its influence", in_place, one, "internal_influence", in_place.relu, wanted=[3]),
        Case("in place on a view", flat, 3 * draw(6), layer=flat[2]),
        Case("in place and reused", residual, 3 * draw(6), "integrated_gradients"),
        Case("in place on the input", overwrites, draw(6), "integrated_gradients"),
        Case("written after the layer", shift, one.new_ones(1), layer=shift[0], wanted=[4.5]),
    ]


def _precision() -> list[Case]:
    tiny = network(
        lambda x: 1e-9 * torch.cat([x, x**2], dim=1),
        lambda y: 1e9 * (y[:, :1] + (1e9 * y[:, 1:]).sin() * 1e-9),
    )
    half = mlp(nn.Tanh(), nn.ReLU()).half()
    brain = mlp(nn.Tanh(), nn.Softplus()).bfloat16()
    jump = network(lambda x: x.clone(), lambda y: 0.5 * y + 0.5 * (y > 0.3713))
    return [
        Case(
            "units of 1e-9", tiny, torch.ones(1).double(), layer=tiny[0], wanted=[1, 0.8414709848]
        ),
        Case("float16", half, draw(6).half(), layer=half[1]),
        Case("bfloat16", brain, draw(6).bfloat16(), layer=brain[1]),
        Case(
            *("float16, a jump", jump, torch.ones(1).half()),
            layer=jump[0],
            wanted=[1],
            outcome="warns",
        ),
    ]


def _primitive(u: float) -> float:
    """Of atanh, whose slope is that of the path's inverse in the curved bump."""
    return ((1 + u) * math.log(1 + u) + (1 - u) * math.log(1 - u)) / 2


def _hidden() -> list[Case]:
    middle, half = 0.27116, 0.0026
    ends = _primitive(middle + half) + _primitive(middle - half)
    area = (ends - 2 * _primitive(middle)) / half**2
    both = torch.ones(2).double()
    hidden = network(bump)
    curved = network(lambda x: hidden(torch.cat([x[:, :1].tanh(), x[:, 1:]], dim=1)))
    cancel = network(
        lambda x: torch.cat([x, -x], dim=1),
        lambda y: (y[:, :1] - 0.0041).relu() + (y[:, 1:] + 0.0041).clamp(max=0),
    )
    compared = network(lambda x: x.clone(), lambda y: y + (y > 0.3713))
    rounded = network(lambda x: x.clone(), lambda y: y + (7 * y + 0.1).round())
    return [
        Case("a bump", hidden, both, "integrated_gradients", wanted=[-1, 1]),
        Case("a curved bump", curved, both, "integrated_gradients", wanted=[-area, area]),
        Case(
            *("kinks that cancel", cancel, both[:1], "internal_influence"),
            layer=cancel[0],
            wanted=[0.9959, 0.9959],
        ),
        Case(*("a jump", compared, both[:1]), layer=compared[0], wanted=[2], outcome="warns"),
        Case(*("jumps", rounded, both[:1], "integrated_gradients"), wanted=[8], outcome="warns"),
    ]


def _odd() -> list[Case]:
    whole = mlp(nn.ReLU(), nn.Tanh()).double()
    compiled: Any = torch.compile(whole, backend="eager")
    inner = mlp(nn.ReLU(), nn.ReLU()).double()
    inside = nn.Sequential(torch.compile(inner[0], backend="eager"), *inner[1:]).eval()
    complex_ = Spectrum().eval()
    flat = network(lambda x: x.sum(dim=1), lambda y: y.sin()[:, None])
    batch = network(lambda x: 2 * x if x.mean() > 0.4 else x)
    shared = nn.ReLU()
    twice = nn.Sequential(shared, nn.Linear(1, 1), shared).double().eval()
    ones = torch.ones(2).double()
    return [
        Case("compiled", compiled, 3 * draw(6), layer=whole[1], plain=whole),
        Case("a compiled layer", inside, 3 * draw(6), layer=inside[0], plain=inner),
        Case("complex weights", complex_, draw(3), "integrated_gradients"),
        Case("a layer of one number", flat, ones, layer=flat[0], wanted=[math.sin(2)]),
        Case(
            *("rows that need their batch", batch, ones[:1], "integrated_gradients"),
            wanted=[2],
            outcome="refuses",
        ),
        Case(
            *("the same, one by one", batch, ones[:1], "integrated_gradients"),
            wanted=[2],
            options={"batch_size": 1},
            outcome="warns",
        ),
        Case("a layer that runs twice", twice, ones[:1], layer=shared, outcome="refuses"),
        Case("an input with a gradient", whole, draw(6).requires_grad_(), layer=whole[3]),
    ]


def of(name: str) -> Case:
    """The case of that name."""
    return next(case for case in cases() if case.name == name)
