"""How well rules do on text that they were not made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from textcond.analysis.contrast import sense_of
from textcond.analysis.corpus import CorpusConductance
from textcond.analysis.ngrams import token_values
from textcond.analysis.patterns import Index
from textcond.analysis.rules import RuleSet
from textcond.attribution.quantity import quantity_of
from textcond.corpora.gold import Gold
from textcond.model.checkpoint import Model

_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The first rules of a set as a classifier."""

    rules: int
    agreement: float
    """Share of the texts that they and the network call the same."""
    accuracy: float | None
    """On the texts labelled positive or negative; None without any."""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """A set of rules on another corpus."""

    data: str
    sentences: int
    matches: int
    fidelity: float | None
    """Share of the matches whose conductance has the rule's sign; None without a match."""
    precision: float | None
    """Share of the matches labelled positive or negative whose label has the rule's sign."""
    neutral: float | None
    """Share of the labelled matches that are neither."""
    network_accuracy: float | None
    """Of the network itself on the labelled texts."""
    curve: tuple[CurvePoint, ...]

    @property
    def agreement(self) -> float:
        """With the network, of all rules."""
        return self.curve[-1].agreement

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        return {**asdict(self), "agreement": self.agreement}


def check_rules(
    rules: RuleSet, model: Model, analysis: CorpusConductance, *, gold: Gold | None = None
) -> RuleCheck:
    """Match the rules with the sentences of an analysis, and classify these by the rules.

    Raises `AnalysisError` if the analysis is of another model.
    """
    sentences = analysis.sentences()
    index = Index(sentence.tokens for sentence in sentences)
    sense = sense_of(model, quantity_of(model, analysis.manifest.target, analysis.manifest.output))
    by_token, network = {}, np.zeros(len(sentences), bool)
    for row, values, _, logits in token_values(model, analysis, sentences):
        by_token[row] = sense * values.sum(axis=1)
        network[row] = logits[0] > logits[1]
    right, labels = [], []
    for rule in rules.rules:
        for match in index.find(rule.pattern):
            given = sum(float(by_token[match.row][place]) for place in match.places)
            right.append(rule.sign * given > 0)
            label = None if gold is None else gold.polarity(match.row, match.span)
            if label is not None:
                labels.append(rule.sign * label)
    polar = [label for label in labels if label]
    wanted = analysis.column("positive")
    labelled = wanted + analysis.column("negative") == 1

    def share(positive: np.ndarray) -> float | None:
        return float((positive == (wanted == 1))[labelled].mean()) if labelled.any() else None

    curve = []
    for count in _counts(len(rules.rules)):
        positive = rules.scores(index, most=count) > 0
        agreement = float((positive == network).mean())
        curve.append(CurvePoint(count, agreement, share(positive)))
    return RuleCheck(
        data=analysis.manifest.data,
        sentences=len(sentences),
        matches=len(right),
        fidelity=float(np.mean(right)) if right else None,
        precision=float(np.mean([label > 0 for label in polar])) if polar else None,
        neutral=1 - len(polar) / len(labels) if labels else None,
        network_accuracy=share(network),
        curve=tuple(curve),
    )


def _counts(total: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... and all of them."""
    counts, scale = [], 1
    while scale < total:
        counts += [step * scale for step in _STEPS if step * scale < total]
        scale *= 10
    return [*counts, total]
