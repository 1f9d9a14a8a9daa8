"""Edits of a text: stretches of it, and what is read in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Edit(NamedTuple):
    """What is read in place of the characters from `start` to `end`."""

    start: int
    end: int
    reading: str

    @classmethod
    def of(cls, found: Any, reading: str) -> Edit:
        """What is read in place of a match, of `re` or `regex`."""
        return cls(found.start(), found.end(), reading)


Step = Callable[[str], Iterator[Edit]]
"""It finds edits from left to right, none of which overlap."""


class Reading(NamedTuple):
    """A text as it is read."""

    text: str
    origins: list[int]
    """Where each of its characters, and its end, begins in the text as it was written."""


def apply(text: str, steps: Iterable[Step]) -> str:
    """The text after all edits of each step, one step after another."""
    for find_edits in steps:
        edits = [*find_edits(text)]
        text = _edited(text, edits) if edits else text
    return text


def apply_with_origins(text: str, steps: Iterable[Step]) -> Reading:
    """What `apply` gives, and where each of its characters comes from.

    The characters of one edit's reading all come from the edit's start.
    """
    origins = list(range(len(text) + 1))
    for find_edits in steps:
        edits = list(find_edits(text))
        moved, done = [], 0
        for start, end, reading in edits:
            moved += [*origins[done:start], *[origins[start]] * len(reading)]
            done = end
        origins = moved + origins[done:]
        text = _edited(text, edits)
    return Reading(text, origins)


def _edited(text: str, edits: Iterable[Edit]) -> str:
    pieces, done = [], 0
    for start, end, reading in edits:
        pieces += [text[done:start], reading]
        done = end
    return "".join([*pieces, text[done:]])
