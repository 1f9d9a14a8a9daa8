"""Rule extraction: from the n-grams of filters to the few patterns that cover them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression

from textcond.analysis.polarity.sides import Sides, sides_of, sides_of_analysis
from textcond.analysis.rules.candidates import candidates, find_negators
from textcond.analysis.rules.evaluation import measure_rules, precision_of
from textcond.analysis.rules.ngrams import NGrams, collect_ngrams
from textcond.analysis.rules.patterns import Index, Match, Pattern
from textcond.analysis.rules.rule_set import Rule, RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.conductance import conductance_of_ids
from textcond.attribution.quantity import quantity_of
from textcond.corpora.gold_labels import Gold
from textcond.errors import AnalysisError
from textcond.model.model import Model

EXAMPLES = 3
NEAREST = 10
"""Patterns that are shown where none is a rule."""
MOST_SENTENCES = 10_000
"""Whose n-grams are held, some 50 KB each."""
NEGATOR_SHARE = 0.05
"""Of the (sentence, filter) pairs: the negators are found from the strongest n-grams."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A candidate on the corpus, and the strong n-grams that its matches stand in."""

    sign: int
    pattern: Pattern
    matches: list[Match]
    given: Float[np.ndarray, " matches"]
    covers: list[int]

    @property
    def fidelity(self) -> float:
        return float(np.mean(self.sign * self.given > 0))


