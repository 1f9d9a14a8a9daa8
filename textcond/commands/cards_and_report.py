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
    PairsLabelColumn,
    PairsTextColumn,
    check_place,
    console,
    layout_of,
    note_labels,
    show,
)
from textcond.commands.local_places import LocalPlaces, subject_in
from textcond.commands.requests import takes
from textcond.errors import AnalysisError
from textcond.workflows.report import ReportRequest


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
    from textcond.report.terminal_analyses import card_view

    subject = subject_in(folder, LocalPlaces(), model=model)
    (made,) = make_cards(subject.model, subject.analysis, [filter], top=top)
    answer = {"analysis": subject.analysis.summary(), **made.to_dict()}
    show(as_json, answer, lambda: card_view(made))


@takes(ReportRequest)
def report(
    folder: AnalysisFolder,
    request: ReportRequest,
    file: Annotated[
        Path | None, typer.Option("--out", help="The page; else report.html in DIR.")
    ] = None,
    data_dir: DataDir = None,
    text_column: PairsTextColumn = "text",
    label_column: PairsLabelColumn = "label",
    model: ModelOfAnalysis = None,
) -> None:
    """One HTML page: the division of labour, negation, rules, cards. It needs no network."""
    from textcond.disk import write_whole
    from textcond.report.html_report import render
    from textcond.report.terminal_progress import progress
    from textcond.workflows.report import run

    place = file or folder / "report.html"
    check_place(file)
    if place.suffix.lower() not in (".html", ".htm"):
        raise AnalysisError(f"The report is an HTML page, but `--out` is {place}; end it in .html.")
    layout = layout_of(text_column, label_column, None, strict=False)
    subject = subject_in(folder, LocalPlaces(data_dir, layout), model=model)
    note_labels(subject.analysis, data_dir)
    with progress(console(stderr=True)) as watch:
        page = render(run(request, subject, watch))
    write_whole(place, lambda path: path.write_text(page, encoding="utf-8"))
    console().print(f"The report is in {place}.")
