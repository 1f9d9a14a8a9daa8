"""The command line: its answers in JSON, and its views."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import textcond
from tests.conftest import ROOT, Run
from textcond import cli
from textcond.model.model import Model

# Answers


def test_explain_json(run: Run, sst: Model) -> None:
    code, out, _ = run("explain", "This isn't qwrtz good", "--json", "--top", "0")
    assert code == 0
    answer = json.loads(out)
    assert [*answer] == [
        *("model", "model_hash", "text", "tokens", "unknown", "target", "output", "heads"),
        *("prediction", "unknown_words", "warning", "score", "baseline_score", "delta"),
        *("token_attributions", "filters"),
    ]
    assert answer["model_hash"] == sst.hash
    assert answer["tokens"] == ["This", "is", "n't", "qwrtz", "good"]
    assert answer["unknown"] == [False, False, False, True, False]
    assert (answer["target"], answer["output"]) == ("margin", "logit")
    heads = answer["heads"]
    assert [*heads] == ["positive", "negative"]
    for head in heads.values():
        assert head["probability"] == pytest.approx(1 / (1 + math.exp(-head["logit"])))
    margin = heads["positive"]["logit"] - heads["negative"]["logit"]
    assert answer["score"] == pytest.approx(margin)
    assert abs(answer["delta"]) < 1e-9
    filters = answer["filters"]
    assert sorted(row["filter"] for row in filters) == list(range(256))
    amounts = [abs(row["conductance"]) for row in filters]
    assert amounts == sorted(amounts, reverse=True)
    assert sum(row["conductance"] for row in filters) == pytest.approx(
        answer["score"] - answer["baseline_score"]
    )
    for row in filters:
        assert sum(row["tokens"]) == pytest.approx(row["conductance"])
        start, end = row["window"]
        assert row["ngram"] == " ".join(answer["tokens"][start:end])
        assert row["width"] == 3 + row["filter"] // 64
    assert sum(answer["token_attributions"]) == pytest.approx(
        answer["score"] - answer["baseline_score"]
    )


def test_the_json_is_the_library_s(run: Run, sst: Model) -> None:
    _, out, _ = run(
        "explain", "a good film", "--target", "positive", "--output", "probability", "--json"
    )
    explanation = textcond.explain(sst, "a good film", target="positive", output="probability")
    assert json.loads(out) == explanation.to_dict()


def test_explain_view(run: Run) -> None:
    code, out, _ = run("explain", "this is not qwrtz good", "--top", "3")
    assert code == 0
    assert "qwrtz  unknown" in out
    assert "Winning n-gram" in out
    assert "These 3 of 256 filters add up to" in out
    assert "Completeness error" in out


def test_text_is_not_markup(run: Run) -> None:
    code, out, _ = run("explain", "a [bold]good[/bold] film :smile:")
    assert code == 0
    assert "bold" in out


def test_explain_from_standard_input(run: Run) -> None:
    code, out, _ = run("explain", "-", "--json", stdin="a naïve film".encode())
    assert code == 0
    assert json.loads(out)["tokens"] == ["a", "naïve", "film"]


def test_filters_json(run: Run) -> None:
    arguments = ("filters", "This is not good", "--pattern", "Not Good", "--json", "--top", "0")
    code, out, _ = run(*arguments)
    assert code == 0
    answer = json.loads(out)
    assert answer["pattern"] == ["Not", "Good"]
    assert answer["spans"] == [[2, 4]]
    assert answer["filters"]
    amounts = [abs(row["pattern_conductance"]) for row in answer["filters"]]
    assert amounts == sorted(amounts, reverse=True)
    for row in answer["filters"]:
        inside = row["tokens"][2:4]
        assert row["pattern_conductance"] == pytest.approx(sum(inside))
        assert all(part > 0 for part in inside) or all(part < 0 for part in inside)
        assert abs(row["share"]) > 0.5
        assert row["share"] == pytest.approx(sum(inside) / sum(map(abs, row["tokens"])))
        assert row["window"][0] <= 2
        assert row["window"][1] == 4


def test_a_pattern_wider_than_a_filter(run: Run) -> None:
    pattern = "is not very good at all"
    code, out, _ = run("filters", f"this {pattern} .", "--pattern", pattern, "--json", "--top", "0")
    assert code == 0
    for row in json.loads(out)["filters"]:
        assert row["width"] < 6 or row["window"] == [1, 7]
        assert row["window"][0] >= 1
        assert row["window"][1] <= 7


def test_filters_view(run: Run) -> None:
    code, out, _ = run("filters", "this is not good", "--pattern", "not good")
    assert code == 0
    assert "filters respond to 'not good'" in out


def test_models(run: Run, sst: Model) -> None:
    code, out, _ = run("models", "--json")
    assert code == 0
    (row,) = [row for row in json.loads(out)["models"] if row["name"] == "sst"]
    assert row["hash"] == sst.hash
    code, out, _ = run("models")
    assert code == 0
    assert sst.hash in out


def test_evaluate_a_file(run: Run, in_folder: Path) -> None:
    (in_folder / "own.csv").write_text(
        "text,label\na wonderful film,positive\na terrible mess,negative\nunsaid,\n"
    )
    code, out, _ = run("evaluate", "--data", "own.csv", "--json")
    assert code == 0
    answer = json.loads(out)
    assert (answer["texts"], answer["polar_texts"]) == (2, 2)
    assert answer["margin_accuracy"] == 1.0


def test_evaluate_sst(run: Run, treebank: Path) -> None:
    code, out, _ = run("evaluate", "--data", "sst", "--data-dir", str(treebank), "--json")
    assert code == 0
    answer = json.loads(out)
    assert (answer["texts"], answer["polar_texts"]) == (2_210, 1_821)
    assert answer["margin_accuracy"] >= 0.865
    assert answer["tokenized_tokens"] >= 0.998
    assert answer["tokenized_sentences"] >= 0.97
    # The card says what the command finds.
    metrics = json.loads((ROOT / "models" / "sst" / "metrics.json").read_text())
    assert answer["margin_accuracy"] == metrics["test"]["margin_accuracy"]


def test_evaluate_negation(run: Run, treebank: Path) -> None:
    arguments = ("evaluate", "--data", "sst-negation", "--data-dir", str(treebank), "--json")
    code, out, _ = run(*arguments)
    assert code == 0
    answer = json.loads(out)
    assert (answer["pairs"], answer["split"]) == (264, "dev+test")
    kinds = ("negated_positives", "negated_negatives", "kept_positives", "kept_negatives")
    assert [answer[kind] for kind in kinds] == [123, 66, 24, 51]
    metrics = json.loads((ROOT / "models" / "sst" / "metrics.json").read_text())
    assert metrics["negation"].items() <= answer.items()
    assert answer["negated_positives_below_zero"] >= 0.9


def test_what_a_negation_does_to_the_shipped_model(run: Run, sst: Model) -> None:
    code, out, _ = run("evaluate", "--data", "minimal-pairs", "--json")
    assert code == 0
    assert sst.metrics["minimal_pairs"].items() <= json.loads(out).items()
    good, not_good, bad, not_bad = (
        textcond.conductance(sst, f"this is {words}").score
        for words in ("good", "not good", "bad", "not bad")
    )
    assert good > 0 > not_good
    assert not_bad > 0
    assert not_bad - bad >= 3


# What `--help` costs


def test_help_imports_nothing_heavy() -> None:
    heavy = ["torch", "spacy", "datasets", "nltk", "pyarrow", "numpy"]
    program = (
        "import sys, textcond, textcond.cli; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_command_has_help(run: Run) -> None:
    commands = [command.callback.__name__ for command in cli.app.registered_commands]
    assert commands == [
        *("train", "evaluate", "predict", "explain", "filters"),
        *("analyze", "division", "negation", "rules", "card", "report"),
        *("study", "models", "serve", "migrate"),
    ]
    for command in commands:
        code, out, _ = run(command, "--help")
        assert code == 0
        assert f" {command} [OPTIONS]" in out
    assert run("keys", "create", "--help")[0] == 0
    assert run("--version")[1].startswith("textcond 0.")


def test_one_thread_or_two_make_no_difference(run: Run) -> None:
    """The numbers that users compare do not hang on the machine's cores."""
    threads = torch.get_num_threads()
    answers = []
    for count in (1, 2):
        torch.set_num_threads(count)
        answers.append(json.loads(run("explain", "this is not good", "--json")[1])["score"])
    torch.set_num_threads(threads)
    assert answers[0] == pytest.approx(answers[1], abs=1e-12)
