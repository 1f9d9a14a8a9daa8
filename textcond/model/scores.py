"""Accuracy beside the majority share, precision and recall of each class, confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int


def class_scores(
    wanted: Int[np.ndarray, " texts"], called: Int[np.ndarray, " texts"], names: Sequence[str]
) -> dict[str, Any]:
    """Accuracy beside the share of the most frequent class, and figures of each class.

    `wanted` and `called` are places among `names`. `majority` is the accuracy of always answering
    the most frequent class. `confusion` has a row for each class that a text is of, and in it how
    many of these are called what. None where there is no text to tell by.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if not len(wanted):
        return {"accuracy": None, "majority": None, "classes": {}, "confusion": [], "texts": 0}
    places = np.arange(len(names))
    scores = precision_recall_fscore_support(wanted, called, labels=places, zero_division=np.nan)
    precision, recall, f1 = ([_figure(float(value)) for value in row] for row in scores[:3])
    return {
        "accuracy": float(np.mean(wanted == called)),
        "majority": float(np.bincount(wanted).max() / len(wanted)),
        "classes": {
            name: {
                "precision": precision[place],
                "recall": recall[place],
                "f1": f1[place],
                "texts": int(scores[3][place]),
            }
            for place, name in enumerate(names)
        },
        "confusion": confusion_matrix(wanted, called, labels=places).tolist(),
        "texts": len(wanted),
    }


def warnings_of(metrics: Mapping[str, Any]) -> list[str]:
    """Why a trained model should not be used, a sentence each; nothing if there is no reason."""
    dev = metrics["dev"]
    accuracy, majority = dev["accuracy"], dev["majority"]
    if accuracy is None:
        return []
    wanted, called = (np.array(dev["confusion"]).sum(axis=axis) for axis in (1, 0))
    if np.count_nonzero(wanted) < 2:  # there is nothing to tell apart
        return []
    if np.count_nonzero(called) == 1:
        name = list(dev["classes"])[int(called.argmax())]
        return [
            f"This model answers {name} to every dev text: it has learned "
            "nothing. Give it more texts, more `--epochs`, or `--balance`."
        ]
    if accuracy <= majority:
        return [
            f"This model is right about {accuracy:.1%} of the dev texts, and always answering the "
            f"most frequent class would be about {majority:.1%}: it has learned nothing of use. "
            "Give it more texts, more `--epochs`, or `--balance`."
        ]
    return []


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
