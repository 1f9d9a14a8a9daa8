"""Where the names in a request lead: into the service's data folder, and to the library's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.file_rows import DEFAULT
from textcond.corpora.known_corpora import PAIR_NAMES
from textcond.errors import CorpusError
from textcond.model import checkpoint
from textcond.model.model import Model
from textcond.workflows.places import Source
from textcond_service.settings import Settings
from textcond_service.storage.data_folder import Storage
from textcond_service.storage.database import Corpus, Database, patiently

log = structlog.get_logger("textcond")


@dataclass(frozen=True, slots=True)
class ServicePlaces:
    """The models, the corpora and the analyses of a service."""

    settings: Settings
    database: Database
    storage: Storage

    @property
    def treebank(self) -> Path | None:
        return self.settings.sst

    def tell(self, note: str) -> None:
        log.info("note", note=note)

    def model(self, name: str) -> Model:
        return checkpoint.load(name, shelf=self.storage.models)

    def analysis(self, name: str) -> CorpusConductance:
        return CorpusConductance.open(self.storage.analysis(name))

    def corpus(self, name: str, *, pairs: bool = False) -> Source:
        uploaded = self.uploaded(name)
        if uploaded is not None:
            return Source(str(self.storage.corpus(uploaded.file)), uploaded.reading)
        if not self.settings.has(name) and not (pairs and name in PAIR_NAMES):
            raise CorpusError(
                f"The service does not have {name}; its operator sets TEXTCOND_SST to the folder "
                "of the Stanford Sentiment Treebank's trees, or TEXTCOND_QUESTIONS to that of "
                "WikiTableQuestions."
            )
        return Source(name, DEFAULT, self.settings.folder_of(name))

    def uploaded(self, name: str) -> Corpus | None:
        """The row of a file that a client uploaded under this name, if there is one."""

        def call() -> Corpus | None:
            with self.database.reading() as session:
                return session.get(Corpus, name)

        return patiently(call)
