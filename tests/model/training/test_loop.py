"""Training: the same bits again, also after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from textcond.errors import CorpusError, ModelError, TrainingError
from textcond.model.checkpoint import load
from textcond.model.training.building import build_model
from textcond.model.training.corpora import load_corpora
from textcond.model.training.loop import Progress
from textcond.model.training.recipe import Recipe, Sizes
from textcond.text.vocabulary import UNKNOWN_ID

GOOD = ["good", "warm", "funny", "lovely", "clever", "fresh"]
BAD = ["bad", "cold", "dull", "stale", "silly", "weak"]
RECIPE = Recipe(epochs=4, patience=4, batch_size=8, averaging=0.9)


@pytest.fixture
def corpus(in_folder: Path) -> str:
    """A small corpus of our own, with vectors for it; names of files in the current folder."""
    rows = [
        (f"a {word} {noun} and a {other} {noun}", label)
        for words, label in ((GOOD, "positive"), (BAD, "negative"))
        for word in words
        for other in words
        for noun in ("film", "plot")
    ]
    lines = [f'{{"text": "{text}", "label": "{label}"}}' for text, label in rows]
    (in_folder / "corpus.jsonl").write_text("\n".join(lines))
    values = np.random.default_rng(0).normal(size=(len(GOOD + BAD), 50)).round(3)
    vectors = zip(GOOD + BAD, values, strict=True)
    (in_folder / "vectors.txt").write_text(
        "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in vectors)
    )
    return "corpus.jsonl"


def build(name: str, corpus: str, **options: object) -> str:
    """The model's hash."""
    options = {"vectors": Path("vectors.txt"), "recipe": RECIPE, **options}
    return build_model(name, corpus, **options).hash


def test_learns_and_saves(corpus: str) -> None:
    seen: list[Progress] = []
    build("small", corpus, watch=seen.append)
    model = load("small")
    assert model.metrics["test"]["margin_accuracy"] == 1.0
    assert [epoch["epoch"] for epoch in model.metrics["history"]] == [1, 2, 3, 4]
    batches, ends = ([one for one in seen if one.ends_epoch is ends] for ends in (False, True))
    assert [one.batches_done for one in batches] == list(range(1, seen[-1].batches + 1))
    history = model.metrics["history"]
    assert [one.dev_accuracy for one in ends] == [epoch["dev_accuracy"] for epoch in history]
    assert next(one.dev_accuracy for one in batches if one.epoch == 1) is None
    assert not Path("models/small.training.pt").exists()
    card = Path("models/small/README.md").read_text()
    for heading in ("Data", "Recipe", "Figures", "Limits"):
        assert f"## {heading}\n" in card


def test_the_same_seed_gives_the_same_bits(corpus: str) -> None:
    state = torch.get_rng_state()
    first = build("first", corpus)
    assert torch.equal(state, torch.get_rng_state())  # no global state is touched
    torch.manual_seed(1234)
    assert build("second", corpus) == first
    assert build("third", corpus, recipe=Recipe(epochs=4, batch_size=8, seed=1)) != first


@pytest.mark.thorough
def test_resume_after_a_kill_gives_the_same_model(corpus: str) -> None:
    """The run is a process of its own, killed with SIGKILL in the middle of an epoch."""
    whole = build("whole", corpus)
    command = [
        *(sys.executable, "-m", "textcond", "train", "--data", corpus, "--name", "killed"),
        *("--vectors", "vectors.txt", "--epochs", "4", "--patience", "4"),
        *("--batch-size", "8", "--learning-rate", "0.001", "--averaging", "0.9", "--json"),
    ]
    state = Path("models/killed.training.pt")
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    while not state.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert state.exists()
    assert not Path("models/killed").exists()

    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "go on with `--resume`" in refused.stderr

    resumed = subprocess.run([*command, "--resume"], capture_output=True, check=True)
    answer = json.loads(resumed.stdout)
    assert answer["model_hash"] == whole
    assert [epoch["epoch"] for epoch in answer["history"]] == [1, 2, 3, 4]


def test_an_interrupted_epoch_is_done_again(corpus: str) -> None:
    """Stopped by Ctrl-C after two epochs and a half: resumed to the same bits."""
    whole = build("whole", corpus)

    def stop(progress: Progress) -> None:
        if progress.batches_done > 0.6 * progress.batches:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("stopped", corpus, watch=stop)
    saved = torch.load("models/stopped.training.pt", weights_only=True)
    assert len(saved["run"]["history"]) == 2
    assert build("stopped", corpus, resume=True) == whole


