"""One HTML page that opens by itself: no network, and its tables and figures without scripts."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from textcond.analysis.filter_cards import FilterCard
from textcond.analysis.negation.pipeline import Negation, SideOfNegation
from textcond.analysis.polarity.division import Division
from textcond.analysis.rules.evaluation import RuleCheck
from textcond.analysis.rules.rule_set import RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.model.outputs import MARGIN
from textcond.report.explained_figures import MEANINGS, lines
from textcond.report.figures import causes_figure, curve_figure, division_figure, svg_of
from textcond.report.terminal_analyses import (
    card_figures,
    causes_figures,
    check_figures,
    division_figures,
    rules_figures,
)

SHOWN_RULES = 500
SHOWN_FILTERS = 12
"""Of each side of the negation, and more if more are found."""


@dataclass(frozen=True, slots=True)
class Study:
    """All that the page shows."""

    division: Division
    negation: Negation
    rules: RuleSet
    check: RuleCheck | None
    """Of the rules on another corpus."""
    cards: tuple[FilterCard, ...]


def render(study: Study) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    # Jinja's own `capitalize` would make small letters of the rest, which may be a class's name.
    environment.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]
    template = files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        summary=study.division.analysis.summary(),
        score=_score_in_words(study.division.analysis),
        division={
            "figures": lines(division_figures(study.division)),
            "image": _image(division_figure(study.division)),
        },
        sides=[_side(side) for side in study.negation.sides],
        rules=_rules(study.rules, study.check),
        cards=[_card(card) for card in study.cards],
        carded={card.filter for card in study.cards},
        meanings=[(name, MEANINGS[name]) for name in card_figures(study.cards[0])],
    )


def _side(side: SideOfNegation) -> dict[str, Any]:
    shown = max(SHOWN_FILTERS, len(side.filters.found))
    return {
        "filters": side.filters,
        "rows": side.filters.filters[:shown],
        "evidence": side.filters.evidence_names,
        "retrieval": side.retrieval,
        "figures": lines(causes_figures(side.causes)),
        "note": side.causes.note,
        "image": _image(causes_figure(side.causes)) if side.causes.drawn_removed else None,
        "example": {"positive": "not good", "negative": "not bad"}.get(side.filters.negated),
    }


def _score_in_words(analysis: CorpusConductance) -> str:
    manifest = analysis.manifest
    rises, falls = manifest.poles
    if manifest.target == MARGIN:
        score = f"the margin, {rises} less {falls}"
    elif manifest.target == rises:
        score = f"that of {rises}"
    elif manifest.target == f"{rises}:{falls}":
        score = f"that of {rises} less that of {falls}"
    else:
        score = f"that of {rises} less that of all other classes"
    return f"{score}, as a {manifest.output}"


def _rules(rules: RuleSet, check: RuleCheck | None) -> dict[str, Any]:
    return {
        "figures": lines(rules_figures(rules)),
        "check": None if check is None else (check.data, lines(check_figures(check))),
        "rows": rules.rules[:SHOWN_RULES] or rules.nearest,
        "note": rules.note,
        "more": len(rules.rules[SHOWN_RULES:]),
        "image": None if check is None else _image(curve_figure(check)),
    }


def _card(card: FilterCard) -> dict[str, Any]:
    direction = -1 if card.polarity == "negative" else 1
    return {**asdict(card), "figures": lines(card_figures(card)), "direction": direction}


def _image(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg_of(figure)).decode()
