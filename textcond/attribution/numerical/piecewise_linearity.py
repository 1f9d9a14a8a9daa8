"""Watch a module's operations: is it piecewise linear, and how far does its linear piece reach?

A run at one point records on which side of its breakpoints every preactivation lies. A second run
at another point keeps to those sides, which continues the linear function of the first point. As
long as no continued preactivation leaves its side, the module itself is that linear function:
the first one to leave marks the exact end of the piece (Sotoudeh and Thakur 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textcond.attribution.numerical.torch_operations import (
    BENDS,
    COMPARED,
    CONSTANT,
    CONVEX,
    FACTORS,
    GLOBAL_POOLS,
    LARGER,
    LINEAR,
    MAXIMA,
    OPERANDS,
    POOLS,
    SMOOTH,
    VIEWS,
    windows,
)

_FIXED, _LINEAR, _SMOOTH = range(3)
_UNITS = 64
"""A preactivation that is beyond its breakpoint by so many units of rounding is still on it."""


class NotPiecewiseLinearError(Exception):
    """An operation bends or jumps where no breakpoint of a linear preactivation shows it."""


@dataclass(slots=True)
class Record:
    """The sides on which the preactivations of one run lie, in the order of the operations."""

    cells: list[tuple[str, Tensor, Any]] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    """The sizes of the preactivations' first dimensions."""
    linear: bool = True
    """Whether the score itself is linear between the kinks."""


@dataclass(slots=True)
class _Bent:
    """The output of a bend that some elements have passed, as long as nobody reads it.

    What a maximum does not choose need not be cut: a convex bend stays below a line if it does
    so at both ends.
    """

    part: Tensor
    """Of the way, until each element passes a breakpoint."""
    end: Tensor
    """The true output at the end."""
    back: Tensor
    """The line on which the end lies, continued to the start."""
    convex: bool


