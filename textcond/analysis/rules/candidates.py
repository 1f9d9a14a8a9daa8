"""From n-grams of high conductance to the patterns that cover them with few words.

An n-gram is cut down to the words that carry its conductance. Those that many sentences share
are patterns as they are. Others are merged: words that stand in the same place of the same
pattern make a set; so do the negators, which are found from the data, whatever stands between
them and what they negate; and single words of like strength that are too rare on their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from textcond.analysis.rules.ngrams import NGram, NGrams
from textcond.analysis.rules.patterns import Pattern

MOST_WORDS = 20
"""In one set, so that a person can read it."""
MOST_PLACES = 3
POLAR_SHARE = 0.25
"""The words that count as polar: this share of all, by their score alone."""
NEGATOR_PARTNERS = 5
NEGATOR_SHARE = 0.7

Skeleton = tuple[tuple[int, str], ...]
Signed = tuple[int, Pattern]
"""A pattern and the sign of the conductance behind it."""
_Member = TypeVar("_Member")


def find_negators(ngrams: Iterable[NGram], alone: Mapping[str, float]) -> set[str]:
    """The words that turn others around.

    A negator stands before five polar words or more, each stronger alone than itself, and seven
    in ten of those n-grams push against what the polar word does alone.
    """
    polar = _polar(alone)
    turned: dict[str, set[str]] = defaultdict(set)
    kept: dict[str, set[str]] = defaultdict(set)
    for sign, skeleton in {(ngram.sign, ngram.skeleton) for ngram in ngrams}:
        if len(skeleton) == 2:
            (_, word), (_, other) = skeleton
            if other in polar and abs(alone[other]) > abs(alone[word]):
                (turned if sign * alone[other] < 0 else kept)[word].add(other)
    return {
        word
        for word, others in turned.items()
        if len(others) >= NEGATOR_PARTNERS
        and len(others) >= NEGATOR_SHARE * len(others | kept[word])
    }


def candidates(
    found: NGrams, alone: Mapping[str, float], negators: set[str], *, support: int
) -> set[Signed]:
    """The patterns that stand behind n-grams of at least `support` sentences."""
    rows: dict[tuple[int, Skeleton], set[int]] = defaultdict(set)
    for ngram in found.ngrams:
        if len(ngram.kept) <= MOST_PLACES:
            rows[ngram.sign, ngram.skeleton].add(ngram.row)
    return {
        *_literal(rows, support),
        *_negated(rows, alone, negators, support),
        *_merged(rows, alone, negators, support),
        *_single_words(found, rows, support),
    }


Rows = Mapping[tuple[int, Skeleton], set[int]]


def _literal(rows: Rows, support: int) -> Iterable[Signed]:
    for (sign, skeleton), where in rows.items():
        if len(where) >= support:
            yield sign, _pattern([[word] for _, word in skeleton], skeleton)


def _negated(
    rows: Rows, alone: Mapping[str, float], negators: set[str], support: int
) -> Iterable[Signed]:
    """Any negator, up to some tokens before polar words; rare ones together in sets."""
    polar = _polar(alone)
    where: dict[tuple[int, Skeleton], set[int]] = defaultdict(set)
    gaps: dict[tuple[int, Skeleton], int] = defaultdict(int)
    for (sign, skeleton), found in rows.items():
        if len(skeleton) > 1 and skeleton[0][1] in negators and skeleton[-1][1] in polar:
            first = skeleton[1][0]
            rest = tuple((place - first, word) for place, word in skeleton[1:])
            where[sign, rest] |= found
            gaps[sign, rest] = max(gaps[sign, rest], first - 1)
    rare: dict[tuple[int, bool], list[tuple[str, int, set[int]]]] = defaultdict(list)
    for (sign, rest), found in where.items():
        gap = gaps[sign, rest]
        if len(found) >= support:
            plain = _pattern([[word] for _, word in rest], rest)
            yield sign, Pattern((frozenset(negators), *plain.words), ((0, gap), *plain.gaps))
        elif len(rest) == 1:
            word = rest[0][1]
            rare[sign, sign * alone[word] < 0].append((word, gap, found))
    for (sign, _), members in rare.items():
        members.sort(key=lambda member: (-alone[member[0]], member[0]))
        for part in _parts(members):
            if len(set.union(*(found for _, _, found in part))) >= support:
                gap = max(gap for _, gap, _ in part)
                words = frozenset(word for word, _, _ in part)
                yield sign, Pattern((frozenset(negators), words), ((0, gap),))


def _merged(
    rows: Rows, alone: Mapping[str, float], negators: set[str], support: int
) -> Iterable[Signed]:
    """Skeletons that differ in one word, as one pattern with a set in its place."""
    groups: dict[tuple[int, Skeleton, int], dict[str, set[int]]] = defaultdict(dict)
    for (sign, skeleton), found in rows.items():
        for place, (_, word) in enumerate(skeleton):
            if len(skeleton) > 1 and word not in negators:
                blank = tuple((at, "" if i == place else w) for i, (at, w) in enumerate(skeleton))
                groups[sign, blank, place][word] = found
    for (sign, blank, place), members in groups.items():
        ranked = sorted(members, key=lambda word: (-alone[word], word))
        for part in _parts(ranked):
            if len(part) > 1 and len(set.union(*(members[word] for word in part))) >= support:
                words = [part if i == place else [word] for i, (_, word) in enumerate(blank)]
                yield sign, _pattern(words, blank)


def _single_words(found: NGrams, rows: Rows, support: int) -> Iterable[Signed]:
    """Every word that carries conductance anywhere, by itself; rare ones with others whose mean
    conductance is alike."""
    carriers = {word for _, skeleton in rows for _, word in skeleton}
    means = found.means(carriers)
    for sign in (-1, 1):
        rare = []
        for word, (mean, texts) in means.items():
            if sign * mean > 0 and texts >= support:
                yield sign, Pattern((frozenset([word]),), ())
            elif sign * mean > 0:
                rare.append((mean, word))
        for part in _parts(sorted(rare)):
            yield sign, Pattern((frozenset(word for _, word in part),), ())


def _pattern(words: Sequence[Sequence[str]], skeleton: Skeleton) -> Pattern:
    places = [place for place, _ in skeleton]
    gaps = tuple((after - before - 1,) * 2 for before, after in pairwise(places))
    return Pattern(tuple(frozenset(some) for some in words), gaps)


def _polar(alone: Mapping[str, float]) -> set[str]:
    if not alone:
        return set()
    least = float(np.quantile(np.abs(list(alone.values())), 1 - POLAR_SHARE))
    return {word for word, score in alone.items() if abs(score) >= least and score}


def _parts(members: Sequence[_Member]) -> Iterable[Sequence[_Member]]:
    """As few parts of like size as keep each readable."""
    count = -(-len(members) // MOST_WORDS)
    edges = [len(members) * part // count for part in range(count + 1)] if count else []
    return [members[start:end] for start, end in pairwise(edges)]
