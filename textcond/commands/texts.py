"""Commands about texts: the predictions of a file, one text's explanation, its filters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from textcond.commands.common import (
    AsJson,
    LabelColumn,
    ModelName,
    Output,
    Target,
    TextArgument,
    TextColumn,
    Top,
    check_place,
    console,
    decode,
    fail,
    layout_of,
    read,
    show,
)
from textcond.progress import counting


def predict(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A csv, tsv, jsonl or txt file.")],
    out: Annotated[Path, typer.Option(help="Where to write: a csv, jsonl or parquet file.")],
    model: ModelName = "sst",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    as_json: AsJson = False,
) -> None:
    """Predict every row of a file: label, probabilities, margin, share of unknown words.

    A row that cannot be read gets the reason in the column `problem`.
    """
    from textcond.attribution.file_prediction import check_output, predict_file
    from textcond.model.checkpoint import load
    from textcond.report.terminal import predicted_view
    from textcond.report.terminal_progress import progress

    check_place(out)
    check_output(file, out)
    loaded = load(model)
    layout = layout_of(text_column, label_column, None, strict=False)
    try:
        with progress(console(stderr=True)) as watch:
            counted = counting(watch, "predicting", "lines")
            done = predict_file(loaded, file, out, layout=layout, watch=counted)
    except KeyboardInterrupt:
        fail(f"Stopped. Nothing is written to {out}; give the same command again.", code=130)
    answer = {"model": loaded.name, "model_hash": loaded.hash, "out": str(out), **done.to_dict()}
    show(as_json, answer, lambda: predicted_view(done, out))


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
    from textcond.report.terminal import explanation_view

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
    from textcond.report.terminal import query_view

    words = decode(os.fsencode(pattern), "`pattern`")
    query = query_filters(load(model), read(text), words, target=target, output=output)
    show(as_json, query.to_dict(top=top) if as_json else {}, lambda: query_view(query, top=top))