def extract_rules(
    model: Model,
    analysis: CorpusConductance,
    *,
    filters: Sequence[int] | None = None,
    gold: Gold | None = None,
    share: float = 0.2,
    support: int = 3,
    fidelity: float = 0.8,
    only_negators: bool = False,
    seed: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> RuleSet:
    """Rules from the n-grams of some filters, or of all.

    `share` of the (sentence, filter) pairs with the highest conductance are read. A rule needs
    `support` sentences and `fidelity`, and with `only_negators` a negator. Of such patterns those
    are taken, one by one, that cover most conductance for their number of words, as long as each
    covers n-grams of `support` sentences that those before do not (greedy weighted set cover,
    Chvátal 1979).

    Of a corpus of more than `MOST_SENTENCES`, as many are read, drawn by `seed`; the rules found
    are then measured on all of it, but for the coverage. That there is no rule is a result too: its
    `note` says why, and `nearest` has what came nearest. Raises what `collect_ngrams` does.
    """
    if support < 1:
        raise AnalysisError(f"`support` is {support}; it must be at least 1.")
    if not 0 <= fidelity <= 1:
        raise AnalysisError(f"`fidelity` is {fidelity}; it must be from 0 to 1.")
    wanted = range(analysis.filters) if filters is None else filters
    if not wanted:
        note = "No negation filter was found, so there are no n-grams to extract rules from."
        return RuleSet((), (), 0.0, analysis.summary(), note=note)
    rows = analysis.draw(MOST_SENTENCES, np.random.default_rng(seed))
    found = collect_ngrams(model, analysis, wanted, share=share, rows=rows, watch=watch)
    alone = _scores_alone(model, analysis, found)
    negators = find_negators(found.strongest(NEGATOR_SHARE), alone)
    index = Index(found.texts)
    patterns = candidates(found, alone, negators, support=support)
    if only_negators:
        patterns = {one for one in patterns if has_negator(one[1], negators)}
    measured = _measure(index, found, patterns)
    fit = [
        one
        for one in measured
        if one.covers
        and len({match.row for match in one.matches}) >= support
        and one.fidelity >= fidelity
    ]
    chosen = _cover(fit, found, negators, support)
    sides = sides_of_analysis(model, analysis)

    def named(some: Sequence[_Measured]) -> tuple[Rule, ...]:
        return tuple(_rule(one, found, sides, gold, negators) for one in some)

    rules = RuleSet(
        rules=named(chosen),
        negators=tuple(sorted(negators)),
        bias=0.0,
        source=analysis.summary(),
    )
    if not chosen:
        with_negator = " with a negator" if only_negators else ""
        note = (
            f"No pattern{with_negator} has a fidelity of {fidelity:g} in {support} sentences; "
            "lower one of the two, or analyze more text."
        )
        return replace(rules, nearest=named(_nearest(measured, support, fidelity)), note=note)
    if len(rows) < len(analysis):
        rules = measure_rules(rules, model, analysis, gold=gold)
    return _with_bias(rules, found.texts, found.called_first)


def _nearest(measured: Sequence[_Measured], support: int, fidelity: float) -> list[_Measured]:
    """The patterns that lack least of the support or of the fidelity that a rule needs."""

    def lacks(one: _Measured) -> tuple[float, int]:
        sentences = len({match.row for match in one.matches})
        reached = min(sentences / support, 1) * (min(one.fidelity / fidelity, 1) if fidelity else 1)
        return -reached, -sentences

    return sorted((one for one in measured if one.matches), key=lacks)[:NEAREST]


def _scores_alone(model: Model, analysis: CorpusConductance, found: NGrams) -> dict[str, float]:
    """How far each word of a skeleton, as the whole text, moves the score to its first side."""
    words = sorted({word for ngram in found.ngrams for _, word in ngram.skeleton})
    quantity = quantity_of(model, analysis.manifest.target, analysis.manifest.output)
    result = conductance_of_ids(
        model.network, model.encode_all([[word] for word in words]), quantity
    )
    moved = sides_of(model, quantity).sense * (result.scores - result.baseline_score)
    return dict(zip(words, moved.tolist(), strict=True))


def _measure(
    index: Index, found: NGrams, patterns: Iterable[tuple[int, Pattern]]
) -> list[_Measured]:
    inside: dict[tuple[int, int], list[int]] = {}
    for number, ngram in enumerate(found.ngrams):
        inside.setdefault((ngram.row, ngram.sign), []).append(number)
    measured = []
    for sign, pattern in sorted(patterns, key=str):
        matches = index.find(pattern)
        given = np.array([found.given(match) for match in matches])
        covers = {
            number
            for match in matches
            for number in inside.get((match.row, sign), ())
            if found.ngrams[number].holds(match)
        }
        measured.append(_Measured(sign, pattern, matches, given, sorted(covers)))
    return measured


def _cover(
    measured: Sequence[_Measured], found: NGrams, negators: set[str], support: int
) -> list[_Measured]:
    """The greedy cover; a gain only falls, so the heap's top is looked at anew."""
    amounts = np.array([abs(ngram.conductance) for ngram in found.ngrams])
    rows = np.array([ngram.row for ngram in found.ngrams])
    left = np.ones(len(amounts), bool)
    costs = [_cost(one.pattern, negators) for one in measured]
    heap = [
        (-amounts[one.covers].sum() / cost, place)
        for place, (one, cost) in enumerate(zip(measured, costs, strict=True))
    ]
    heapq.heapify(heap)
    chosen = []
    while heap:
        _, place = heapq.heappop(heap)
        covers = np.array(measured[place].covers)
        new = covers[left[covers]]
        if len(np.unique(rows[new])) < support:
            continue
        gain = float(amounts[new].sum()) / costs[place]
        if heap and (-gain, place) > heap[0]:
            heapq.heappush(heap, (-gain, place))
            continue
        chosen.append(measured[place])
        left[new] = False
    return chosen


def has_negator(pattern: Pattern, negators: set[str]) -> bool:
    """Whether one of its places takes negators only."""
    return any(words <= negators for words in pattern.words)


def _cost(pattern: Pattern, negators: set[str]) -> int:
    """The words to remember; the negators are one."""
    return sum(1 if words == negators else len(words) for words in pattern.words)


def _rule(
    one: _Measured,
    found: NGrams,
    sides: Sides,
    gold: Gold | None,
    negators: set[str],
) -> Rule:
    by_filter: dict[int, float] = {}
    for number in one.covers:
        ngram = found.ngrams[number]
        by_filter[ngram.filter] = by_filter.get(ngram.filter, 0.0) + abs(ngram.conductance)
    labels = (
        []
        if gold is None
        else [gold.polarity(int(found.rows[match.row]), match.span) for match in one.matches]
    )
    precision, neutral = precision_of(one.sign, labels)
    rows = list(dict.fromkeys(match.row for match in one.matches))
    return Rule(
        pattern=one.pattern,
        sign=one.sign,
        towards=sides.names[0 if one.sign > 0 else 1],
        weight=float(one.given.mean()),
        support=len(one.matches),
        sentences=len(rows),
        fidelity=one.fidelity,
        precision=precision,
        neutral=neutral,
        coverage=sum(by_filter.values()) / found.total,
        negator=has_negator(one.pattern, negators),
        filters=tuple(sorted(by_filter, key=lambda number: -by_filter[number])),
        examples=tuple(found.sentences[row] for row in rows[:EXAMPLES]),
    )


def _with_bias(
    rules: RuleSet, texts: Sequence[Sequence[str]], called_first: Bool[np.ndarray, " texts"]
) -> RuleSet:
    """The same rules with the bias that divides the network's predictions best."""
    scores = rules.scores(texts)
    if called_first.all() or not called_first.any() or not scores.any():
        return rules
    fitted = LogisticRegression(C=1e6).fit(scores[:, None], called_first)
    slope = float(fitted.coef_[0, 0])
    bias = float(fitted.intercept_[0]) / slope if slope > 0 else 0.0
    return replace(rules, bias=bias)
