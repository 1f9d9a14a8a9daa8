"""A request's fields as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_type_hints

import typer

from textcond.workflows.options import Field, fields_of

Command = Any
"""A function that typer makes a command of."""


def takes(request: type, *, without: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options of a request in the place of its parameter `request`.

    The request that they make is passed to it by that name. Of its own parameters those in
    `without` are no options, and have their defaults.
    """
    fields = list(fields_of(request))

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            if name == "request":
                parameters += map(_parameter, fields)
            elif name not in without:
                kept = parameter.replace(
                    annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY
                )
                parameters.append(kept)

        def called(**values: Any) -> None:
            given = {field.name: _value(field, values.pop(field.name)) for field in fields}
            command(request=request(**given), **values)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__module__ = command.__module__
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def _parameter(field: Field) -> inspect.Parameter:
    option = field.option
    flag = option.flag or f"--{field.name.replace('_', '-')}"
    kind = str if option.parse or field.choices else field.type
    told = typer.Option(flag, help=option.help)
    default = inspect.Parameter.empty if field.is_required else field.default
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.shown if option.parse else default,
        annotation=Annotated[kind, told],
    )


def _value(field: Field, given: Any) -> Any:
    return field.option.parse(given) if field.option.parse else given
