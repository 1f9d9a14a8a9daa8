"""The papers' studies, one or all of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from textcond.commands.common import AsJson, console, fail, show
from textcond.errors import CorpusError, StudyError
from textcond.progress import Step, Watch


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="ablation, flip, division, negation, questions, selection, experts, removal, "
            "axioms, faithfulness, images, or all."
        ),
    ],
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The folder of SST's trees, or its zip; else data/sst if it is there."),
    ] = None,
    questions_dir: Annotated[
        Path | None,
        typer.Option(
            help="The folder of WikiTableQuestions' tsv files, or their zip; else "
            "data/wikitablequestions if it is there."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where RESULTS.md and results/ are written.")] = Path(
        "docs"
    ),
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=10**9,
            help="Random seed. On one machine the same seed gives the same figures.",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure the papers' tables and figures again, ours beside theirs."""
    from textcond.report.terminal import outcomes_view
    from textcond.report.terminal_progress import progress
    from textcond.studies import STUDIES
    from textcond.studies.data_sources import Sources
    from textcond.studies.results import WITHOUT_SST, check_folder, run_study, write_outcome

    if name != "all" and name not in STUDIES:
        raise StudyError(f"There is no study {name!r}; there are {', '.join(STUDIES)}, and all.")
    check_folder(out)
    answers, left_out, names = {}, {}, STUDIES if name == "all" else (name,)
    try:
        for one in names:
            with progress(console(stderr=True)) as watch:
                sources = Sources(
                    sst=data_dir or _if_there(Path("data/sst")),
                    questions=questions_dir or _if_there(Path("data/wikitablequestions")),
                    seed=seed,
                    watch=partial(_tell, watch, one),
                )
                try:
                    outcome = run_study(one, sources)
                except (CorpusError, StudyError) as error:
                    if name != "all":
                        raise
                    left_out[one] = str(error)
                    continue
            if WITHOUT_SST in outcome.notes:
                console(stderr=True).print(f"{one}: {WITHOUT_SST}", soft_wrap=True)
            write_outcome(one, outcome, out, seed=seed)
            answers[one] = outcome.to_dict()
            if name == "all":
                console(stderr=True).print(f"{one}: done")
    except KeyboardInterrupt:
        fail(
            f"Stopped. The studies that were done are in {out}: {', '.join(answers) or 'none'}.",
            code=130,
        )
    show(
        as_json,
        {"studies": answers, "left_out": left_out},
        lambda: outcomes_view(answers, left_out, out),
    )


def _tell(watch: Watch, study: str, what: str, done: int, total: int) -> None:
    watch(Step(f"{study}: {what}", done, total))


def _if_there(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None
