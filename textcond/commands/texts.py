"""Commands about one text: its explanation, its filters."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from textcond.commands.common import (
    AsJson,
    ModelName,
    Output,
    Target,
    TextArgument,
    Top,
    decode,
    read,
    show,
)


def explain(
    text: TextArgument,
    model: ModelName = "sst",
    target: Target = "margin",
    output: Output = "logit",
    top: Top = 10,
    as_json: AsJson = False,
) -> None:
    """Predict a text and show which words and filters made the score."""
    from textcond.attribution.explanation import explain as explain_text
    from textcond.model.checkpoint import load
    from textcond.report.console import explanation_view

    explanation = explain_text(load(model), read(text), target=target, output=output)
    show(
        as_json,
        explanation.to_dict(top=top) if as_json else {},
        lambda: explanation_view(explanation, top=top),
    )


def filters(
    text: TextArgument,
    pattern: Annotated[str, typer.Option(help="Words that stand in the text side by side.")],
    model: ModelName = "sst",
    target: Target = "margin",
    output: Output = "logit",
    top: Top = 10,
    as_json: AsJson = False,
) -> None:
    """Show the filters that respond to a pattern inside a text, best first."""
    from textcond.attribution.explanation import query_filters
    from textcond.model.checkpoint import load
    from textcond.report.console import query_view

    words = decode(os.fsencode(pattern), "`pattern`")
    query = query_filters(load(model), read(text), words, target=target, output=output)
    show(as_json, query.to_dict(top=top) if as_json else {}, lambda: query_view(query, top=top))
