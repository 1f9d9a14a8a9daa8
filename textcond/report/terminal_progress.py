"""How far long work is, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from textcond.progress import Step, Watch


@contextmanager
def progress(console: Console) -> Iterator[Watch]:
    """A bar with what is counted, what else there is to see, and the time left.

    Where there is no terminal, a line for each milestone.
    """
    with _bar(console) as bar:
        task = bar.add_task("reading", total=None, figures="")

        def watch(step: Step) -> None:
            figures = _figures(step)
            bar.update(
                task,
                description=step.stage,
                completed=step.done,
                total=step.total,
                figures=figures,
            )
            if not console.is_terminal and step.is_milestone:
                console.print(f"{step.stage}  {figures}")

        yield watch


def _figures(step: Step) -> str:
    of = "" if step.total is None else f" of {step.total:,}"
    parts = [
        step.figures or f"{step.done:,}{of} {step.unit}".rstrip(),
        f"{step.rate:,.0f} a second" if step.rate and not step.figures else "",
        "" if step.seconds_left is None else f"{_clock(step.seconds_left)} left",
    ]
    return "  ".join(filter(None, parts))


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
