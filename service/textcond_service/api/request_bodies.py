"""A request of the library as the body of an HTTP request: checked, and told in OpenAPI."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from fastapi import Depends
from pydantic import Field as BodyField, create_model, model_validator

from textcond.errors import TextcondError
from textcond.workflows.options import Field, fields_of
from textcond_service.api.requests import ID, NAME, Request

_PATTERNS = {"model": NAME, "new model": NAME, "corpus": NAME, "pairs": NAME, "analysis": ID}
"""Of what a field is the name of."""


class Body(Request):
    """The fields of a request."""

    asks: ClassVar[type]

    def asked(self) -> Any:
        """The request; raises what it does."""
        return self.asks(**{name: getattr(self, name) for name in type(self).model_fields})

    @model_validator(mode="after")
    def _fits(self) -> Body:
        try:
            self.asked()
        except TextcondError as error:
            raise ValueError(str(error)) from error
        return self


def asked(request: type, examples: Sequence[dict[str, Any]] = ()) -> Any:
    """For the annotation of a route's parameter: the body, as the request that it makes."""
    body = _body_of(request, examples)

    async def parse(body: Any) -> Any:
        return body.asked()

    parse.__annotations__["body"] = body
    return Depends(parse)


def _body_of(request: type, examples: Sequence[dict[str, Any]]) -> type[Body]:
    fields: dict[str, Any] = {field.name: _field(field) for field in fields_of(request)}
    made = create_model(request.__name__, __base__=Body, __doc__=request.__doc__, **fields)
    made.asks = request
    if examples:
        made.model_config["json_schema_extra"] = {"examples": [*examples]}
        made.model_rebuild(force=True)
    return made


def _field(field: Field) -> Any:
    option, kind = field.option, _json_type(field.type)
    limits: dict[str, Any] = {
        name: value
        for name, value in {
            "ge": option.least,
            "le": option.most,
            "gt": option.above,
            "lt": option.below,
        }.items()
        if value is not None
    }
    if option.names:
        limits = {"pattern": _PATTERNS[option.names]}
    elif kind in (str, str | None) and option.most is not None:
        limits = {"max_length": int(option.most)}
    told = BodyField(description=option.help or None, **limits)
    if field.is_required:
        return Annotated[kind, told], ...
    return Annotated[kind, told], _json_value(field.default)


def _json_type(kind: Any) -> Any:
    """The type of what JSON has in the place of this type."""
    if get_origin(kind) is tuple:
        return list[get_args(kind)[0]]  # type: ignore[misc]
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(map(_json_type, get_args(kind)))]  # noqa: UP007
    return kind


def _json_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
