"""Commands about models: train, evaluate, list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textcond.commands.common import (
    AsJson,
    DataDir,
    LabelColumn,
    LabelMeanings,
    ModelName,
    Strict,
    TextColumn,
    console,
    fail,
    layout_of,
    show,
)
from textcond.commands.local_places import LocalPlaces
from textcond.commands.requests import takes
from textcond.corpora.known_corpora import KNOWN, PAIR_NAMES
from textcond.workflows.corpus_conductance import part_to_read, read_for
from textcond.workflows.training import TrainingRequest


@takes(TrainingRequest)
def train(
    request: TrainingRequest,
    data_dir: DataDir = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="The file by which the epoch is chosen; by default a tenth of the data."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="The file to measure accuracy on; by default a tenth of the data."),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    labels: LabelMeanings = None,
    strict: Strict = False,
    multi_label: Annotated[
        str | None,
        typer.Option(help="A text can have several labels, with this between them: ';' or ','."),
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Word vectors in GloVe's format; else GloVe 6B 50d.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model of this name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, evaluate it, save it with its card as models/NAME."""
    from textcond.report.terminal import scores_view
    from textcond.report.terminal_progress import progress
    from textcond.workflows.training import train as build

    layout = layout_of(
        text_column, label_column, labels, strict=strict, separator=multi_label or ""
    )
    try:
        with progress(console(stderr=True)) as watch:
            model = build(
                request,
                LocalPlaces(data_dir, layout),
                dev=dev,
                test=test,
                vectors=vectors,
                resume=resume,
                overwrite=overwrite,
                watch=watch,
            )
    except KeyboardInterrupt:
        kept = Path("models", f"{request.name}.training.pt").exists()
        remedy = " The last whole epoch is kept: go on with `--resume`." if kept else ""
        fail(f"Stopped.{remedy}", code=130)
    answer = {
        "model": model.name,
        "model_hash": model.hash,
        "parts": model.details["parts"],
        **model.metrics,
    }
    parts = model.details["parts"] or f"Measured on the test part of {request.corpus}."
    title = f"models/{model.name} ({model.hash}). {parts}"
    for warning in model.metrics["warnings"]:
        console(stderr=True).print(warning, style="bold red", soft_wrap=True)
    show(as_json, answer, lambda: scores_view(title, model.metrics["test"]))


def evaluate(
    model: ModelName = "sst",
    data: Annotated[
        str,
        typer.Option(help=f"One of {', '.join(KNOWN)}, or a labelled file."),
    ] = "sst",
    split: Annotated[
        str | None,
        typer.Option(
            help="train, dev or test, or several: dev+test, the default of sst-negation; "
            "otherwise test. A file has these parts if it has a column `split`."
        ),
    ] = None,
    data_dir: DataDir = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    labels: LabelMeanings = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Accuracy of each head and of the margin, or over the classes."""
    from textcond.corpora.loading import load_corpus
    from textcond.model.checkpoint import load
    from textcond.model.training.evaluation import (
        evaluate as measure,
        negation_figures,
        tokenizer_agreement,
    )
    from textcond.report.terminal import scores_view

    loaded = load(model)
    layout = read_for(layout_of(text_column, label_column, labels, strict=strict), loaded)
    places = LocalPlaces(data_dir, layout)
    default = "dev+test" if data == "sst-negation" else "test"
    part = part_to_read(split, places.corpus(data), places.tell, default=default)
    dataset = load_corpus(data, part or "", data_dir=data_dir, layout=layout)
    figures = measure(loaded, dataset)
    if data in PAIR_NAMES:
        figures |= negation_figures(loaded, dataset)
    if data == "sst":
        figures |= tokenizer_agreement(dataset)
    answer = {
        "model": loaded.name,
        "model_hash": loaded.hash,
        "data": data,
        "split": part,
        **figures,
    }
    title = f"{loaded.name} ({loaded.hash}) on {data} {part or ''}".rstrip()
    show(as_json, answer, lambda: scores_view(title, figures))


def models(as_json: AsJson = False) -> None:
    """List the models in ./models and those that ship."""
    from textcond.model.checkpoint import model_summaries
    from textcond.report.terminal import models_view

    summaries = model_summaries()
    show(as_json, {"models": summaries}, lambda: models_view(summaries))
