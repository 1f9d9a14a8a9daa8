"""Every case of the table is right within its error estimate, or warned about, or refused."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.attribution.numerical.cases import Case, cases
from textcond.attribution.numerical.result import ConvergenceWarning
from textcond.errors import ModelError

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case) -> None:
    if case.outcome == "refuses":
        with pytest.raises((ModelError, ValueError)):
            case.measured()
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = case.measured()
    told = any(issubclass(one.category, ConvergenceWarning) for one in caught)
    if case.outcome == "warns":
        assert told
        return
    assert not told
    assert result.converged
    steps = 20_000 if case.input.numel() < 100 else 2_000 if case.input.numel() < 1_000 else 300
    wanted, known = case.truth(steps)
    missed = (result.values.double().flatten() - wanted.flatten()).abs().max()
    assert missed <= result.error + known
    tight = max(1e-5, 500 * torch.finfo(case.input.dtype).eps) * float(wanted.abs().max())
    assert result.error <= tight
