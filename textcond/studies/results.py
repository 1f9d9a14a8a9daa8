"""`docs/RESULTS.md` and `docs/results/`: what the studies found, one section a study.

The document is made of the JSON files alone, so that one study changes nothing of another's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from textcond.disk import write_whole
from textcond.errors import StudyError
from textcond.model.model_card import markdown_table
from textcond.report.figures import save_figure
from textcond.studies import ON_SENTENCES, STUDIES
from textcond.studies.claims import Outcome
from textcond.studies.data_sources import Sources

DOCUMENT, FOLDER = "RESULTS.md", "results"
WITHOUT_SST = (
    "The treebank is not here, so this is about rotten-tomatoes; for the papers' corpus unpack "
    "trainDevTestTrees_PTB.zip into data/sst, or give its folder with `--data-dir`."
)
_ABOUT = """\
# Results

What the papers report, measured again with this library, one section a study. C18 and C19 are
Dhamdhere, Sundararajan and Yan, "How Important Is a Neuron?", arXiv 2018 and ICLR 2019; L18 is
Leino, Sen, Datta, Fredrikson and Li, "Influence-Directed Explanations for Deep Convolutional
Networks", 2018. `textcond study all` measures everything and writes this file; `textcond study
NAME` rewrites one section. Every number is in `results/NAME.json`; on one machine one seed gives
one file. A verdict is decided by the figures, by a rule in the study's module: reproduced,
reproduced in direction, not reproduced, or that the papers have no figure to meet.
"""


def check_folder(out: Path) -> None:
    """Raise `StudyError` for a place that could not be written to, before the work for it."""
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise StudyError(
            f"{out} is not a folder, or {FOLDER} in it is not; choose another `--out`."
        ) from None
    if (out / DOCUMENT).is_dir():
        raise StudyError(f"{out / DOCUMENT} is a folder; choose another `--out`.")
    render(out / FOLDER)


def run_study(name: str, sources: Sources) -> Outcome:
    """Measure; raises `StudyError` for a name that is none, and what the study does."""
    if name not in STUDIES:
        raise StudyError(f"There is no study {name!r}; there are {', '.join(STUDIES)}, and all.")
    outcome: Outcome = import_module(f"textcond.studies.{name}").run(sources)
    if sources.sst is None and name in ON_SENTENCES:
        return replace(outcome, notes=[*outcome.notes, WITHOUT_SST])
    return outcome


def write_outcome(name: str, outcome: Outcome, out: Path, *, seed: int) -> None:
    """Write the study's JSON and pictures, and the document anew."""
    study = import_module(f"textcond.studies.{name}")
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for picture_name, picture in outcome.pictures.items():
        save_figure(picture.figure, folder / f"{picture_name}.png")
    content = {
        "study": name,
        "title": study.TITLE,
        "source": study.SOURCE,
        "seed": seed,
        **outcome.to_dict(),
    }
    text = _flat_lists(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"
    write_whole(folder / f"{name}.json", lambda path: path.write_text(text, encoding="utf-8"))
    document = render(folder)
    write_whole(out / DOCUMENT, lambda path: path.write_text(document, encoding="utf-8"))
    for path in folder.glob(f"{name}*.png"):
        own = path.stem == name or path.stem.startswith(f"{name}-")
        if own and path.stem not in outcome.pictures:
            path.unlink()


def _flat_lists(text: str) -> str:
    """JSON with every list of numbers on one line."""
    return re.sub(
        r"\[\s+([-\d.,eE+\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text
    )


def render(folder: Path) -> str:
    """The document of all results that are there."""
    found = [folder / f"{name}.json" for name in STUDIES]
    results = [_read(path) for path in found if path.is_file()]
    rows = [
        (
            f"[{one['study']}](#{one['study']})"
            + (" on rotten-tomatoes" if WITHOUT_SST in one["notes"] else ""),
            finding["claim"],
            finding["paper"],
            finding["ours"],
            finding["verdict"],
        )
        for one in results
        for finding in one["findings"]
    ]
    summary = _table(("study", "claim", "paper", "here", "verdict"), rows)
    return "\n".join([_ABOUT, summary, "", *map(_section, results)])


def _read(path: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _section(result)
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{path} is not what a study wrote ({type(error).__name__}); remove it."
        ) from error
    return result


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells may hold bars."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    return markdown_table(escaped[0], escaped[1:])


def _section(result: Mapping[str, Any]) -> str:
    name = result["study"]
    parts = [
        f"## {name}",
        f"{result['title']} ({result['source']}). Measured on {result['data']}.",
        f"    textcond study {name}" + (f" --seed {result['seed']}" if result["seed"] else ""),
        *(_finding(finding) for finding in result["findings"]),
        *(
            f"{table['title']}\n\n{_table(table['head'], table['rows'])}"
            for table in result["tables"]
        ),
        *result["notes"],
        *(
            f"![{caption}]({FOLDER}/{picture}.png)\n\n*{caption}*"
            for picture, caption in result["pictures"].items()
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _finding(finding: Mapping[str, str]) -> str:
    reason = f" {finding['reason']}" if finding["reason"] else ""
    return (
        f"- **{finding['verdict']}**: {finding['claim']}. Paper: {finding['paper']}; "
        f"here: {finding['ours']}.{reason}"
    )
