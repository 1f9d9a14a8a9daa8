"""The compiled loops over windows, against the convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

from tests.attribution.cases import MODELS, TEXTS
from textcond.attribution.closed_form import compiled_pooling
from textcond.attribution.closed_form.winning_windows import winning_windows, words_of
from textcond.model.model import Model


@given(MODELS, TEXTS)
def test_the_winners_are_the_convolution_s(model: Model, tokens: list[str]) -> None:
    network = model.network
    ids = model.vocabulary.encode(tokens)
    with torch.no_grad():
        found = winning_windows(network, words_of([[2], ids]), torch.float64)
        embedded = network.embedding.weight[ids].double().T[None]
        first = 0
        for kernel in network.kernels:
            width = kernel.shape[2]
            scores = torch.nn.functional.conv1d(embedded, kernel.double(), padding=width - 1)[0]
            strengths = found.strengths[1, first : first + len(kernel)]
            starts = found.starts[1, first : first + len(kernel)]
            torch.testing.assert_close(strengths, scores.max(dim=1).values, rtol=1e-12, atol=1e-12)
            at_starts = scores.gather(1, (starts + width - 1)[:, None])[:, 0]
            torch.testing.assert_close(at_starts, strengths, rtol=1e-12, atol=1e-12)
            first += len(kernel)


def test_no_folder_for_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = compiled_pooling.njit

    def refuse(**options: Any) -> Any:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled_pooling, "njit", refuse)
    kinks = np.empty((1, 2))
    compiled_pooling.compiled(compiled_pooling.find_kinks.py_func)(
        np.array([[2.0, -1.0]]), np.array([-1.0, 0.0]), kinks
    )
    assert kinks.tolist() == [[0.5, 2.0]]
