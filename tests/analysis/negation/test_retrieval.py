"""The sentences that push most, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

import textcond
from tests.analysis.planted import analysis_of
from tests.conftest import SENTENCES
from textcond.analysis.negation.retrieval import retrieve
from textcond.analysis.store.corpus import CorpusConductance
from textcond.errors import AnalysisError
from textcond.model.model import Model

VALUES = np.array([[0.5, -2.0, 0.0], [1.0, 0.25, 0.0], [-1.0, 0.75, 0.0], [0.0, -0.5, 0.0]])


@pytest.fixture
def planted(tmp_path: Path) -> CorpusConductance:
    return analysis_of(tmp_path / "planted", VALUES)


@pytest.mark.parametrize(
    ("filters", "direction", "expected"),
    [
        ([0], 1, [(1, 1.0, 0), (0, 0.5, 0)]),
        ([0], -1, [(2, 1.0, 0)]),
        ([0, 1], 1, [(1, 1.25, 0), (2, 0.75, 1), (0, 0.5, 0)]),
        ([1, 0], -1, [(0, 2.0, 1), (2, 1.0, 0), (3, 0.5, 1)]),
        ([2, 1, 0], 1, [(1, 1.25, 0), (2, 0.75, 1), (0, 0.5, 0)]),
    ],
)
def test_amounts_by_hand(
    planted: CorpusConductance,
    filters: list[int],
    direction: int,
    expected: list[tuple[int, float, int]],
) -> None:
    found = retrieve(planted, filters, direction)
    assert (found.filters, found.direction) == (tuple(filters), direction)
    assert [(one.row, one.conductance, one.filter) for one in found.sentences] == expected
    assert retrieve(planted, filters, direction, top=1).sentences == found.sentences[:1]


def test_the_ngram_is_the_winning_window(sst: Model, tmp_path: Path) -> None:
    texts = Dataset.from_dict({"text": SENTENCES})
    analysis = CorpusConductance.compute(sst, texts, tmp_path / "analysis")
    found = retrieve(analysis, range(128, 256), -1, top=20)
    for one in found.sentences:
        result = textcond.conductance(sst, SENTENCES[one.row])
        assert (one.text, one.tokens) == (SENTENCES[one.row], result.tokens)
        assert one.score == pytest.approx(result.score)
        wide = -result.by_filter[128:]
        assert one.conductance == pytest.approx(float(wide.clip(min=0).sum()), rel=1e-4)
        assert one.filter == 128 + int(wide.argmax())
        assert one.window == result.windows[one.filter]
        assert one.ngram == " ".join(result.ngram(one.filter))
        words = {word.lower() for word in result.ngram(one.filter)}
        assert {word.lower() for word in one.shifters} == words & {
            *("not", "never", "hardly", "n't", "without", "rarely", "nothing", "less", "fails"),
            *("no", "none"),
        }
    shifted = sum(bool(one.shifters) for one in found.sentences)
    assert 0 < shifted < len(found.sentences)
    assert found.precision == shifted / len(found.sentences)
    assert found.to_dict()["precision"] == found.precision


def test_what_cannot_be_retrieved(planted: CorpusConductance) -> None:
    with pytest.raises(AnalysisError, match="`top` is 0; it must be at least 1"):
        retrieve(planted, [0], 1, top=0)
    with pytest.raises(AnalysisError, match="`filters` is empty; give at least one filter"):
        retrieve(planted, [], 1)
    nothing = retrieve(planted, [2], 1)
    assert (nothing.sentences, nothing.precision) == ((), None)
