"""Commands about a corpus: compute conductance, then look at it. Each declared analysis is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textcond.commands.common import (
    AnalysisFolder,
    AsJson,
    DataDir,
    LabelColumn,
    LabelMeanings,
    ModelOfAnalysis,
    PairsLabelColumn,
    PairsTextColumn,
    Shown,
    Strict,
    TextColumn,
    check_place,
    console,
    fail,
    layout_of,
    note_labels,
    show,
)
from textcond.commands.local_places import LocalPlaces, subject_in
from textcond.commands.requests import Command, takes
from textcond.errors import AnalysisError, ClusterError
from textcond.workflows.corpus_conductance import ConductanceRequest
from textcond.workflows.declaration import Analysis

if TYPE_CHECKING:
    from textcond.analysis.store.shards import Runner


@takes(ConductanceRequest)
def analyze(
    out: Annotated[Path, typer.Option(help="The folder of the analysis.")],
    request: ConductanceRequest,
    data_dir: DataDir = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    labels: LabelMeanings = None,
    strict: Strict = False,
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
    from textcond.report.terminal import figures_view
    from textcond.report.terminal_progress import progress
    from textcond.workflows.corpus_conductance import analyze as compute

    layout = layout_of(text_column, label_column, labels, strict=strict)
    places = LocalPlaces(data_dir, layout)
    try:
        with ExitStack() as stack:
            runner: Runner | None = None
            if workers is not None or scheduler is not None:
                runner = stack.enter_context(_on_dask(scheduler, workers))
            watch = stack.enter_context(progress(console(stderr=True)))
            analysis = compute(request, places, out, runner=runner, watch=watch)
    except KeyboardInterrupt:
        fail("Stopped. What is done is kept: give the same command again to go on.", code=130)
    answer = {"out": str(out), **analysis.summary()}
    show(as_json, answer, lambda: figures_view(f"{analysis.manifest.data} in {out}", answer))


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


def command_of(analysis: Analysis) -> Command:
    """The command of a declared analysis: its request's options, and where its answer goes."""

    def run(
        folder: AnalysisFolder,
        request: Any,
        data_dir: DataDir = None,
        text_column: PairsTextColumn = "text",
        label_column: PairsLabelColumn = "label",
        model: ModelOfAnalysis = None,
        figure: Annotated[
            Path | None, typer.Option(help="Draw what was found: .svg, .pdf or .png.")
        ] = None,
        file: Annotated[
            Path | None, typer.Option("--out", help="Write what was found to this file.")
        ] = None,
        form: str | None = None,
        top: Shown = analysis.rows or 0,
        as_json: AsJson = False,
    ) -> None:
        from textcond.report.terminal_progress import progress

        _check_files(analysis, figure, file, form)
        places = LocalPlaces(data_dir, layout_of(text_column, label_column, None, strict=False))
        subject = subject_in(folder, places, model=model, reads_model=analysis.reads_model)
        if analysis.reads_model:
            note_labels(subject.analysis, data_dir)
        analysis.check(request, subject)
        with progress(console(stderr=True)) as watch:
            answer = analysis.run(request, subject, watch)
        if figure is not None and analysis.draw is not None:
            from textcond.report.figures import save_figure

            save_figure(analysis.draw(answer), figure)
        if file is not None:
            _write(file, form, analysis, answer.to_dict())
        shown = answer.to_dict(top=top) if as_json else {}
        show(as_json, shown, lambda: analysis.view(answer, top))

    run.__name__, run.__doc__ = analysis.name, analysis.summary
    known = ", ".join(["json", *analysis.forms])
    told = typer.Option(
        "--format",
        help=f"The format of the file: {known}. By default its ending decides, or it is json.",
    )
    run.__annotations__["form"] = Annotated[str | None, told]
    without = {
        name
        for name, is_there in (
            ("figure", analysis.draw),
            ("file", analysis.forms),
            ("form", analysis.forms),
            ("top", analysis.rows is not None),
            ("data_dir", analysis.reads_model),
            ("text_column", analysis.reads_model),
            ("label_column", analysis.reads_model),
            ("model", analysis.reads_model),
        )
        if not is_there
    }
    return takes(analysis.request, without=without)(run)


def _check_files(
    analysis: Analysis, figure: Path | None, file: Path | None, form: str | None
) -> None:
    """Refuse what could not be written, before the work that it is for."""
    check_place(figure)
    check_place(file)
    if figure is not None:
        from textcond.report.figures import check_ending

        check_ending(figure)
    forms = ("json", *analysis.forms)
    if form is not None and form not in forms:
        known = f"{', '.join(forms[:-1])} or {forms[-1]}"
        raise AnalysisError(f"`format` is {form!r}; it can be {known}.")
    if form is not None and file is None:
        raise AnalysisError("`format` is that of a file; name the file with `--out`.")


def _write(file: Path, form: str | None, analysis: Analysis, answer: dict[str, Any]) -> None:
    from textcond.disk import write_whole

    if form is None:
        endings = {f".{one.ending}": name for name, one in analysis.forms.items()}
        form = endings.get(file.suffix.lower())
    if form is not None and form in analysis.forms:
        content = analysis.forms[form].made_of(answer)
    else:
        content = json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    write_whole(file, lambda path: path.write_text(content, encoding="utf-8"))
