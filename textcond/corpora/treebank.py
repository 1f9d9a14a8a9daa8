"""The Stanford Sentiment Treebank (Socher et al. 2013): trees → sentences and phrases.

Every node of a tree carries one of five labels, 0 (very negative) to 4 (very positive). The
trees come from a folder with `train.txt`, `dev.txt` and `test.txt`, from the official
`trainDevTestTrees_PTB.zip`, or from the Hugging Face hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from datasets import Dataset
from jaxtyping import Int

from textcond.corpora.dataset_columns import five_class_dataset
from textcond.corpora.huggingface import load_from_hub
from textcond.corpora.release_archives import read_lines
from textcond.corpora.sst_heldout import is_heldout_sentence
from textcond.errors import CorpusError
from textcond.text.normalization import plain

if TYPE_CHECKING:  # NLTK takes a second to import: it is, where there are trees to read
    from nltk.tree import Tree

Unit = Literal["sentence", "phrase"]
SPLITS = ("train", "dev", "test")
_HUB = "stanfordnlp/sst"
_HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


@dataclass(frozen=True, slots=True)
class Nodes:
    """Every node of every tree of a split, as a span of its tokens; parents before children."""

    tokens: tuple[str, ...]
    """Of all sentences, one after another."""
    starts: Int[np.ndarray, " nodes"]
    ends: Int[np.ndarray, " nodes"]
    labels: Int[np.ndarray, " nodes"]
    parents: Int[np.ndarray, " nodes"]
    """The row of the parent; -1 for a whole sentence."""

    def words(self, node: int) -> tuple[str, ...]:
        return self.tokens[self.starts[node] : self.ends[node]]

    @property
    def lengths(self) -> Int[np.ndarray, " nodes"]:
        lengths: Int[np.ndarray, " nodes"] = self.ends - self.starts
        return lengths


def load_nodes(split: str, *, data_dir: Path | None = None) -> Nodes:
    """The trees of one split with their inner structure; raises as `load_treebank` does."""
    tokens: list[str] = []
    rows: list[tuple[int, int, int, int]] = []

    def add(node: Tree, parent: int) -> None:
        start, row = len(tokens), len(rows)
        rows.append((start, 0, cast(int, node.label()), parent))
        for child in node:
            if isinstance(child, str):
                tokens.append(plain(child))
            else:
                add(child, row)
        rows[row] = (start, len(tokens), *rows[row][2:])

    for tree in read_trees(split, data_dir=data_dir):
        add(tree, -1)
    return Nodes(tuple(tokens), *np.array(rows).T)


def load_treebank(split: str, *, data_dir: Path | None = None, unit: Unit = "sentence") -> Dataset:
    """One split as sentences, or as its distinct phrases (every node of every tree).

    `data_dir` is the folder or the zip file; without it the hub is asked. A phrase that stands
    in many trees is one row: the treebank labels each wording once. The few training phrases
    that are dev or test sentences too ("No .") are left out.

    Raises `CorpusError` if the trees are not there or one of them is broken.
    """
    trees = read_trees(split, data_dir=data_dir)
    nodes = trees if unit == "sentence" else [node for tree in trees for node in tree.subtrees()]
    rows = [([plain(leaf) for leaf in node.leaves()], cast(int, node.label())) for node in nodes]
    if unit == "phrase":
        rows = list({tuple(tokens): (tokens, label) for tokens, label in rows}.values())
    if unit == "phrase" and split == "train":
        rows = [row for row in rows if not is_heldout_sentence(" ".join(row[0]))]
    return five_class_dataset([tokens for tokens, _ in rows], [label for _, label in rows])


def read_trees(split: str, *, data_dir: Path | None = None) -> list[Tree]:
    """The trees of one split, labels as integers."""
    if split not in SPLITS:
        raise CorpusError(f"`split` is {split!r}; SST has {', '.join(SPLITS)}.")
    source, lines = _hub_lines(split) if data_dir is None else _local_lines(split, data_dir)
    trees = [
        _parse(line, f"{source}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not trees:
        raise CorpusError(f"{source} holds no trees; get the treebank again.")
    return trees


def _local_lines(split: str, data_dir: Path) -> tuple[str, list[str]]:
    remedy = "give `--data-dir` the folder with train.txt, dev.txt and test.txt, or the zip file"
    return read_lines(f"{split}.txt", data_dir, below="trees", remedy=remedy)


def _hub_lines(split: str) -> tuple[str, list[str]]:
    rows = load_from_hub(
        _HUB,
        _HUB_SPLITS[split],
        config="ptb",
        revision="refs/convert/parquet",
        remedy="give `--data-dir` a folder of trees",
    )
    return f"{_HUB} ({split})", list(rows["ptb_tree"])


def _parse(line: str, place: str) -> Tree:
    from nltk.tree import Tree

    try:
        tree = Tree.fromstring(line, read_node=_label)
        if any(not len(node) for node in tree.subtrees()):
            raise ValueError("a node has no words")
    except ValueError as error:
        reason = str(error).split("\n", 1)[0]
        raise CorpusError(f"{place}: not a whole tree ({reason}); get the file again.") from error
    return tree


def _label(text: str) -> int:
    if text not in {"0", "1", "2", "3", "4"}:
        raise ValueError(f"the label {text!r} is not one of 0 to 4")
    return int(text)
