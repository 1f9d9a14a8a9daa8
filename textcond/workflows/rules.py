"""Rule extraction, as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from textcond.errors import AnalysisError
from textcond.progress import Watch, counting
from textcond.workflows.declaration import Analysis, Form
from textcond.workflows.options import Option
from textcond.workflows.pairs import ExemplarRequest, check_exemplar, pairs_for, respond_to

if TYPE_CHECKING:
    from rich.console import RenderableType

    from textcond.analysis.rules.evaluation import RuleCheck
    from textcond.analysis.rules.rule_set import RuleSet
    from textcond.workflows.places import Subject

MOST_FILTERS = 4_096
Filters = Literal["all", "negation", "exemplar"] | tuple[int, ...]
_WORDS = ("all", "negation", "exemplar")


def parse_filters(text: str) -> Filters:
    """`all`, `negation`, `exemplar`, or numbers as in `12,200`."""
    if text in _WORDS:
        return text  # type: ignore[return-value]
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise AnalysisError(
            f"`filters` is {text!r}; it can be {', '.join(_WORDS)}, or numbers like 12,200."
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesRequest(ExemplarRequest):
    """Rules from the n-grams of filters."""

    filters: Annotated[
        Filters,
        Option(
            "Whose n-grams are read: those of all filters; of the negation filters, for rules with "
            "a negator; of those that respond to the exemplar, a text and a pattern in it; or of "
            "some, by their numbers.",
            parse=parse_filters,
            shown="all",
        ),
    ] = "all"
    held_out: Annotated[
        str | None, Option("Another analysis, to check the rules on.", names="analysis")
    ] = None
    share: Annotated[
        float,
        Option(
            "Share of all (sentence, filter) pairs to read, those of the highest conductance.",
            above=0,
            most=1,
        ),
    ] = 0.2
    support: Annotated[
        int,
        Option("Number of sentences in which a rule must match, at least.", least=1, most=10**6),
    ] = 3
    fidelity: Annotated[
        float,
        Option(
            "Share of the matches of a rule in which its words must push the score its way.",
            least=0,
            most=1,
        ),
    ] = 0.8

    def __post_init__(self) -> None:
        ExemplarRequest.__post_init__(self)
        if isinstance(self.filters, list):  # as JSON has it
            object.__setattr__(self, "filters", tuple(self.filters))
        if not self.filters or len(self.filters) > MOST_FILTERS:
            raise AnalysisError(f"`filters` names {len(self.filters)}; give 1 to {MOST_FILTERS:,}.")
        if (self.filters == "exemplar") != (self.exemplar is not None):
            raise AnalysisError(
                "`text` and `pattern` are for `filters` exemplar, which needs them."
            )


@dataclass(frozen=True, slots=True)
class RulesAnswer:
    rules: RuleSet
    check: RuleCheck | None
    """Of the rules on another analysis."""

    def to_dict(self, *, top: int = 0) -> dict[str, Any]:
        """Return a JSON-serializable dictionary; every rule is there."""
        return {**self.rules.to_dict(), "held_out": self.check and self.check.to_dict()}


def check(request: RulesRequest, subject: Subject) -> None:
    """Raise the error that the request's exemplar, filters or held-out analysis would cause."""
    subject.held_out(request.held_out)
    check_exemplar(request, subject)
    most = subject.analysis.filters
    if isinstance(request.filters, tuple) and not all(0 <= one < most for one in request.filters):
        raise AnalysisError(f"`filters` is {[*request.filters]}; give some of 0 to {most - 1}.")


def run(request: RulesRequest, subject: Subject, watch: Watch) -> RulesAnswer:
    """Rules, and a check of them on other text; raises what `extract_rules` does."""
    from textcond.analysis.polarity.sides import gold_of_analysis
    from textcond.analysis.rules.evaluation import check_rules
    from textcond.analysis.rules.extraction import extract_rules

    model, analysis, treebank = subject.model, subject.analysis, subject.places.treebank
    other = subject.held_out(request.held_out)
    rules = extract_rules(
        model,
        analysis,
        filters=_filters(request, subject),
        gold=gold_of_analysis(model, analysis, treebank),
        share=request.share,
        support=request.support,
        fidelity=request.fidelity,
        only_negators=request.filters == "negation",
        seed=request.seed,
        watch=counting(watch, "reading n-grams"),
    )
    if other is None:
        return RulesAnswer(rules, None)
    return RulesAnswer(
        rules, check_rules(rules, model, other, gold=gold_of_analysis(model, other, treebank))
    )


def _filters(request: RulesRequest, subject: Subject) -> list[int] | None:
    """The filters that a request names; None for all."""
    from textcond.analysis.negation.pipeline import negation_filters

    if request.filters == "all":
        return None
    if request.filters == "negation":
        pairs = pairs_for(request, subject)
        return negation_filters(
            subject.model, subject.analysis, pairs.found_with, seed=request.seed
        )
    if request.filters == "exemplar":
        matches = respond_to(request, subject).matches
        if not matches:
            raise AnalysisError(
                f"No filter responds to {request.pattern!r} in that text; give another `text` or "
                "`pattern`."
            )
        return [match.filter for match in matches]
    return [int(filter) for filter in request.filters]


def view(answer: RulesAnswer, top: int) -> RenderableType:
    from textcond.report.terminal_analyses import rules_view

    return rules_view(answer.rules, answer.check, top=top)


def _csv(answer: Mapping[str, Any]) -> str:
    from textcond.analysis.rules.rule_set import RuleSet

    return RuleSet.from_dict(answer).to_csv()


def _spacy(answer: Mapping[str, Any]) -> str:
    from textcond.analysis.rules.rule_set import RuleSet

    return RuleSet.from_dict(answer).to_spacy()


RULES = Analysis(
    name="rules",
    plural="rules",
    summary="Rules: which words, in which order, push the score which way.",
    request=RulesRequest,
    run=run,
    view=view,
    check=check,
    examples=(
        {"filters": "negation"},
        {"filters": "exemplar", "text": "this is not good", "pattern": "not good"},
    ),
    forms={
        "csv": Form("csv", "text/csv", _csv),
        "spacy": Form("jsonl", "application/x-ndjson", _spacy),
    },
    rows=20,
)
