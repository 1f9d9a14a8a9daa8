"""Who works for which side, on planted signs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.planted import analysis_of
from tests.conftest import Run
from textcond.analysis.polarity import sign_counts
from textcond.analysis.polarity.division import divide
from textcond.analysis.store import shards
from textcond.analysis.store.corpus import CorpusConductance
from textcond.errors import AnalysisError
from textcond.report.figures import division_figure, save_figure


@pytest.fixture
def planted(tmp_path: Path) -> CorpusConductance:
    """Ten filters for the first forty sentences, ten against the others; filter 20 works for three
    sentences and against one, 21 for and against two each, 22 stays near zero, 23 is zero."""
    values = np.zeros((80, 24))
    values[:40, :10] = 0.5
    values[40:, 10:20] = -0.25
    values[:3, 20], values[3, 20] = 1.0, -1.0
    values[:2, 21], values[2:4, 21] = 1.0, -1.0
    values[:, 22] = 0.009
    return analysis_of(tmp_path / "planted", values)


def test_signs_by_hand(planted: CorpusConductance) -> None:
    division = divide(planted, draws=20)
    roles = division.roles
    assert [role.polarity for role in roles[:20]] == ["positive"] * 10 + ["negative"] * 10
    assert [role.purity for role in roles[:20]] == [1.0] * 20
    assert (roles[20].polarity, roles[20].purity, roles[20].active) == ("positive", 0.75, 0.05)
    assert (roles[21].polarity, roles[21].purity) == ("positive", 0.5)
    assert [(role.polarity, role.purity, role.active) for role in roles[22:]] == [
        ("dead", None, 0.0)
    ] * 2
    assert roles[0].mean == pytest.approx(0.25)
    assert roles[10].mean == pytest.approx(-0.125)
    assert roles[22].mean == pytest.approx(0.009)
    summary = division.summary()
    assert summary["mean_purity"] == pytest.approx((20 + 0.75 + 0.5) / 22)
    assert summary["pure_filters"] == pytest.approx(20 / 22)
    assert (summary["positive_filters"], summary["negative_filters"]) == (12, 10)
    assert summary["dead_filters"] == 2


def test_clusters_are_those_that_were_planted(planted: CorpusConductance) -> None:
    division = divide(planted, draws=20)
    names = [role.cluster for role in division.roles]
    assert len(set(names[:10])) == len(set(names[10:20])) == 1
    assert names[0] != names[10]
    assert names[22:] == [0, 0]
    first, last = division.sentence_clusters[4:40], division.sentence_clusters[40:]
    assert len(set(first.tolist())) == len(set(last.tolist())) == 1
    assert first[0] != last[0]
    assert sorted(division.filter_order) == list(range(24))
    assert sorted(division.sentence_order) == list(range(80))


def test_the_bootstrap_knows_what_is_sure(planted: CorpusConductance) -> None:
    division = divide(planted, draws=200)
    certainty = [role.certainty for role in division.roles]
    assert min(certainty[:20]) == 1.0
    assert 0.4 < certainty[21] < 0.8  # as often for as against
    assert division.stability > 0.8
    again = divide(planted, draws=200)
    assert again.to_dict() == division.to_dict()
    other = divide(planted, draws=200, seed=1)
    assert [role.certainty for role in other.roles] != certainty


def test_the_threshold(planted: CorpusConductance) -> None:
    lower = divide(planted, threshold=0.001, draws=0)
    assert lower.roles[22].polarity == "positive"
    distances = np.abs(planted.column("score"))
    relative = divide(planted, threshold=0.1, relative=True, draws=0)
    assert relative.threshold == pytest.approx(0.1 * distances.mean())
    assert relative.roles[10].polarity == "dead"
    assert relative.roles[0].polarity == "positive"


def test_one_filter_that_works(tmp_path: Path) -> None:
    values = np.zeros((5, 3))
    values[:, 1] = [1.0, 1.0, -1.0, 1.0, 0.0]
    division = divide(analysis_of(tmp_path / "one", values), draws=5)
    assert [role.polarity for role in division.roles] == ["dead", "positive", "dead"]
    assert [role.cluster for role in division.roles] == [0, 1, 0]
    assert division.stability == 1.0


def test_so_many_clusters(planted: CorpusConductance) -> None:
    division = divide(planted, clusters=3, draws=0)
    assert max(role.cluster for role in division.roles) == 3


def test_a_part_of_a_large_corpus_is_drawn(
    planted: CorpusConductance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textcond.analysis.polarity.division.MOST_SENTENCES", 30)
    division = divide(planted, draws=0)
    assert len(division.rows) == len(division.signs) == len(set(division.rows.tolist())) == 30
    assert division.roles == divide(planted, draws=0).roles


def test_a_corpus_of_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(300, 24)) + np.linspace(-1, 1, 24)
    whole = divide(analysis_of(tmp_path / "whole", values), draws=50)
    monkeypatch.setattr(shards, "SHARD_ROWS", 64)
    seen: list[tuple[int, int]] = []
    parts = divide(
        analysis_of(tmp_path / "parts", values),
        draws=50,
        watch=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(64, 300), (128, 300), (192, 300), (256, 300), (300, 300)]
    assert np.array_equal(parts.signs, whole.signs)
    assert np.array_equal(parts.filter_tree, whole.filter_tree)
    assert [role.polarity for role in parts.roles] == [role.polarity for role in whole.roles]
    assert [role.cluster for role in parts.roles] == [role.cluster for role in whole.roles]
    for name in ("purity", "active", "mean"):
        one, other = ([getattr(role, name) for role in some.roles] for some in (parts, whole))
        assert np.allclose(one, other)
    # The draws differ, and their sums are like each other's.
    certainty = [np.array([role.certainty for role in some.roles]) for some in (parts, whole)]
    assert np.abs(certainty[0] - certainty[1]).max() < 0.25
    assert certainty[0].min() < 1


def test_the_draws_of_the_bootstrap_are_as_large_as_the_corpus(
    planted: CorpusConductance, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    monkeypatch.setattr(shards, "SHARD_ROWS", 30)
    shares = np.array(list(sign_counts._shares(planted, 1_000, generator)))
    assert (shares.sum(axis=0) == 80).all()
    assert np.allclose(shares.mean(axis=1), [30, 30, 20], atol=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -1.0}, r"`threshold` is -1\.0; it must be 0 or more"),
        ({"threshold": float("nan")}, "`threshold` is nan; it must be 0 or more"),
        ({"threshold": 9.0}, r"No conductance is beyond the threshold \(9\); lower `threshold`"),
        ({"clusters": 0}, "`clusters` is 0; it must be from 1 to 24"),
    ],
)
def test_bad_options(planted: CorpusConductance, options: dict[str, float], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        divide(planted, **options)


def test_one_sentence_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="has one sentence; a division takes at least 2"):
        divide(analysis_of(tmp_path / "one", np.ones((1, 4))))


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG")])
def test_the_figure(planted: CorpusConductance, tmp_path: Path, name: str, start: bytes) -> None:
    division = divide(planted, draws=0)
    save_figure(division_figure(division), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_no_such_figure(planted: CorpusConductance, tmp_path: Path) -> None:
    figure = division_figure(divide(planted, draws=0))
    with pytest.raises(AnalysisError, match=r"a\.gif is none of \.svg, \.pdf, \.png; choose one"):
        save_figure(figure, tmp_path / "a.gif")


def test_the_command(run: Run, planted: CorpusConductance) -> None:
    folder = str(planted.folder)
    code, out, _ = run("division", folder, "--json", "--draws", "5", "--figure", "signs.png")
    assert code == 0
    answer = json.loads(out)
    assert answer["data"] == "planted"
    assert len(answer["roles"]) == 24
    assert answer["roles"][0]["polarity"] == "positive"
    assert Path("signs.png").stat().st_size > 10_000
    code, out, _ = run("division", folder, "--draws", "5")
    assert code == 0
    assert "Mean purity" in out
    code, _, err = run("division", "nowhere")
    assert (code, err.count("\n")) == (2, 1)
    assert "nowhere holds no analysis; `textcond analyze` writes one." in err
