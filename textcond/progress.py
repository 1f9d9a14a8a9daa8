"""How far long work is: one form for every kind of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Where the work stands."""

    stage: str
    """What is being done, such as `ablating`."""
    done: int
    total: int | None = None
    """None where it is not known."""
    unit: str = ""
    """What is counted, such as `sentences`; empty where a reader need not know."""
    rate: float | None = None
    """So many a second."""
    seconds_left: float | None = None
    figures: str = ""
    """What else a reader wants to see, such as the loss."""
    is_milestone: bool = False
    """Whether it deserves a line of its own where nothing can be drawn over: an epoch's end."""


Watch = Callable[[Step], None]


def nobody(step: Step) -> None:
    """Watch nothing."""


def counting(watch: Watch, stage: str, unit: str = "") -> Callable[[int, int], None]:
    """For work in steps: what the library tells, how many are done and of how many, as a `Step`."""

    def told(done: int, total: int) -> None:
        watch(Step(stage, done, total, unit))

    return told
