"""The two sides of a score: what speaks for each, in the network and in the labels.

Of a sentiment model they are positive and negative, whichever of its scores is analyzed. Of a
classifier over classes they are the two classes of the target, or a class and all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.quantity import Quantity, quantity_of
from textcond.corpora.gold_labels import Gold, GoldSentences, gold_of_sentences, gold_of_trees
from textcond.model.model import Model
from textcond.model.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Sides:
    """The first and the second side of a score."""

    names: tuple[str, str]
    """Such as `("positive", "negative")`, `("date", "string")` or `("date", "not date")`."""
    sense: int
    """+1 if the score rises towards the first side, -1 if it falls: that of the negative head."""
    outputs: Outputs
    """Of the model."""

    @property
    def are_polarity(self) -> bool:
        return self.outputs.are_polarity

    def pushed_to(self, direction: int) -> str:
        """The side that conductance of this sign pushes the score to."""
        return self.names[0 if direction * self.sense > 0 else 1]

    def calls(
        self, logits: Float[np.ndarray, "texts outputs"], side: str
    ) -> Bool[np.ndarray, " texts"]:
        """Whether the network calls each text this side, one of `names`."""
        first, second = self.names
        outputs = self.outputs.names
        plus = logits[:, outputs.index(first)]
        found: Bool[np.ndarray, " texts"]
        if second in outputs:
            minus = logits[:, outputs.index(second)]
            found = plus > minus if side == first else minus > plus
            return found
        found = plus >= logits.max(axis=1) if self.outputs.softmax else plus > 0
        return found if side == first else ~found

    def calls_first(self, logits: Float[np.ndarray, "texts outputs"]) -> Bool[np.ndarray, " texts"]:
        """Whether the network calls each text the first side."""
        return self.calls(logits, self.names[0])

    def of_labels(
        self, analysis: CorpusConductance
    ) -> tuple[Int[np.ndarray, " sentences"], Bool[np.ndarray, " sentences"]]:
        """The side that each sentence's label is of: +1, -1, or 0 for neither; and which sentences
        have a label."""
        if self.are_polarity:
            gold = gold_of_sentences(analysis.column("positive"), analysis.column("negative"))
            return np.where(gold.known, gold.polarities, 0), gold.known
        first, second = self.names
        classes = analysis.classes()
        # Where a text can have several classes, one without any is of none of them.
        is_none_known = not self.outputs.softmax and any(classes)
        ours = {*self.outputs.names}
        known = np.array([is_none_known or bool(ours & {*names}) for names in classes], np.bool_)
        plus = np.array([first in names for names in classes], np.int64)
        minus = 1 - plus
        if second in ours:
            minus = np.array([second in names for names in classes], np.int64)
        return np.where(known, plus - minus, 0), known


def sides_of(model: Model, quantity: Quantity) -> Sides:
    """The sides of a score of a model."""
    names = model.outputs.margin_sides or quantity.poles
    return Sides(names, 1 if names == quantity.poles else -1, model.outputs)


def sides_of_analysis(model: Model, analysis: CorpusConductance) -> Sides:
    """The sides of the score that was analyzed; raises what `quantity_of` does."""
    return sides_of(model, quantity_of(model, analysis.manifest.target, analysis.manifest.output))


def gold_of_analysis(
    model: Model, analysis: CorpusConductance, data_dir: Path | None = None
) -> Gold:
    """The labels of tree nodes where the trees are in `data_dir`, otherwise of sentences."""
    sides = sides_of_analysis(model, analysis)
    data, _, split = analysis.manifest.data.partition(" ")
    is_treebank = data == "sst" and set(split.split("+")) <= {"train", "dev", "test"}
    if is_treebank and data_dir is not None and sides.are_polarity:
        tokens = [sentence.tokens for sentence in analysis.sentences()]
        return gold_of_trees(split, tokens, data_dir=data_dir)
    return GoldSentences(*sides.of_labels(analysis))
