"""New phrases out of labelled trees: a part gives way to another part with the same label.

Shi, Livescu, Gimpel, "Substructure Substitution: Structured Data Augmentation for NLP" (2021):
the new phrase keeps the label of the old one. "never dull" and a treebank that calls "dull"
and "tiresome" alike make "never tiresome", so a filter meets a negator with many words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Int

from textcond.corpora.negated_phrases import negated_nodes, negator_nodes, pair_kind
from textcond.corpora.treebank import Nodes
from textcond.model.training.batches import Examples, head_targets
from textcond.model.training.recipe import Recipe
from textcond.text.vocabulary import Vocabulary

LONGEST_PART = 3
"""Tokens; the part and what takes its place are of the same length."""
LONGEST_NEGATED_PART = 5
NEGATIONS = (("negated negative",), ("negated positive", "kept positive", "kept negative"))
"""As many new phrases come from the one as from the other: the rare kind needs more."""
LONGEST_NEGATION = 14
"""Tokens of a phrase around a negation; in a longer one its label says little of the negation."""

Rows = Int[np.ndarray, "_"]


@dataclass(frozen=True, slots=True)
class _Places:
    """Phrases with the parts of each that can give way, as rows of `Nodes`."""

    phrases: Int[np.ndarray, " phrases"]
    first: Int[np.ndarray, " phrases"]
    """Where each phrase's parts begin in `parts`."""
    counts: Int[np.ndarray, " phrases"]
    parts: Int[np.ndarray, " places"]

    @classmethod
    def around(
        cls, nodes: Nodes, parts: Rows, *, longest: int, but: Bool[np.ndarray, " nodes"]
    ) -> _Places:
        """The phrases of at most `longest` tokens that hold one of `parts` and more."""
        found: list[tuple[Rows, Rows]] = [(parts[:0], parts[:0])]
        phrases = nodes.parents[parts]
        while len(parts):  # a level up the trees each turn
            parts, phrases = parts[phrases >= 0], phrases[phrases >= 0]
            lengths = nodes.lengths[phrases]
            fits = (lengths <= longest) & (lengths > nodes.lengths[parts]) & ~but[phrases]
            found.append((phrases[fits], parts[fits]))
            phrases = nodes.parents[phrases]
        holders, held = (np.concatenate(rows) for rows in zip(*found, strict=True))
        unique, counts = np.unique(holders, return_counts=True)
        in_order = held[np.argsort(holders, kind="stable")]
        return cls(unique, np.cumsum(counts) - counts, counts, in_order)

    def draw(self, count: int, generator: np.random.Generator) -> tuple[Rows, Rows]:
        """Phrases at random, and a part of each."""
        rows = generator.integers(len(self.phrases), size=count)
        places = self.first[rows] + _below(self.counts[rows], generator)
        return self.phrases[rows], self.parts[places]


