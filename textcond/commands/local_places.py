"""Where the names in a command lead: to the user's files, and to the library's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textcond.commands.common import console
from textcond.errors import ModelError
from textcond.workflows.places import Source, Subject

if TYPE_CHECKING:
    from textcond.analysis.store.corpus import CorpusConductance
    from textcond.corpora.file_rows import Layout
    from textcond.model.model import Model


@dataclass(frozen=True, slots=True)
class LocalPlaces:
    """The current folder, and the options that say how its files are read."""

    treebank: Path | None = None
    """`--data-dir`: where SST's trees are, or the questions."""
    layout: Layout | None = None
    """Of a file of texts, or of pairs."""

    def model(self, name: str) -> Model:
        from textcond.model.checkpoint import load

        return load(name)

    def analysis(self, name: str) -> CorpusConductance:
        from textcond.analysis.store.corpus import CorpusConductance

        return CorpusConductance.open(Path(name))

    def tell(self, note: str) -> None:
        console(stderr=True).print(note, soft_wrap=True)

    def corpus(self, name: str, *, pairs: bool = False) -> Source:
        from textcond.corpora.file_rows import DEFAULT

        layout = DEFAULT if self.layout is None else self.layout
        return Source(name, layout, self.treebank)


def subject_in(
    folder: Path, places: LocalPlaces, *, model: str | None = None, reads_model: bool = True
) -> Subject:
    """The analysis in a folder, and its model: the one that it names, unless another place is
    given."""
    analysis = places.analysis(str(folder))
    if not reads_model:
        return Subject(analysis, places, None)
    manifest = analysis.manifest
    try:
        loaded = places.model(model or manifest.model)
    except ModelError as error:
        if model is not None:
            raise
        raise ModelError(
            f"{folder} was computed with the model {manifest.model!r}, which cannot be loaded by "
            f"this name; give its folder by `--model`. ({error})"
        ) from error
    analysis.check_model(loaded)
    return Subject(analysis, places, loaded)
