"""Negated phrases beside the same words without the negation.

The treebank labels every node, so where a negator joins a phrase both are labelled: "never
dull" and "dull". `minimal_pairs.tsv` holds short sentences of our own with and without a
negation.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, List, Value

from textcond.corpora.dataset_columns import FEATURES, NO_LABEL, five_class_columns
from textcond.corpora.treebank import Nodes, load_nodes
from textcond.text.tokenizer import tokenize_all

# fmt: off
NEGATORS = frozenset([
    "not", "n't", "never", "no", "nothing", "none", "neither", "nor", "without", "cannot",
    "hardly", "barely", "scarcely", "rarely", "seldom",
])
AUXILIARIES = frozenset([
    "am", "is", "are", "was", "were", "be", "been", "being", "'m", "'s", "'re", "ai",
    "do", "does", "did", "have", "has", "had", "'ve", "'d", "can", "ca", "could", "will", "wo",
    "'ll", "would", "shall", "should", "may", "might", "must", "need",
])
DIMINISHERS = frozenset([
    "little", "few", "less", "least", "lack", "lacks", "lacked", "lacking", "fail", "fails",
    "failed", "failing", "nobody", "nowhere",
])
# fmt: on
KINDS = ("negated positive", "negated negative", "kept positive", "kept negative")
"""The polarity of the words alone, and whether the negator takes it away or leaves it."""
PAIR_FEATURES = Features(
    FEATURES
    | {
        # The same words without the negator, and their label from 0 to 4.
        "unnegated_tokens": List(Value("string")),
        "unnegated_label": Value("int8"),
        "kind": Value("string"),
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A phrase with its label from 0 to 4, and the same without the negation; or `NO_LABEL`."""

    negated: Sequence[str]
    label: int
    unnegated: Sequence[str]
    unnegated_label: int


def load_negation(split: str, *, data_dir: Path | None = None) -> Dataset:
    """Every distinct phrase "negator + X" of one split, and X, which is positive or negative.

    An auxiliary may stand before the negator ("is not", "does n't"). Phrases that occur in the
    training trees are left out of the other splits. Columns: `PAIR_FEATURES`.
    """
    nodes = load_nodes(split, data_dir=data_dir)
    seen = set() if split == "train" else set(_wordings(load_nodes("train", data_dir=data_dir)))
    wordings, pairs = _wordings(nodes), {}
    for node in negated_nodes(nodes):
        whole = int(nodes.parents[node])
        if wordings[whole] not in seen:
            pairs[wordings[whole]] = Pair(
                *(nodes.words(whole), int(nodes.labels[whole])),
                *(nodes.words(node), int(nodes.labels[node])),
            )
    return pair_dataset(list(pairs.values()))


def load_minimal_pairs() -> Dataset:
    """Short sentences with and without a negation, with the columns of `PAIR_FEATURES`.

    Written for this project, and read by nothing but evaluation. Labels are 1 and 3 only.
    """
    text = files(__package__).joinpath("minimal_pairs.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    labels = [{"positive": 3, "negative": 1}[row["unnegated_polarity"]] for row in rows]
    negated = tokenize_all(row["negated"] for row in rows)
    unnegated = tokenize_all(row["unnegated"] for row in rows)
    pairs = zip(negated, unnegated, labels, strict=True)
    return pair_dataset([Pair(whole, 4 - label, part, label) for whole, part, label in pairs])


def negated_nodes(nodes: Nodes) -> list[int]:
    """The nodes with a polarity that a negator stands before, both making up their parent."""
    inner = (nodes.parents >= 0) & (nodes.labels != 2)
    starts, ends = nodes.starts[nodes.parents], nodes.ends[nodes.parents]
    right = np.flatnonzero(inner & (nodes.starts > starts) & (nodes.ends == ends))
    return [
        int(node) for node in right if _negates(nodes.tokens[starts[node] : nodes.starts[node]])
    ]


def negator_nodes(nodes: Nodes) -> list[int]:
    """The nodes that are a negator, with an auxiliary before it or alone."""
    short = np.flatnonzero(nodes.lengths <= 2)
    return [int(node) for node in short if _negates(nodes.words(int(node)))]


def pair_kind(label: int, unnegated_label: int) -> str:
    """One of `KINDS`, for labels from 0 to 4, the second not neutral; "" if they are not known."""
    if NO_LABEL in (label, unnegated_label):
        return ""
    if unnegated_label > 2:
        return "kept positive" if label > 2 else "negated positive"
    return "kept negative" if label < 2 else "negated negative"


def _negates(words: Sequence[str]) -> bool:
    *before, last = (word.lower() for word in words)
    return last in NEGATORS and (not before or (len(before) == 1 and before[0] in AUXILIARIES))


def _wordings(nodes: Nodes) -> list[tuple[str, ...]]:
    """Of every node, in lower case."""
    words = tuple(word.lower() for word in nodes.tokens)
    return [words[start:end] for start, end in zip(nodes.starts, nodes.ends, strict=True)]


def pair_dataset(pairs: Sequence[Pair]) -> Dataset:
    """One row a pair, with the columns of `PAIR_FEATURES`."""
    columns = five_class_columns(
        [list(pair.negated) for pair in pairs], [pair.label for pair in pairs]
    )
    columns |= {
        "unnegated_tokens": [list(pair.unnegated) for pair in pairs],
        "unnegated_label": [pair.unnegated_label for pair in pairs],
        "kind": [pair_kind(pair.label, pair.unnegated_label) for pair in pairs],
    }
    return Dataset.from_dict(columns, features=PAIR_FEATURES)