class Substitution:
    """Draws new phrases from the trees of a training split, none of them one of `held_out`."""

    def __init__(
        self,
        nodes: Nodes,
        vocabulary: Vocabulary,
        recipe: Recipe,
        *,
        held_out: Iterable[list[str]] = (),
    ) -> None:
        self._held_out = {np.array(vocabulary.encode(tokens)).tobytes() for tokens in held_out}
        self._nodes = nodes
        self._ids = np.array(vocabulary.encode(nodes.tokens))
        self._recipe = recipe
        self._negators = np.array(negator_nodes(nodes), np.int64)
        short = np.flatnonzero(nodes.lengths <= LONGEST_PART)
        anywhere = self._around(short, longest=len(nodes.tokens))
        self._anywhere = [anywhere] if len(anywhere.phrases) else []
        self._negated = [
            places for kinds in NEGATIONS if len((places := self._negations(kinds)).phrases)
        ]
        self._donors, self._first_donor, self._alike = self._group_donors()

    def size(self, phrases: int) -> int:
        """How many phrases `draw` gives."""
        return sum(count for count, _ in self._shares(phrases))

    def draw(self, phrases: int, generator: np.random.Generator) -> Examples:
        """The new phrases of one epoch over so many phrases."""
        none = np.zeros(0, np.int64)
        drawn = [(none, none)]
        drawn += [places.draw(count, generator) for count, places in self._shares(phrases)]
        hosts, parts = (np.concatenate(rows) for rows in zip(*drawn, strict=True))
        nodes = self._nodes
        donors = self._donors[self._first_donor[parts] + _below(self._alike[parts], generator)]
        starts = np.concatenate([[0], np.cumsum(nodes.lengths[hosts])])
        ids = self._replaced(hosts, parts, donors, starts)
        held_out = [ids[a:b].tobytes() in self._held_out for a, b in pairwise(starts.tolist())]
        if any(held_out):  # then the phrase stays as it is in its tree
            ids = self._replaced(hosts, parts, np.where(held_out, parts, donors), starts)
        targets = head_targets(torch.from_numpy(nodes.labels[hosts]), self._recipe.softness)
        return Examples(ids, starts, targets)

    def _replaced(self, hosts: Rows, parts: Rows, donors: Rows, starts: Rows) -> Rows:
        """The ids of every host, one after another, with its donor's words for its part's."""
        nodes = self._nodes
        ids: Rows = self._ids[_ranges(nodes.starts[hosts], nodes.lengths[hosts])]
        places = starts[:-1] + nodes.starts[parts] - nodes.starts[hosts]
        words = _ranges(nodes.starts[donors], nodes.lengths[donors])
        ids[_ranges(places, nodes.lengths[parts])] = self._ids[words]
        return ids

    @property
    def content(self) -> bytes:
        """The trees and what is held out, to tell them from others."""
        nodes = self._nodes
        arrays = (self._ids, nodes.starts, nodes.ends, nodes.labels, nodes.parents)
        return b"".join([*(array.tobytes() for array in arrays), *sorted(self._held_out)])

    def _shares(self, phrases: int) -> list[tuple[int, _Places]]:
        """How many are drawn where."""
        recipe, tables = self._recipe, max(len(self._negated), 1)
        return [
            *((round(phrases * recipe.substitutions), places) for places in self._anywhere),
            *((round(phrases * recipe.negations / tables), places) for places in self._negated),
        ]

    def _around(self, parts: Rows, *, longest: int) -> _Places:
        nodes = self._nodes
        ends = zip(nodes.starts.tolist(), nodes.ends.tolist(), strict=True)
        but = [self._ids[start:end].tobytes() in self._held_out for start, end in ends]
        return _Places.around(nodes, parts, longest=longest, but=np.array(but))

    def _negations(self, kinds: Sequence[str]) -> _Places:
        """Where what is negated gives way, or its negator to another one."""
        nodes = self._nodes
        negated = [
            node
            for node in negated_nodes(nodes)
            if nodes.lengths[node] <= LONGEST_NEGATED_PART
            and pair_kind(int(nodes.labels[nodes.parents[node]]), int(nodes.labels[node])) in kinds
        ]
        beside = np.isin(nodes.parents[self._negators], nodes.parents[negated])
        parts = np.concatenate([np.array(negated, np.int64), self._negators[beside]])
        return self._around(parts, longest=LONGEST_NEGATION)

    def _group_donors(self) -> tuple[Rows, Rows, Rows]:
        """One node for each distinct short wording, ordered by length and label; of each node the
        place where those like it begin in that order, and their number."""
        nodes, longest = self._nodes, LONGEST_NEGATED_PART
        short = np.flatnonzero(nodes.lengths <= longest)
        inside = np.arange(longest) < nodes.lengths[short][:, None]  # (nodes, words)
        words = np.full(inside.shape, -1)
        words[inside] = self._ids[(nodes.starts[short][:, None] + np.arange(longest))[inside]]
        # A negator has no polarity, but what it stands in has: only another one takes its place.
        labels = nodes.labels.copy()
        labels[self._negators] = 5
        alike = nodes.lengths[short] * 6 + labels[short]
        wordings, rows = np.unique(np.column_stack([alike, words]), axis=0, return_index=True)
        groups, first, counts = np.unique(wordings[:, 0], return_index=True, return_counts=True)
        group = np.searchsorted(groups, alike)
        first_of_node, count_of_node = np.zeros((2, len(nodes.labels)), np.int64)
        first_of_node[short], count_of_node[short] = first[group], counts[group]
        return short[rows], first_of_node, count_of_node


def _below(ends: Rows, generator: np.random.Generator) -> Rows:
    """A whole number from 0 to below each end, at random."""
    numbers: Rows = (generator.random(len(ends)) * ends).astype(np.int64)
    return numbers


def _ranges(starts: Rows, lengths: Rows) -> Rows:
    """start, start + 1, ... for each start, one after another."""
    ends = np.cumsum(lengths)
    numbers: Rows = np.repeat(starts - (ends - lengths), lengths) + np.arange(lengths.sum())
    return numbers
