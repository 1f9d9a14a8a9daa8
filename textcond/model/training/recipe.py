"""How a model is trained, and how large its network is, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textcond.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained; what a corpus has no use for does nothing."""

    pretraining_epochs: int = 2
    """Over the corpus to pretrain on, if there is one."""
    epochs: int = 5
    patience: int = 3
    """Epochs without a better dev accuracy before training stops."""
    batch_size: int = 128
    learning_rate: float = 1e-3
    """Adam's; falls to 0 in a straight line, once over pretraining and once over training."""
    dropout: float = 0.5
    """Share of filters dropped before the hidden layer."""
    averaging: float = 0.999
    """Decay of the moving average of the weights; the average is the model."""
    softness: float = 0.2
    """How far a head's target is from 0 or 1 for a text that is not of the strongest label."""
    substitutions: float = 1.0
    """New phrases an epoch for each phrase of the treebank: a part gives way to another one."""
    negations: float = 0.2
    """The same, where the part that gives way is negated."""
    balance: bool = False
    """Whether every class has the same share of the loss, however many texts it has."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("pretraining_epochs", 0),
            ("epochs", 1),
            ("patience", 1),
            ("batch_size", 1),
        ):
            if getattr(self, name) < least:
                raise TrainingError(
                    f"`{name}` is {getattr(self, name)}; it must be at least {least}."
                )
        for name, end in (("dropout", 1), ("averaging", 1), ("softness", 0.5)):
            if not 0 <= getattr(self, name) < end:
                raise TrainingError(f"`{name}` is {getattr(self, name)}; it must be in [0, {end}).")
        for name in ("substitutions", "negations"):
            if not 0 <= getattr(self, name) <= 10:
                raise TrainingError(f"`{name}` is {getattr(self, name)}; it must be from 0 to 10.")
        if not 0 <= self.seed <= 10**9:
            raise TrainingError(f"`seed` is {self.seed}; it must be from 0 to 1,000,000,000.")
        if not 0 < self.learning_rate < float("inf"):
            raise TrainingError(f"`learning_rate` is {self.learning_rate}; it must be above 0.")


_MOST_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of the network; those of Dhamdhere et al. 2019, §6, unless others are given."""

    dimensions: int | None = None
    """Of the embedding; None for those of the word vectors."""
    widths: tuple[int, ...] = (3, 4, 5, 6)
    """Of the filters, in words."""
    filters: int = 64
    """Of each width."""
    hidden: int = 10
    """Units of the dense layer."""

    def __post_init__(self) -> None:
        for name in ("dimensions", "filters", "hidden"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= _MOST_SIZE:
                raise TrainingError(f"`{name}` is {value}; it must be from 1 to {_MOST_SIZE:,}.")
        if not self.widths or len(set(self.widths)) < len(self.widths) or len(self.widths) > 20:
            raise TrainingError(f"`widths` is {self.widths}; give 1 to 20 different ones.")
        if not all(1 <= width <= 100 for width in self.widths):
            raise TrainingError(f"`widths` is {self.widths}; each must be from 1 to 100.")


STANDARD = Sizes()
VOCABULARY_SIZE = 50_000
"""Words, at most, of a model's vocabulary."""


def parse_widths(text: str) -> tuple[int, ...]:
    """`"3,4,5"` as numbers; raises `TrainingError` for anything else."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise TrainingError(f"`widths` is {text!r}; write them as in 3,4,5.") from None


LEAST_STEPS = 4_000
"""Batches that learning takes, whatever the size of the corpus."""
_MOST_EPOCHS = 60
_SMALL = 50_000
_EPOCHS = 5


def fitted(texts: int, **given: Any) -> Recipe:
    """The recipe for so many texts to train on: what is not given follows their number.

    A large corpus is read five times in batches of 128. A small one is read more often, in smaller
    batches and larger steps, until `LEAST_STEPS` are done.
    """
    is_small = texts <= _SMALL
    batch_size = given.get("batch_size", 32 if is_small else 128)
    batches = -(-texts // max(batch_size, 1))
    epochs = given.get("epochs", min(max(-(-LEAST_STEPS // batches), _EPOCHS), _MOST_EPOCHS))
    chosen = {
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": epochs,
        "learning_rate": 2e-3 if is_small else 1e-3,
    }
    return Recipe(**{**chosen, **given})
