"""New phrases keep the frame, the label and the length of the old ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from textcond.corpora.treebank import Nodes, load_nodes
from textcond.model.training.augmentation import Substitution
from textcond.model.training.batches import Examples, head_targets
from textcond.model.training.recipe import Recipe
from textcond.text.vocabulary import Vocabulary

TREES = (
    "(3 (2 A) (3 (4 (3 warm) (2 film)) (2 .)))\n"
    "(3 (2 It) (3 (2 never) (1 (1 drags) (2 on))))\n"
    "(1 (1 (1 stale) (2 jokes)) (1 (2 and) (1 (1 thin) (2 plots))))\n"
)


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    (tmp_path / "train.txt").write_text(TREES)
    return load_nodes("train", data_dir=tmp_path)


def vocabulary_of(nodes: Nodes) -> Vocabulary:
    return Vocabulary(sorted({token.lower() for token in nodes.tokens}))


def drawn(nodes: Nodes, *, substitutions: float, negations: float) -> list[tuple[str, int]]:
    """New phrases as words and their label, of 100 phrases."""
    vocabulary = vocabulary_of(nodes)
    recipe = Recipe(substitutions=substitutions, negations=negations)
    examples = Substitution(nodes, vocabulary, recipe).draw(100, np.random.default_rng(0))
    labels = (examples.targets[:, :1] - head_targets(torch.arange(5), 0.2)[:, 0]).abs().argmin(1)
    return list(zip(texts(examples, vocabulary), labels.tolist(), strict=True))


def texts(examples: Examples, vocabulary: Vocabulary) -> list[str]:
    words = ["<pad>", "<unk>", *vocabulary.words]
    edges = zip(examples.starts, examples.starts[1:], strict=False)
    return [" ".join(words[id] for id in examples.ids[a:b]) for a, b in edges]


def test_nodes_are_spans_with_parents(nodes: Nodes) -> None:
    assert nodes.words(0) == ("A", "warm", "film", ".")
    assert [nodes.words(int(node)) for node in np.flatnonzero(nodes.parents == 0)] == [
        ("A",),
        ("warm", "film", "."),
    ]
    assert nodes.labels[0] == 3
    assert (nodes.parents == -1).sum() == 3
    assert (nodes.lengths == 1).sum() == len(nodes.tokens) == 13


def test_each_part_is_one_of_the_same_label_and_length(nodes: Nodes) -> None:
    """Every new phrase is an old one with one node's words for another's."""
    possible = set()
    for phrase in range(len(nodes.labels)):
        for part in range(len(nodes.labels)):
            a, b = nodes.starts[part], nodes.ends[part]
            inside = nodes.starts[phrase] <= a and b <= nodes.ends[phrase]
            if not inside or nodes.lengths[part] >= min(nodes.lengths[phrase], 4):
                continue
            for other in range(len(nodes.labels)):
                alike = nodes.labels[other] == nodes.labels[part]
                # The one negator has no other to give way to.
                negators = sum(nodes.words(node) == ("never",) for node in (part, other))
                if alike and negators != 1 and nodes.lengths[other] == nodes.lengths[part]:
                    before = nodes.tokens[nodes.starts[phrase] : a]
                    after = nodes.tokens[b : nodes.ends[phrase]]
                    words = " ".join([*before, *nodes.words(other), *after]).lower()
                    possible.add((words, int(nodes.labels[phrase])))
    found = drawn(nodes, substitutions=10.0, negations=0.0)
    assert len(found) == 1_000
    assert set(found) <= possible
    assert len(set(found)) > 0.8 * len(possible)


def test_negated_parts_give_way_to_others_of_their_label(nodes: Nodes) -> None:
    found = drawn(nodes, substitutions=0.0, negations=1.0)
    assert len(found) == 100
    pairs = {"drags on", "stale jokes", "thin plots"}
    assert set(found) == {(f"{frame}never {words}", 3) for frame in ("", "it ") for words in pairs}


def test_negators_give_way_to_each_other(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(f"{TREES}(1 (2 hardly) (3 warm))\n(2 (2 is) (2 not))\n")
    found = drawn(load_nodes("train", data_dir=tmp_path), substitutions=0.0, negations=2.0)
    assert {("hardly drags on", 3), ("it hardly drags on", 3), ("never warm", 1)} <= set(found)
    assert not [words for words, _ in found if "is not" in words]  # of another length
    everywhere = drawn(load_nodes("train", data_dir=tmp_path), substitutions=9.0, negations=0.0)
    # A film is no more likely a negator than the other way round, though both have no polarity.
    assert not [words for words, _ in everywhere if words in ("warm never .", "film drags on")]


def test_nothing_held_out_is_drawn(nodes: Nodes) -> None:
    """Neither a phrase of the trees that is a held-out text as well, nor a new one."""
    vocabulary = vocabulary_of(nodes)
    recipe = Recipe(substitutions=10.0, negations=1.0)
    free = Substitution(nodes, vocabulary, recipe).draw(100, np.random.default_rng(0))
    held_out = ["never drags on", "never stale jokes", "thin jokes"]
    assert set(held_out) <= set(texts(free, vocabulary))
    substitution = Substitution(
        nodes, vocabulary, recipe, held_out=[words.split() for words in held_out]
    )
    kept = substitution.draw(100, np.random.default_rng(0))
    assert len(kept) == len(free)
    assert not set(held_out) & set(texts(kept, vocabulary))


def test_the_seed_decides(nodes: Nodes) -> None:
    first, second = (drawn(nodes, substitutions=1.0, negations=1.0) for _ in range(2))
    assert first == second


def test_the_size_is_known_before(nodes: Nodes) -> None:
    for recipe in (Recipe(), Recipe(substitutions=0.0), Recipe(substitutions=0.3, negations=0.0)):
        substitution = Substitution(nodes, vocabulary_of(nodes), recipe)
        assert substitution.size(77) == len(substitution.draw(77, np.random.default_rng(1)))


def test_trees_without_negation(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("(3 (2 A) (3 warm))\n")
    nodes = load_nodes("train", data_dir=tmp_path)
    assert len(drawn(nodes, substitutions=1.0, negations=1.0)) == 100
    (tmp_path / "train.txt").write_text("(3 warm)\n")
    assert drawn(load_nodes("train", data_dir=tmp_path), substitutions=1.0, negations=1.0) == []
