"""How well rules do on text that they were not made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from textcond.analysis.polarity.sides import sides_of_analysis
from textcond.analysis.rules.ngrams import token_values
from textcond.analysis.rules.patterns import Index, Match
from textcond.analysis.rules.rule_set import RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.gold_labels import Gold
from textcond.model.model import Model

_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The first rules of a set as a classifier."""

    rules: int
    agreement: float
    """Share of the texts that they and the network call the same."""
    accuracy: float | None
    """On the texts whose label is of one of the two sides; None without any."""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """A set of rules on another corpus."""

    data: str
    sentences: int
    matches: int
    fidelity: float | None
    """Share of the matches whose conductance has the rule's sign; None without a match."""
    precision: float | None
    """Share of the matches whose label is of one of the two sides, that is of the rule's."""
    neutral: float | None
    """Share of the labelled matches that are of neither side."""
    network_accuracy: float | None
    """Of the network itself on the labelled texts."""
    curve: tuple[CurvePoint, ...]

    @property
    def agreement(self) -> float:
        """With the network, of all rules."""
        return self.curve[-1].agreement

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {**asdict(self), "agreement": self.agreement}


class Met(NamedTuple):
    """A match of a rule in a corpus."""

    row: int
    given: float
    """The conductance of its words towards the first side, all filters together."""
    label: int | None
    """The gold label of its span: +1, -1, 0 for neither, or None."""


def check_rules(
    rules: RuleSet, model: Model, analysis: CorpusConductance, *, gold: Gold | None = None
) -> RuleCheck:
    """Match the rules with the sentences of an analysis, and classify these by the rules.

    The corpus is read a shard at a time. Raises `AnalysisError` if the analysis is of another
    model, or of another score than that which the rules were made of.
    """
    if {"target", "output"} <= rules.source.keys():
        analysis.check_score(rules.source["target"], rules.source["output"])
    network = np.zeros(len(analysis), bool)
    sides, _ = sides_of_analysis(model, analysis).of_labels(analysis)
    called = {count: np.zeros(len(analysis), bool) for count in _counts(len(rules.rules))}
    right, labels = [], []
    for block in _blocks(rules, model, analysis, gold):
        part = slice(block.first, block.first + len(block.index.texts))
        network[part] = block.called_first
        for count, first in called.items():
            first[part] = rules.scores(block.index, most=count) > 0
        for rule, matches in zip(rules.rules, block.matches, strict=True):
            for match in matches:
                right.append(rule.sign * match.given > 0)
                labels.append(None if match.label is None else rule.sign * match.label)
    labelled = sides != 0

    def share(first: np.ndarray) -> float | None:
        return float((first == (sides > 0))[labelled].mean()) if labelled.any() else None

    precision, neutral = precision_of(1, labels)
    return RuleCheck(
        data=analysis.manifest.data,
        sentences=len(analysis),
        matches=len(right),
        fidelity=float(np.mean(right)) if right else None,
        precision=precision,
        neutral=neutral,
        network_accuracy=share(network),
        curve=tuple(
            CurvePoint(count, float((first == network).mean()), share(first))
            for count, first in called.items()
        ),
    )


def measure_rules(
    rules: RuleSet, model: Model, analysis: CorpusConductance, *, gold: Gold | None = None
) -> RuleSet:
    """The same rules with what they do on a corpus, which is read a shard at a time.

    A rule's coverage, filters and examples stay as they are.
    """
    support, sentences, right = (np.zeros(len(rules.rules), np.int64) for _ in range(3))
    given = np.zeros(len(rules.rules))
    labels: list[Counter[int | None]] = [Counter() for _ in rules.rules]
    for block in _blocks(rules, model, analysis, gold):
        for place, (rule, matches) in enumerate(zip(rules.rules, block.matches, strict=True)):
            support[place] += len(matches)
            sentences[place] += len({match.row for match in matches})
            given[place] += sum(match.given for match in matches)
            right[place] += sum(rule.sign * match.given > 0 for match in matches)
            labels[place].update(match.label for match in matches)
    measured = []
    for place, rule in enumerate(rules.rules):
        precision, neutral = precision_of(rule.sign, labels[place].elements())
        measured.append(
            replace(
                rule,
                support=int(support[place]),
                sentences=int(sentences[place]),
                weight=float(given[place] / support[place]),
                fidelity=float(right[place] / support[place]),
                precision=precision,
                neutral=neutral,
            )
        )
    return replace(rules, rules=tuple(measured))


def precision_of(sign: int, labels: Iterable[int | None]) -> tuple[float | None, float | None]:
    """The share with this sign of the labels of either side; the share of labels of neither."""
    known = [label for label in labels if label is not None]
    polar = [label for label in known if label]
    precision = float(np.mean([label == sign for label in polar])) if polar else None
    return precision, 1 - len(polar) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class _Block:
    """A shard of an analysis, matched with rules."""

    first: int
    """Its first row."""
    index: Index
    called_first: Bool[np.ndarray, " sentences"]
    """Whether the network calls each sentence the first side."""
    matches: list[list[Met]]
    """Of each rule."""


def _blocks(
    rules: RuleSet, model: Model, analysis: CorpusConductance, gold: Gold | None
) -> Iterator[_Block]:
    sides = sides_of_analysis(model, analysis)
    for sentences in analysis.sentence_blocks():
        first = sentences[0].row
        index = Index(sentence.tokens for sentence in sentences)
        by_token: dict[int, np.ndarray] = {}
        called_first = np.zeros(len(sentences), bool)
        for row, values, _, logits in token_values(model, analysis, sentences):
            by_token[row] = sides.sense * values.sum(axis=1)
            called_first[row] = sides.calls_first(logits[None])[0]

        def met(match: Match, first: int = first, by_token: Any = by_token) -> Met:
            given = sum(float(by_token[match.row][place]) for place in match.places)
            label = None if gold is None else gold.polarity(first + match.row, match.span)
            return Met(first + match.row, given, label)

        found = [[met(match) for match in index.find(rule.pattern)] for rule in rules.rules]
        yield _Block(first, index, called_first, found)


def _counts(total: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... and all of them."""
    counts, scale = [], 1
    while scale < total:
        counts += [step * scale for step in _STEPS if step * scale < total]
        scale *= 10
    return [*counts, total]
