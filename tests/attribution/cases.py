"""Quantities, models and texts that the laws are tried on."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.conftest import random_model

QUANTITIES = [
    (target, output)
    for target in ("positive", "negative", "margin")
    for output in ("logit", "probability")
]
# w30 and above are unknown words.
TEXTS = st.lists(st.integers(0, 33).map("w{}".format), min_size=1, max_size=9).filter(
    lambda tokens: any(int(token[1:]) < 30 for token in tokens)
)
MODELS = st.sampled_from(
    [random_model(seed, scale=scale) for seed in range(40) for scale in (0.1, 1.0, 5.0)]
    + [random_model(seed, scale=scale, whole=True) for seed in range(30) for scale in (0.6, 1.0)]
)
SOFTMAX_MODELS = st.sampled_from(
    [random_model(seed, classes=classes) for seed in range(20) for classes in (2, 3, 5)]
)
