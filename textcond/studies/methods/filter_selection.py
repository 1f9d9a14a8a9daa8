"""Filters as features: those that a measure finds important for a class, and how well they do.

Dhamdhere et al. 2019, §5.2: a measure of importance is averaged over the texts of each class, the
filters with the highest averages for any class are kept, and a linear classifier is trained on
what they put out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def class_means(
    values: Float[np.ndarray, "texts filters"], classes: Int[np.ndarray, " texts"]
) -> Float[np.ndarray, "classes filters"]:
    """The mean of a measure over the texts of each class; each class has texts."""
    return np.stack([values[classes == name].mean(axis=0) for name in range(classes.max() + 1)])


def ranked_for_any(means: Float[np.ndarray, "classes filters"]) -> list[int]:
    """The filters by their best rank in any class: each class's first, each class's second, ...

    Ranks, since the averages of a rare class are not of the size of those of a common one.
    """
    orders = np.argsort(-means, axis=1, kind="stable")
    return list(dict.fromkeys(orders.T.flatten().tolist()))


def ranked_by_greatest(means: Float[np.ndarray, "classes filters"]) -> list[int]:
    """The filters by their highest average in any class, as it is."""
    order: list[int] = np.argsort(-means.max(axis=0), kind="stable").tolist()
    return order


def linear_accuracy(
    features: Float[np.ndarray, "texts filters"],
    classes: Int[np.ndarray, " texts"],
    filters: Sequence[int],
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
) -> float:
    """Accuracy on the test rows of a logistic regression on some filters, fitted to the others."""
    chosen = features[:, list(filters)]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5_000))
    classifier.fit(chosen[train], classes[train])
    return float(classifier.score(chosen[test], classes[test]))
