"""All analyses with their defaults, for one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from textcond.progress import Watch, counting
from textcond.workflows import division, negation, rules
from textcond.workflows.division import DivisionRequest
from textcond.workflows.negation import NegationRequest
from textcond.workflows.options import Option
from textcond.workflows.pairs import PairsRequest
from textcond.workflows.rules import RulesRequest

if TYPE_CHECKING:
    from textcond.report.html_report import Study
    from textcond.workflows.places import Subject

BUSIEST = 8
"""Filters with the greatest mean conductance that get a card, beside the found ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest(PairsRequest):
    """One page of everything."""

    held_out: Annotated[
        str | None, Option("Another analysis, to check the rules on.", names="analysis")
    ] = None


def run(request: ReportRequest, subject: Subject, watch: Watch) -> Study:
    """The division of labour, negation, rules and cards; raises what they do."""
    from textcond.analysis.filter_cards import make_cards
    from textcond.report.html_report import Study

    seed, pairs = request.seed, request.pairs
    subject.held_out(request.held_out)  # is refused at once
    divided = division.run(DivisionRequest(seed=seed), subject, watch).division
    negated = negation.run(NegationRequest(seed=seed, pairs=pairs), subject, watch).negation
    extracted = rules.run(RulesRequest(seed=seed, held_out=request.held_out), subject, watch)
    found = [filter for side in negated.sides for filter in side.filters.found]
    busiest = sorted(divided.roles, key=lambda role: -abs(role.mean))[:BUSIEST]
    wanted = list(dict.fromkeys([*found, *(role.filter for role in busiest)]))
    cards = make_cards(
        subject.model, subject.analysis, wanted, watch=counting(watch, "filter cards")
    )
    check = extracted.check if extracted.rules.rules else None
    return Study(divided, negated, extracted.rules, check, tuple(cards))
