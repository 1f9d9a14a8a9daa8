"""What is told about one text: the prediction, the words, the filters; and its JSON.

The command line and the service answer with the same dictionaries, made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import torch

from textcond.attribution.conductance import Conductance, conductances
from textcond.attribution.input_checks import (
    OnError,
    Text,
    as_list,
    as_written,
    check_is_model,
    first_of,
    only,
    tokens_of,
)
from textcond.attribution.prediction import Prediction
from textcond.errors import PatternError, TextError
from textcond.model.model import Model
from textcond.model.outputs import MARGIN


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """A text's prediction and the conductance behind it."""

    model: Model
    text: str
    conductance: Conductance

    @property
    def heads(self) -> dict[str, dict[str, float]]:
        """Logit and probability of every output."""
        return self._predicted.heads

    @property
    def prediction(self) -> str:
        """The output with the greatest logit: for the two heads, the sign of the margin."""
        return self._predicted.prediction

    @property
    def warning(self) -> str:
        """Why the answer should not be trusted; empty if there is no such reason."""
        return self._predicted.warning

    @property
    def _predicted(self) -> Prediction:
        result = self.conductance
        return Prediction(self.model, self.text, result.tokens, result.unknown, result.logits)

    def ranked(self) -> list[int]:
        """All filters, the greatest absolute conductance first."""
        return self.conductance.by_filter.abs().argsort(descending=True, stable=True).tolist()

    def to_dict(self, *, top: int = 10) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` filters of it, all of them with 0."""
        filters = first_of(self.ranked(), top)
        return {
            **_heading(self),
            **self._predicted.summary(),
            "score": self.conductance.score,
            "baseline_score": self.conductance.baseline_score,
            "delta": self.conductance.delta,
            "token_attributions": self.conductance.by_token.tolist(),
            "filters": _filter_rows(self, filters),
        }


@dataclass(frozen=True, slots=True)
class FilterMatch:
    """A filter's response to a pattern inside a text."""

    filter: int
    pattern_conductance: float
    """The part of the filter's conductance that comes from the pattern's words."""
    share: float
    """That part among the absolute amounts of all words: 1 if all of the filter's conductance
    comes from the pattern, -1 if all of it does and lowers the score."""


@dataclass(frozen=True, slots=True)
class PatternQuery:
    """The filters that respond to a pattern, best first."""

    explanation: Explanation
    pattern: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    """Where the pattern stands, as half-open ranges of tokens."""
    matches: tuple[FilterMatch, ...]

    def to_dict(self, *, top: int = 10) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; `top` filters of it, all of them with 0."""
        shown = first_of(self.matches, top)
        rows = _filter_rows(self.explanation, [match.filter for match in shown])
        return {
            **_heading(self.explanation),
            "pattern": list(self.pattern),
            "spans": [list(span) for span in self.spans],
            "score": self.explanation.conductance.score,
            "baseline_score": self.explanation.conductance.baseline_score,
            "delta": self.explanation.conductance.delta,
            "filters": [
                {
                    **row,
                    "pattern_conductance": match.pattern_conductance,
                    "share": match.share,
                }
                for match, row in zip(shown, rows, strict=True)
            ],
        }


def explain(
    model: Model, text: Text, *, target: str = MARGIN, output: str = "logit"
) -> Explanation:
    """Predict and explain one text, as `explain_all` does."""
    return only(explain_all(model, [text], target=target, output=output, on_error="return"))


@overload
def explain_all(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    on_error: Literal["raise"] = "raise",
) -> list[Explanation]: ...


@overload
def explain_all(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    on_error: OnError,
) -> list[Explanation | TextError]: ...


def explain_all(
    model: Model,
    texts: Iterable[Any],
    *,
    target: str = MARGIN,
    output: str = "logit",
    on_error: OnError = "raise",
) -> list[Explanation] | list[Explanation | TextError]:
    """Predict and explain many texts; raises what `conductances` does.

    For a text that cannot be read the `TextError` names its index; with `on_error` "return" it
    stands in the place of the result, and the other texts are explained.
    """
    check_is_model(model)
    texts = as_list(texts)
    results = conductances(model, texts, target=target, output=output, on_error=on_error)
    return [
        result if isinstance(result, TextError) else Explanation(model, as_written(text), result)
        for text, result in zip(texts, results, strict=True)
    ]


def query_filters(
    model: Model,
    text: Text,
    pattern: Text,
    *,
    target: str = MARGIN,
    output: str = "logit",
) -> PatternQuery:
    """The filters that respond to a pattern inside a text.

    A filter responds to the pattern when its winning window covers one place where it stands
    (if the pattern is wider than the filter: when it lies inside), all the pattern's words there
    push the score the same way, and more than half of what the filter's words give comes from
    the pattern. Such filters come by the conductance that the pattern gives them: high
    conductance with high attribution to the pattern (Dhamdhere et al. 2019, §6.3). Raises
    `PatternError` if the pattern is not in the text, and what `conductance` does.
    """
    explanation = explain(model, text, target=target, output=output)
    result = explanation.conductance
    try:
        words = tokens_of(model, pattern)
    except TextError as error:
        raise PatternError(f"{error}".replace("`text`", "`pattern`", 1)) from error
    spans = _find(words, result.tokens)
    inside = torch.zeros(len(result.tokens), dtype=torch.bool)
    for start, end in spans:
        inside[start:end] = True
    pattern_conductance = result.values[inside].sum(dim=0)
    amounts = result.values.abs().sum(dim=0)
    shares = torch.where(amounts > 0, pattern_conductance / amounts, 0.0)
    matches = [
        FilterMatch(filter, float(pattern_conductance[filter]), float(shares[filter]))
        for filter in pattern_conductance.abs().argsort(descending=True, stable=True).tolist()
        if abs(shares[filter]) > 0.5 and any(_reads(explanation, filter, span) for span in spans)
    ]
    return PatternQuery(explanation, words, spans, tuple(matches))


def _find(pattern: Sequence[str], tokens: Sequence[str]) -> tuple[tuple[int, int], ...]:
    wanted, words = [[t.lower() for t in part] for part in (pattern, tokens)]
    size = len(wanted)
    starts = [i for i in range(len(words) - size + 1) if words[i : i + size] == wanted]
    if not starts:
        raise PatternError(
            f"`pattern` {' '.join(pattern)!r} is not in the text; its tokens are: "
            f"{' '.join(tokens[:40])}{' ...' if len(tokens) > 40 else ''}."
        )
    return tuple((start, start + size) for start in starts)


def _reads(explanation: Explanation, filter: int, span: tuple[int, int]) -> bool:
    """Whether the filter's window holds the span and its words push one way there."""
    start, end = explanation.conductance.windows[filter]
    if explanation.model.network.shape.width(filter) < span[1] - span[0]:
        covers = span[0] <= start and end <= span[1]
    else:
        covers = start <= span[0] and span[1] <= end
    parts = explanation.conductance.values[max(start, span[0]) : min(end, span[1]), filter]
    parts = parts[parts != 0]  # an unknown word pushes neither way
    return covers and len(parts) > 0 and bool((parts > 0).all() or (parts < 0).all())


def _heading(explanation: Explanation) -> dict[str, Any]:
    result = explanation.conductance
    return {
        "model": explanation.model.name,
        "model_hash": explanation.model.hash,
        "text": explanation.text,
        "tokens": list(result.tokens),
        "unknown": list(result.unknown),
        "target": result.quantity.target,
        "output": result.quantity.output,
    }


def _filter_rows(explanation: Explanation, filters: Sequence[int]) -> list[dict[str, Any]]:
    result, widths = explanation.conductance, explanation.model.network.shape.filter_widths
    values = result.values[:, list(filters)]  # (tokens, shown filters)
    columns = zip(filters, values.sum(dim=0).tolist(), values.T.tolist(), strict=True)
    return [
        {
            "filter": filter,
            "width": widths[filter],
            "conductance": conductance,
            "window": list(result.windows[filter]),
            "ngram": " ".join(result.ngram(filter)),
            "tokens": tokens,
        }
        for filter, conductance, tokens in columns
    ]
