"""The division of labour: which filters work for which side.

A filter's conductance for a sentence is read as its sign: +1, -1, or 0 below a threshold.
Most filters have one sign only (Dhamdhere et al. 2018, §6.2 and figure 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score, pairwise_distances, silhouette_score

from textcond.analysis.polarity.sign_counts import SignCounts, count_signs
from textcond.analysis.store.corpus import CorpusConductance
from textcond.errors import AnalysisError

Polarity = Literal["positive", "negative", "dead"]
THRESHOLD = 0.01
"""The papers' own, in units of the score."""
MOST_SENTENCES = 4_000
"""That are clustered and drawn; of more, so many are drawn at random."""
MOST_CLUSTERS = 8

Tree = Float[np.ndarray, "_ 4"]
"""As scipy's `linkage` gives it."""


@dataclass(frozen=True, slots=True)
class FilterRole:
    """What one filter does across the corpus."""

    filter: int
    width: int
    polarity: Polarity
    """Of most of its signs; dead without any."""
    purity: float | None
    """Share of its signs that agree with its polarity; None for a dead filter."""
    active: float
    """Share of the sentences for which it has a sign."""
    mean: float
    """Of its conductance, in units of the score."""
    certainty: float | None
    """Share of the bootstrap draws of the corpus in which it has this polarity; None without."""
    cluster: int
    """From 1; 0 for a dead filter."""


