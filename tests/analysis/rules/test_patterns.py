"""Patterns find what spaCy finds."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from spacy.lang.en import English
from spacy.matcher import Matcher
from spacy.tokens import Doc

from textcond.analysis.rules.patterns import Gap, Index, Match, Pattern
from textcond.errors import AnalysisError

WORDS = st.sampled_from("abc")
GAPS = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda pair: (min(pair), max(pair)))
SETS = st.lists(st.frozensets(WORDS, min_size=1), min_size=1, max_size=3)


@given(st.lists(WORDS, min_size=1, max_size=9), SETS, st.tuples(GAPS, GAPS))
def test_the_same_spans_as_spacy(
    tokens: list[str], words: list[frozenset[str]], gaps: tuple[Gap, Gap]
) -> None:
    pattern = Pattern(tuple(words), gaps[: len(words) - 1])
    vocabulary = English().vocab
    matcher = Matcher(vocabulary)
    matcher.add("rule", [pattern.to_spacy()])
    matches = matcher(Doc(vocabulary, words=[token.upper() for token in tokens]))
    found = {match.span for match in Index([tokens]).find(pattern)}
    assert found == {(start, end) for _, start, end in matches}


def test_every_match_tells_its_words() -> None:
    pattern = Pattern((frozenset(["not", "n't"]), frozenset(["good"])), ((0, 1),))
    texts = [["Not", "very", "good"], ["good"], ["is", "n't", "good", "good"]]
    found = Index(texts).find(pattern)
    assert found == [Match(0, (0, 2)), Match(2, (1, 2)), Match(2, (1, 3))]
    assert str(pattern) == "n't|not _{0,1} good"


def test_a_pattern_that_says_nothing() -> None:
    with pytest.raises(AnalysisError, match="`words` has an empty set"):
        Pattern((), ())
    with pytest.raises(AnalysisError, match="`gaps` has 1 entries for 1 places"):
        Pattern((frozenset("a"),), ((0, 0),))
    with pytest.raises(AnalysisError, match="give the fewest and the most tokens"):
        Pattern((frozenset("a"), frozenset("b")), ((2, 1),))
