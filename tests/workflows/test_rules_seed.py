"""The seed of a request reaches every draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from tests.conftest import SENTENCES
from textcond.analysis.rules import extraction
from textcond.analysis.store.corpus import CorpusConductance
from textcond.commands.local_places import LocalPlaces
from textcond.model.model import Model
from textcond.progress import nobody
from textcond.workflows.places import Subject
from textcond.workflows.rules import RulesRequest, run


def test_the_sentences_of_a_large_corpus_are_drawn_by_it(
    sst: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "MOST_SENTENCES", 8)
    texts = [f"{one} {other}" for one in SENTENCES[:6] for other in SENTENCES[6:12]]
    analysis = CorpusConductance.compute(sst, Dataset.from_dict({"text": texts}), tmp_path / "of")
    subject = Subject(analysis, LocalPlaces(), sst)

    def found(seed: int) -> list[float]:
        request = RulesRequest(seed=seed, support=1, fidelity=0.5)
        return [rule.coverage for rule in run(request, subject, nobody).rules.rules]

    assert found(0) == found(0)
    assert found(0) != found(1)
