"""What torch's operations do to numbers that are linear along the path.

Each operation is named as in torch's dispatcher, without its trailing underscore. What stands in
no table is taken to bend or jump anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LINEAR = _names("""
    _adaptive_avg_pool2d _adaptive_avg_pool3d _native_batch_norm_legit_no_training _reshape_alias
    _to_copy _unsafe_index _unsafe_view add addbmm addmm addmv alias as_strided avg_pool1d
    avg_pool2d avg_pool3d baddbmm bmm cat clone col2im constant_pad_nd convolution copy cumsum
    detach diagonal div dot expand fill flip gather im2col index index_add index_put index_select
    lift_fresh linear masked_fill masked_scatter mean mkldnn_convolution mm mul mv native_batch_norm
    neg permute pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d
    repeat replication_pad1d replication_pad2d replication_pad3d roll rsub scatter select
    select_scatter slice slice_scatter split split_with_sizes squeeze stack sub sum t trace
    transpose tril triu unbind unfold unsqueeze upsample_bicubic2d upsample_bilinear2d
    upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_trilinear3d view where zero
""")
"""Linear in one operand, with a bias; of several operands see `FACTORS`."""
FACTORS = {
    **dict.fromkeys(_names("mul mm bmm mv dot convolution mkldnn_convolution linear"), (0, 1)),
    **dict.fromkeys(_names("addmm addmv baddbmm addbmm"), (1, 2)),
}
"""The operands that are multiplied: the product is linear while only one of them moves."""
VIEWS = _names("alias detach squeeze unsqueeze view _unsafe_view")
"""The same numbers in the same order."""
CONSTANT = _names("empty_like full_like new_empty new_full new_ones new_zeros ones_like zeros_like")
"""Only the shape of the operand counts."""
OPERANDS = {
    "div": (1,),
    **dict.fromkeys(_names("gather index_select scatter"), (2,)),
    **dict.fromkeys(_names("native_batch_norm _native_batch_norm_legit_no_training"), (1, 2, 3, 4)),
    "where": (0,),
    **dict.fromkeys(_names("masked_fill index index_put"), (1,)),
}
"""The operands that must not move for the operation to be linear."""
SMOOTH = _names("""
    _log_softmax _softmax acos acosh addcdiv addcmul asin asinh atan atanh cos cosh cumprod div erf
    erfc exp exp2 expm1 gelu log log10 log1p log2 log_sigmoid_forward logaddexp logsumexp mish
    native_batch_norm native_group_norm native_layer_norm pow prod reciprocal rsqrt sigmoid silu sin
    sinc sinh softplus sqrt std tan tanh var var_mean
""") | frozenset(FACTORS)
"""Without kinks where they are finite."""


@dataclass(frozen=True, slots=True)
class Bends:
    """An elementwise operation of one operand: linear between its breakpoints."""

    breaks: Callable[..., Sequence[float | int]]
    """From the operation's arguments, ascending."""
    slopes: Callable[..., Sequence[Any]]
    """Below, between and above the breakpoints."""


def _at(*numbers: float | int) -> Callable[..., Sequence[float | int]]:
    return lambda *_args, **_options: numbers


def _clamp_breaks(_x: Tensor, min: Any = None, max: Any = None) -> Sequence[float | int]:
    return [float(edge) for edge in (min, max) if edge is not None]


def _clamp_slopes(_x: Tensor, min: Any = None, max: Any = None) -> Sequence[float | int]:
    return [*([] if min is None else [0.0]), 1.0, *([] if max is None else [0.0])]


def _within(_x: Tensor, low: float = -1.0, high: float = 1.0) -> Sequence[float | int]:
    return low, high


BENDS = {
    "relu": Bends(_at(0), _at(0, 1)),
    "abs": Bends(_at(0), _at(-1, 1)),
    "sign": Bends(_at(0), _at(0, 0)),
    "hardtanh": Bends(_within, _at(0, 1, 0)),
    "hardsigmoid": Bends(_at(-3, 3), _at(0, 1 / 6, 0)),
    "relu6": Bends(_at(0, 6), _at(0, 1, 0)),
    "clamp": Bends(_clamp_breaks, _clamp_slopes),
    "clamp_min": Bends(lambda _x, low: [float(low)], _at(0, 1)),
    "clamp_max": Bends(lambda _x, high: [float(high)], _at(1, 0)),
    "leaky_relu": Bends(_at(0), lambda _x, slope=0.01: [slope, 1.0]),
    "threshold": Bends(lambda _x, edge, _value: [edge], _at(0, 1)),
    "_prelu_kernel": Bends(_at(0), lambda _x, slope: [slope, 1.0]),
    "softshrink": Bends(lambda _x, edge=0.5: [-edge, edge], _at(1, 0, 1)),
    "hardshrink": Bends(lambda _x, edge=0.5: [-edge, edge], _at(1, 0, 1)),
}
LARGER = {"maximum": 1, "minimum": -1}
"""The larger of two operands, or of their negatives."""
CONVEX = _names("relu leaky_relu clamp_min")
"""Of these bends, those of one breakpoint whose graph lies above each of its lines."""
COMPARED = _names("gt ge lt le eq ne")
"""Comparisons, which stay the same while the difference of their operands keeps its sign."""
POOLS = {"max_pool2d_with_indices": 2, "max_pool3d_with_indices": 3}
MAXIMA = {"amax": 1, "amin": -1, "max": 1, "min": -1}
"""The largest or smallest along some dimensions."""
GLOBAL_POOLS = {"adaptive_max_pool2d": 2, "adaptive_max_pool3d": 3}


def windows(name: str, args: Sequence[Any]) -> Tensor:
    """Give the candidates among which a maximum chooses, as the last dimension behind those of
    the operation's output; those of minima are negated.
    """
    x: Tensor = args[0]
    if name in POOLS:
        return _pool_windows(x, POOLS[name], *args[1:])
    if name in GLOBAL_POOLS:
        dims, keep = list(range(-GLOBAL_POOLS[name], 0)), True
    else:
        given = args[1] if len(args) > 1 else []
        dims, keep = [given] if isinstance(given, int) else list(given), bool([*args, 0, 0, 0][2])
    dims = [dim % x.ndim for dim in dims] or list(range(x.ndim))
    rest = [dim for dim in range(x.ndim) if dim not in dims]
    candidates = MAXIMA.get(name, 1) * x.permute(*rest, *dims).flatten(len(rest))
    if keep:
        shape = [1 if dim in dims else size for dim, size in enumerate(x.shape)]
        candidates = candidates.reshape(*shape, -1)
    return candidates


def _pool_windows(
    x: Tensor,
    dims: int,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil: bool = False,
) -> Tensor:
    def each(value: Any) -> list[int]:
        sizes: list[int] = [value] if isinstance(value, int) else list(value)
        return sizes * dims if len(sizes) == 1 else sizes

    sizes, steps = each(kernel), each(stride or kernel)
    pads, gaps = each(padding), each(dilation)
    lowest = torch.finfo(x.dtype).min / 4
    # From the last dimension to the first, before and after; one step more where the output's
    # size is rounded up.
    around = [
        side
        for pad, step in zip(reversed(pads), reversed(steps), strict=True)
        for side in (pad, pad + step * ceil)
    ]
    x = functional.pad(x, around, value=lowest)
    first = x.ndim - dims
    for place in range(dims):
        span = (sizes[place] - 1) * gaps[place] + 1
        x = x.unfold(first + place, span, steps[place])[..., :: gaps[place]]
    return x.flatten(-dims)