@pytest.fixture
def trees(in_folder: Path) -> Path:
    """A small treebank of our own, with negation."""
    folder = in_folder / "trees"
    folder.mkdir()
    for split, article, negator in (
        ("train", "a", "never"),
        ("dev", "the", "hardly"),
        ("test", "the", "hardly"),
    ):
        phrases = [
            phrase
            for words, label in ((GOOD, 3), (BAD, 1))
            for word in words
            for phrase in (
                f"({label} (2 {article}) ({label} ({label} {word}) (2 film)))",
                f"({4 - label} (2 {negator}) ({label} {word}))",
            )
        ]
        (folder / f"{split}.txt").write_text("\n".join(phrases))
    return folder


@pytest.mark.parametrize("epoch", [2, 3, 5])
def test_pretraining_and_new_phrases_resume_too(corpus: str, trees: Path, epoch: int) -> None:
    """Two epochs of pretraining, three of training; stopped in the middle of one of them."""
    options = {"data_dir": trees, "pretrain": corpus, "recipe": Recipe(epochs=3, batch_size=8)}

    def stop(progress: Progress) -> None:
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    whole = build("whole", "sst", **options)
    history = load("whole").metrics["history"]
    assert [row["stage"] for row in history] == ["pretraining"] * 2 + ["training"] * 3
    with pytest.raises(KeyboardInterrupt):
        build("stopped", "sst", watch=stop, **options)
    assert build("stopped", "sst", resume=True, **options) == whole


def test_unknown_words_of_pretraining_stay_the_baseline(corpus: str) -> None:
    rows = Path(corpus).read_text().replace("plot", "plot rare")
    Path("rare.jsonl").write_text(rows.replace("rare", "seldom", 1).replace("rare", "once", 1))
    build("rare", corpus, pretrain="rare.jsonl")
    model = load("rare")
    assert model.vocabulary.unknown(["seldom", "once", "rare"]) == [True, True, False]
    assert not model.network.embedding.weight[UNKNOWN_ID].any()


def test_each_part_of_the_recipe_matters(corpus: str, trees: Path) -> None:
    recipes = [
        RECIPE,
        replace(RECIPE, substitutions=0.0),
        replace(RECIPE, negations=0.0),
        replace(RECIPE, softness=0.0),
        replace(RECIPE, averaging=0.0),
    ]
    for number, recipe in enumerate(recipes):
        build(f"m{number}", "sst", data_dir=trees, recipe=recipe)
    build("pretrained", "sst", data_dir=trees, pretrain=corpus)
    networks = [load(f"m{number}").network for number in range(len(recipes))]
    networks.append(load("pretrained").network)
    kernels = {network.kernels[0].detach().numpy().tobytes() for network in networks}
    assert len(kernels) == len(networks)


def test_what_is_measured_is_not_pretrained_on(corpus: str) -> None:
    """The same file for both: its dev and test rows are left out of pretraining."""
    parts = load_corpora(corpus, pretrain=corpus)
    assert parts.pretraining is not None
    assert sorted(parts.pretraining["text"]) == sorted(parts.train["text"])


def test_the_card_tells_the_whole_command(corpus: str, trees: Path) -> None:
    more = Path(corpus).rename("my corpus.jsonl")
    recipe = replace(RECIPE, negations=0.3)
    build("carded", "sst", data_dir=trees, pretrain=str(more), recipe=recipe)
    card = Path("models/carded/README.md").read_text()
    for said in (
        "--pretrain 'my corpus.jsonl'",
        "--negations 0.3",
        "--softness 0.2",
        "## Negation",
    ):
        assert said in card
    figures = json.loads(Path("models/carded/metrics.json").read_text())
    assert set(figures["calibration"]) == {"temperature", "positive", "negative"}
    assert figures["minimal_pairs"]["pairs"] >= 40
    assert figures["negation"]["pairs"] == 2 * len(GOOD + BAD)  # of dev and of test


def test_resume_refuses_another_run(corpus: str) -> None:
    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("stopped", corpus, watch=stop)
    with pytest.raises(TrainingError, match="belongs to a run with another recipe or other"):
        build("stopped", corpus, recipe=Recipe(epochs=5), resume=True)
    Path("models/stopped.training.pt").write_bytes(b"broken")
    with pytest.raises(TrainingError, match=r"stopped\.training\.pt is damaged .*; remove it"):
        build("stopped", corpus, resume=True)


