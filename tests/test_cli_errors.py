"""Bad input to the command line: one line that names the remedy, exit code 2, nothing written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run

DASH = (
    "No such option: {0}. Put -- before a text that starts with -: `textcond {1} -- TEXT`. See "
    "`textcond {1} --help`.\n"
)


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
        (["explain", "good", "--model", ""], "There is no model ''; known are: "),
        (["explain", "good", "--model", "."], "is not a textcond model: it has no config.json"),
        (["explain", "good", "--target", "joy"], "`target` is 'joy'; this model has margin,"),
        (["explain", "good", "--output", "odds"], "`output` is 'odds'; it can be logit or"),
        (["filters", "this is good", "--pattern", "not bad"], "`pattern` 'not bad' is not in"),
        (["filters", "this is good", "--pattern", ""], "`pattern` is empty; give at least one"),
        (["filters", "good", "--pattern", "a\x01"], "`pattern` has the control character U+0001"),
        (["explain", "good", "--top", "-1"], "Invalid value for '--top'"),
        (["explain", "-5 stars"], "No such option: -5"),
        (["explain", "- did n't work ."], DASH.format("- ", "explain")),
        (["explain", "--really bad", "--json"], DASH.format("--really bad", "explain")),
        (["filters", "-- good", "--pattern", "good"], DASH.format("-- good", "filters")),
        (
            ["explain", "-", "--jso"],
            "No such option: --jso (Possible options: --json, --top). See `textcond explain --he",
        ),
        (["models", "-x"], "textcond: No such option: -x. See `textcond models --help`."),
        (["explain", "caf\udce9"], "`text` is not UTF-8: byte 0xE9 at position 3; convert it, for"),
        (
            ["filters", "good", "--pattern", "caf\udce9"],
            "`pattern` is not UTF-8: byte 0xE9 at position 3; convert it, for",
        ),
        (["explain"], "Missing argument 'text'."),
        (["nosuch"], "No such command 'nosuch'. See `textcond --help`."),
        (["train", "--name", "n" * 300], "use letters, digits, - and _ only, up to 100."),
        (["explain", "good", "--model", "n" * 5_000], "There is no model 'nnn"),
        (["evaluate", "--data-dir", "."], "There is no test.txt in .; give `--data-dir`"),
        (["evaluate", "--data", "yelp"], "`data` is 'yelp'; it can be sst,"),
        (["evaluate", "--split", "all", "--data-dir", "."], "`split` is 'all'; SST has train,"),
        (["evaluate", "--split", "dev+dev", "--data-dir", "."], "`split` is 'dev+dev'; name each"),
        (["evaluate", "--split", "dev+", "--data-dir", "."], "`split` is 'dev+'; name each part"),
        (["evaluate", "--split", "dev", "--data", "minimal-pairs"], "minimal-pairs has no parts;"),
        (["evaluate", "--data", "none.csv"], "There is no file none.csv; check the path."),
        (["train", "--name", "new", "--data-dir", "."], "There is no train.txt in .; give"),
        (["train", "--name", "n", "--data", "minimal-pairs"], "`data` is 'minimal-pairs'; it can"),
        (["train", "--name", "n", "--data", "sst-negation"], "`data` is 'sst-negation'; it can"),
        (
            ["train", "--name", "n", "--pretrain", "sst", "--pretraining-epochs", "0"],
            "`pretraining_epochs` is 0, but `pretrain` is 'sst'; leave one of them out.",
        ),
        (["train", "--name", "a/b"], "`name` is 'a/b'; use letters, digits, - and _ only, up"),
        (["train", "--name", "new", "--epochs", "0"], "`epochs` is 0; it must be from 1 to 1,000."),
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a café".encode("latin-1"), "byte 0xE9 at position 5; convert it, for instance with `ic"),
        ("a good film".encode("utf-16"), "byte 0xFF at position 0; convert it"),
        (b"good\x80", "byte 0x80 at position 4; convert it"),
        ("é".encode()[:1], "byte 0xC3 at position 0; convert it"),
    ],
)
def test_standard_input_that_is_not_utf8(run: Run, content: bytes, message: str) -> None:
    for arguments in (["explain", "-"], ["filters", "-", "--pattern", "good"]):
        code, out, err = run(*arguments, stdin=content)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"textcond: Standard input is not UTF-8: {message}")


def test_a_text_that_starts_with_a_dash(run: Run) -> None:
    code, out, _ = run("explain", "--json", "--", "- did n't work .")
    assert code == 0
    assert json.loads(out)["tokens"] == ["-", "did", "n't", "work", "."]
    code, out, _ = run("explain", "-", "--json", stdin=b"\xef\xbb\xbf- did n't work .\n")
    assert code == 0
    assert json.loads(out)["tokens"] == ["-", "did", "n't", "work", "."]


def test_emoji_among_words_is_only_unknown(run: Run) -> None:
    code, out, _ = run("explain", "a good film \U0001f600", "--json")
    assert code == 0
    assert json.loads(out)["unknown"][-1]


@pytest.mark.parametrize(
    ("trees", "message"),
    [
        ("(3 (2 a) (2 b)\n", "test.txt, line 1: not a whole tree"),
        ("(3 (2 a) (9 b))\n", "the label '9' is not one of 0 to 4"),
        ("(3 (2 ) (3 good))\n", "test.txt, line 1: not a whole tree (a node has no words)"),
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
    rows = ["a bad film,negative", "a good film,positive"] * 10
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
