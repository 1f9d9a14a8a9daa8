"""The command line: parse, call, print.

Everything heavy is imported inside the commands, so that `--help` comes at once.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from textcond.errors import CorpusError, PatternError, TextcondError

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="textcond",
    help="Which filters of a sentiment CNN, fed by which words, made it say that.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelName = Annotated[str, typer.Option("--model", help="A model's name, or its folder.")]
Target = Annotated[
    str,
    typer.Option(help="The score to explain: positive, negative or margin; A:B for two classes."),
]
Output = Annotated[str, typer.Option(help="Read the score as a logit or as a probability.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Top = Annotated[int, typer.Option(min=0, help="How many filters to show; 0 for all.")]
DataDir = Annotated[
    Path | None, typer.Option(help="SST: the folder of trees, or trainDevTestTrees_PTB.zip.")
]
AnalysisFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that `textcond analyze` wrote.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of what is drawn at random.")]
TextArgument = Annotated[str, typer.Argument(help="The text; - reads it from standard input.")]


@app.command()
def train(
    name: Annotated[str, typer.Option(help="The new model is saved as models/NAME.")],
    data: Annotated[
        str,
        typer.Option(help="sst, rotten-tomatoes, imdb, or a csv, tsv, jsonl file with labels."),
    ] = "sst",
    data_dir: DataDir = None,
    pretrain: Annotated[
        str | None, typer.Option(help="A corpus to pretrain on: imdb-sentences for film reviews.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Word vectors in GloVe's format; else GloVe 6B 50d.")
    ] = None,
    vocabulary_size: Annotated[int, typer.Option(min=1, help="Words of the model.")] = 50_000,
    pretraining_epochs: Annotated[int, typer.Option(help="Over the corpus to pretrain on.")] = 2,
    epochs: Annotated[int, typer.Option(help="At most.")] = 5,
    patience: Annotated[int, typer.Option(help="Epochs without a better dev accuracy.")] = 3,
    batch_size: Annotated[int, typer.Option(help="Texts a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Of Adam; falls to 0.")] = 1e-3,
    dropout: Annotated[float, typer.Option(help="Share of filters dropped.")] = 0.5,
    averaging: Annotated[float, typer.Option(help="Decay of the weights' average.")] = 0.999,
    softness: Annotated[float, typer.Option(help="Of the targets of weaker labels.")] = 0.2,
    substitutions: Annotated[
        float, typer.Option(help="SST: new phrases made from its trees, for each of its own.")
    ] = 1.0,
    negations: Annotated[
        float, typer.Option(help="SST: new negated phrases, for each of its own.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same model.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model of this name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, evaluate it, save it with its card."""
    from textcond.model.building import build_model
    from textcond.model.recipe import Recipe
    from textcond.report.console import figures_view
    from textcond.report.progress import training_progress

    recipe = Recipe(
        pretraining_epochs=pretraining_epochs,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout=dropout,
        averaging=averaging,
        softness=softness,
        substitutions=substitutions,
        negations=negations,
        seed=seed,
    )
    try:
        with training_progress(_console(stderr=True)) as watch:
            model = build_model(
                name,
                data,
                recipe,
                data_dir=data_dir,
                pretrain=pretrain,
                vectors=vectors,
                vocabulary_size=vocabulary_size,
                resume=resume,
                overwrite=overwrite,
                watch=watch,
            )
    except KeyboardInterrupt:
        kept = Path("models", f"{name}.training.pt").exists()
        remedy = " The last whole epoch is kept: go on with `--resume`." if kept else ""
        _fail(f"Stopped.{remedy}", code=130)
    answer = {"model": model.name, "model_hash": model.hash, **model.metrics}
    title = f"models/{model.name} ({model.hash}), test part of {data}"
    _print(as_json, answer, lambda: figures_view(title, model.metrics["test"]))


