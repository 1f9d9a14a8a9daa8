"""Commands about a corpus: what its filters do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textcond.commands.common import (
    AnalysisFolder,
    AsJson,
    CorpusTarget,
    DataDir,
    LabelColumn,
    LabelMeanings,
    ModelName,
    ModelOfAnalysis,
    Output,
    Pairs,
    Seed,
    Shown,
    Strict,
    TextColumn,
    check_place,
    choose_part,
    console,
    fail,
    layout_of,
    model_of,
    named_pairs,
    note_labels,
    show,
)
from textcond.errors import AnalysisError, ClusterError, PatternError

if TYPE_CHECKING:
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.analysis.store.shards import Runner
    from textcond.model.model import Model


def analyze(
    out: Annotated[Path, typer.Option(help="The folder of the analysis.")],
    data: Annotated[
        str,
        typer.Option(
            help="sst, sst-phrases, rotten-tomatoes, imdb, imdb-sentences, questions, or a csv, "
            "tsv, jsonl or txt file."
        ),
    ] = "sst",
    split: Annotated[
        str | None,
        typer.Option(
            help="train, dev or test, or several; by default dev+test. A file has these parts if "
            "it has a column `split`; otherwise all of it is analyzed."
        ),
    ] = None,
    data_dir: DataDir = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    labels: LabelMeanings = None,
    strict: Strict = False,
    model: ModelName = "sst",
    target: CorpusTarget = "margin",
    output: Output = "logit",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of this machine to compute with.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="The address of a Dask scheduler; its workers compute.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute every filter's conductance for every sentence of a corpus.

    A stopped run goes on where it was when the command is given again.
    """
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.analysis.store.shards import one_by_one
    from textcond.attribution.quantity import quantity_of
    from textcond.corpora.loading import open_corpus
    from textcond.model.checkpoint import load
    from textcond.report.terminal import figures_view
    from textcond.report.terminal_progress import analysis_progress

    loaded = load(model)
    wanted = quantity_of(loaded, target, output).target
    if wanted != target:
        console(stderr=True).print(
            f"The score is {wanted}: one score for all texts. `--target` takes another class, one "
            "against the rest (A:rest), or two classes (A:B).",
            soft_wrap=True,
        )
    # Texts of other classes can be analyzed too.
    reads = None if loaded.outputs.softmax else loaded
    layout = layout_of(text_column, label_column, labels, strict=strict, model=reads)
    part = choose_part(data, split, "dev+test", layout=layout)
    dataset = open_corpus(data, part or "", data_dir=data_dir, layout=layout)
    named = f"{Path(data).name} {part or ''}".rstrip()
    try:
        with ExitStack() as stack:
            runner: Runner = one_by_one
            if workers is not None or scheduler is not None:
                runner = stack.enter_context(_on_dask(scheduler, workers))
            watch = stack.enter_context(analysis_progress(console(stderr=True)))
            analysis = CorpusConductance.compute(
                loaded,
                dataset,
                out,
                data=named,
                target=wanted,
                output=output,
                runner=runner,
                watch=watch,
            )
    except KeyboardInterrupt:
        fail("Stopped. What is done is kept: give the same command again to go on.", code=130)
    answer = {"out": str(out), **analysis.summary()}
    show(as_json, answer, lambda: figures_view(f"{named} in {out}", answer))


@contextmanager
def _on_dask(scheduler: str | None, workers: int | None) -> Iterator[Runner]:
    if workers is not None and scheduler is not None:
        raise ClusterError("`workers` and `scheduler` exclude each other; give one of them.")
    try:
        from textcond.cluster import workers_of
    except ImportError as error:
        raise ClusterError(
            f"`workers` and `scheduler` need Dask ({error}); pip install '.[cluster]'."
        ) from error
    tell = partial(console(stderr=True).print, soft_wrap=True)
    with workers_of(scheduler, workers or 1, tell=tell) as (runner, dashboard):
        tell(f"Dask's dashboard: {dashboard}")
        yield runner


