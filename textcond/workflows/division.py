"""The division of labour, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from textcond.progress import Watch, counting
from textcond.workflows.declaration import Analysis
from textcond.workflows.options import Option, check_limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from textcond.analysis.polarity.division import Division
    from textcond.workflows.places import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionRequest:
    """The signs of conductance, and the clusters of filters and sentences that they make."""

    threshold: Annotated[float, Option("Conductance up to this amount counts as 0.", least=0)] = (
        0.01
    )
    relative: Annotated[
        bool,
        Option("The threshold is a share of the mean distance of the scores from the baseline's."),
    ] = False
    clusters: Annotated[
        int | None, Option("How many clusters; else as many as fit best.", least=1)
    ] = None
    draws: Annotated[
        int,
        Option("Draws of the bootstrap, which tells how sure the signs are.", least=0, most=10_000),
    ] = 100
    seed: Annotated[int, Option("Random seed.", least=0, most=10**9)] = 0

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True, slots=True)
class DivisionAnswer:
    division: Division

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; every filter has its role."""
        return self.division.to_dict()


def run(request: DivisionRequest, subject: Subject, watch: Watch) -> DivisionAnswer:
    """The division of labour; raises what `divide` does."""
    from textcond.analysis.polarity.division import divide

    return DivisionAnswer(
        divide(
            subject.analysis,
            threshold=request.threshold,
            relative=request.relative,
            clusters=request.clusters,
            draws=request.draws,
            seed=request.seed,
            watch=counting(watch, "division of labour", "sentences"),
        )
    )


def view(answer: DivisionAnswer, top: int) -> RenderableType:
    from textcond.report.terminal_analyses import division_view

    return division_view(answer.division)


def draw(answer: DivisionAnswer) -> Figure:
    from textcond.report.figures import division_figure

    return division_figure(answer.division)


DIVISION = Analysis(
    name="division",
    plural="divisions",
    summary="The division of labour: which filters work for which side.",
    request=DivisionRequest,
    run=run,
    view=view,
    examples=({}, {"threshold": 0.05, "relative": True}),
    draw=draw,
    reads_model=False,
)