@app.command()
def evaluate(
    model: ModelName = "sst",
    data: Annotated[
        str,
        typer.Option(
            help="sst, sst-phrases, sst-negation, minimal-pairs, rotten-tomatoes, imdb, "
            "imdb-sentences, or a labelled file."
        ),
    ] = "sst",
    split: Annotated[
        str | None,
        typer.Option(
            help="train, dev or test, or several: dev+test, the default of sst-negation; "
            "otherwise test. A file has no parts."
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of each head and of the margin."""
    from textcond.corpora.loading import PAIR_NAMES, load_corpus
    from textcond.model.checkpoint import load
    from textcond.model.evaluation import (
        evaluate as measure,
        negation_figures,
        tokenizer_agreement,
    )
    from textcond.report.console import figures_view

    loaded = load(model)
    part = _part(data, split, "dev+test" if data == "sst-negation" else "test")
    dataset = load_corpus(data, part or "", data_dir=data_dir)
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
    _print(as_json, answer, lambda: figures_view(title, figures))


@app.command()
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

    explanation = explain_text(load(model), _read(text), target=target, output=output)
    _print(
        as_json,
        explanation.to_dict(top=top) if as_json else {},
        lambda: explanation_view(explanation, top=top),
    )


@app.command()
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

    query = query_filters(load(model), _read(text), pattern, target=target, output=output)
    _print(as_json, query.to_dict(top=top) if as_json else {}, lambda: query_view(query, top=top))


@app.command()
def analyze(
    out: Annotated[Path, typer.Option(help="The folder of the analysis.")],
    data: Annotated[
        str,
        typer.Option(
            help="sst, rotten-tomatoes, imdb, imdb-sentences, or a csv, tsv, jsonl or txt file."
        ),
    ] = "sst",
    split: Annotated[
        str | None,
        typer.Option(help="train, dev or test, or several; else dev+test. A file has no parts."),
    ] = None,
    data_dir: DataDir = None,
    model: ModelName = "sst",
    target: Target = "margin",
    output: Output = "logit",
    as_json: AsJson = False,
) -> None:
    """Compute every filter's conductance for every sentence of a corpus.

    A stopped run goes on where it was when the command is given again.
    """
    from textcond.analysis.corpus import CorpusConductance
    from textcond.corpora.loading import open_corpus
    from textcond.model.checkpoint import load
    from textcond.report.console import figures_view
    from textcond.report.progress import analysis_progress

    loaded = load(model)
    part = _part(data, split, "dev+test")
    dataset = open_corpus(data, part or "", data_dir=data_dir)
    named = f"{Path(data).name} {part or ''}".rstrip()
    try:
        with analysis_progress(_console(stderr=True)) as watch:
            analysis = CorpusConductance.compute(
                loaded, dataset, out, data=named, target=target, output=output, watch=watch
            )
    except KeyboardInterrupt:
        _fail("Stopped. What is done is kept: give the same command again to go on.", code=130)
    answer = {"out": str(out), **analysis.summary()}
    _print(as_json, answer, lambda: figures_view(f"{named} in {out}", answer))


@app.command()
def division(
    folder: AnalysisFolder,
    threshold: Annotated[float, typer.Option(help="Conductance within it counts as 0.")] = 0.01,
    relative: Annotated[
        bool,
        typer.Option("--relative", help="The threshold is a share of the scores' mean distance."),
    ] = False,
    clusters: Annotated[
        int | None, typer.Option(help="How many clusters; else as many as fit best.")
    ] = None,
    draws: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 100,
    seed: Seed = 0,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the clustered signs: .svg, .pdf or .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The division of labour: which filters work for which side."""
    from textcond.analysis.corpus import CorpusConductance
    from textcond.analysis.division import divide
    from textcond.report.analyses import division_view
    from textcond.report.progress import counting_progress

    analysis = CorpusConductance.open(folder)
    with counting_progress(_console(stderr=True), "bootstrap") as watch:
        result = divide(
            analysis,
            threshold=threshold,
            relative=relative,
            clusters=clusters,
            draws=draws,
            seed=seed,
            watch=watch,
        )
    if figure is not None:
        from textcond.report.figures import division_figure, save_figure

        save_figure(division_figure(result), figure)
    _print(as_json, result.to_dict() if as_json else {}, lambda: division_view(result))


@app.command()
def negation(
    folder: AnalysisFolder,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="Pairs to find the filters with: sst-negation, minimal-pairs, a corpus of texts "
            "with negators, or a file with the columns negated and unnegated; else sst-negation "
            "with --data-dir and rotten-tomatoes without."
        ),
    ] = None,
    data_dir: DataDir = None,
    text: Annotated[
        str | None, typer.Option(help="Find the filters by one text and --pattern instead.")
    ] = None,
    pattern: Annotated[str | None, typer.Option(help="Words that stand in --text.")] = None,
    model: ModelName = "sst",
    draws: Annotated[int, typer.Option(min=1, help="Of other filters to ablate.")] = 100,
    sentences: Annotated[int, typer.Option(min=1, help="To retrieve for each side.")] = 50,
    seed: Seed = 0,
    top: Top = 10,
    as_json: AsJson = False,
) -> None:
    """The filters that handle negation, what ablating them does, and where they fire."""
    from textcond.analysis.corpus import CorpusConductance
    from textcond.analysis.negation import find_negation
    from textcond.corpora.pairs import load_pairs
    from textcond.model.checkpoint import load
    from textcond.report.analyses import negation_view
    from textcond.report.progress import counting_progress

    if (text is None) != (pattern is None):
        raise PatternError("`text` and `pattern` go together; give both or neither.")
    analysis = CorpusConductance.open(folder)
    loaded = load(model)
    named = pairs or ("rotten-tomatoes" if data_dir is None else "sst-negation")
    found, held_out = load_pairs(named, data_dir=data_dir, seed=seed)
    with counting_progress(_console(stderr=True), "ablating") as watch:
        result = find_negation(
            loaded,
            analysis,
            found,
            held_out,
            exemplar=None if text is None or pattern is None else (text, pattern),
            draws=draws,
            top=sentences,
            seed=seed,
            watch=watch,
        )
    answer = {"pairs": named, **result.to_dict(top=top)} if as_json else {}
    _print(as_json, answer, lambda: negation_view(result, top=top))


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the models in ./models and those that ship."""
    from textcond.model.checkpoint import model_summaries
    from textcond.report.console import models_view

    summaries = model_summaries()
    _print(as_json, {"models": summaries}, lambda: models_view(summaries))


def main() -> None:
    """Run a command; an error that the user can mend is one line and exit code 2."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except TextcondError as error:
        _fail(str(error), code=2)
    except TyperException as error:
        # Without a command the help is shown already, and there is no message.
        message = error.format_message()
        _fail(f"{message} See `textcond --help`.", code=2) if message else sys.exit(2)
    except typer.Abort:
        _fail("Stopped.", code=130)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except OSError as error:
        place = error.filename or "the output"
        _fail(f"{place}: {error.strerror}; check the path, its rights and the disk.", code=2)
    sys.exit(code or 0)


def _fail(message: str, *, code: int) -> None:
    # One line whatever the message quotes, and no control sequences from it.
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in message)
    print(f"textcond: {shown}", file=sys.stderr)
    raise SystemExit(code)


def _part(data: str, split: str | None, default: str) -> str | None:
    """The parts of a corpus to read, or None where it has no parts."""
    from textcond.corpora.loading import has_parts

    if has_parts(data):
        return split or default
    if split is not None:
        raise CorpusError(f"`split` is {split!r}, but {data} has no parts; leave it out.")
    return None


def _read(text: str) -> str:
    if text != "-":
        return text
    return sys.stdin.buffer.read().decode("utf-8", errors="surrogateescape")


def _print(as_json: bool, answer: dict[str, Any], view: Any) -> None:
    if as_json:
        plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
        print(json.dumps(answer, ensure_ascii=plain, indent=2, allow_nan=False))
    else:
        _console().print(view(), soft_wrap=False)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an ASCII terminal shows what it can
            stream.reconfigure(errors="backslashreplace")

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)
