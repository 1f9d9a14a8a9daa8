"""Which laws each measure keeps, on networks small enough to know the answer (C19 §4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from textcond.attribution.numerical.result import PathAttribution
from textcond.attribution.numerical.straight_path import StraightPath
from textcond.studies.claims import MEASURES, Finding, Outcome, Table, Verdict, named, verdict_of
from textcond.studies.data_sources import Sources

TITLE = "Laws and known answers, kept or broken by four measures"
SOURCE = "C19 §4.1, §4.2 and §8.2; Captum's test network"
TOLERANCE = 1e-6
_Function = Callable[[Tensor], Tensor]
Values = Tensor
"""One number for each neuron of the layer."""


@dataclass(frozen=True, slots=True)
class Case:
    """A network, its input, the layer that is asked about, and what should come out."""

    name: str
    module: nn.Module
    layer: nn.Module
    input: Sequence[float]
    wanted: Sequence[float]
    """Of conductance."""


class _Powers(nn.Module):
    """x ↦ x1^p, x2^q ↦ y1^(1/p) · y2^(1/q): the same product for every p and q."""

    def __init__(self, p: float | int, q: float | int) -> None:
        super().__init__()
        self.powers = torch.tensor([p, q], dtype=torch.float64)
        self.layer = nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        hidden = self.layer(input**self.powers)
        product: Tensor = (hidden ** (1 / self.powers)).prod(dim=-1)
        return product


class _Roots(nn.Module):
    """y1 · y2, with the second neuron as it is or as the product of two square roots."""

    def __init__(self, *, split: bool) -> None:
        super().__init__()
        self.split, self.layer = split, nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        root = input[:, 1:].sqrt()
        hidden = torch.cat([input[:, :1], root, root], dim=1) if self.split else input
        product: Tensor = self.layer(hidden).prod(dim=-1)
        return product


class _Steps(nn.Module):
    """Layers of one number: what each is, and which is asked about."""

    def __init__(self, below: _Function, above: _Function) -> None:
        super().__init__()
        self.below, self.above, self.layer = below, above, nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        return self.above(self.layer(self.below(input)))[:, 0]


def cases() -> list[Case]:
    """The toy cases of the paper, and the three-layer network of Captum's tests."""
    saturation = _Steps(lambda x: 2 * x, lambda y: y.clamp(max=1))
    overshoot = _Steps(lambda x: x, lambda y: (y - 1).clamp(min=0))
    sign = _Steps(lambda x: -x, lambda y: y)
    powers = [_Powers(p, q) for p, q in ((1, 1), (2, 1), (3, 0.5))]
    whole, split = _Roots(split=False), _Roots(split=True)
    captum = captum_network()
    return [
        Case("saturation", saturation, saturation.layer, [1.0], [1.0]),
        Case("overshoot", overshoot, overshoot.layer, [0.99], [0.0]),
        Case("sign", sign, sign.layer, [1.0], [-1.0]),
        *(
            Case(
                f"partition consistency, p={module.powers[0]:g}, q={module.powers[1]:g}",
                *(module, module.layer, [1.0, 1.0], [0.5, 0.5]),
            )
            for module in powers
        ),
        Case("implementation invariance", whole, whole.layer, [1.0, 1.0], [0.5, 0.5]),
        Case("implementation invariance, split", split, split.layer, [1.0, 1.0], [0.5, 0.25, 0.25]),
        Case("three layers, linear0", captum, captum[0], [0.0, 100.0, 0.0], [0.0, 390.0, 0.0]),
        Case(
            "three layers, ReLU", captum, captum[2], [0.0, 100.0, 0.0], [90.0, 100.0, 100.0, 100.0]
        ),
        Case("three layers, linear2", captum, captum[3], [0.0, 100.0, 0.0], [390.0, 0.0]),
    ]


def captum_network() -> nn.Sequential:
    """Identity, ones with biases, ReLU, ones, and the first of two outputs."""
    first, second, third = nn.Linear(3, 3, bias=False), nn.Linear(3, 4), nn.Linear(4, 2)
    with torch.no_grad():
        first.weight.copy_(torch.eye(3))
        second.weight.fill_(1)
        second.bias.copy_(torch.tensor([-10.0, 1, 1, 1]))
        third.weight.fill_(1)
        third.bias.copy_(torch.tensor([-1.0, 1]))
    return nn.Sequential(first, second, nn.ReLU(), third).double().eval()


