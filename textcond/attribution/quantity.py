"""The quantity of interest: the one score that is explained.

A target names an output (`positive`, `negative`, or a class), the `margin` between the two
heads, one class against another (`date:string`), which is the comparative quantity of interest of
Leino et al. 2018, §IV-B, or one class against all others together (`date:rest`). It is read as a
logit or as a probability. A difference of probabilities is the probability of the first less that
of the second. Against the rest, the mean of the other logits is subtracted, or the sum of the other
probabilities.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from textcond.errors import QuantityError
from textcond.model.model import Model
from textcond.model.outputs import MARGIN, REST, Outputs

Output = Literal["logit", "probability"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A weighted sum of the outputs, each read as a logit or as a probability."""

    target: str
    output: Output
    weights: tuple[float, ...]
    """One for each output of the network, for instance (1, -1) for the margin."""
    softmax: bool
    """Whether a probability is one of a softmax over the outputs or a sigmoid of one."""
    poles: tuple[str, str] = ("higher", "lower")
    """What the score speaks for when it rises and when it falls: `("positive", "negative")` for
    the margin, `("date", "not date")` for a class."""

    def score(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch"]:
        """The quantity's value."""
        return self._read(logits) @ logits.new_tensor(self.weights)

    def gradient(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch outputs"]:
        """How fast the score rises with each logit."""
        weights = logits.new_tensor(self.weights)
        if self.output == "logit":
            return weights.expand_as(logits)
        probabilities = self._read(logits)
        if not self.softmax:
            return weights * probabilities * (-logits).sigmoid()
        # p_i Σ_j p_j (w_i - w_j), summed by the distinct weights: p_i (w_i - Σ_j p_j w_j) would
        # lose all digits where one output has nearly all of the probability.
        values, kinds = weights.unique(return_inverse=True)
        masses = probabilities @ functional.one_hot(kinds).to(logits.dtype)
        gradient: Tensor = probabilities * (masses @ (weights - values[:, None]))
        return gradient

    def _read(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch outputs"]:
        if self.output == "logit":
            return logits
        return logits.softmax(-1) if self.softmax else logits.sigmoid()


def quantity_of(model: Model, target: str = MARGIN, output: str = "logit") -> Quantity:
    """The quantity that the two names mean for this model; `QuantityError` if they mean none.

    The margin of a model without a positive and a negative output is between other outputs in each
    text. Where one score is needed for all texts, `Outputs.default_target` stands in its place.
    """
    if output not in get_args(Output):
        raise QuantityError(f"`output` is {output!r}; it can be logit or probability.")
    reading: Output = "logit" if output == "logit" else "probability"
    names = model.outputs.names
    sides = None
    if model.outputs.is_margin(target):
        target, sides = model.outputs.default_target, model.outputs.margin_sides
    sides = sides or _sides(target, names)
    if sides is None:
        rest = f", or one against the rest, {names[0]}:{REST}" if len(names) > 2 else ""
        pair = f", or one against another, for instance {names[0]}:{names[-1]}"
        known = ", ".join(dict.fromkeys((MARGIN, *names)))
        raise QuantityError(
            f"`target` is {target!r}{_meant(target, names)}; this model has {known}"
            f"{pair if len(names) > 1 else ''}{rest}."
        )
    plus, minus = sides
    weights = [float(name == plus) - float(name == minus) for name in names]
    if minus == REST and REST not in names:
        others = -1.0 if reading == "probability" else -1.0 / (len(names) - 1)
        weights = [1.0 if name == plus else others for name in names]
    poles = _poles(sides, model.outputs)
    return Quantity(target, reading, (*weights,), model.outputs.softmax, poles)


def _meant(target: str, names: Sequence[str]) -> str:
    """The output or the pair whose name is nearest, as a question; nothing if none is near."""
    known = [*names]
    if ":" in target:
        known += [f"{plus}:{minus}" for plus in names for minus in (*names, REST) if plus != minus]
    plain = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(target.casefold(), plain, 1, 0.8)
    return f" (`{plain[near[0]]}`?)" if near else ""


def _sides(target: str, names: Sequence[str]) -> tuple[str, str] | None:
    """The output, or the two, that a target names; a name may hold colons itself."""
    if target in names:
        return target, ""
    places = [place for place, character in enumerate(target) if character == ":"]
    pairs = [(target[:place], target[place + 1 :]) for place in places]
    known = {*names, REST} if len(names) > 1 else {*names}
    return next(((a, b) for a, b in pairs if a != b and a in names and b in known), None)


def _poles(sides: tuple[str, str], outputs: Outputs) -> tuple[str, str]:
    plus, minus = sides
    if minus in outputs.names:
        return plus, minus
    return plus, outputs.opposite(plus)
