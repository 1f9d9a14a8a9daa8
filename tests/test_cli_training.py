"""`textcond train` and `evaluate` on a stranger's csv."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

import textcond
from tests.conftest import Run
from textcond.model.checkpoint import load

WORDS = {"animal": "dog cat horse", "colour": "red green blue", "food": "bread rice soup"}
OPTIONS = ("--text-column", "question", "--label-column", "kind", "--vectors", "vectors.txt")


@pytest.fixture
def questions(in_folder: Path) -> str:
    """Three classes under other names of columns, behind semicolons; with word vectors."""
    rows = [
        f"which {word} is number {number};{name}"
        for name, words in WORDS.items()
        for word in words.split()
        for number in range(20)
    ]
    (in_folder / "own.csv").write_text("\n".join(["Question;Kind", *rows, ";food"]))
    words = ["which", "is", "number", *" ".join(WORDS.values()).split()]
    lines = [
        f"{word} {' '.join(str((7 * place + 3 * column) % 5 - 2) for column in range(50))}"
        for place, word in enumerate(words)
    ]
    (in_folder / "vectors.txt").write_text("\n".join(lines) + "\n")
    return "own.csv"


def test_classes_of_ones_own(run: Run, in_folder: Path, questions: str) -> None:
    train = ("train", "--data", questions, "--name", "kinds", *OPTIONS, "--json")
    code, out, err = run(*train)
    assert code == 0, err
    assert [line for line in err.splitlines() if not line.startswith("training")] == [
        "Labels: 3 classes, animal, colour, food.",
        "own.csv: rows without a text are left out, 1 of them, the first in line 182.",
    ]
    answer = json.loads(out)
    assert answer["test"]["accuracy"] == 1
    assert answer["test"]["majority"] == pytest.approx(1 / 3)
    assert answer["test"]["confusion"] == [[6, 0, 0], [0, 6, 0], [0, 0, 6]]
    assert answer["warnings"] == []
    card = (in_folder / "models" / "kinds" / "README.md").read_text()
    assert "a softmax over animal, colour, food" in card
    assert "Dev is a tenth of the rows of each class, drawn at random." in card
    assert "--text-column question --label-column kind" in card

    (in_folder / "new.csv").write_text("text,label\nwhich dog is number 3,Animal \n")
    code, out, err = run("evaluate", "--model", "kinds", "--data", "new.csv")
    assert (code, err) == (0, "")
    assert "Accuracy 1.0000; always answering the most frequent class would have 1.0000." in out
    assert out.index("Precision") < out.index("True class") < out.index("unknown tokens")
    (in_folder / "new.csv").write_text("text,label\nwhich dog is number 3,plant\n")
    code, _, err = run("evaluate", "--model", "kinds", "--data", "new.csv")
    assert code == 2
    assert "new.csv, line 2: the label 'plant' is none of animal, colour, food" in err


def test_a_model_that_has_learned_nothing(run: Run, in_folder: Path, questions: str) -> None:
    rows = [f"which dog is number {number},{'ab'[number % 10 == 0]}" for number in range(100)]
    (in_folder / "noise.csv").write_text("\n".join(["text,label", *rows]))
    command = ("train", "--data", "noise.csv", "--name", "noise", "--vectors", "vectors.txt")
    code, out, err = run(*command, "--epochs", "1")
    assert code == 0
    told = "This model answers a to every dev text: it has learned nothing."
    assert err.splitlines()[-1].startswith(told)
    assert told not in out
    card = (in_folder / "models" / "noise" / "README.md").read_text()
    assert f"**{told}" in card
    assert json.loads((in_folder / "models" / "noise" / "metrics.json").read_text())["warnings"]


def test_a_model_keeps_its_reading_of_labels(run: Run, in_folder: Path, questions: str) -> None:
    """Of stars alone, 1 would be positive beside 0."""
    rows = [f"which {word} is number {n},{stars}" for n in range(20)
            for stars, word in ((1, "dog"), (5, "red"))]  # fmt: skip
    (in_folder / "stars.csv").write_text("\n".join(["text,label", *rows]))
    command = ("train", "--data", "stars.csv", "--name", "stars", "--vectors", "vectors.txt")
    assert run(*command)[0] == 0
    (in_folder / "ones.csv").write_text("text,label\nwhich dog is number 3,1\nwhich dog,neg\n")
    code, out, _ = run("evaluate", "--model", "stars", "--data", "ones.csv", "--json")
    assert code == 0
    assert json.loads(out)["classes"]["negative"]["texts"] == 2
    assert json.loads(out)["accuracy"] == 1
    (in_folder / "ones.csv").write_text("text,label\nwhich dog,7\n")
    code, _, err = run("evaluate", "--model", "stars", "--data", "ones.csv")
    assert code == 2
    assert "ones.csv, line 2: the label '7' has no meaning in `labels`, which are for 1, 5" in err


def test_files_to_choose_by_and_to_measure_on(run: Run, in_folder: Path, questions: str) -> None:
    for name in ("dev", "test"):
        rows = [f"which {words.split()[0]} is number 99,{kind}" for kind, words in WORDS.items()]
        (in_folder / f"{name}.csv").write_text("\n".join(["question,kind", *rows]))
    parts = ("--dev", "dev.csv", "--test", "test.csv")
    command = ("train", "--data", questions, "--name", "kinds", *OPTIONS, "--epochs", "2")
    code, out, err = run(*command, *parts, "--json")
    assert code == 0, err
    assert json.loads(out)["test"]["texts"] == 3
    config = json.loads((in_folder / "models" / "kinds" / "config.json").read_text())
    assert config["parts"] == "Dev is dev.csv. Test is test.csv."
    code, _, err = run("train", "--data", "imdb", "--name", "other", *parts)
    assert code == 2
    assert "imdb has parts of its own; leave `--dev` out." in err


def test_names_that_cannot_be_trained(run: Run, in_folder: Path, questions: str) -> None:
    options = ("--data", questions, *OPTIONS, "--epochs", "1")
    code, _, err = run("train", "--name", "sst", *options, "--overwrite")
    assert code == 2
    assert "'sst' is the name of the model that ships, which yours would hide; choose" in err
    (in_folder / "models").mkdir(exist_ok=True)
    with FileLock(in_folder / "models" / ".mine.lock"):
        code, _, err = run("train", "--name", "mine", *options)
        assert code == 2
        assert "Another process is training a model 'mine' in models; wait for it, or choose" in err
        assert run("train", "--name", "other", *options)[0] == 0
    assert run("train", "--name", "mine", *options)[0] == 0
    assert sorted(path.name for path in (in_folder / "models").iterdir()) == ["mine", "other"]


def test_a_class_that_is_called_as_the_score_is(run: Run, questions: str) -> None:
    rows = [f"{name} {number},{name}" for number in range(20) for name in ("margin", "centre")]
    Path("page.csv").write_text("\n".join(["question,kind", *rows]))
    command = ("train", "--data", "page.csv", "--name", "page", *OPTIONS, "--epochs", "1")
    code, _, err = run(*command)
    assert code == 2
    assert "A class is called 'margin', which is also the name of the score that compares" in err
    assert run(*command, "--labels", "margin=edge,centre=centre")[0] == 0


def test_several_labels_a_text(run: Run, in_folder: Path, questions: str) -> None:
    """Labels that do not exclude each other, with a separator between them."""
    words = {name: text.split()[0] for name, text in WORDS.items()}
    rows = []
    for number in range(120):
        names = [name for place, name in enumerate(words) if number >> place & 1]
        text = " ".join(["which", *(words[name] for name in names), "is number"])
        rows.append(f"{text},{' | '.join(names)}")
    (in_folder / "several.csv").write_text("\n".join(["text,label", *rows]))
    command = ("train", "--data", "several.csv", "--name", "several", "--multi-label", "|")
    small = ("--widths", "1,2", "--filters", "12", "--epochs", "40", "--batch-size", "8")
    options = (*small, "--vectors", "vectors.txt", "--learning-rate", "0.01")
    code, out, err = run(*command, *options, "--json")
    assert code == 0, err
    assert "Labels: 3 classes, animal, colour, food; a text can be of several, and of none" in err
    test = json.loads(out)["test"]
    assert test["accuracy"] > 0.9
    assert test["micro_f1"] > 0.9
    assert test["majority"] < 0.5
    assert [*test["classes"]] == ["animal", "colour", "food"]
    model = load("several")
    assert model.outputs.is_multi_label
    assert not model.outputs.softmax
    explanation = textcond.explain(model, "which dog red is number")
    assert explanation.prediction == "animal; colour"
    assert explanation.conductance.quantity.target in ("animal", "colour")
    assert textcond.explain(model, "which is number").prediction == "none"
    card = (in_folder / "models" / "several" / "README.md").read_text()
    assert "classifier that gives a text any of the labels animal, colour, food" in card
    assert "--multi-label" in card

    code, out, err = run("evaluate", "--model", "several", "--data", "several.csv")
    assert code == 0, err
    assert "micro f1" in out
    assert "True class" not in out
    (in_folder / "new.csv").write_text("text\nwhich dog red is number\nwhich is number\n")
    code, out, _ = run("predict", "new.csv", "--model", "several", "--out", "out.csv")
    assert code == 0
    assert [line.split(",")[2] for line in Path("out.csv").read_text().splitlines()[1:]] == [
        *("animal; colour", "none"),
    ]
    code, out, err = run("analyze", "--data", "several.csv", "--model", "several", "--out", "a")
    assert code == 0, err
    assert "The score is animal: one score for all texts." in err
    code, out, err = run("rules", "a", "--json")
    assert code == 0, err
    rules = json.loads(out)["rules"]
    (dog,) = [rule for rule in rules if rule["words"] == [["dog"]]]
    assert (dog["towards"], dog["precision"]) == ("animal", 1.0)
    assert run("report", "a")[0] == 0
    code, _, err = run(*command[:-1], ";", *options, "--overwrite", "--balance")
    assert code == 2
    assert "`balance` is for classes that exclude each other; leave it out." in err
