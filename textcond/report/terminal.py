"""Results in the terminal: coloured sentences and tables.

Blue pushes the score up and red pushes it down, as in the papers' figures; every colour has
its number beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from textcond.attribution.input_checks import first_of

if TYPE_CHECKING:  # each command imports what it needs, and no more
    from textcond.attribution.explanation import Explanation, PatternQuery
    from textcond.attribution.file_prediction import Predicted
    from textcond.attribution.quantity import Quantity

_SHOWN_TOKENS = 400
"""Longer texts are cut here in the terminal; `--json` gives them whole."""


def explanation_view(explanation: Explanation, *, top: int = 10) -> RenderableType:
    """The prediction, the coloured sentence, and the strongest filters."""
    result = explanation.conductance
    filters = first_of(explanation.ranked(), top)
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
    table = _filter_table("From the pattern", "Pattern's share", "Conductance")
    for match in first_of(query.matches, top):
        first, second, conductance, ngram = _filter_cells(explanation, match.filter)
        table.add_row(
            first,
            second,
            f"{match.pattern_conductance:+.3f}",
            f"{match.share:+.0%}",
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
        table.add_row(name.replace("_", " "), shown(value))
    return Group(Text(title, style="bold"), table)


def scores_view(title: str, figures: Mapping[str, Any]) -> RenderableType:
    """Accuracy beside the most frequent class's share, each class, and which is called which."""
    classes = figures["classes"]
    table = Table(box=None, header_style="bold")
    table.add_column("Class")
    for name in ("Texts", "Precision", "Recall", "F1"):
        table.add_column(name, justify="right")
    for name, scores in classes.items():
        row = (scores[key] for key in ("texts", "precision", "recall", "f1"))
        table.add_row(name, *map(shown, row))
    first = Text.assemble(
        (f"Accuracy {shown(figures['accuracy'])}", "bold"),
        f"; always answering the most frequent class would have {shown(figures['majority'])}.",
    )
    told = ("accuracy", "majority", "classes", "confusion")
    rest = Table(show_header=False, box=None)
    for name, value in figures.items():
        if name not in told:
            rest.add_row(_HEADS.get(name, name.replace("_", " ")), shown(value))
    parts: list[RenderableType] = [Text(title, style="bold"), first, "", table, ""]
    if figures["confusion"]:
        parts += [_confusion_table(figures), ""]
    return Group(*parts, rest)


def _confusion_table(figures: Mapping[str, Any]) -> Table:
    confusion = Table(box=None, header_style="bold")
    confusion.add_column("True class, by what is predicted")
    for name in figures["classes"]:
        confusion.add_column(name, justify="right")
    for name, row in zip(figures["classes"], figures["confusion"], strict=True):
        confusion.add_row(name, *map(shown, row))
    return confusion


_HEADS = {
    "positive_accuracy": "accuracy of the positive head, asked yes or no",
    "negative_accuracy": "accuracy of the negative head, asked yes or no",
    "margin_accuracy": "accuracy of the margin, positive and negative texts",
    "nothing_called": "share of the texts for which no label is predicted",
    "calibration_error": "expected calibration error: confidence against accuracy",
    "positive_calibration_error": "expected calibration error of the positive head",
    "negative_calibration_error": "expected calibration error of the negative head",
}


def shown(value: Any) -> str:
    """One figure as a reader wants it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def predicted_view(predicted: Predicted, out: Path) -> RenderableType:
    """How many rows of a file are called what, and how many could not be read."""
    table = Table(show_header=False, box=None)
    for name, count in predicted.calls.items():
        table.add_row(name, f"{count:,}")
    lines: list[RenderableType] = [f"{predicted.rows:,} rows are in {out}.", table]
    if predicted.problems:
        rows = "1 row" if predicted.problems == 1 else f"{predicted.problems:,} rows"
        lines.append(f"{rows} could not be read; the column `problem` says why.")
    if predicted.mostly_unknown:
        rows = "1 row" if predicted.mostly_unknown == 1 else f"{predicted.mostly_unknown:,} rows"
        lines.append(
            f"In {rows} a third of the words or more are not in the "
            "model's vocabulary: their answers rest on the other words alone."
        )
    return Group(*lines)


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


def outcomes_view(
    outcomes: Mapping[str, Mapping[str, Any]], left_out: Mapping[str, str], out: Path
) -> RenderableType:
    """What studies found: claims, figures and verdicts."""
    table = Table(box=None, header_style="bold")
    for name in ("Study", "Verdict", "Claim", "Paper", "Here"):
        table.add_column(name)
    for name, outcome in outcomes.items():
        for place, finding in enumerate(outcome["findings"]):
            table.add_row(
                name if place == 0 else "",
                *(finding[key] for key in ("verdict", "claim", "paper", "ours")),
            )
    missing = [Text(f"{name} was left out: {reason}") for name, reason in left_out.items()]
    places = [Text(f"Written: {out}/RESULTS.md and {out}/results.")] if outcomes else []
    return Group(*([table] if outcomes else []), *missing, *places)


def _head_lines(explanation: Explanation) -> list[Text]:
    model, result = explanation.model, explanation.conductance
    heads = [
        f"{name} {head['probability']:.3f} (logit {head['logit']:+.2f})"
        for name, head in explanation.heads.items()
    ]
    quantity = f"{result.quantity.target}, {reading_of(result.quantity)}"
    return [
        Text.assemble((explanation.prediction, "bold"), f"   {'   '.join(heads)}"),
        Text(
            f"{quantity}: {result.score:+.3f}, baseline: {result.baseline_score:+.3f}   "
            f"model {model.name} {model.hash}",
            style="dim",
        ),
        *([Text(explanation.warning, style="bold red")] if explanation.warning else []),
    ]


def reading_of(quantity: Quantity) -> str:
    """How a score reads the outputs, in words: a score of several outputs is a difference."""
    several = sum(weight != 0 for weight in quantity.weights) > 1
    plural = {"logit": "logits", "probability": "probabilities"}[quantity.output]
    return f"difference of {plural}" if several else quantity.output


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
    table.add_column("Winning n-gram, with what each word contributes")
    return table


def _filter_cells(explanation: Explanation, filter: int) -> tuple[str, str, str, _Words]:
    result = explanation.conductance
    start, end = result.windows[filter]
    parts = result.values[start:end, filter].tolist()
    amount = sum(map(abs, parts)) or 1.0
    ngram = [
        _word(token, part / amount, signed_share(part / amount))
        for token, part in zip(result.tokens[start:end], parts, strict=True)
    ]
    width = explanation.model.network.shape.width(filter)
    return str(filter), str(width), f"{float(result.by_filter[filter]):+.3f}", _Words(ngram)


def signed_share(share: float) -> str:
    """A share with its sign, in percent; one that rounds to 0 has none."""
    return f"{share:+.0%}" if round(100 * share) else "0%"


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
