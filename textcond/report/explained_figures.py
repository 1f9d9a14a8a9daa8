"""The figures of the page: each with its number as a reader wants it, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from textcond.report.terminal import shown

MEANINGS = {
    # The division of labour
    "threshold": "conductance closer to 0 counts as neither raising nor lowering",
    "mean purity": "how often a filter pushes its usual way, of the sentences where it pushes",
    "pure filters": "filters whose purity is 95 % or more",
    "dead filters": "never push beyond the threshold",
    "filter clusters": "groups of filters with like signs",
    "sentence clusters": "groups of sentences with like signs",
    "stability": "of the filters' groups when sentences are drawn anew: 1 the same, 0 as by chance",
    "least certainty": "the least certain filter has its polarity in so many of the draws",
    # The causal check
    "filters ablated": "their output set to 0, all at once",
    "held-out pairs": "that the filters were not found with",
    "effect of the negator": "how far it moves the score on average, with all filters",
    "share of it removed": "the effect that is gone without these filters",
    "median of the draws": "the same for as many other filters, drawn at random",
    "draws that remove as much": "share of the draws, as much or more",
    "accuracy without negator": "on the plain words, with all filters",
    "accuracy when ablated": "on the plain words, without these filters",
    "predictions unchanged": "of the plain words, when the filters are ablated",
    # The rules
    "negators found": "by their effect, from the sentences alone",
    "matches": "places where a rule's words stand",
    "fidelity": "matches that push the way the rule says",
    "precision": "labelled matches whose label is the rule's, those of neither side left out",
    "neutral": "labelled matches whose label is of neither side",
    "agreement": "sentences that the rules alone and the network call the same",
    "network accuracy": "of the network itself on the labelled sentences",
    # The filters
    "width": "words that it sees at once",
    "side": "the side of the score that it usually pushes to",
    "purity": "sentences where it pushes that way, of those where it pushes",
    "active": "sentences where its conductance is beyond the threshold",
    "mean conductance": "over all sentences, in units of the score",
    "share of all conductance": "of the absolute conductance of all filters",
    "drop when ablated": "how far the score falls on average without it; below 0, it rises",
    "predictions changed": "sentences that the network calls otherwise without it",
    "similar filters": "whose conductance goes along most, with the correlation",
}
_SHARES = {
    *("mean purity", "pure filters", "least certainty"),
    *("share of it removed", "median of the draws", "draws that remove as much"),
    *("accuracy without negator", "accuracy when ablated", "predictions unchanged"),
    *("fidelity", "precision", "neutral", "agreement", "network accuracy"),
    *("purity", "active", "share of all conductance", "predictions changed"),
}


class Line(NamedTuple):
    """A figure as it stands on the page."""

    name: str
    value: str
    meaning: str


def lines(figures: Mapping[str, Any]) -> list[Line]:
    """Every figure with its words; shares in percent."""
    named = [(name.replace("_", " "), value) for name, value in figures.items()]
    return [Line(name, _number(name, value), _meaning(name)) for name, value in named]


def _meaning(name: str) -> str:
    is_side = name.startswith("filters for ")
    return "usually push the score to this side" if is_side else MEANINGS.get(name, "")


def _number(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return shown(value)
    return f"{100 * value:.1f} %" if name in _SHARES else f"{value:.3g}"
