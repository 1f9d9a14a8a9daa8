"""What an analysis declares of itself, once, for the command line, the service and its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from textcond.progress import Watch
    from textcond.workflows.places import Subject


class Answer(Protocol):
    """What an analysis found."""

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; of a ranking the first `top`, all with 0."""


@dataclass(frozen=True, slots=True)
class Form:
    """Another form of an answer than JSON."""

    ending: str
    """Of a file, without the dot."""
    media_type: str
    made_of: Callable[[Mapping[str, Any]], str]
    """Makes it of what `Answer.to_dict` gives."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """One way to look at what `textcond analyze` has computed.

    It is a command of its name, a kind of job, and the addresses `/v1/analyses/{id}/{name}` to
    start one and `/v1/{plural}/{id}` to fetch its result.
    """

    name: str
    plural: str
    summary: str
    """A sentence: the help of the command, and what the page says."""
    request: type
    """A frozen dataclass; its fields are the options (`options.Option`)."""
    run: Callable[[Any, Subject, Watch], Answer]
    view: Callable[[Any, int], RenderableType]
    """An answer in the terminal, with so many rows of each table, or all with 0."""
    check: Callable[[Any, Subject], None] = lambda request, subject: None
    """Raises at once what `run` would fail with after a while."""
    examples: tuple[dict[str, Any], ...] = ()
    """Bodies of requests, for the reference of the service."""
    forms: Mapping[str, Form] = field(default_factory=dict)
    draw: Callable[[Any], Figure] | None = None
    reads_model: bool = True
    """Whether it needs the model, or the analysis of the corpus alone."""
    rows: int | None = None
    """Rows of each table that the terminal shows; None where there is no ranking to cut."""
