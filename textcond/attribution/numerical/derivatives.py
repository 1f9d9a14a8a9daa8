"""The derivatives of a score by a layer's output, and of that output along the path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from textcond.attribution.numerical.layer_capture import Captured, captured
from textcond.errors import ModelError

Run = Callable[[Tensor], Tensor]
"""From points, (points, *shape), to their scores, (points,)."""
_MISSING = ("forward ad", "forward-mode", "forward mode", "jvp", "derivative", "not have been used")
"""What torch's errors say where an operation cannot be differentiated forwards, or twice."""


@dataclass(frozen=True, slots=True)
class Derivatives:
    """At some points of the path, each (points, ...)."""

    gradient: Tensor
    """Of the score by the layer's output."""
    full: Tensor
    """Of the score by the input."""
    tangent: Tensor | None = None
    """Of the layer's output along the path."""
    pulled: Tensor | None = None
    """Of the score by the input, through the chosen neurons alone."""


@dataclass(slots=True)
class LayerDerivatives:
    """How a module is differentiated at a layer; it remembers which way of several works."""

    run: Run
    layer: nn.Module
    direction: Float[Tensor, "*shape"]
    copy: bool = False
    """Whether the module has to go on with a copy of the layer's output."""
    _ways: list[str] = field(default_factory=lambda: ["forward", "plain forward", "backward"])
    _reason: str = ""
    """What the first way lacks."""

    def has_no_node(self, points: Tensor) -> bool:
        """Whether the layer's output has no node of its own in autograd's graph."""
        return self._forward(points.clone())[1].needs_copy

    def scores(self, points: Tensor) -> Tensor:
        """The scores, as they are while the layer is looked at."""
        return self._forward(points.clone())[2].detach()

    def gradient(self, points: Tensor) -> Derivatives:
        """The score's gradient by the layer's output and by the input, in reverse mode alone."""
        points, found, score = self._forward(points)
        return Derivatives(*_gradients(score, found, points))

    def through(self, points: Tensor, index: tuple[Any, ...]) -> Derivatives:
        """The score's gradient by the input through some neurons of the layer."""
        points, found, score = self._forward(points)
        gradient, full = _gradients(score, found, points, retain=True)
        chosen = torch.zeros_like(gradient)
        chosen[index] = gradient[index]
        assert found.edge is not None
        (pulled,) = torch.autograd.grad(found.edge, points, chosen, materialize_grads=True)
        return Derivatives(gradient, full, pulled=pulled)

    def along(self, points: Tensor) -> Derivatives:
        """The gradient, and the slope of the layer's output along the path.

        The slope is taken in forward mode; where an operation has none, without torch's fused
        kernels, and then by differentiating the gradient once more. Raises `ModelError` with
        the operation's name if none of these works.
        """
        while True:
            try:
                return self._along(points, self._ways[0])
            except (NotImplementedError, RuntimeError) as error:
                if not any(word in str(error).lower() for word in _MISSING):
                    raise
                if len(self._ways) == 1:
                    raise ModelError(
                        "An operation between input and `layer` has neither a forward-mode nor a "
                        f"second derivative, which conductance needs ({self._reason}); use "
                        "`internal_influence` or `neuron_conductance`."
                    ) from error
                self._reason = self._reason or str(error).strip().splitlines()[0].rstrip(".")
                del self._ways[0]

    def _along(self, points: Tensor, way: str) -> Derivatives:
        if way == "backward":
            return self._by_second_derivative(points)
        with _plain_kernels() if way == "plain forward" else nullcontext():
            points.requires_grad_()
            direction = self.direction.expand_as(points).clone()
            with forward_ad.dual_level(), captured(self.layer, len(points), copy=self.copy) as one:
                score = self.run(forward_ad.make_dual(points, direction))
                score = forward_ad.unpack_dual(score).primal
            gradient, full = _gradients(score, one, points)
        tangent = torch.zeros_like(gradient) if one.tangent is None else one.tangent
        return Derivatives(gradient, full, tangent)

    def _by_second_derivative(self, points: Tensor) -> Derivatives:
        """Differentiate v ↦ (v · ∂y/∂x) · direction, which is linear in v."""
        with _plain_kernels():
            points, found, score = self._forward(points)
            gradient, full = _gradients(score, found, points, retain=True)
            assert found.edge is not None
            one = torch.zeros_like(gradient, requires_grad=True)
            (pulled,) = torch.autograd.grad(
                found.edge, points, one, create_graph=True, materialize_grads=True
            )
            if not pulled.requires_grad:
                return Derivatives(gradient, full, torch.zeros_like(gradient))
            # Without `materialize_grads`: what can be differentiated once only is unconnected.
            (tangent,) = torch.autograd.grad((pulled * self.direction).sum(), one)
        return Derivatives(gradient, full, tangent)

    def _forward(self, points: Tensor) -> tuple[Tensor, Captured, Tensor]:
        points.requires_grad_()
        with captured(self.layer, len(points), copy=self.copy) as found:
            score = self.run(points)
        return points, found, score


def _gradients(
    score: Tensor, found: Captured, points: Tensor, *, retain: bool = False
) -> tuple[Tensor, Tensor]:
    assert found.value is not None
    gradient, full = gradients(score, (found.edge, points), retain=retain)
    gradient = torch.zeros_like(found.value) if gradient is None else gradient
    return gradient, full


def gradients(score: Float[Tensor, " points"], inputs: Any, *, retain: bool = False) -> Any:
    """The gradients of each point's score, of which that by the input, the last, must exist."""
    found: Any = (None,)
    if score.requires_grad:
        found = torch.autograd.grad(score.sum(), inputs, retain_graph=retain, allow_unused=True)
    if found[-1] is None:
        raise ValueError(
            "`score` has no gradient by the input: it is constant, or the module detaches it."
        )
    return found


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Run without torch's fused kernels, many of which can only be differentiated backwards."""
    # Of oneDNN this flag alone: torch warns where the others are set back.
    fused = torch.backends.mkldnn.set_flags(False)[0]
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mkldnn.set_flags(fused)
