"""Results in the terminal: coloured sentences, tables, a progress bar.

Blue pushes the score up and red pushes it down, as in the papers' figures; every colour has
its number beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # each command imports what it needs, and no more
    from collections.abc import Callable

    from textcond.analysis.corpus import Progress as AnalysisProgress
    from textcond.analysis.division import Division
    from textcond.attribution.explanation import Explanation, PatternQuery
    from textcond.model.training import Progress as TrainingProgress

_SHOWN_TOKENS = 400
"""Longer texts are cut here in the terminal; `--json` gives them whole."""


def explanation_view(explanation: Explanation, *, top: int = 10) -> RenderableType:
    """The prediction, the coloured sentence, and the strongest filters."""
    result = explanation.conductance
    filters = explanation.ranked()[: top or None]
    table = _filter_table("Conductance")
    for filter in filters:
        table.add_row(*_filter_cells(explanation, filter))
    kept = float(result.by_filter[filters].sum())
    note = (
        f"These {len(filters)} of {result.values.shape[1]} filters add up to {kept:+.3f} of "
        f"{result.score - result.baseline_score:+.3f}. Completeness error {result.delta:.1e}."
    )
    return Group(
        *_head_lines(explanation), "", *_sentence_lines(explanation), "", table, Text(note)
    )


def query_view(query: PatternQuery, *, top: int = 10) -> RenderableType:
    """The filters that respond to the pattern."""
    explanation = query.explanation
    pattern = " ".join(query.pattern)
    table = _filter_table("From the pattern", "Share", "Conductance")
    for match in query.matches[: top or None]:
        first, second, conductance, ngram = _filter_cells(explanation, match.filter)
        table.add_row(
            first,
            second,
            f"{match.pattern_conductance:+.3f}",
            f"{abs(match.share):.0%}",
            conductance,
            ngram,
        )
    found = f"{len(query.matches)} filters respond to "
    body: Sequence[RenderableType] = [table] if query.matches else []
    return Group(
        *_head_lines(explanation),
        "",
        *_sentence_lines(explanation),
        "",
        Text.assemble(found, (repr(pattern), "bold"), "."),
        *body,
        Text(f"Completeness error {explanation.conductance.delta:.1e}."),
    )


def figures_view(title: str, figures: Mapping[str, Any]) -> RenderableType:
    """Names and numbers in two columns."""
    table = Table(show_header=False, box=None)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), _shown(value))
    return Group(Text(title, style="bold"), table)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def division_view(division: Division) -> RenderableType:
    """The figures of the whole, and a row for each cluster of filters."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Cluster", "Filters", "Positive", "Negative", "Mean purity", "Mean activity"):
        table.add_column(name, justify="right")
    for cluster in range(1, max(role.cluster for role in division.roles) + 1):
        roles = [role for role in division.roles if role.cluster == cluster]
        table.add_row(
            str(cluster),
            str(len(roles)),
            str(sum(role.polarity == "positive" for role in roles)),
            str(sum(role.polarity == "negative" for role in roles)),
            f"{mean(role.purity or 0.0 for role in roles):.3f}",
            f"{mean(role.active for role in roles):.3f}",
        )
    manifest = division.analysis.manifest
    title = f"{manifest.model} ({manifest.model_hash}) on {manifest.data}"
    return Group(figures_view(title, division.summary()), "", table)


def models_view(models: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A row for each model."""
    table = Table(box=None, header_style="bold")
    for name in ("Name", "Trained on", "Dev", "Test", "Hash", "Folder"):
        table.add_column(name)
    for model in models:
        accuracies = (model["dev_accuracy"], model["test_accuracy"])
        shown = ["" if value is None else f"{value:.4f}" for value in accuracies]
        note = model["problem"] or model["folder"]
        table.add_row(model["name"], model["data"], *shown, model["hash"], note)
    return table


@contextmanager
def training_progress(console: Console) -> Iterator[Callable[[TrainingProgress], None]]:
    """A bar with loss, dev accuracy and time left; a line an epoch where there is no terminal."""
    figures = "{task.fields[figures]}"
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(figures),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
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
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
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
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _head_lines(explanation: Explanation) -> list[Text]:
    model, result = explanation.model, explanation.conductance
    heads = [
        f"{name} {head['probability']:.3f} (logit {head['logit']:+.2f})"
        for name, head in explanation.heads.items()
    ]
    quantity = f"{result.quantity.target} {result.quantity.output}"
    return [
        Text.assemble((explanation.prediction, "bold"), f"   {'   '.join(heads)}"),
        Text(
            f"{quantity} {result.score:+.3f}, baseline {result.baseline_score:+.3f}   "
            f"model {model.name} {model.hash}",
            style="dim",
        ),
    ]


def _sentence_lines(explanation: Explanation) -> list[RenderableType]:
    result = explanation.conductance
    values = result.by_token.tolist()
    strongest = max(map(abs, values)) or 1.0
    words = zip(result.tokens, result.unknown, values, strict=True)
    sentence = [
        _word(token, value / strongest, "unknown" if unknown else f"{value:+.2f}")
        for token, unknown, value in islice(words, _SHOWN_TOKENS)
    ]
    lines: list[RenderableType] = [Padding(_Words(sentence), (0, 2))]
    if len(values) > _SHOWN_TOKENS:
        lines.append(Text(f"... and {len(values) - _SHOWN_TOKENS:,} more tokens", style="dim"))
    return lines


def _filter_table(*numbers: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Filter", "Width", *numbers):
        table.add_column(name, justify="right")
    table.add_column("Winning n-gram, with each word's share")
    return table


def _filter_cells(explanation: Explanation, filter: int) -> tuple[str, str, str, _Words]:
    result = explanation.conductance
    start, end = result.windows[filter]
    parts = result.values[start:end, filter].tolist()
    amount = sum(map(abs, parts)) or 1.0
    ngram = [
        _word(token, part / amount, f"{part / amount:+.0%}")
        for token, part in zip(result.tokens[start:end], parts, strict=True)
    ]
    width = explanation.model.network.shape.width(filter)
    return str(filter), str(width), f"{float(result.by_filter[filter]):+.3f}", _Words(ngram)


def _word(token: str, strength: float, number: str) -> Text:
    return Text.assemble((f" {token} ", _shade(strength)), (f" {number}  ", "dim"))


@dataclass(frozen=True, slots=True)
class _Words:
    """Words with their numbers, wrapped between words and never inside one."""

    words: Sequence[Text]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        line = Text()
        for word in self.words:
            if line and line.cell_len + word.cell_len > options.max_width:
                yield line
                line = Text()
            line.append_text(word)
        yield line

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        lengths = [word.cell_len for word in self.words]
        return Measurement(max(lengths), sum(lengths)).clamp(max_width=options.max_width)


def _shade(strength: float) -> str:
    """A background from white to blue (up) or red (down); strength from -1 to 1."""
    pale = round(255 * (1 - min(abs(strength), 1.0) * 0.75))
    red, blue = (pale, 255) if strength >= 0 else (255, pale)
    return f"#000000 on rgb({red},{pale},{blue})"