def test_an_existing_model_is_not_overwritten(corpus: str) -> None:
    first = build("kept", corpus)
    with pytest.raises(TrainingError, match="is there already; choose another name"):
        build("kept", corpus, recipe=Recipe(epochs=1))
    assert load("kept").hash == first
    assert build("kept", corpus, recipe=Recipe(epochs=1), overwrite=True) != first


def test_nothing_to_resume(corpus: str) -> None:
    with pytest.raises(TrainingError, match="There is no stopped run to resume"):
        build("new", corpus, resume=True)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "-x"])
def test_impossible_names(corpus: str, name: str) -> None:
    with pytest.raises(ModelError, match="use letters, digits, - and _ only"):
        build(name, corpus)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "`epochs` is 0; it must be at least 1"),
        ({"batch_size": 0}, "`batch_size` is 0; it must be at least 1"),
        ({"pretraining_epochs": -1}, "`pretraining_epochs` is -1; it must be at least 0"),
        ({"softness": 0.5}, r"`softness` is 0.5; it must be in \[0, 0.5\)"),
        ({"substitutions": -0.1}, "`substitutions` is -0.1; it must be from 0 to 10"),
        ({"negations": float("nan")}, "`negations` is nan; it must be from 0 to 10"),
        ({"dropout": 1.0}, r"`dropout` is 1.0; it must be in \[0, 1\)"),
        ({"learning_rate": 0.0}, "`learning_rate` is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "`learning_rate` is nan; it must be above 0"),
        ({"seed": -1}, "`seed` is -1; it must be from 0 to 1,000,000,000"),
        ({"seed": 10**20}, "`seed` is 100000000000000000000; it must be from 0 to"),
    ],
)
def test_impossible_recipes(options: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Recipe(**options)


def test_too_few_rows(in_folder: Path) -> None:
    (in_folder / "few.csv").write_text("text,label\ngood,1\nbad,0\n")
    with pytest.raises(
        CorpusError, match=r"few\.csv has 2 labelled rows to train on; training takes at"
    ):
        load_corpora("few.csv")
    (in_folder / "bare.csv").write_text("text\ngood\n")
    with pytest.raises(CorpusError, match=r"bare\.csv has no labelled text"):
        load_corpora("bare.csv")


def test_no_polar_text_to_choose_by(in_folder: Path, corpus: str) -> None:
    labels = ["neutral"] * 20
    for label in ("positive", "negative"):
        _write_labels(in_folder, labels)
        with pytest.raises(CorpusError, match=f"`data` 'few.csv' has no {label} text to train on"):
            build("small", "few.csv")
        labels[13 if label == "positive" else 16] = label  # both in the train part
    _write_labels(in_folder, labels)
    with pytest.raises(TrainingError, match="dev part has no positive or negative text"):
        build("small", "few.csv")


def _write_labels(folder: Path, labels: list[str]) -> None:
    rows = "".join(f"text {number},{label}\n" for number, label in enumerate(labels))
    (folder / "few.csv").write_text(f"text,label\n{rows}")


def test_resume_refuses_other_vectors(corpus: str) -> None:
    def stop(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build("stopped", corpus, watch=stop)
    path = Path("vectors.txt")
    path.write_text(path.read_text().replace("good ", "good 1", 1))
    with pytest.raises(TrainingError, match="belongs to a run with another recipe or other"):
        build("stopped", corpus, resume=True)


def test_vectors_of_another_size(corpus: str) -> None:
    Path("vectors.txt").write_text("good 1 2 3\nbad 1 2 4\n")
    build("small", corpus, recipe=Recipe(epochs=1, batch_size=8))
    assert load("small").network.shape.dimensions == 3
    with pytest.raises(TrainingError, match="have 3 dimensions, but `dimensions` is 50; leave it"):
        build("other", corpus, sizes=Sizes(dimensions=50))


def test_a_loss_that_explodes(corpus: str) -> None:
    with pytest.raises(
        TrainingError, match="loss or a weight of epoch 1 is not finite; lower `learning_rate`"
    ):
        build("small", corpus, recipe=Recipe(epochs=1, batch_size=8, learning_rate=1e30))
    assert not Path("models/small").exists()
