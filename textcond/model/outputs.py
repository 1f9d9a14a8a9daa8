"""The outputs of a model: their names, how their logits are read, and what they decide.

Nothing else in textcond compares logits with each other, or knows which output is which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from textcond.errors import ModelError

POLARITY = ("positive", "negative")
MARGIN = "margin"
"""The target that compares two outputs."""
REST = "rest"
"""In a target such as `date:rest`, all other classes together."""
NONE = "none"
"""The decision of heads that all say no."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What each logit of a network stands for.

    The outputs either exclude each other, and a softmax divides the probability among them, or each
    is a head of its own, which answers yes above a logit of 0.
    """

    names: tuple[str, ...] = POLARITY
    softmax: bool = False
    polarity: tuple[int, int] | None = field(init=False, repr=False, compare=False)
    """The places of the positive and of the negative output; None unless there are these two
    and no other."""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise ModelError(
                f"The names of the outputs are {list(self.names)}; give each output a name of its "
                "own."
            )
        sides = tuple(map(self.names.index, POLARITY)) if are_polarity(self.names) else None
        object.__setattr__(self, "polarity", sides)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def are_polarity(self) -> bool:
        """Whether they are those of a sentiment model, in either order."""
        return self.polarity is not None

    @property
    def margin_sides(self) -> tuple[str, str] | None:
        """What the margin speaks for when it rises and when it falls, if that is so in every text:
        the two sides of a sentiment model."""
        return POLARITY if self.are_polarity else None

    def opposite(self, name: str) -> str:
        """What a text is that is not of this output: the other side of a sentiment model, or not
        of the class."""
        if self.are_polarity:
            return POLARITY[1 - POLARITY.index(name)]
        return f"not {name}"

    @property
    def is_multi_label(self) -> bool:
        """Whether a text can be of several of the outputs, or of none."""
        return not self.softmax and not self.are_polarity

    def is_margin(self, target: str) -> bool:
        """Whether a target means the margin, and not an output that is called so."""
        return target == MARGIN and MARGIN not in self.names

    @property
    def default_target(self) -> str:
        """The one score that suits every text: the margin of a sentiment model, the first class
        against the rest, and the first head alone."""
        if self.are_polarity:
            return MARGIN
        return f"{self.names[0]}:{REST}" if self.softmax and len(self) > 1 else self.names[0]

    def target_for(self, logits: Float[Tensor, " outputs"]) -> str:
        """The target that the margin of one text means: the positive output against the negative
        one; the likeliest class against the next; the likeliest head alone."""
        if self.are_polarity:
            return MARGIN
        first, *others = [
            self.names[place] for place in logits.argsort(descending=True, stable=True)
        ]
        return f"{first}:{others[0]}" if self.softmax and others else first

    def probabilities(
        self, logits: Float[Tensor, "*batch outputs"]
    ) -> Float[Tensor, "*batch outputs"]:
        """The probability of every output: by a softmax over them, or by a sigmoid of each."""
        return logits.softmax(-1) if self.softmax else logits.sigmoid()

    def margin(self, logits: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch"]:
        """The positive logit less the negative one; of other outputs the greatest logit less the
        next, and of one output alone its logit."""
        if self.polarity is not None:
            positive, negative = self.polarity
            return logits[..., positive] - logits[..., negative]
        greatest = logits.sort(dim=-1, descending=True).values
        return greatest[..., 0] - greatest[..., 1] if len(self) > 1 else greatest[..., 0]

    def called(self, logits: Float[Tensor, "*batch outputs"]) -> Bool[Tensor, "*batch outputs"]:
        """Which outputs are predicted: the one with the greatest logit, or of heads that do not
        exclude each other every one that says yes."""
        if self.is_multi_label:
            return logits > 0
        greatest = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, greatest, True)

    def decide(self, logits: Float[Tensor, " outputs"]) -> tuple[str, ...]:
        """The names of what is predicted (`called`), or `NONE`."""
        found = zip(self.names, self.called(logits).tolist(), strict=True)
        return tuple(name for name, is_called in found if is_called) or (NONE,)


def are_polarity(names: Iterable[str]) -> bool:
    """Whether these are the two sides of sentiment, in either order."""
    return sorted(names) == sorted(POLARITY)


def is_polar(name: str) -> bool:
    """Whether this is a side of sentiment."""
    return name in POLARITY


SENTIMENT = Outputs()
"""A positive and a negative head."""
