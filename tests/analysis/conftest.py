"""A small model, and shards of a few sentences."""

from __future__ import annotations

import pytest

from tests.conftest import random_model
from textcond.analysis.store import shards
from textcond.model.model import Model


@pytest.fixture
def model() -> Model:
    return random_model(seed=7)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 8)
