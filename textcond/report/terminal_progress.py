"""How far long work is, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from textcond.analysis.store.resume import Progress as AnalysisProgress
    from textcond.model.training.loop import Progress as TrainingProgress


@contextmanager
def training_progress(console: Console) -> Iterator[Callable[[TrainingProgress], None]]:
    """A bar with loss, dev accuracy and time left; a line an epoch where there is no terminal."""
    with _bar(console) as bar:
        task = bar.add_task("reading the corpus", total=None, figures="")

        def watch(progress: TrainingProgress) -> None:
            dev = "" if progress.dev_accuracy is None else f"  dev {progress.dev_accuracy:.4f}"
            epoch = f"{progress.stage}, epoch {progress.epoch}/{progress.epochs}"
            figures = f"loss {progress.loss:.4f}{dev}  {_clock(progress.seconds_left)} left"
            bar.update(
                task,
                description=epoch,
                completed=progress.batches_done,
                total=progress.batches,
                figures=figures,
            )
            if not console.is_terminal and progress.ends_epoch:
                console.print(f"{epoch}  {figures}")

        yield watch


@contextmanager
def analysis_progress(console: Console) -> Iterator[Callable[[AnalysisProgress], None]]:
    """A bar with sentences a second and time left."""
    with _bar(console) as bar:
        task = bar.add_task("analyzing", total=None, figures="")

        def watch(progress: AnalysisProgress) -> None:
            of = "" if progress.total is None else f" of {progress.total:,}"
            rate = f"  {progress.rate:,.0f} a second" if progress.rate else ""
            left = (
                "" if progress.seconds_left is None else f"  {_clock(progress.seconds_left)} left"
            )
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                figures=f"{progress.done:,}{of} sentences{rate}{left}",
            )

        yield watch


@contextmanager
def counting_progress(console: Console, name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work in steps."""
    with _bar(console) as bar:
        task = bar.add_task(name, total=None, figures="")

        def watch(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, figures=f"{done:,} of {total:,}")

        yield watch


@contextmanager
def staged_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for work in named stages, each in steps."""
    with _bar(console) as bar:
        task = bar.add_task("", total=None, figures="")

        def watch(stage: str, done: int, total: int) -> None:
            figures = f"{done:,} of {total:,}"
            bar.update(task, description=stage, completed=done, total=total, figures=figures)

        yield watch


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
