"""One HTML page that opens by itself: no network, and its tables and figures without scripts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from datasets import Dataset
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from textcond.analysis.filter_cards import FilterCard, make_cards
from textcond.analysis.negation.pipeline import Negation, SideOfNegation, find_negation
from textcond.analysis.polarity.division import Division, divide
from textcond.analysis.rules.evaluation import RuleCheck, check_rules
from textcond.analysis.rules.extraction import extract_rules
from textcond.analysis.rules.rule_set import RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.gold_labels import Gold
from textcond.model.model import Model
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
BUSIEST = 8
"""Filters with the greatest mean conductance that get a card, beside the found ones."""

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Study:
    """All that the page shows."""

    division: Division
    negation: Negation
    rules: RuleSet
    check: RuleCheck | None
    """Of the rules on another corpus."""
    cards: tuple[FilterCard, ...]


def study(
    model: Model,
    analysis: CorpusConductance,
    pairs: Dataset,
    apart: Dataset,
    *,
    gold: Gold | None = None,
    held_out: tuple[CorpusConductance, Gold | None] | None = None,
    seed: int = 0,
    watch: Watch = lambda stage, done, total: None,
) -> Study:
    """Every analysis with its defaults; the pairs are as for `find_negation`.

    With `held_out`, another analysis and its labels, the rules are checked there. `watch` is told
    the stage and how much of it is done. Raises what the analyses do.
    """
    analysis.check_model(model)

    def step(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: watch(stage, done, total)

    division = divide(analysis, seed=seed, watch=step("division of labour"))
    negation = find_negation(model, analysis, pairs, apart, seed=seed, watch=step("ablating"))
    rules, check = extract_rules(model, analysis, gold=gold, watch=step("reading n-grams")), None
    if rules.rules and held_out is not None:
        check = check_rules(rules, model, held_out[0], gold=held_out[1])
    found = [filter for side in negation.sides for filter in side.filters.found]
    busiest = sorted(division.roles, key=lambda role: -abs(role.mean))[:BUSIEST]
    wanted = list(dict.fromkeys([*found, *(role.filter for role in busiest)]))
    cards = make_cards(model, analysis, wanted, watch=step("filter cards"))
    return Study(division, negation, rules, check, tuple(cards))


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
