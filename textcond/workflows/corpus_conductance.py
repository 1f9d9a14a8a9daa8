"""The conductance of every filter for every sentence of a corpus, as it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from textcond.corpora.known_corpora import PARTS, TRAINING_NAMES
from textcond.errors import CorpusError
from textcond.progress import Step, Watch, nobody
from textcond.workflows.options import Option, check_limits

if TYPE_CHECKING:
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.analysis.store.resume import Progress
    from textcond.analysis.store.shards import Runner
    from textcond.corpora.file_rows import Layout
    from textcond.model.model import Model
    from textcond.workflows.places import Places, Source

DEFAULT_SPLIT = "dev+test"
TARGET = (
    "The score to explain: positive, negative or margin, their difference. In a model of other "
    "classes one class against the rest (A:rest) or against another (A:B), or a class alone. There "
    "margin stands for the first class against the rest, or for the first class alone if a text "
    "can have several."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductanceRequest:
    """The conductance of every filter for every sentence of a corpus."""

    model: Annotated[str, Option("A model's name.", names="model")] = "sst"
    corpus: Annotated[
        str,
        Option(f"One of {', '.join(TRAINING_NAMES)}, or a file.", names="corpus", flag="--data"),
    ] = "sst"
    split: Annotated[
        str | None,
        Option(
            f"Parts of the corpus: train, dev or test, or several; by default {DEFAULT_SPLIT}. A "
            "file has these parts if it has a column `split`; otherwise all of it is analyzed."
        ),
    ] = None
    target: Annotated[str, Option(TARGET, most=200)] = "margin"
    output: Annotated[
        Literal["logit", "probability"], Option("Read the score as a logit or as a probability.")
    ] = "logit"

    def __post_init__(self) -> None:
        check_limits(self)
        if self.split is None:
            return
        parts = self.split.split("+")
        if len(set(parts)) < len(parts) or not set(parts) <= {*PARTS}:
            raise CorpusError(
                f"`split` is {self.split!r}; it can be {', '.join(PARTS)}, or some of them as in "
                f"{DEFAULT_SPLIT}, each once."
            )


def analyze(
    request: ConductanceRequest,
    places: Places,
    out: Path,
    *,
    runner: Runner | None = None,
    watch: Watch = nobody,
) -> CorpusConductance:
    """Compute what `out` lacks, and open it; raises what `CorpusConductance.compute` does."""
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.analysis.store.shards import one_by_one
    from textcond.attribution.quantity import quantity_of
    from textcond.corpora.loading import open_corpus

    model = places.model(request.model)
    target = quantity_of(model, request.target, request.output).target
    if target != request.target:
        places.tell(
            f"The score is {target}: one score for all texts. `--target` takes another class, one "
            "against the rest (A:rest), or two classes (A:B)."
        )
    source = places.corpus(request.corpus)
    # Texts of other classes can be analyzed too.
    layout = read_for(source.layout, None if model.outputs.softmax else model)
    part = part_to_read(request.split, replace(source, layout=layout), places.tell)
    return CorpusConductance.compute(
        model,
        open_corpus(source.data, part or "", data_dir=source.data_dir, layout=layout),
        out,
        data=f"{Path(request.corpus).name} {part or ''}".rstrip(),
        target=target,
        output=request.output,
        runner=runner or one_by_one,
        watch=lambda progress: watch(_step(progress)),
    )


def part_to_read(
    split: str | None,
    source: Source,
    tell: Callable[[str], None],
    *,
    default: str = DEFAULT_SPLIT,
) -> str | None:
    """The parts of a corpus to read, or None where it has none.

    Which rows of a user's file are read, if not all, is told. Raises `CorpusError` for a `split` of
    a corpus that has no parts.
    """
    from textcond.corpora.loading import has_parts, is_file

    if has_parts(source.data, layout=source.layout):
        if split is None and is_file(source.data):
            tell(
                f"{source.data} has a column `split`: its {default.replace('+', ' and ')} rows are "
                "read. `--split train+dev+test` reads all."
            )
        return split or default
    if split is not None:
        raise CorpusError(f"`split` is {split!r}, but {source.data} has no parts; leave it out.")
    return None


def read_for(layout: Layout, model: Model | None) -> Layout:
    """The layout with which labels mean what they meant when the model was trained."""
    if model is None:
        return layout
    known = replace(layout, meanings=layout.meanings or model.details.get("labels"))
    if model.outputs.are_polarity:
        return known
    separator = layout.separator or model.details.get("separator") or ""
    return replace(known, names=model.outputs.names, separator=separator)


def _step(progress: Progress) -> Step:
    return Step(
        "conductance",
        progress.done,
        progress.total,
        "sentences",
        rate=progress.rate or None,
        seconds_left=progress.seconds_left,
    )
