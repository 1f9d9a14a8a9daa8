"""Patterns of words: sets of words with gaps between, and where they stand in a text.

A pattern reads as spaCy's token patterns do, and finds what spaCy finds: every place where a
word of each set stands with as many tokens between as the gap allows. Case does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from textcond.errors import AnalysisError

Gap = tuple[int, int]
"""The fewest and the most tokens between two words."""


class Match(NamedTuple):
    """The tokens that a pattern's words are, in one text."""

    row: int
    places: tuple[int, ...]

    @property
    def span(self) -> tuple[int, int]:
        """From the first word to the last, as a half-open range."""
        return self.places[0], self.places[-1] + 1


@dataclass(frozen=True, slots=True)
class Pattern:
    """One or more sets of lower-case words, in order, and the gaps between them."""

    words: tuple[frozenset[str], ...]
    gaps: tuple[Gap, ...]

    def __post_init__(self) -> None:
        if not self.words or not all(self.words):
            raise AnalysisError("`words` has an empty set; give each place at least one word.")
        if len(self.gaps) != len(self.words) - 1:
            raise AnalysisError(
                f"`gaps` has {len(self.gaps)} entries for {len(self.words)} places; it needs one "
                "less."
            )
        if any(not 0 <= least <= most for least, most in self.gaps):
            raise AnalysisError(f"`gaps` is {self.gaps}; give the fewest and the most tokens.")

    def __str__(self) -> str:
        shown = [_shown_words(self.words[0])]
        for (least, most), words in zip(self.gaps, self.words[1:], strict=True):
            if most:
                shown.append("_" * most if least == most else f"_{{{least},{most}}}")
            shown.append(_shown_words(words))
        return " ".join(shown)

    def to_spacy(self) -> list[dict[str, Any]]:
        """The pattern for spaCy's Matcher and SpanRuler, in `textcond.text.spacy_pipeline`."""
        tokens = [_spacy_words(self.words[0])]
        for (least, most), words in zip(self.gaps, self.words[1:], strict=True):
            tokens += [{} for _ in range(least)]
            tokens += [{"OP": "?"} for _ in range(most - least)]
            tokens.append(_spacy_words(words))
        return tokens


class Index:
    """Texts with the places of every word in them."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self.texts = [[token.lower() for token in tokens] for tokens in texts]
        self._places: dict[str, list[tuple[int, int]]] = {}
        for row, tokens in enumerate(self.texts):
            for place, token in enumerate(tokens):
                self._places.setdefault(token, []).append((row, place))

    def find(self, pattern: Pattern) -> list[Match]:
        """Every distinct match, in order."""
        counts = [sum(len(self._places.get(word, ())) for word in ws) for ws in pattern.words]
        anchor = counts.index(min(counts))
        found = set()
        for word in pattern.words[anchor]:
            for row, place in self._places.get(word, ()):
                tokens = self.texts[row]
                for before in _extend(tokens, pattern, anchor, place, -1):
                    for after in _extend(tokens, pattern, anchor, place, 1):
                        found.add(Match(row, (*before[:0:-1], *after)))
        return sorted(found)


def _extend(
    tokens: list[str], pattern: Pattern, anchor: int, place: int, step: int
) -> list[tuple[int, ...]]:
    """The places of the pattern's words from the anchor on, to one side."""
    runs: list[tuple[int, ...]] = [(place,)]
    stop = len(pattern.words) if step > 0 else -1
    for slot in range(anchor + step, stop, step):
        least, most = pattern.gaps[min(slot, slot - step)]
        words = pattern.words[slot]
        runs = [
            (*run, other)
            for run in runs
            for other in range(run[-1] + step * (least + 1), run[-1] + step * (most + 2), step)
            if 0 <= other < len(tokens) and tokens[other] in words
        ]
    return runs


def _shown_words(words: frozenset[str]) -> str:
    return "|".join(sorted(words))


def _spacy_words(words: frozenset[str]) -> dict[str, Any]:
    if len(words) == 1:
        return {"NORM": next(iter(words))}
    return {"NORM": {"IN": sorted(words)}}