@dataclass(frozen=True, slots=True)
class Division:
    """The signs of conductance over a corpus, and the clusters that they make."""

    analysis: CorpusConductance
    threshold: float
    """In units of the score."""
    roles: tuple[FilterRole, ...]
    stability: float | None
    """Mean adjusted Rand index between the clusters of the filters and those of bootstrap draws:
    1 if they are the same, 0 if they agree as chance would; None without draws."""
    rows: Int[np.ndarray, " shown"]
    """The sentences that are clustered."""
    signs: Int[np.ndarray, "shown filters"]
    filter_tree: Tree
    """Over all filters, the dead ones included."""
    sentence_tree: Tree
    sentence_clusters: Int[np.ndarray, " shown"]
    """From 1."""

    @property
    def filter_order(self) -> list[int]:
        """The filters as their tree has them from left to right."""
        return [int(leaf) for leaf in leaves_list(self.filter_tree)]

    @property
    def sentence_order(self) -> list[int]:
        """The places in `rows` as their tree has them from top to bottom."""
        return [int(leaf) for leaf in leaves_list(self.sentence_tree)]

    def summary(self) -> dict[str, Any]:
        """The figures of the whole."""
        purities = [role.purity for role in self.roles if role.purity is not None]
        certain = [role.certainty for role in self.roles if role.certainty is not None]
        count = {
            polarity: sum(role.polarity == polarity for role in self.roles)
            for polarity in ("positive", "negative", "dead")
        }
        return {
            "sentences": len(self.analysis),
            "threshold": self.threshold,
            "mean_purity": float(np.mean(purities)) if purities else None,
            "pure_filters": float(np.mean([p >= 0.95 for p in purities])) if purities else None,
            "positive_filters": count["positive"],
            "negative_filters": count["negative"],
            "dead_filters": count["dead"],
            "filter_clusters": max(role.cluster for role in self.roles),
            "sentence_clusters": int(self.sentence_clusters.max()),
            "stability": self.stability,
            "least_certainty": min(certain) if certain else None,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {
            **self.analysis.summary(),
            **self.summary(),
            "roles": [asdict(role) for role in self.roles],
        }


def divide(
    analysis: CorpusConductance,
    *,
    threshold: float = THRESHOLD,
    relative: bool = False,
    clusters: int | None = None,
    draws: int = 100,
    seed: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Division:
    """Signs, purity, polarity and clusters of the filters over a corpus.

    `threshold` is in units of the score, or with `relative` a share of the mean distance between
    a sentence's score and the baseline's. Filters and sentences are clustered by their signs
    (Ward); without `clusters` there are as many of each as make the best silhouette. The corpus is
    read a shard at a time; `watch` is told how many sentences are done. Raises `AnalysisError`
    for a corpus of one sentence, or without a sign.
    """
    if not 0 <= threshold < float("inf"):
        raise AnalysisError(f"`threshold` is {threshold}; it must be 0 or more.")
    if clusters is not None and not 1 <= clusters <= analysis.filters:
        raise AnalysisError(
            f"`clusters` is {clusters}; it must be from 1 to {analysis.filters}, the filters."
        )
    if len(analysis) < 2:
        raise AnalysisError("The analysis has one sentence; a division takes at least 2.")
    if relative:
        distances = np.abs(analysis.column("score") - analysis.column("baseline_score"))
        threshold *= float(distances.mean())
    generator = np.random.default_rng(seed)
    rows = analysis.draw(MOST_SENTENCES, generator)
    counts, drawn, shown = count_signs(
        analysis, threshold, draws=draws, keep=rows, generator=generator, watch=watch
    )
    polarities = counts.polarities
    alive = np.flatnonzero(polarities)
    if not len(alive):
        raise AnalysisError(
            f"No conductance is beyond the threshold ({threshold:g}); lower `threshold`."
        )
    distances = counts.distances(alive)
    names = _clusters(_tree(distances), distances, clusters, np.arange(len(alive)))
    certainty, stability = None, None
    if draws:
        certainty, stability = _bootstrap(counts, drawn, alive, names)
    means = analysis.means()
    cluster_of = dict(zip(alive.tolist(), names.tolist(), strict=True))
    roles = [
        FilterRole(
            filter=filter,
            width=analysis.manifest.widths[filter],
            polarity=POLARITY_NAMES[int(polarities[filter])],
            purity=counts.purity(filter),
            active=float(counts.products[filter, filter] / len(analysis)),
            mean=float(means[filter]),
            certainty=None if certainty is None else float(certainty[filter]),
            cluster=int(cluster_of.get(filter, 0)),
        )
        for filter in range(analysis.filters)
    ]
    apart = pairwise_distances(shown.astype(np.float32), metric="euclidean")
    sentence_tree = _tree(apart)
    sample = generator.permutation(len(rows))[:1_000]
    return Division(
        analysis=analysis,
        threshold=threshold,
        roles=tuple(roles),
        stability=stability,
        rows=rows,
        signs=shown,
        filter_tree=_tree(counts.distances(np.arange(analysis.filters))),
        sentence_tree=sentence_tree,
        sentence_clusters=_clusters(sentence_tree, apart[np.ix_(sample, sample)], clusters, sample),
    )


POLARITY_NAMES: dict[int, Polarity] = {1: "positive", -1: "negative", 0: "dead"}


def _bootstrap(
    counts: SignCounts,
    drawn: Sequence[SignCounts],
    alive: Int[np.ndarray, " alive"],
    names: Int[np.ndarray, " alive"],
) -> tuple[Float[np.ndarray, " filters"], float]:
    """How often each filter keeps its polarity, and the filters their clusters, in the draws."""
    same = np.mean([one.polarities == counts.polarities for one in drawn], axis=0)
    agreement = [
        adjusted_rand_score(names, _cut(_tree(one.distances(alive)), int(names.max())))
        for one in drawn
    ]
    return same, float(np.mean(agreement))


def _tree(distances: Float[np.ndarray, "points points"]) -> Tree:
    """Ward's tree over points, from how far they lie apart."""
    if len(distances) < 2:
        return np.zeros((0, 4))
    tree: Tree = linkage(squareform(distances, checks=False), "ward")
    return tree


def _clusters(
    tree: Tree,
    distances: Float[np.ndarray, "sample sample"],
    count: int | None,
    sample: Int[np.ndarray, " sample"],
) -> Int[np.ndarray, " points"]:
    """The cluster of each point, from 1: `count` of them, or as many as fit a sample best."""
    points = len(tree) + 1
    if points < 3:
        return np.ones(points, np.int64)
    if count is not None:
        return _cut(tree, count)
    best, best_names = -np.inf, np.ones(points, np.int64)
    for k in range(2, MOST_CLUSTERS + 1):
        names = _cut(tree, k)
        found = len(set(names[sample].tolist()))
        if not 2 <= found < len(sample):
            continue
        fit = silhouette_score(distances, names[sample], metric="precomputed")
        if fit > best:
            best, best_names = fit, names
    return best_names


def _cut(tree: Tree, count: int) -> Int[np.ndarray, " points"]:
    if not len(tree):  # scipy cuts no tree of one point
        return np.ones(1, np.int64)
    names: Int[np.ndarray, " points"] = fcluster(tree, count, criterion="maxclust")
    return names.astype(np.int64)
