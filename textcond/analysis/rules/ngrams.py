"""The n-grams that make filters fire: winning windows of high conductance, and their words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from textcond.analysis.polarity.sides import sides_of_analysis
from textcond.analysis.rules.patterns import Match
from textcond.analysis.store.corpus import CorpusConductance, Sentence
from textcond.attribution.conductance import trace_rows
from textcond.attribution.quantity import quantity_of
from textcond.errors import AnalysisError
from textcond.model.model import Model

CARRIED = 0.8
"""The kept words of an n-gram carry this share of what pushes its way."""


@dataclass(frozen=True, slots=True)
class NGram:
    """What one filter reads in one sentence."""

    row: int
    filter: int
    start: int
    """Its first token in the sentence."""
    conductance: float
    words: tuple[str, ...]
    """In lower case."""
    kept: tuple[int, ...]
    """The places of the fewest words that carry most of the conductance."""

    @property
    def sign(self) -> int:
        return 1 if self.conductance > 0 else -1

    @property
    def end(self) -> int:
        return self.start + len(self.words)

    def holds(self, match: Match) -> bool:
        """Whether a match in the same sentence lies inside."""
        return self.start <= match.places[0] and match.places[-1] < self.end

    @property
    def skeleton(self) -> tuple[tuple[int, str], ...]:
        """The kept words, each with its distance from the first of them."""
        return tuple((place - self.kept[0], self.words[place]) for place in self.kept)


@dataclass(frozen=True, slots=True)
class NGrams:
    """The n-grams of high conductance of a corpus, and what every token gives the score.

    All amounts are turned so that above zero is towards the first side of the score, which is
    positive for a sentiment model, whichever of its scores was analyzed.
    """

    sentences: list[str]
    """Those that were read: `row` elsewhere is a place among them."""
    rows: Int[np.ndarray, " texts"]
    """Which of the corpus they are."""
    texts: list[list[str]]
    """The tokens of each sentence, in lower case."""
    by_token: list[list[float]]
    """The conductance of each token of each sentence, all filters together."""
    called_first: Bool[np.ndarray, " texts"]
    """Whether the network calls each sentence the first side."""
    ngrams: list[NGram]
    threshold: float
    """Of the absolute conductance, in units of the score."""
    share: float
    """Of the (sentence, filter) pairs that are here."""

    @property
    def total(self) -> float:
        """The absolute conductance of all n-grams."""
        return sum(abs(ngram.conductance) for ngram in self.ngrams)

    def given(self, match: Match) -> float:
        """The conductance of a match's words, all filters together."""
        return sum(self.by_token[match.row][place] for place in match.places)

    def means(self, words: Collection[str]) -> dict[str, tuple[float, int]]:
        """The mean conductance of each word, all filters together, and the sentences with it."""
        total: dict[str, float] = defaultdict(float)
        count: Counter[str] = Counter()
        sentences: Counter[str] = Counter()
        for text, given in zip(self.texts, self.by_token, strict=True):
            for word, value in zip(text, given, strict=True):
                total[word] += value
            count.update(text)
            sentences.update(set(text))
        return {word: (total[word] / count[word], sentences[word]) for word in sorted(words)}

    def strongest(self, share: float) -> list[NGram]:
        """Those of the `share` of all pairs with the highest absolute conductance."""
        count = round(len(self.ngrams) * min(share / self.share, 1.0))
        return sorted(self.ngrams, key=lambda ngram: -abs(ngram.conductance))[:count]


def collect_ngrams(
    model: Model,
    analysis: CorpusConductance,
    filters: Sequence[int],
    *,
    share: float,
    rows: Int[np.ndarray, " rows"] | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> NGrams:
    """The `share` of (sentence, filter) pairs with the highest absolute conductance.

    They are all held: `rows`, in order, are the sentences to read of a large corpus. Raises
    `AnalysisError` if the analysis is of another model, or if nothing has conductance.
    """
    analysis.check_model(model)
    if not 0 < share <= 1:
        raise AnalysisError(f"`share` is {share}; it must be above 0 and at most 1.")
    if not filters or not set(filters) <= set(range(analysis.filters)):
        raise AnalysisError(
            f"`filters` is {list(filters)}; give some of 0 to {analysis.filters - 1}."
        )
    columns = list(filters)
    read = np.arange(len(analysis)) if rows is None else rows
    amounts = np.abs(analysis.matrix(read)[:, columns])
    threshold = float(np.quantile(amounts, 1 - share))
    if not amounts.max() > 0:
        raise AnalysisError("No filter has conductance in the analysis; give another corpus.")
    sentences = analysis.sentences(read.tolist())
    texts = [[token.lower() for token in sentence.tokens] for sentence in sentences]
    by_token: list[list[float]] = [[] for _ in texts]
    called_first = np.zeros(len(texts), bool)
    sides = sides_of_analysis(model, analysis)
    ngrams = []
    for row, given, starts, logits in token_values(model, analysis, sentences, watch=watch):
        values = sides.sense * given
        by_token[row] = values.sum(axis=1).tolist()
        called_first[row] = sides.calls_first(logits[None])[0]
        totals = values.sum(axis=0)
        for filter in columns:
            total = float(totals[filter])
            if abs(total) >= threshold and total:
                start = max(int(starts[filter]), 0)
                end = int(starts[filter]) + analysis.manifest.widths[filter]
                words = tuple(texts[row][start:end])
                parts = values[start : start + len(words), filter]
                kept = carriers(parts if total > 0 else -parts)
                ngrams.append(NGram(row, filter, start, total, words, kept))
    ngrams.sort(key=lambda ngram: (ngram.row, ngram.filter))
    written = [sentence.text for sentence in sentences]
    return NGrams(written, read, texts, by_token, called_first, ngrams, threshold, share)


class TokenValues(NamedTuple):
    """What an analysis does not store of one sentence."""

    place: int
    """Among the sentences that were asked for."""
    values: Float[np.ndarray, "tokens filters"]
    starts: Int[np.ndarray, " filters"]
    """The first tokens of the winning windows."""
    logits: Float[np.ndarray, " outputs"]


def token_values(
    model: Model,
    analysis: CorpusConductance,
    sentences: Sequence[Sentence],
    *,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[TokenValues]:
    """The filter × token matrix of every sentence, computed anew, in no order.

    Raises `AnalysisError` if the analysis is of another model.
    """
    analysis.check_model(model)
    quantity = quantity_of(model, analysis.manifest.target, analysis.manifest.output)
    rows = model.encode_all([sentence.tokens for sentence in sentences])
    batches = trace_rows(model.network, rows, quantity, dtype=torch.float32, batch_size=128)
    done = 0
    for batch, trace in batches:
        starts, logits = trace.windows.starts.numpy(), trace.integrals.logits.numpy()
        for place, (row, values) in enumerate(zip(batch, trace.token_values, strict=True)):
            yield TokenValues(row, values.numpy(), starts[place], logits[place])
        done += len(batch)
        watch(done, len(rows))


def carriers(parts: Float[np.ndarray, " words"]) -> tuple[int, ...]:
    """The places of the fewest words that carry most of what pushes up."""
    order = np.argsort(-parts, kind="stable")
    carried = np.cumsum(parts[order].clip(0))
    enough = int(np.searchsorted(carried, CARRIED * carried[-1])) + 1
    return tuple(sorted(int(place) for place in order[:enough]))
