"""Commands about models: train, evaluate, list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from textcond.commands.common import (
    AsJson,
    DataDir,
    LabelColumn,
    LabelMeanings,
    ModelName,
    Strict,
    TextColumn,
    choose_part,
    console,
    fail,
    layout_of,
    show,
)
from textcond.errors import TrainingError


def train(
    name: Annotated[str, typer.Option(help="The new model is saved as models/NAME.")],
    data: Annotated[
        str,
        typer.Option(
            help="sst, rotten-tomatoes, imdb, questions, or a csv, tsv, jsonl file with labels."
        ),
    ] = "sst",
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
    pretrain: Annotated[
        str | None, typer.Option(help="A corpus to pretrain on: imdb-sentences for film reviews.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Word vectors in GloVe's format; else GloVe 6B 50d.")
    ] = None,
    vocabulary_size: Annotated[
        int, typer.Option(min=1, help="Words that the model knows, at most.")
    ] = 50_000,
    dimensions: Annotated[
        int | None,
        typer.Option(
            help="Dimensions of the embedding; by default those of the vectors. Without vectors of "
            "this size words start from random ones."
        ),
    ] = None,
    widths: Annotated[str, typer.Option(help="Widths of the filters, in words.")] = "3,4,5,6",
    filters: Annotated[int, typer.Option(help="Number of filters of each width.")] = 64,
    hidden: Annotated[int, typer.Option(help="Number of units in the dense layer.")] = 10,
    pretraining_epochs: Annotated[
        int, typer.Option(help="Epochs over the corpus to pretrain on.")
    ] = 2,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs at most; by default as many as the data needs.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many epochs without a better dev accuracy; by default never."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Texts in a batch; by default 32, or 128 for more than 50,000 texts."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of Adam, which falls to 0; by default 0.002, or 0.001 for more "
            "than 50,000 texts."
        ),
    ] = None,
    dropout: Annotated[
        float, typer.Option(help="Share of the filters that dropout leaves out.")
    ] = 0.5,
    averaging: Annotated[
        float, typer.Option(help="Decay of the moving average of the weights.")
    ] = 0.999,
    softness: Annotated[
        float, typer.Option(help="How far the targets of weaker labels are from 0 and 1.")
    ] = 0.2,
    substitutions: Annotated[
        float, typer.Option(help="SST: new phrases made from its trees, for each of its own.")
    ] = 1.0,
    negations: Annotated[
        float, typer.Option(help="SST: new negated phrases, for each of its own.")
    ] = 0.2,
    multi_label: Annotated[
        str | None,
        typer.Option(help="A text can have several labels, with this between them: ';' or ','."),
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Give every class the same share of the loss.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same model.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model of this name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, evaluate it, save it with its card."""
    from textcond.model.training.building import build_model
    from textcond.model.training.recipe import Sizes, parse_widths
    from textcond.report.terminal import scores_view
    from textcond.report.terminal_progress import training_progress

    recipe: dict[str, Any] = {
        "pretraining_epochs": pretraining_epochs,
        "dropout": dropout,
        "averaging": averaging,
        "softness": softness,
        "substitutions": substitutions,
        "negations": negations,
        "balance": balance,
        "seed": seed,
    }
    recipe |= {
        name: value
        for name, value in {
            "epochs": epochs,
            "patience": patience,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }.items()
        if value is not None
    }
    sizes = Sizes(dimensions, parse_widths(widths), filters, hidden)
    if multi_label is not None and balance:
        raise TrainingError("`balance` is for classes that exclude each other; leave it out.")
    layout = layout_of(
        text_column, label_column, labels, strict=strict, separator=multi_label or ""
    )
    try:
        with training_progress(console(stderr=True)) as watch:
            model = build_model(
                name,
                data,
                recipe,
                dev=dev,
                test=test,
                layout=layout,
                data_dir=data_dir,
                pretrain=pretrain,
                vectors=vectors,
                vocabulary_size=vocabulary_size,
                sizes=sizes,
                resume=resume,
                overwrite=overwrite,
                watch=watch,
            )
    except KeyboardInterrupt:
        kept = Path("models", f"{name}.training.pt").exists()
        remedy = " The last whole epoch is kept: go on with `--resume`." if kept else ""
        fail(f"Stopped.{remedy}", code=130)
    answer = {
        "model": model.name,
        "model_hash": model.hash,
        "parts": model.details["parts"],
        **model.metrics,
    }
    parts = model.details["parts"] or f"Measured on the test part of {data}."
    title = f"models/{model.name} ({model.hash}). {parts}"
    for warning in model.metrics["warnings"]:
        console(stderr=True).print(warning, style="bold red", soft_wrap=True)
    show(as_json, answer, lambda: scores_view(title, model.metrics["test"]))


def evaluate(
    model: ModelName = "sst",
    data: Annotated[
        str,
        typer.Option(
            help="sst, sst-phrases, sst-negation, minimal-pairs, rotten-tomatoes, imdb, "
            "imdb-sentences, questions, or a labelled file."
        ),
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
    from textcond.corpora.loading import PAIR_NAMES, load_corpus
    from textcond.model.checkpoint import load
    from textcond.model.training.evaluation import (
        evaluate as measure,
        negation_figures,
        tokenizer_agreement,
    )
    from textcond.report.terminal import scores_view

    loaded = load(model)
    layout = layout_of(text_column, label_column, labels, strict=strict, model=loaded)
    default = "dev+test" if data == "sst-negation" else "test"
    part = choose_part(data, split, default, layout=layout)
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