def division(
    folder: AnalysisFolder,
    threshold: Annotated[
        float, typer.Option(help="Conductance up to this amount counts as 0.")
    ] = 0.01,
    relative: Annotated[
        bool,
        typer.Option(
            "--relative",
            help="The threshold is a share of the mean distance of the scores from the baseline's.",
        ),
    ] = False,
    clusters: Annotated[
        int | None, typer.Option(help="How many clusters; else as many as fit best.")
    ] = None,
    draws: Annotated[
        int, typer.Option(min=0, help="Draws of the bootstrap, which tells how sure the signs are.")
    ] = 100,
    seed: Seed = 0,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the clustered signs: .svg, .pdf or .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The division of labour: which filters work for which side."""
    from textcond.analysis.polarity.division import divide
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.report.figures import check_ending, division_figure, save_figure
    from textcond.report.terminal_analyses import division_view
    from textcond.report.terminal_progress import counting_progress

    if figure is not None:
        check_place(figure)
        check_ending(figure)
    analysis = CorpusConductance.open(folder)
    with counting_progress(console(stderr=True), "sentences") as watch:
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
        save_figure(division_figure(result), figure)
    show(as_json, result.to_dict() if as_json else {}, lambda: division_view(result))


def negation(
    folder: AnalysisFolder,
    pairs: Pairs = None,
    data_dir: DataDir = None,
    text: Annotated[
        str | None, typer.Option(help="Find the filters by one text and --pattern instead.")
    ] = None,
    pattern: Annotated[str | None, typer.Option(help="Words that stand in --text.")] = None,
    model: ModelOfAnalysis = None,
    draws: Annotated[
        int, typer.Option(min=1, help="Random draws of other filters to ablate, for comparison.")
    ] = 100,
    sentences: Annotated[
        int, typer.Option(min=1, help="Sentences to retrieve for each side.")
    ] = 50,
    seed: Seed = 0,
    top: Shown = 10,
    as_json: AsJson = False,
) -> None:
    """The filters that handle negation, what ablating them does, and where they fire."""
    from textcond.analysis.negation.pipeline import find_negation, pairs_of
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.report.terminal_analyses import negation_view
    from textcond.report.terminal_progress import counting_progress

    if (text is None) != (pattern is None):
        raise PatternError("`text` and `pattern` go together; give both or neither.")
    analysis = CorpusConductance.open(folder)
    note_labels(analysis, data_dir)
    loaded = model_of(analysis, model)
    asked, named = named_pairs(pairs, loaded, analysis, data_dir)
    found, held_out = pairs_of(loaded, analysis, asked, data_dir=data_dir, seed=seed)
    with counting_progress(console(stderr=True), "ablating") as watch:
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
    source = f"phrases of {named}, with and without a negator"
    if text is not None:
        source = f"{pattern!r} in one text, and checked with {source}"
    show(as_json, answer, lambda: negation_view(result, source=source, top=top))


def rules(
    folder: AnalysisFolder,
    filters: Annotated[
        str, typer.Option(help="all, negation (rules with a negator), or numbers: 12,200.")
    ] = "all",
    pairs: Pairs = None,
    data_dir: DataDir = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Another analysis, to check the rules on.")
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            help="Share of all (sentence, filter) pairs to read, those of the highest conductance."
        ),
    ] = 0.2,
    support: Annotated[
        int, typer.Option(help="Number of sentences in which a rule must match, at least.")
    ] = 3,
    fidelity: Annotated[
        float,
        typer.Option(
            help="Share of the matches of a rule in which its words must push the score its way."
        ),
    ] = 0.8,
    model: ModelOfAnalysis = None,
    seed: Seed = 0,
    file: Annotated[
        Path | None, typer.Option("--out", help="Write the rules to this file.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="The form of the file: json (the default), csv or spacy."),
    ] = None,
    top: Shown = 20,
    as_json: AsJson = False,
) -> None:
    """Rules: which words, in which order, push the score which way."""
    from textcond.analysis.polarity.sides import gold_of_analysis
    from textcond.analysis.rules.evaluation import check_rules
    from textcond.analysis.rules.extraction import extract_rules
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.disk import write_whole
    from textcond.report.terminal_analyses import rules_view
    from textcond.report.terminal_progress import counting_progress

    if form not in (None, "json", "csv", "spacy"):
        raise AnalysisError(f"`format` is {form!r}; it can be json, csv or spacy.")
    if form is not None and file is None:
        raise AnalysisError("`format` is that of a file; name the file with `--out`.")
    check_place(file)
    analysis = CorpusConductance.open(folder)
    other = None if held_out is None else CorpusConductance.open(held_out)
    note_labels(analysis, data_dir)
    loaded = model_of(analysis, model)
    if other is not None:
        other.check_model(loaded)
    chosen = _filters(filters, loaded, analysis, pairs, data_dir, seed)
    with counting_progress(console(stderr=True), "reading n-grams") as watch:
        result = extract_rules(
            loaded,
            analysis,
            filters=chosen,
            gold=gold_of_analysis(loaded, analysis, data_dir),
            share=share,
            support=support,
            fidelity=fidelity,
            only_negators=filters == "negation",
            watch=watch,
        )
    check = None
    if other is not None:
        check = check_rules(result, loaded, other, gold=gold_of_analysis(loaded, other, data_dir))
    answer = {**result.to_dict(), "held_out": check and check.to_dict()}
    if file is not None:
        content = {
            "json": lambda: json.dumps(answer, ensure_ascii=False, indent=1) + "\n",
            "csv": result.to_csv,
            "spacy": result.to_spacy,
        }[form or "json"]()
        write_whole(file, lambda path: path.write_text(content, encoding="utf-8"))
    show(as_json, answer, lambda: rules_view(result, check, top=top))


def _filters(
    filters: str,
    model: Model,
    analysis: CorpusConductance,
    pairs: str | None,
    data_dir: Path | None,
    seed: int,
) -> list[int] | None:
    """The filters that an option names; None for all."""
    from textcond.analysis.negation.pipeline import negation_filters, pairs_of

    if filters == "all":
        return None
    if filters == "negation":
        asked, _ = named_pairs(pairs, model, analysis, data_dir)
        found, _ = pairs_of(model, analysis, asked, data_dir=data_dir, seed=seed)
        return negation_filters(model, analysis, found, seed=seed)
    try:
        return [int(number) for number in filters.split(",")]
    except ValueError:
        raise AnalysisError(
            f"`filters` is {filters!r}; it can be all, negation, or numbers like 12,200."
        ) from None
