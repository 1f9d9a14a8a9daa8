"""What people said of a part of a sentence: the label of the tree node that covers it, or of
the whole sentence where there are no trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from textcond.corpora.dataset_columns import NO_LABEL
from textcond.corpora.treebank import load_nodes
from textcond.errors import CorpusError

Polarity = int
"""+1 positive, -1 negative, 0 neither."""


@runtime_checkable
class Gold(Protocol):
    """The labels of the sentences of one corpus."""

    def polarity(self, row: int, span: tuple[int, int]) -> Polarity | None:
        """The label of the shortest labelled span around this one; None if there is none."""


@dataclass(frozen=True, slots=True)
class GoldSentences:
    """One label for each whole sentence."""

    polarities: Int[np.ndarray, " sentences"]
    known: Bool[np.ndarray, " sentences"]

    def polarity(self, row: int, span: tuple[int, int]) -> Polarity | None:
        """The label of the sentence."""
        return int(self.polarities[row]) if self.known[row] else None


@dataclass(frozen=True, slots=True)
class GoldSpans:
    """The labelled spans of every sentence, the shortest first."""

    spans: tuple[tuple[tuple[int, int, Polarity], ...], ...]
    """First token, token after the last, label."""

    def polarity(self, row: int, span: tuple[int, int]) -> Polarity | None:
        """The label of the shortest labelled span around this one; None if there is none."""
        for start, end, polarity in self.spans[row]:
            if start <= span[0] and span[1] <= end:
                return polarity
        return None


def gold_of_trees(
    split: str, sentences: Sequence[Sequence[str]], *, data_dir: Path | None = None
) -> GoldSpans:
    """The nodes of the treebank's trees, for the sentences of one split or of several.

    Raises `CorpusError` if they are not the trees of these sentences.
    """
    spans: list[tuple[tuple[int, int, Polarity], ...]] = []
    texts: list[tuple[str, ...]] = []
    for part in split.split("+"):
        nodes = load_nodes(part, data_dir=data_dir)
        roots = np.flatnonzero(nodes.parents < 0)
        texts += [nodes.words(int(root)) for root in roots]
        first = nodes.starts[roots]
        owner = np.searchsorted(first, nodes.starts, side="right") - 1
        found: list[list[tuple[int, int, Polarity]]] = [[] for _ in roots]
        for tree, start, end, label in zip(
            owner, nodes.starts, nodes.ends, nodes.labels, strict=True
        ):
            polarity = int(np.sign(int(label) - 2))
            found[tree].append((int(start - first[tree]), int(end - first[tree]), polarity))
        spans += [tuple(sorted(tree, key=lambda span: span[1] - span[0])) for tree in found]
    if texts != [tuple(tokens) for tokens in sentences]:
        raise CorpusError(
            f"The trees of {split} are not those of the analyzed sentences; give the same split "
            "and folder as for `textcond analyze`."
        )
    return GoldSpans(tuple(spans))


def gold_of_sentences(
    positive: Int[np.ndarray, " sentences"], negative: Int[np.ndarray, " sentences"]
) -> GoldSentences:
    """One label for each whole sentence: 1 for yes, 0 for no, or `NO_LABEL`."""
    known = (positive != NO_LABEL) & (negative != NO_LABEL)
    return GoldSentences(positive - negative, known)
