"""The OpenAPI document as a person reads it: each path with its parameters, body and answers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

Schema = Mapping[str, Any]
_JSON = "application/json"
_METHODS = ("get", "post", "put", "patch", "delete")
_PLACEHOLDERS = {"string": "…", "integer": 0, "number": 0.0, "boolean": False, "object": {}}
_ID = "0123456789abcdef0123456789abcdef"


class Parameter(NamedTuple):
    """In the path, the query or a header."""

    name: str
    place: str
    required: bool
    type: str
    description: str


class Answer(NamedTuple):
    """What a path answers with under one status."""

    status: str
    description: str
    media_types: str


class Operation(NamedTuple):
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    parameters: list[Parameter]
    media_type: str
    bodies: list[str]
    """An example of each form that the body can have, as JSON."""
    fields: list[Parameter]
    answers: list[Answer]
    curl: str


def operations(document: Mapping[str, Any], server: str) -> dict[str, list[Operation]]:
    """Every operation, by its first tag."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                tag = operation.get("tags", ["other"])[0]
                found.setdefault(tag, []).append(
                    _operation(document, server, path, method, operation)
                )
    return found


def _operation(
    document: Mapping[str, Any], server: str, path: str, method: str, operation: Mapping[str, Any]
) -> Operation:
    parameters = operation.get("parameters", [])
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), "")
    forms = _forms(document, content[media_type]["schema"]) if media_type else []
    bodies = [example_of(document, form) for form in forms]
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("description") or operation.get("summary", ""),
        parameters=[_parameter(document, one, one["in"]) for one in parameters],
        media_type=media_type,
        bodies=[json.dumps(body, ensure_ascii=False, indent=2) for body in bodies]
        if media_type == _JSON
        else [],
        fields=list(
            {field.name: field for form in forms for field in _fields(document, form)}.values()
        ),
        answers=[
            Answer(status, answer.get("description", ""), ", ".join(answer.get("content", {})))
            for status, answer in operation["responses"].items()
        ],
        curl=_curl(document, server, path, method, parameters, media_type, bodies[:1]),
    )


def example_of(document: Mapping[str, Any], schema: Schema) -> Any:
    """A value that the schema allows: its own example, or its required fields."""
    schema = _resolve(document, schema)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example_of(document, schema[key][0])
    if schema.get("type") == "array":
        return [example_of(document, schema.get("items", {}))]
    if "properties" in schema:
        required = schema.get("required", [])
        return {name: example_of(document, schema["properties"][name]) for name in required}
    return _PLACEHOLDERS.get(schema.get("type", "string"))


def _resolve(document: Mapping[str, Any], schema: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return dict(document["components"]["schemas"][reference.rsplit("/", 1)[1]])


def _forms(document: Mapping[str, Any], schema: Schema) -> list[Schema]:
    forms = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [_resolve(document, one) for one in forms]


def _fields(document: Mapping[str, Any], schema: Schema) -> list[Parameter]:
    required = schema.get("required", [])
    return [
        _parameter(document, {"name": name, "required": name in required, "schema": one}, "body")
        for name, one in schema.get("properties", {}).items()
    ]


def _parameter(document: Mapping[str, Any], parameter: Mapping[str, Any], place: str) -> Parameter:
    schema = _resolve(document, parameter["schema"])
    description = parameter.get("description") or schema.get("description", "")
    default = schema.get("default")
    if default not in (None, ""):
        description = f"{description} Default: {default}.".strip()
    return Parameter(
        parameter["name"],
        place,
        parameter.get("required", False),
        type_of(document, schema),
        description,
    )


def type_of(document: Mapping[str, Any], schema: Schema) -> str:
    """The type in a few words, with its bounds."""
    schema = _resolve(document, schema)
    kinds = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if kinds:
        return " or ".join(dict.fromkeys(type_of(document, one) for one in kinds))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    if schema.get("type") == "array":
        return f"list of {type_of(document, schema.get('items', {}))}"
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    bounds = {
        (True, True): f", {least} to {most}",
        (True, False): f", from {least}",
        (False, True): f", to {most}",
    }
    return f"{schema.get('type', 'any')}{bounds.get((least is not None, most is not None), '')}"


def _curl(
    document: Mapping[str, Any],
    server: str,
    path: str,
    method: str,
    parameters: list[Mapping[str, Any]],
    media_type: str,
    bodies: list[Any],
) -> str:
    query = []
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", _value(document, one))
        elif one["in"] == "query" and one.get("required"):
            query.append(f"{one['name']}={_value(document, one)}")
    address = f"{server}{path}" + ("?" + "&".join(query) if query else "")
    parts = ["curl", *(["-X", method.upper()] if method not in ("get", "post") else [])]
    parts.append(shlex.quote(address))
    if media_type == _JSON:
        body = shlex.quote(json.dumps(bodies[0], ensure_ascii=False))
        return f"{' '.join(parts)} \\\n  -H 'Content-Type: {_JSON}' \\\n  -d {body}"
    if media_type:
        fields = " ".join(
            f"-F {name}={'@reviews.csv' if name == 'file' else 'reviews'}" for name in bodies[0]
        )
        return f"{' '.join(parts)} {fields}"
    return " ".join(parts)


def _value(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> str:
    """Something for a parameter to stand there."""
    known = {"text": "this is not good", "id": _ID, "corpus": "reviews"}
    name = parameter["name"]
    value = known.get(name) or example_of(document, parameter["schema"])
    return quote(str(value), safe="")
