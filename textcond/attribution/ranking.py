"""The first rows of a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def first_of(rows: Sequence[Row], top: int) -> Sequence[Row]:
    """The first `top` of the rows, all of them with 0; raises `ValueError` for fewer."""
    if top < 0:
        raise ValueError(f"`top` is {top}; it must be at least 1, or 0 for all.")
    return rows[: top or None]
