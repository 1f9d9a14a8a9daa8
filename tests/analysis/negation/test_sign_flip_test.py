"""The sign-flip test is scipy's permutation test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from textcond.analysis.negation import sign_flip_test
from textcond.analysis.negation.sign_flip_test import sign_flip_p_values


def by_scipy(changes: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    result = permutation_test(
        (changes,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=resamples,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return np.atleast_1d(result.pvalue)


@pytest.mark.parametrize("pairs", [2, 3, 5, 9])
def test_all_flips_give_the_exact_p_value(pairs: int) -> None:
    changes = np.random.default_rng(pairs).normal(0.3, 1, (pairs, 7))
    ours = sign_flip_p_values(changes, resamples=2**pairs, seed=0)
    assert ours.tolist() == by_scipy(changes, 2**pairs, 0).tolist()
    assert ours.tolist() == sign_flip_p_values(changes, resamples=9_999, seed=1).tolist()


def test_one_resample_fewer_than_all_is_drawn() -> None:
    changes = np.random.default_rng(0).normal(0.3, 1, (6, 4))
    drawn = sign_flip_p_values(changes, resamples=63, seed=0)
    assert (drawn * 64 == np.round(drawn * 64)).all()
    assert drawn.min() >= 1 / 64
    assert drawn.tolist() != sign_flip_p_values(changes, resamples=64, seed=0).tolist()


def test_drawn_flips_give_what_scipy_draws() -> None:
    """Both estimate one p-value, each with the standard error of as many resamples."""
    changes = np.random.default_rng(3).normal(0.1, 1, (60, 12))
    changes[:, 0] = 0.0
    resamples = 4_000
    ours = sign_flip_p_values(changes, resamples=resamples, seed=0)
    theirs = by_scipy(changes, resamples, 0)
    error = np.sqrt(2 * np.maximum(theirs * (1 - theirs), 1 / resamples) / resamples)
    assert (np.abs(ours - theirs) < 4 * error).all()
    assert len(set(ours.round(1))) > 4  # they differ from each other
    assert ours[0] == 1
    assert ours.tolist() == sign_flip_p_values(changes, resamples=resamples, seed=0).tolist()


@pytest.mark.parametrize("unit", [1.0, 0.1, 1e-9, 1e9 / 3])
def test_sums_that_only_rounding_tells_apart_are_tied(unit: float) -> None:
    """Counted in whole numbers, which are exact; half of the observed sums are 0."""
    whole = np.array([[3, 1], [2, 2], [-1, 3], [4, -6], [1, 1], [-2, -1], [-1, 4], [3, -4]])
    assert whole.sum(axis=0).tolist() == [9, 0]
    signs = 1 - 2 * (np.arange(2**8)[:, None] >> np.arange(8) & 1)
    expected = (signs @ whole >= whole.sum(axis=0)).mean(axis=0)
    assert sign_flip_p_values(whole * unit, resamples=256, seed=0).tolist() == expected.tolist()


def test_a_column_without_any_change_is_no_evidence() -> None:
    for pairs in (4, 40):
        assert sign_flip_p_values(np.zeros((pairs, 3)), resamples=99, seed=0).tolist() == [1.0] * 3


def test_the_blocks_are_those_of_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = np.random.default_rng(5).normal(0.1, 1, (12, 3))
    whole = sign_flip_p_values(changes, resamples=4_096, seed=0)
    monkeypatch.setattr(sign_flip_test, "BLOCK", 7)
    assert sign_flip_p_values(changes, resamples=4_096, seed=0).tolist() == whole.tolist()


def test_resamples_are_needed() -> None:
    with pytest.raises(ValueError, match="`resamples` is 0; it must be at least 1"):
        sign_flip_p_values(np.ones((5, 2)), resamples=0, seed=0)
