"""What a study finds: claims with the papers' figures and ours, and a verdict that they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from matplotlib.figure import Figure

Verdict = Literal["reproduced", "reproduced in direction", "not reproduced", "no figure to meet"]
MEASURES = ("conductance", "internal_influence", "gradient_times_activation", "activation")
"""The four that the papers compare."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim, the paper's figure for it and ours."""

    claim: str
    paper: str
    ours: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and what is to be seen in it."""

    figure: Figure
    caption: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a study publishes."""

    data: str
    """What it was measured on."""
    findings: Sequence[Finding]
    figures: Mapping[str, Any]
    """Every number, for the JSON file."""
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; without the pictures themselves."""
        return {
            "data": self.data,
            "findings": [asdict(finding) for finding in self.findings],
            "tables": [asdict(table) for table in self.tables],
            "notes": list(self.notes),
            "pictures": {name: picture.caption for name, picture in self.pictures.items()},
            "figures": dict(self.figures),
        }


def verdict_of(reproduced: bool, direction: bool) -> Verdict:
    """What two comparisons decide."""
    if reproduced:
        return "reproduced"
    return "reproduced in direction" if direction else "not reproduced"


def named(measure: str) -> str:
    """A measure's name for a reader."""
    return measure.replace("_times_", " × ").replace("_", " ")
