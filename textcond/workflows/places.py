"""Where the names in a request lead: to files of the user, or into a service's data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.corpora.file_rows import Layout
    from textcond.model.model import Model


@dataclass(frozen=True, slots=True)
class Source:
    """Where a corpus is read from, and how."""

    data: str
    """The name of a corpus of the library, or a path."""
    layout: Layout
    data_dir: Path | None = None
    """Where the files of a corpus are that no package carries."""


class Places(Protocol):
    """Finds what a request names."""

    @property
    def treebank(self) -> Path | None:
        """Where the trees of the Stanford Sentiment Treebank are, if they are."""

    def tell(self, note: str) -> None:
        """Say something to the user that is no error."""

    def model(self, name: str) -> Model:
        """A model; raises `ModelError` if it cannot be loaded."""

    def analysis(self, name: str) -> CorpusConductance:
        """A finished analysis of a corpus; raises `AnalysisError` if there is none."""

    def corpus(self, name: str, *, pairs: bool = False) -> Source:
        """A corpus, or `pairs`; raises `CorpusError` if it is not here."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: a finished analysis of a corpus, and the model that it is of."""

    analysis: CorpusConductance
    places: Places
    loaded: Model | None
    """None for a workflow that asks the analysis alone."""

    @property
    def model(self) -> Model:
        assert self.loaded is not None
        return self.loaded

    def held_out(self, name: str | None) -> CorpusConductance | None:
        """Another analysis of the same model and score, to check on; None if none is named."""
        if name is None:
            return None
        other = self.places.analysis(name)
        other.check_model(self.model)
        other.check_score(**self.analysis.score, argument="held_out")
        return other
