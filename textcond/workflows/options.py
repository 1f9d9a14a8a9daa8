"""How a request declares its options: once, for the library, the command line and the service.

A request is a frozen dataclass. A field that has more to say than its type and its default has an
`Option` in its annotation:

    draws: Annotated[int, Option("Random draws of other filters.", least=1)] = 100
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from textcond.errors import AnalysisError, TextcondError

Named = Literal["", "model", "corpus", "pairs", "analysis", "new model"]


@dataclass(frozen=True, slots=True)
class Option:
    """What is said of a field beside its type and its default."""

    help: str = ""
    least: float | None = None
    most: float | None = None
    """Of a text, of its characters."""
    above: float | None = None
    """It must be more than this."""
    below: float | None = None
    """It must be less than this."""
    names: Named = ""
    """What the value is the name of."""
    flag: str = ""
    """On the command line; by default the field's name."""
    parse: Callable[[str], Any] | None = None
    """Makes the value of what is written on the command line, where the type is none of typer's."""
    shown: str | None = None
    """The default as it is written on the command line, where there is `parse`."""

    @property
    def limits(self) -> str:
        """What the value must be, in words; empty if it can be anything."""
        if self.least is not None and self.most is not None:
            return f"from {_figure(self.least)} to {_figure(self.most)}"
        words = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        return " and ".join(
            f"{word} {_figure(end)}" for word, end in words.items() if end is not None
        )

    def allows(self, value: float) -> bool:
        """Whether the value is within the limits."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


NOTHING = Option()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request."""

    name: str
    type: Any
    option: Option
    default: Any
    """`dataclasses.MISSING` for one that must be given."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have; empty where they are not listed."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_required(self) -> bool:
        return self.default is MISSING


@cache
def fields_of(request: type) -> tuple[Field, ...]:
    """The fields of a request, in their order."""
    hints = get_type_hints(request, include_extras=True)
    found = []
    for field in fields(request):
        kind, option = hints[field.name], NOTHING
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            option = next((one for one in more if isinstance(one, Option)), NOTHING)
        found.append(Field(field.name, kind, option, field.default))
    return tuple(found)


def check_limits(request: Any, error: type[TextcondError] = AnalysisError) -> None:
    """Raise the error for the first value that is not within its limits, or not of its choices."""
    for field in fields_of(request.__class__):
        value = getattr(request, field.name)
        if field.choices and value not in field.choices:
            known = " or ".join(field.choices)
            raise error(f"`{field.name}` is {value!r}; it can be {known}.")
        if isinstance(value, str) and not field.option.allows(len(value)):
            most = _figure(field.option.most or 0)
            raise error(f"`{field.name}` has {len(value):,} characters; {most} are the most.")
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if not field.option.allows(value):
            raise error(f"`{field.name}` is {value}; it must be {field.option.limits}.")


def names_in(request: Any) -> Iterator[tuple[Field, str]]:
    """What a request names: models, corpora, analyses."""
    for field in fields_of(request.__class__):
        value = getattr(request, field.name)
        if field.option.names and value:
            yield field, value


def _figure(value: float) -> str:
    return f"{value:,}"
