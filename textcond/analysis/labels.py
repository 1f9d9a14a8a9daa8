"""The gold labels of the sentences of an analysis."""

from __future__ import annotations

from pathlib import Path

from textcond.analysis.corpus import CorpusConductance
from textcond.corpora.gold import Gold, gold_of_sentences, gold_of_trees


def gold_of_analysis(analysis: CorpusConductance, data_dir: Path | None = None) -> Gold:
    """The labels of tree nodes where the trees are in `data_dir`, otherwise of sentences."""
    data, _, split = analysis.manifest.data.partition(" ")
    is_treebank = data == "sst" and set(split.split("+")) <= {"train", "dev", "test"}
    if is_treebank and data_dir is not None:
        tokens = [sentence.tokens for sentence in analysis.sentences()]
        return gold_of_trees(split, tokens, data_dir=data_dir)
    return gold_of_sentences(analysis.column("positive"), analysis.column("negative"))
