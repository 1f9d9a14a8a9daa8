"""What follows the corpus where nothing is said: how often it is read."""

from __future__ import annotations

import pytest

from textcond.model.training.recipe import fitted


@pytest.mark.parametrize(
    ("texts", "given", "epochs", "batch_size"),
    [
        (10, {}, 60, 32),
        (3_016, {}, 43, 32),
        (40_000, {}, 5, 32),
        (60_000, {}, 9, 128),
        (150_000, {}, 5, 128),
        (3_016, {"epochs": 3}, 3, 32),
        (3_016, {"batch_size": 16}, 22, 16),
    ],
)
def test_small_corpora_are_read_more_often(
    texts: int, given: dict[str, int], epochs: int, batch_size: int
) -> None:
    recipe = fitted(texts, seed=3, **given)
    assert (recipe.epochs, recipe.batch_size, recipe.seed) == (epochs, batch_size, 3)
    assert recipe.patience == epochs
    assert fitted(texts, patience=2).patience == 2