class Operations(TorchDispatchMode):
    """Inside, every operation on what depends on `points` is recorded, or continued.

    With a record of an earlier run, the operations keep to its sides, and `reach` says for each
    point what part of the way from the recorded point lies on one piece.
    """

    def __init__(self, points: Tensor, record: Record | None = None) -> None:
        super().__init__()
        self.record = Record() if record is None else record
        self._continues = record is not None
        self._next = 0
        self._levels: dict[int, int] = {}
        self._bent: dict[int, _Bent] = {}
        self._storages: list[Any] = []  # an address that is kept belongs to nobody else
        self.reach = torch.ones(len(points), dtype=torch.float64, device=points.device)
        self._raise(points, _LINEAR)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # compiled parts run eagerly here, and torch's compiler takes seconds to load

    def level(self, value: Any) -> int:
        """How a tensor, or the strongest of several, depends on the point."""
        return max(
            (
                self._levels.get(_address(leaf), _FIXED)
                for leaf in tree_leaves(value)
                if isinstance(leaf, Tensor) and leaf.layout == torch.strided
            ),
            default=_FIXED,
        )

    def finish(self, score: Tensor) -> None:
        """Note how the score depends on the point."""
        if self._continues and self._next != len(self.record.cells):
            raise NotPiecewiseLinearError
        self._read(score)
        self.record.linear = self.level(score) <= _LINEAR

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.split("::")[1]
        level = self.level((args, kwargs))
        if level == _FIXED or name in CONSTANT:
            return func(*args, **kwargs)
        in_place = name.endswith("_") and not name.endswith("__")
        name = name.removesuffix("_") if in_place else name
        if name not in VIEWS and not self._chooses(name, args):
            self._read((args, kwargs))
        if not self._is_kink(name, args):
            output = func(*args, **kwargs)
            self._raise(output, self._after(name, args, kwargs, level, output))
            return output
        if level != _LINEAR:
            raise NotPiecewiseLinearError
        plain = getattr(func._overloadpacket, func._overloadname)
        if in_place:
            plain = getattr(getattr(torch.ops.aten, name), func._overloadname)
        output = (
            self._continue(name, plain, args, kwargs)
            if self._continues
            else self._note(name, plain, args, kwargs)
        )
        if in_place:
            args[0].copy_(output)
            self._move(output, args[0])
            return args[0]
        if name not in COMPARED:
            self._raise(output, _LINEAR)
        return output

    def _is_kink(self, name: str, args: Sequence[Any]) -> bool:
        if name in GLOBAL_POOLS:
            return all(size == 1 for size in args[1])
        if name == "clamp" and any(isinstance(edge, Tensor) for edge in args[1:]):
            return False
        return (
            name in BENDS or name in LARGER or name in COMPARED or name in POOLS or name in MAXIMA
        )

    def _after(
        self, name: str, args: Sequence[Any], kwargs: dict[str, Any], level: int, output: Any
    ) -> int:
        """How the output of an operation without breakpoints depends on the point."""
        real = all(
            part.is_floating_point() or part.numel() == 0
            for part in tree_leaves(output)
            if isinstance(part, Tensor)
        )
        if not real or kwargs.get("rounding_mode") is not None:
            raise NotPiecewiseLinearError
        factors = [self.level(args[place]) for place in FACTORS.get(name, ()) if place < len(args)]
        moving = [self.level(args[place]) for place in OPERANDS.get(name, ()) if place < len(args)]
        if name in LINEAR and sum(map(bool, factors)) < 2 and not any(moving):
            return level
        if name not in SMOOTH:
            raise NotPiecewiseLinearError
        return _SMOOTH

    def _note(self, name: str, plain: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        output = plain(*args, **kwargs)
        kept: Any = None
        if name in BENDS:
            values = args[0].detach().clone()
        elif name in LARGER or name in COMPARED:
            values, kept = torch.sub(args[0], args[1]), output
        else:
            candidates = _cropped(windows(name, args), output)
            winner = candidates.argmax(dim=-1, keepdim=True)
            first = candidates.gather(-1, winner)
            values, kept = first - candidates, (winner, output, first)
        self.record.cells.append((name, values, kept))
        self.record.rows.add(len(values) if values.ndim else 0)
        return output

    def _continue(self, name: str, plain: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if self._next == len(self.record.cells):
            raise NotPiecewiseLinearError
        known, values, kept = self.record.cells[self._next]
        self._next += 1
        if known != name:
            raise NotPiecewiseLinearError
        if name in BENDS:
            breaks, slopes = BENDS[name].breaks(*args), BENDS[name].slopes(*args)
            low, high, slope = _cell(values, breaks, slopes)
            scale = max([_size(args[0]), *map(abs, breaks)])
            part = self._part(values, args[0], low, high, scale)
            start = plain(values, *args[1:], **kwargs)
            output = start + slope * (args[0] - values)
            if bool((part < 1).any()):
                end = plain(args[0], *args[1:], **kwargs)
                back = end + _cell(args[0], breaks, slopes)[2] * (values - args[0])
                self._bent[_address(output)] = _Bent(part, end, back, name in CONVEX)
            return output
        if name in LARGER or name in COMPARED:
            low, high, _ = _cell(values, [0.0], [0.0, 0.0])
            scale = max(_size(args[0]), _size(args[1]))
            self._leave(values, torch.sub(args[0], args[1]), low, high, scale)
            if name in COMPARED:
                return kept
            first = values * LARGER[name] > 0
            return torch.where(first, args[0], args[1])
        winner, output, first = kept
        candidates = _cropped(windows(name, args), output)
        best = candidates.gather(-1, winner)
        bounds = torch.zeros_like(values), torch.full_like(values, torch.inf)
        scale = _size(args[0])
        bent = self._bent.get(_address(args[0]))
        self._leave(values, best - candidates, *bounds, scale)
        if bent is not None:
            part, end, back = (
                _cropped(windows(name, (one.view(args[0].shape), *args[1:])), output)
                for one in (bent.part, bent.end, bent.back)
            )
            self._shorten(part.gather(-1, winner))
            self._leave(first - back, best - end, *bounds, scale)
        best = best[..., 0] * MAXIMA.get(name, 1)
        return best if isinstance(output, Tensor) else type(output)((best, *output[1:]))

    def _chooses(self, name: str, args: Sequence[Any]) -> bool:
        """Whether the operation is a maximum that knows what to do with a bent operand."""
        if not self._continues or not args or not isinstance(args[0], Tensor):
            return False
        bent = self._bent.get(_address(args[0]))
        return (
            bent is not None
            and bent.convex
            and (name in POOLS or name in GLOBAL_POOLS or MAXIMA.get(name) == 1)
            and args[0].numel() == bent.end.numel()
            and args[0].is_contiguous()
            and bent.end.is_contiguous()
        )

    def _read(self, values: Any) -> None:
        """Shorten `reach` to where the first element of what is read passes its breakpoint."""
        if not self._bent:
            return
        for leaf in tree_leaves(values):
            if isinstance(leaf, Tensor):
                bent = self._bent.pop(_address(leaf), None)
                if bent is not None:
                    self._shorten(bent.part)

    def _move(self, output: Any, target: Tensor) -> None:
        """What was bent has been copied elsewhere."""
        bent = self._bent.pop(_address(output), None)
        if bent is not None:
            self._bent[_address(target)] = bent

    def _leave(self, start: Tensor, end: Tensor, low: Tensor, high: Tensor, scale: float) -> None:
        """Shorten `reach` to where the first preactivation leaves its bounds."""
        self._shorten(self._part(start, end, low, high, scale))

    def _part(
        self, start: Tensor, end: Tensor, low: Tensor, high: Tensor, scale: float
    ) -> Float[Tensor, "*shape"]:
        """What part of the way each preactivation stays within its bounds."""
        if start.shape != end.shape or not end.isfinite().all():
            raise NotPiecewiseLinearError
        slack = _UNITS * torch.finfo(end.dtype).eps * scale
        below, above = end < low - slack, end > high + slack
        room = torch.where(below, start - low, high - start)
        part: Tensor = torch.where(below | above, room / (end - start).abs(), 1.0)
        return part.clamp(0, 1)

    def _shorten(self, part: Float[Tensor, "*shape"]) -> None:
        if not part.numel():
            return
        rows = len(self.reach)
        part = part.double().reshape(rows, -1).amin(dim=1) if rows > 1 else part.double().amin()
        self.reach = torch.minimum(self.reach, part)

    def _raise(self, value: Any, level: int) -> None:
        for leaf in tree_leaves(value):
            if isinstance(leaf, Tensor) and leaf.is_floating_point():
                self._storages.append(leaf.untyped_storage())
                address = _address(leaf)
                self._levels[address] = max(level, self._levels.get(address, _FIXED))


def _cell(
    values: Tensor, breaks: Sequence[float | int], slopes: Sequence[Any]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"], Any]:
    """The breakpoints on both sides of each value, and the slope between them."""
    low, high = torch.full_like(values, -torch.inf), torch.full_like(values, torch.inf)
    slope: Any = slopes[0]
    for edge, beyond in zip(breaks, slopes[1:], strict=True):
        above = values > edge
        low = torch.where(above, edge, low)
        high = torch.where(above, high, high.clamp(max=edge))
        slope = torch.where(above, beyond, slope)
    return low, high, slope


def _cropped(candidates: Tensor, output: Any) -> Tensor:
    shape = (output if isinstance(output, Tensor) else output[0]).shape
    return candidates[tuple(map(slice, shape))]


def _address(value: Tensor) -> int:
    """Of the memory that a tensor and its views share."""
    return int(value.untyped_storage()._cdata)


def _size(value: Any) -> float:
    if not isinstance(value, Tensor):
        return abs(float(value))
    return float(value.abs().amax()) if value.numel() else 0.0
