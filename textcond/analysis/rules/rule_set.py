"""Rules: patterns of words with the sign and the amount of the conductance in their matches."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from textcond.analysis.rules.patterns import Index, Match, Pattern
from textcond.model.outputs import is_polar


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that pushes one way, and how well it does on the corpus it is from."""

    pattern: Pattern
    sign: int
    """+1 towards the first side of the score, -1 towards the second. Of a sentiment model they are
    positive and negative, whichever score was analyzed."""
    towards: str
    """The name of that side."""
    weight: float
    """The mean conductance of its matches' words towards the first side, all filters together, in
    units of the score."""
    support: int
    """Matches in the corpus."""
    sentences: int
    """With a match."""
    fidelity: float
    """Share of the matches whose conductance has the rule's sign."""
    precision: float | None
    """Share of the matches whose label is of one of the two sides, that is of the rule's."""
    neutral: float | None
    """Share of the labelled matches that are of neither; None, as above, without labels."""
    coverage: float
    """Share of the conductance of all strong n-grams that its matches stand in."""
    negator: bool
    """Whether it has a negator."""
    filters: tuple[int, ...]
    """Whose n-grams it covers, the most conductance first."""
    examples: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.pattern} → {self.towards}"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {
            "name": self.name,
            "words": [sorted(words) for words in self.pattern.words],
            "gaps": [list(gap) for gap in self.pattern.gaps],
            "sign": self.sign,
            "towards": self.towards,
            "weight": self.weight,
            "support": self.support,
            "sentences": self.sentences,
            "fidelity": self.fidelity,
            "precision": self.precision,
            "neutral": self.neutral,
            "coverage": self.coverage,
            "negator": self.negator,
            "filters": list(self.filters),
            "examples": list(self.examples),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Rule:
        """The inverse of `to_dict`."""
        fields = {"towards": "positive" if fields["sign"] > 0 else "negative", **fields}
        others = {name: fields[name] for name in cls.__slots__ if name != "pattern"}
        words = tuple(frozenset(some) for some in fields["words"])
        gaps = tuple((least, most) for least, most in fields["gaps"])
        others |= {name: tuple(fields[name]) for name in ("filters", "examples")}
        return cls(pattern=Pattern(words, gaps), **others)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they cover most, and a classifier made of them alone."""

    rules: tuple[Rule, ...]
    negators: tuple[str, ...]
    """Found from the data."""
    bias: float
    """The score of a text without a match."""
    source: dict[str, Any]
    """The analysis that they come from."""
    nearest: tuple[Rule, ...] = ()
    """Where there is no rule: the patterns that came nearest to one, the best first."""
    note: str = ""
    """Why there is no rule; empty if there is one."""

    def scores(
        self, texts: Iterable[Sequence[str]] | Index, *, most: int | None = None
    ) -> Float[np.ndarray, " texts"]:
        """The bias and the weights of the matches of each text, given as tokens.

        A token counts for one match: rules with more places come first, then the heavier ones.
        `most` takes the first rules only.
        """
        index = texts if isinstance(texts, Index) else Index(texts)
        scores = np.full(len(index.texts), self.bias)
        for row, claims in enumerate(claim(self.rules[:most], index)):
            scores[row] += sum(self.rules[at].weight for at, _ in claims)
        return scores

    def predict(self, texts: Iterable[Sequence[str]]) -> Bool[np.ndarray, " texts"]:
        """Whether each text, given as tokens, is of the first side, by the rules alone."""
        is_first: Bool[np.ndarray, " texts"] = self.scores(texts) > 0
        return is_first

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {
            **self.source,
            "negators": list(self.negators),
            "bias": self.bias,
            "rules": [rule.to_dict() for rule in self.rules],
            "nearest": [rule.to_dict() for rule in self.nearest],
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> RuleSet:
        """The inverse of `to_dict`."""
        own = ("negators", "bias", "rules", "nearest", "note", "held_out")
        return cls(
            rules=tuple(Rule.from_dict(rule) for rule in fields["rules"]),
            negators=tuple(fields["negators"]),
            bias=fields["bias"],
            source={name: value for name, value in fields.items() if name not in own},
            nearest=tuple(Rule.from_dict(rule) for rule in fields.get("nearest", ())),
            note=fields.get("note", ""),
        )

    def to_csv(self) -> str:
        """A row a rule; sets of words by bars, lists by blanks, examples left out."""
        text = io.StringIO()
        rows = [rule.to_dict() for rule in self.rules]
        columns = [name for name in Rule.__slots__ if name not in ("pattern", "examples")]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["rule", "name", "words", "gaps", *columns])
        for number, row in enumerate(rows):
            row["filters"] = " ".join(map(str, row["filters"]))
            words = " ".join("|".join(some) for some in row["words"])
            gaps = " ".join(f"{least}-{most}" for least, most in row["gaps"])
            writer.writerow([number, row["name"], words, gaps, *(row[name] for name in columns)])
        return text.getvalue()

    def to_spacy(self) -> str:
        """Patterns for spaCy's SpanRuler, as JSONL: the side as label, the rule's number as id.

        The sides of a sentiment model are POSITIVE and NEGATIVE; classes keep their names.
        """
        lines = [
            json.dumps(
                {
                    "label": _label(rule.towards),
                    "pattern": rule.pattern.to_spacy(),
                    "id": str(number),
                },
                ensure_ascii=False,
            )
            for number, rule in enumerate(self.rules)
        ]
        return "".join(f"{line}\n" for line in lines)


def _label(side: str) -> str:
    return side.upper() if is_polar(side) else side


def claim(rules: Sequence[Rule], index: Index) -> list[list[tuple[int, Match]]]:
    """The matches that count in each text, with the place of their rule: none share a word."""
    claims: list[list[tuple[int, Match]]] = [[] for _ in index.texts]
    order = sorted(
        range(len(rules)), key=lambda at: (-len(rules[at].pattern.words), -abs(rules[at].weight))
    )
    taken = [[False] * len(tokens) for tokens in index.texts]
    for at in order:
        for match in index.find(rules[at].pattern):
            if not any(taken[match.row][place] for place in match.places):
                for place in match.places:
                    taken[match.row][place] = True
                claims[match.row].append((at, match))
    return claims
