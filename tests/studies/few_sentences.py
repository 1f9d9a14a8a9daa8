"""Sources of few sentences, so that a study takes seconds."""

from __future__ import annotations

from dataclasses import dataclass

from datasets import Dataset

from textcond.studies.data_sources import Sources


@dataclass(frozen=True)
class Few(Sources):
    """The packaged reviews, some of each part."""

    most: int = 120

    def load(self, corpus: str, split: str) -> Dataset:
        rows = super().load(corpus, split)
        return rows.shuffle(seed=1).select(range(min(self.most, len(rows))))
