"""The command line: its answers in JSON, its views, and one line for each bad input."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import textcond
from tests.conftest import ROOT
from textcond import cli
from textcond.model.checkpoint import Model

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_folder: Path
) -> Run:
    """Run the command line in an empty folder; the exit code, stdout and stderr."""

    def call(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textcond", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setenv("COLUMNS", "120")
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


# Answers


def test_explain_json(run: Run, sst: Model) -> None:
    code, out, _ = run("explain", "This isn't qwrtz good", "--json", "--top", "0")
    assert code == 0
    answer = json.loads(out)
    assert [*answer] == [
        *("model", "model_hash", "text", "tokens", "unknown", "target", "output", "heads"),
        *("prediction", "score", "baseline_score", "delta", "token_attributions", "filters"),
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
    assert answer["margin_accuracy"] >= 0.84
    assert answer["tokenized_tokens"] >= 0.998
    assert answer["tokenized_sentences"] >= 0.97
    # The card says what the command finds.
    metrics = json.loads((ROOT / "models" / "sst" / "metrics.json").read_text())
    assert answer["margin_accuracy"] == metrics["test"]["margin_accuracy"]


# Bad input: one line, exit code 2, nothing written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", ""], "`text` is empty; give at least one word."),
        (["explain", " \n "], "`text` is empty; give at least one word."),
        (["explain", "qwrtz zzyx"], "`text` has no word that the model 'sst' knows"),
        (["explain", "good " * 100_000], "`text` has at least 100,000 tokens"),
        (["explain", "a\x07b"], "`text` has the control character U+0007 at position 1; remove"),
        (["explain", "good \u202egood"], "`text` has the control character U+202E at position 5"),
        (["explain", "\U0001f600\U0001f680"], "`text` has no word that the model 'sst' knows"),
        (["explain", "مرحبا بالعالم"], "`text` has no word that the model 'sst' knows"),
        (["explain", "good", "--model", "nosuch"], "There is no model 'nosuch'; known are: "),
        (["explain", "good", "--model", "."], "is not a textcond model: it has no config.json"),
        (["explain", "good", "--target", "joy"], "`target` is 'joy'; this model has margin,"),
        (["explain", "good", "--output", "odds"], "`output` is 'odds'; it can be logit or"),
        (["filters", "this is good", "--pattern", "not bad"], "`pattern` 'not bad' is not in"),
        (["filters", "this is good", "--pattern", ""], "`pattern` is empty; give at least one"),
        (["filters", "good", "--pattern", "a\x01"], "`pattern` has the control character U+0001"),
        (["explain", "good", "--top", "-1"], "Invalid value for '--top'"),
        (["explain", "-5 stars"], "No such option: -5"),
        (["explain"], "Missing argument 'text'."),
        (["nosuch"], "No such command 'nosuch'."),
        (["train", "--name", "n" * 300], "use letters, digits, - and _ only, up to 100."),
        (["explain", "good", "--model", "n" * 5_000], "There is no model 'nnn"),
        (["evaluate", "--data-dir", "."], "There is no test.txt in .; give `--data-dir`"),
        (["evaluate", "--data", "yelp"], "`data` is 'yelp'; it can be sst,"),
        (["evaluate", "--split", "all", "--data-dir", "."], "`split` is 'all'; SST has train,"),
        (["evaluate", "--data", "none.csv"], "There is no file none.csv; check the path."),
        (["train", "--name", "new", "--data-dir", "."], "There is no train.txt in .; give"),
        (["train", "--name", "a/b"], "`name` is 'a/b'; use letters, digits, - and _ only, up"),
        (["train", "--name", "new", "--epochs", "0"], "`epochs` is 0; it must be at least 1."),
    ],
)
def test_bad_input(run: Run, in_folder: Path, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert err.startswith("textcond: ")
    assert err.count("\n") == 1
    assert message in err
    assert out == ""
    assert [*in_folder.iterdir()] == []


def test_emoji_among_words_is_only_unknown(run: Run) -> None:
    code, out, _ = run("explain", "a good film \U0001f600", "--json")
    assert code == 0
    assert json.loads(out)["unknown"][-1]


@pytest.mark.parametrize(
    ("trees", "message"),
    [
        ("(3 (2 a) (2 b)\n", "test.txt, line 1: not a whole tree"),
        ("(3 (2 a) (9 b))\n", "the label '9' is not one of 0 to 4"),
        ("", "test.txt holds no trees"),
    ],
)
def test_broken_trees(run: Run, in_folder: Path, trees: str, message: str) -> None:
    (in_folder / "test.txt").write_text(trees)
    code, _, err = run("evaluate", "--data-dir", ".")
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_a_corrupt_zip(run: Run, in_folder: Path) -> None:
    path = in_folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trees/test.txt", "(3 (2 a) (2 b))\n" * 100)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    code, _, err = run("evaluate", "--data-dir", "a.zip")
    assert (code, err.count("\n")) == (2, 1)
    assert "a.zip cannot be read" in err


def test_a_terminal_without_unicode(in_folder: Path) -> None:
    program = [sys.executable, "-m", "textcond", "explain", "a café in a good film"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for options in ([], ["--json"]):
        done = subprocess.run(
            [*program, *options], env=environment, capture_output=True, check=True
        )
        assert b"caf\\" in done.stdout


def test_neutral_texts_only(run: Run, in_folder: Path) -> None:
    (in_folder / "own.csv").write_text("text,label\na film,neutral\n")
    code, out, _ = run("evaluate", "--data", "own.csv", "--json")
    assert code == 0
    assert json.loads(out)["margin_accuracy"] is None
    assert run("evaluate", "--data", "own.csv")[0] == 0


def test_an_unknown_word_in_the_pattern(run: Run) -> None:
    arguments = ("filters", "a qwrtz good film", "--pattern", "qwrtz good", "--json", "--top", "0")
    code, out, _ = run(*arguments)
    assert code == 0
    assert json.loads(out)["filters"]


def test_a_zip_of_something_else(run: Run, in_folder: Path) -> None:
    with zipfile.ZipFile(in_folder / "a.zip", "w") as archive:
        archive.writestr("x", "y")
    code, _, err = run("evaluate", "--data-dir", "a.zip")
    assert (code, err.count("\n")) == (2, 1)
    assert "a.zip holds no test.txt" in err


def test_no_hub_and_no_data(run: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    for arguments in (["evaluate"], ["train", "--name", "new"]):
        code, _, err = run(*arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert "the Hugging Face hub cannot be reached" in err
        assert "give `--data-dir` a folder of trees" in err
    assert [*in_folder.iterdir()] == []


def test_a_corrupt_model_folder(run: Run, in_folder: Path) -> None:
    shutil.copytree(ROOT / "models" / "sst", in_folder / "models" / "mine")
    weights = in_folder / "models" / "mine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    code, _, err = run("explain", "good", "--model", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "model.safetensors is damaged" in err


def test_junk_among_the_models(run: Run, in_folder: Path) -> None:
    (in_folder / "models" / "junk").mkdir(parents=True)
    (in_folder / "models" / "junk" / "config.json").write_text("{}")
    code, out, _ = run("models", "--json")
    assert code == 0
    problems = {row["name"]: row["problem"] for row in json.loads(out)["models"]}
    assert problems["sst"] == ""
    assert "is not a textcond model's" in problems["junk"]


def test_a_folder_that_cannot_be_written(run: Run, in_folder: Path) -> None:
    (in_folder / "models").write_text("a file")
    rows = [f"a {word} film,{label}" for label, word in enumerate(("bad", "good"))] * 10
    (in_folder / "own.csv").write_text("\n".join(["text,label", *rows]))
    code, _, err = run("train", "--name", "new", "--data", "own.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "models: File exists; check the path, its rights and the disk." in err


def test_weights_of_another_shape(run: Run, in_folder: Path) -> None:
    folder = in_folder / "models" / "mine"
    shutil.copytree(ROOT / "models" / "sst", folder)
    config = json.loads((folder / "config.json").read_text())
    config["shape"]["filters_per_width"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    code, _, err = run("explain", "good", "--model", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "model.safetensors does not fit config.json" in err


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
    for command in ("train", "evaluate", "explain", "filters", "models"):
        code, out, _ = run(command, "--help")
        assert code == 0
        assert command in out


def test_one_thread_or_two_make_no_difference(run: Run) -> None:
    """The numbers that users compare do not hang on the machine's cores."""
    threads = torch.get_num_threads()
    answers = []
    for count in (1, 2):
        torch.set_num_threads(count)
        answers.append(json.loads(run("explain", "this is not good", "--json")[1])["score"])
    torch.set_num_threads(threads)
    assert answers[0] == pytest.approx(answers[1], abs=1e-12)
