"""What the commands share: their options, and how they print and fail."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textcond.errors import AnalysisError, TextError

if TYPE_CHECKING:
    from rich.console import Console

    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.corpora.file_rows import Layout

ModelName = Annotated[str, typer.Option("--model", help="A model's name, or its folder.")]
ModelOfAnalysis = Annotated[
    str | None,
    typer.Option(
        "--model", help="The model of the analysis, where it is not found by its name: its folder."
    ),
]
Target = Annotated[
    str,
    typer.Option(
        help="The score to explain: positive, negative or margin, their difference. In a model of "
        "other classes a class, one class against another (A:B) or against the rest (A:rest), or "
        "margin, the predicted class against the second most likely."
    ),
]
Output = Annotated[str, typer.Option(help="Read the score as a logit or as a probability.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Top = Annotated[int, typer.Option(min=0, help="How many filters; 0 for all.")]
Shown = Annotated[int, typer.Option("--top", min=0, help="How many rows to show; 0 for all.")]
DataDir = Annotated[
    Path | None, typer.Option(help="The folder of SST's trees or of the questions, or its zip.")
]
AnalysisFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that `textcond analyze` wrote.")
]
TextColumn = Annotated[str, typer.Option(help="The column of texts, where the corpus is a file.")]
LabelColumn = Annotated[str, typer.Option(help="The column of labels, where the corpus is a file.")]
PairsTextColumn = Annotated[
    str, typer.Option("--text-column", help="The column of texts, where the pairs are a file.")
]
PairsLabelColumn = Annotated[
    str, typer.Option("--label-column", help="The column of labels, where the pairs are a file.")
]
LabelMeanings = Annotated[
    str | None,
    typer.Option(
        help="What the labels of a file mean: 1=negative,2=negative,3=neutral,4=positive."
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Refuse a file with an empty text; by default such rows are left out."
    ),
]
TextArgument = Annotated[str, typer.Argument(help="The text; - reads it from standard input.")]


def fail(message: str, *, code: int) -> None:
    """End with one line on standard error."""
    # One line whatever the message quotes, and no control sequences from it.
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in message)
    print(f"textcond: {shown}", file=sys.stderr)
    raise SystemExit(code)


def read(text: str) -> str:
    """The text, or with `-` standard input; raises `TextError` for what is not UTF-8."""
    if text == "-":
        return decode(sys.stdin.buffer.read(), "Standard input")
    return decode(os.fsencode(text), "`text`")


def decode(content: bytes, name: str) -> str:
    """What was given as bytes; raises `TextError` for what is not UTF-8."""
    try:
        # utf-8-sig: some editors write a byte-order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{name} is not UTF-8: byte 0x{content[error.start]:02X} at position {error.start}; "
            "convert it, for instance with `iconv -f LATIN1 -t UTF-8`."
        ) from error


def show(as_json: bool, answer: dict[str, Any], view: Any) -> None:
    """Print the answer as JSON, or the view that is made of it for a person."""
    if as_json:
        plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
        print(json.dumps(answer, ensure_ascii=plain, indent=2, allow_nan=False))
    else:
        console().print(view(), soft_wrap=False)


def console(*, stderr: bool = False) -> Console:
    """A console that shows what the terminal can."""
    from rich.console import Console

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an ASCII terminal shows what it can
            stream.reconfigure(errors="backslashreplace")

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def check_place(file: Path | None) -> None:
    """Refuse a file that could not be written, before the work that it is for."""
    if file is None:
        return
    if file.is_dir():
        raise AnalysisError(f"{file} is a folder; give the name of a file.")
    if not file.parent.is_dir():
        raise AnalysisError(f"There is no folder {file.parent}; make it, or choose another file.")
    if not os.access(file.parent, os.W_OK):
        raise AnalysisError(f"Nothing can be written to {file.parent}; choose another file.")


def layout_of(
    text: str, label: str, labels: str | None, *, strict: bool, separator: str = ""
) -> Layout:
    """The layout of a file, as the options say it; notes go to standard error, each once."""
    from textcond.corpora.file_rows import Layout
    from textcond.corpora.label_reading import parse_meanings

    told: set[str] = set()

    def tell(note: str) -> None:
        if note not in told:
            console(stderr=True).print(note, soft_wrap=True)
        told.add(note)

    meanings = None if labels is None else parse_meanings(labels)
    return Layout(text, label, meanings, (), separator, strict, tell)


def note_labels(analysis: CorpusConductance, data_dir: Path | None) -> None:
    """Say what the labels are where they could be better."""
    if analysis.manifest.data.startswith("sst ") and data_dir is None:
        note = (
            "Without --data-dir, labels are those of sentences, and pairs are of rotten-tomatoes."
        )
        console(stderr=True).print(note)
