"""Commands that show what filters do: one on a card, all on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textcond.commands.common import (
    AnalysisFolder,
    AsJson,
    DataDir,
    ModelOfAnalysis,
    Pairs,
    Seed,
    check_place,
    console,
    model_of,
    named_pairs,
    note_labels,
    show,
)
from textcond.errors import AnalysisError


def card(
    filter: Annotated[int, typer.Argument(metavar="FILTER", help="Its number, from 0.")],
    folder: Annotated[
        Path, typer.Option("--analysis", help="A folder that `textcond analyze` wrote.")
    ],
    model: ModelOfAnalysis = None,
    top: Annotated[int, typer.Option(min=1, help="How many sentences to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """What one filter does: its words, its sentences, its effect."""
    from textcond.analysis.filter_cards import make_cards
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.report.terminal_analyses import card_view

    analysis = CorpusConductance.open(folder)
    (made,) = make_cards(model_of(analysis, model), analysis, [filter], top=top)
    answer = {"analysis": analysis.summary(), **made.to_dict()}
    show(as_json, answer, lambda: card_view(made))


def report(
    folder: AnalysisFolder,
    file: Annotated[
        Path | None, typer.Option("--out", help="The page; else report.html in DIR.")
    ] = None,
    pairs: Pairs = None,
    data_dir: DataDir = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Another analysis, to check the rules on.")
    ] = None,
    model: ModelOfAnalysis = None,
    seed: Seed = 0,
) -> None:
    """One HTML page: the division of labour, negation, rules, cards. It needs no network."""
    from textcond.analysis.negation.pipeline import pairs_of
    from textcond.analysis.polarity.sides import gold_of_analysis
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.disk import write_whole
    from textcond.report.html_report import render, study
    from textcond.report.terminal_progress import staged_progress

    analysis = CorpusConductance.open(folder)
    place = file or folder / "report.html"
    check_place(place)
    if place.suffix.lower() not in (".html", ".htm"):
        raise AnalysisError(f"The report is an HTML page, but `--out` is {place}; end it in .html.")
    other = None if held_out is None else CorpusConductance.open(held_out)
    note_labels(analysis, data_dir)
    loaded = model_of(analysis, model)
    if other is not None:
        other.check_model(loaded)
    asked, _ = named_pairs(pairs, loaded, analysis, data_dir)
    found, apart = pairs_of(loaded, analysis, asked, data_dir=data_dir, seed=seed)
    labels = gold_of_analysis(loaded, analysis, data_dir)
    checked = None if other is None else (other, gold_of_analysis(loaded, other, data_dir))
    with staged_progress(console(stderr=True)) as watch:
        page = render(
            study(
                loaded,
                analysis,
                found,
                apart,
                gold=labels,
                held_out=checked,
                seed=seed,
                watch=watch,
            )
        )
    write_whole(place, lambda path: path.write_text(page, encoding="utf-8"))
    console().print(f"The report is in {place}.")
