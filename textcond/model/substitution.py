"""New phrases out of labelled trees: a part gives way to another part with the same label.

Shi, Livescu, Gimpel, "Substructure Substitution: Structured Data Augmentation for NLP" (2021):
the new phrase keeps the label of the old one. "never dull" and a treebank that calls "dull"
and "tiresome" alike make "never tiresome", so a filter meets a negator with many words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from textcond.corpora.negation import negated_nodes
from textcond.corpora.treebank import Nodes
from textcond.model.batches import Examples, head_targets
from textcond.model.recipe import Recipe
from textcond.text.vocabulary import Vocabulary

LONGEST_PART = 3
"""Tokens; the part and what takes its place are of the same length."""
LONGEST_NEGATED = 14
"""Tokens of a phrase around a negation; in a longer one its label says little of the negation."""

Rows = Int[np.ndarray, " rows"]


@dataclass(frozen=True, slots=True)
class _Places:
    """Phrases with the places in each where other words can stand, as rows of `Nodes`."""

    phrases: Int[np.ndarray, " phrases"]
    first: Int[np.ndarray, " phrases"]
    """Where each phrase's places begin in `parts`."""
    counts: Int[np.ndarray, " phrases"]
    parts: Int[np.ndarray, " places"]

    @classmethod
    def around(cls, nodes: Nodes, parts: Rows, *, longest: int) -> _Places:
        """The phrases of at most `longest` tokens that hold one of `parts` and more."""
        found: list[tuple[Rows, Rows]] = [(parts[:0], parts[:0])]
        phrases = nodes.parents[parts]
        while len(parts):  # a level up the trees each turn
            parts, phrases = parts[phrases >= 0], phrases[phrases >= 0]
            lengths = nodes.lengths[phrases]
            fits = (lengths <= longest) & (lengths > nodes.lengths[parts])
            found.append((phrases[fits], parts[fits]))
            phrases = nodes.parents[phrases]
        holders, held = (np.concatenate(rows) for rows in zip(*found, strict=True))
        unique, counts = np.unique(holders, return_counts=True)
        parts_in_order = held[np.argsort(holders, kind="stable")]
        return cls(unique, np.cumsum(counts) - counts, counts, parts_in_order)

    def draw(self, count: int, generator: np.random.Generator) -> tuple[Rows, Rows]:
        """Phrases at random, and a part of each."""
        rows = generator.integers(max(len(self.phrases), 1), size=count)
        return self.phrases[rows], self.parts[
            self.first[rows] + _below(self.counts[rows], generator)
        ]


class Substitution:
    """Draws new phrases from the trees of a training split."""

    def __init__(self, nodes: Nodes, vocabulary: Vocabulary, recipe: Recipe) -> None:
        self._nodes = nodes
        self._recipe = recipe
        self._ids = np.array(vocabulary.encode(nodes.tokens))
        short = np.flatnonzero(nodes.lengths <= LONGEST_PART)
        negated = np.array(negated_nodes(nodes), dtype=np.int64)
        self._anywhere = _Places.around(nodes, short, longest=len(nodes.tokens))
        self._negated = _Places.around(
            nodes, np.intersect1d(negated, short), longest=LONGEST_NEGATED
        )
        self._donors, self._group, self._sizes = self._group_donors(short)

    def size(self, phrases: int) -> int:
        """How many phrases `draw` gives."""
        return sum(self._counts(phrases))

    def _counts(self, phrases: int) -> tuple[int, int]:
        anywhere = round(phrases * self._recipe.substitutions) if len(self._anywhere.parts) else 0
        negated = round(phrases * self._recipe.negations) if len(self._negated.parts) else 0
        return anywhere, negated

    def draw(self, phrases: int, generator: np.random.Generator) -> Examples:
        """The new phrases of one epoch over so many phrases."""
        anywhere, negated = self._counts(phrases)
        drawn = [
            self._anywhere.draw(anywhere, generator),
            self._negated.draw(negated, generator),
        ]
        hosts, parts = (np.concatenate(rows) for rows in zip(*drawn, strict=True))
        nodes = self._nodes
        donors = self._donors[self._group[parts] + _below(self._sizes[parts], generator)]
        lengths = nodes.lengths[hosts]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._ids[_ranges(nodes.starts[hosts], lengths)]
        places = starts[:-1] + nodes.starts[parts] - nodes.starts[hosts]
        ids[_ranges(places, nodes.lengths[parts])] = self._ids[
            _ranges(nodes.starts[donors], nodes.lengths[donors])
        ]
        targets = head_targets(torch.from_numpy(nodes.labels[hosts]), self._recipe.softness)
        return Examples(ids, starts, targets)

    @property
    def content(self) -> bytes:
        """The trees, to tell them from others."""
        nodes = self._nodes
        arrays = (self._ids, nodes.starts, nodes.ends, nodes.labels, nodes.parents)
        return b"".join(array.tobytes() for array in arrays)

    def _group_donors(self, short: Rows) -> tuple[Rows, Rows, Rows]:
        """Distinct short phrases ordered by length and label; of each node its group's place
        in that order and its group's size."""
        nodes = self._nodes
        lengths, labels = nodes.lengths[short], nodes.labels[short]
        inside = np.arange(LONGEST_PART) < lengths[:, None]
        words = np.full(inside.shape, -1)
        words[inside] = self._ids[(nodes.starts[short][:, None] + np.arange(LONGEST_PART))[inside]]
        keys = np.column_stack([lengths, labels, words])
        distinct, first = np.unique(keys, axis=0, return_index=True)  # ordered by the columns
        _, group, sizes = np.unique(distinct[:, :2], axis=0, return_index=True, return_counts=True)
        code = distinct[group][:, 0] * 5 + distinct[group][:, 1]
        row = np.searchsorted(code, lengths * 5 + labels)
        of_node, size_of_node = np.zeros((2, len(nodes.labels)), np.int64)
        of_node[short], size_of_node[short] = group[row], sizes[row]
        return short[first], of_node, size_of_node


def _below(ends: Rows, generator: np.random.Generator) -> Rows:
    """A whole number from 0 to below each end, at random."""
    numbers: Rows = (generator.random(len(ends)) * ends).astype(np.int64)
    return numbers


def _ranges(starts: Rows, lengths: Rows) -> Rows:
    """start, start + 1, ... for each start, one after another."""
    ends = np.cumsum(lengths)
    numbers: Rows = np.repeat(starts - (ends - lengths), lengths) + np.arange(lengths.sum())
    return numbers