def run(sources: Sources) -> Outcome:
    """Each case by each measure, and the laws that the cases try."""
    del sources  # nothing is drawn, and no text is read
    found = {case.name: _measured(case) for case in cases()}
    rows = [
        [
            case.name,
            _listed(torch.tensor(case.wanted)),
            *(_listed(found[case.name][measure]) for measure in MEASURES),
        ]
        for case in cases()
    ]
    kept = {measure: _laws(measure, found) for measure in MEASURES}
    laws = list(kept["conductance"])
    wrong = [
        case.name
        for case in cases()
        if not torch.allclose(
            found[case.name]["conductance"], torch.tensor(case.wanted).double(), atol=1e-5
        )
    ]
    others = {
        measure: sum(kept[measure].values()) for measure in MEASURES if measure != "conductance"
    }
    verdict: Verdict = verdict_of(not wrong, len(wrong) < 3)
    return Outcome(
        data="networks of one to four neurons",
        findings=[
            Finding(
                "Conductance gives the answer that each toy case calls for",
                f"{len(rows)} of {len(rows)}",
                f"{len(rows) - len(wrong)} of {len(rows)}" + (f"; not {wrong}" if wrong else ""),
                verdict,
            ),
            Finding(
                "Conductance keeps every law; each other measure breaks some",
                "C19 theorems 1 and 2, §4.1",
                f"{sum(kept['conductance'].values())} of {len(laws)}; "
                + ", ".join(f"{named(name)} {count}" for name, count in others.items()),
                verdict_of(
                    all(kept["conductance"].values()) and max(others.values()) < len(laws),
                    all(kept["conductance"].values()),
                ),
            ),
        ],
        figures={
            "values": {
                name: {measure: _finite(values) for measure, values in one.items()}
                for name, one in found.items()
            },
            "laws": kept,
        },
        tables=[
            Table(
                "Who keeps which law, on these cases.",
                ("law", *(named(measure) for measure in MEASURES)),
                [
                    [law, *("kept" if kept[measure][law] else "broken" for measure in MEASURES)]
                    for law in laws
                ],
            ),
            Table(
                "The neurons of the layer, by each measure.",
                ("case", "known", *(named(measure) for measure in MEASURES)),
                rows,
            ),
        ],
        notes=[
            "Internal influence and activation are no shares of the score, so that completeness "
            "and consistency are more than they claim; C19 asks them of a measure whose numbers "
            "are to be compared between neurons.",
            "C19 prints its saturated unit as max(y, 1), which at y = 2 is not saturated; it is "
            "min(y, 1) here, for which its answers are right: conductance 1, gradient × "
            "activation 0.",
        ],
    )


def _path(case: Case) -> StraightPath:
    input = torch.tensor(case.input, dtype=torch.float64)
    return StraightPath(case.module.eval(), input, _score)


def _score(output: Tensor) -> Tensor:
    return output if output.ndim == 1 else output[:, 0]


def _measured(case: Case) -> dict[str, Values]:
    path = _path(case)
    held: list[Tensor] = []
    handle = case.layer.register_forward_hook(lambda *arguments: held.append(arguments[-1]))
    score = _score(case.module(path.input[None].requires_grad_()))
    handle.remove()
    (gradient,) = torch.autograd.grad(score.sum(), held[0], allow_unused=True)
    gradient = torch.zeros_like(held[0]) if gradient is None else gradient
    return {
        "conductance": path.conductance(case.layer).values,
        "internal_influence": _influence(path, case),
        "gradient_times_activation": (held[0] * gradient)[0].detach(),
        "activation": held[0][0].detach(),
    }


def _influence(path: StraightPath, case: Case) -> Values:
    # A root's slope at 0 has no bound: the integral exists and settles slowly.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result: PathAttribution = path.internal_influence(case.layer)
    return result.values


def _laws(measure: str, found: dict[str, dict[str, Values]]) -> dict[str, bool]:
    def values(name: str) -> Values:
        return found[name][measure]

    def near(one: Any, other: Any) -> bool:
        return bool(
            torch.allclose(
                torch.as_tensor(one).double(), torch.as_tensor(other).double(), atol=1e-4
            )
        )

    rises = {
        "saturation": 1.0,
        "overshoot": 0.0,
        "sign": -1.0,
        "implementation invariance": 1.0,
        "three layers, linear0": 390.0,
        "three layers, ReLU": 390.0,
        "three layers, linear2": 390.0,
    }
    consistent = [one for name, one in found.items() if name.startswith("partition")]
    return {
        "completeness: the neurons add up to the rise of the score": all(
            near(values(name).sum(), rise) for name, rise in rises.items()
        ),
        "sensitivity under saturation: y of min(2x, 1) counts": float(values("saturation")) > 0,
        "no overshoot: what never moved the score counts 0": near(values("overshoot"), [0.0]),
        "sign: a neuron that lowers the score counts below 0": float(values("sign")) < 0,
        "partition consistency: the same for every p and q": all(
            near(one[measure], consistent[0][measure]) for one in consistent
        ),
        "implementation invariance: splitting one neuron leaves the other": near(
            values("implementation invariance")[0], values("implementation invariance, split")[0]
        ),
    }


def _finite(values: Tensor) -> list[float | None]:
    """For JSON, which has no infinity: None where an integral diverges."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _listed(values: Tensor) -> str:
    return ", ".join(f"{value:.3f}".rstrip("0").rstrip(".") for value in values.tolist())
