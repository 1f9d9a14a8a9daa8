"""Accuracy beside the majority share, precision and recall of each class, confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped


def class_scores(
    wanted: Int[np.ndarray, " texts"], called: Int[np.ndarray, " texts"], names: Sequence[str]
) -> dict[str, Any]:
    """Accuracy beside the share of the most frequent class, and figures of each class.

    `wanted` and `called` are places among `names`. `majority` is the accuracy of always answering
    the most frequent class. `confusion` has a row for each class that a text is of, and in it how
    many of these are called what. None where there is no text to tell by.
    """
    from sklearn.metrics import confusion_matrix

    if not len(wanted):
        return {"accuracy": None, "majority": None, "classes": {}, "confusion": [], "texts": 0}
    places = np.arange(len(names))
    classes = _by_class(wanted, called, names)
    return {
        "accuracy": float(np.mean(wanted == called)),
        "majority": float(np.bincount(wanted).max() / len(wanted)),
        "classes": classes,
        "confusion": confusion_matrix(wanted, called, labels=places).tolist(),
        "texts": len(wanted),
    }


def label_scores(
    wanted: Bool[np.ndarray, "texts labels"],
    called: Bool[np.ndarray, "texts labels"],
    names: Sequence[str],
) -> dict[str, Any]:
    """Figures where a text can have several labels: whether it has each, and is called each.

    `accuracy` is the share of texts that are called all of their labels and no other, `majority`
    that of always answering the most frequent set of labels. `micro_f1` is over all pairs of a text
    and a label, `macro_f1` the mean over labels that stand at a text or are called.
    """
    from sklearn.metrics import f1_score

    classes = _by_class(wanted, called, names)
    _, counts = np.unique(wanted, axis=0, return_counts=True)
    known = [scores["f1"] for scores in classes.values() if scores["f1"] is not None]
    return {
        "accuracy": float((wanted == called).all(axis=1).mean()),
        "majority": float(counts.max() / len(wanted)),
        "micro_f1": float(f1_score(wanted, called, average="micro", zero_division=0.0)),
        "macro_f1": float(np.mean(known)) if known else None,
        "classes": classes,
        "confusion": [],
        "nothing_called": float((~called).all(axis=1).mean()),
        "texts": len(wanted),
    }


def warnings_of(metrics: Mapping[str, Any]) -> list[str]:
    """Why a trained model should not be used, a sentence each; nothing if there is no reason."""
    dev = metrics["dev"]
    accuracy, majority = dev["accuracy"], dev["majority"]
    if accuracy is None:
        return []
    if dev.get("nothing_called") == 1:
        return [
            "This model gives no label to any dev text: it has learned nothing. Give it more "
            "texts, or more `--epochs`."
        ]
    if not dev["confusion"]:  # several labels a text
        if accuracy > majority:
            return []
        return [
            f"This model gives {accuracy:.1%} of the dev texts exactly their labels, and always "
            f"answering the most frequent set of labels would do so for {majority:.1%}: it has "
            "learned little. Give it more texts, or more `--epochs`."
        ]
    wanted, called = (np.array(dev["confusion"]).sum(axis=axis) for axis in (1, 0))
    if np.count_nonzero(wanted) < 2 and accuracy == 1:  # there is nothing to tell apart
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


def _by_class(
    wanted: Shaped[np.ndarray, "texts *labels"],
    called: Shaped[np.ndarray, "texts *labels"],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and the number of texts of each class; None where there is no text."""
    from sklearn.metrics import precision_recall_fscore_support

    places = range(len(names))
    columns = precision_recall_fscore_support(wanted, called, labels=places, zero_division=np.nan)
    return {
        name: {
            "precision": _figure(precision),
            "recall": _figure(recall),
            "f1": _figure(f1),
            "texts": int(texts),
        }
        for name, precision, recall, f1, texts in zip(names, *columns, strict=True)
    }


def _figure(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
