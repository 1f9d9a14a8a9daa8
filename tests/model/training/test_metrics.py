"""Figures of each class, and what a useless model is told by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from textcond.model.training.metrics import class_scores, warnings_of

NAMES = ("a", "b", "c")


def scores_of(wanted: str, called: str) -> dict[str, Any]:
    places = [np.array([NAMES.index(name) for name in text], np.int64) for text in (wanted, called)]
    return class_scores(*places, NAMES)


def test_by_hand() -> None:
    found = scores_of("aaab", "aabb")
    assert (found["accuracy"], found["majority"], found["texts"]) == (0.75, 0.75, 4)
    assert found["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    first = found["classes"]["a"]
    assert (first["precision"], first["texts"]) == (1.0, 3)
    assert (first["recall"], first["f1"]) == (pytest.approx(2 / 3), pytest.approx(0.8))
    assert found["classes"]["b"]["precision"] == 0.5
    assert found["classes"]["c"] == {"precision": None, "recall": None, "f1": None, "texts": 0}


def test_nothing_to_tell_by() -> None:
    assert scores_of("", "") == {
        "accuracy": None,
        "majority": None,
        "classes": {},
        "confusion": [],
        "texts": 0,
    }


@pytest.mark.parametrize(
    ("wanted", "called", "words"),
    [
        ("aabb", "aaaa", "answers a to every dev text"),
        ("abcc", "cccc", "answers c to every dev text"),
        ("aaab", "aaba", "is right about 50.0% of the dev texts, and always"),
        ("aabb", "abab", "about 50.0%: it has learned nothing of use"),
        ("aabb", "aaab", None),
        ("aaaa", "aaaa", None),
        ("", "", None),
    ],
)
def test_what_has_learned_nothing_is_said(wanted: str, called: str, words: str | None) -> None:
    told = warnings_of({"dev": scores_of(wanted, called)})
    assert len(told) == (words is not None)
    if words is not None:
        assert words in told[0]
