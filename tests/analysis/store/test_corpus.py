"""A corpus's conductance on disk: the same as text by text, whatever stops the run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, IterableDataset
from filelock import FileLock

from tests.conftest import SENTENCES, Run, random_model
from textcond.analysis.store.corpus import CorpusConductance
from textcond.analysis.store.resume import Progress
from textcond.attribution.conductance import conductance, filter_conductance
from textcond.corpora.user_files import stream_file
from textcond.errors import AnalysisError
from textcond.model.model import Model


def texts_of(count: int, *, seed: int = 0) -> list[str]:
    words = random.Random(seed)
    return [
        " ".join(f"w{words.randrange(30)}" for _ in range(words.randint(1, 12)))
        for _ in range(count)
    ]


def dataset_of(texts: list[str]) -> Dataset:
    return Dataset.from_dict({"text": texts})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# What is computed


def test_the_same_as_text_by_text(model: Model, tmp_path: Path, small_shards: None) -> None:
    texts = texts_of(21)
    analysis = CorpusConductance.compute(model, dataset_of(texts), tmp_path / "out")
    result = filter_conductance(model, texts)
    assert len(analysis) == 21
    assert np.allclose(analysis.matrix(), result.values, atol=1e-6)
    assert np.array_equal(np.concatenate([s for _, s in analysis.blocks()]), result.starts)
    assert np.allclose(analysis.column("score"), result.scores)
    for filter in (0, 5, 23):
        assert np.array_equal(analysis.values(filter), analysis.matrix()[:, filter])
        assert np.array_equal(analysis.starts(filter), result.starts[:, filter])


def test_top_sentences_and_their_ngrams(model: Model, tmp_path: Path, small_shards: None) -> None:
    analysis = CorpusConductance.compute(model, dataset_of(texts_of(21)), tmp_path / "out")
    values, starts = analysis.values(9), analysis.starts(9)
    rows = analysis.top(9, 5)
    assert values[rows].tolist() == sorted(values, reverse=True)[:5]
    assert values[analysis.top(9, 5, sign=-1)].tolist() == sorted(values)[:5]
    for sentence, row in zip(analysis.sentences(rows.tolist()), rows, strict=True):
        alone = conductance(model, sentence.text)
        assert sentence.tokens == alone.tokens
        assert sentence.score == pytest.approx(alone.score)
        assert sentence.baseline_score == pytest.approx(alone.baseline_score)
        window = analysis.window(sentence, 9, int(starts[row]))
        assert sentence.tokens[slice(*window)] == alone.ngram(9)
    assert [sentence.row for sentence in analysis.sentences()] == list(range(21))


def test_a_text_without_a_known_word_conducts_nothing(model: Model, tmp_path: Path) -> None:
    texts = ["w1 w2", "unseen words", " "]
    analysis = CorpusConductance.compute(model, dataset_of(texts), tmp_path / "out")
    assert analysis.matrix()[0].any()
    assert not analysis.matrix()[1:].any()
    assert np.array_equal(analysis.column("score")[1:], analysis.column("baseline_score")[1:])


def test_labels_are_kept(model: Model, tmp_path: Path) -> None:
    rows = {"text": ["w1", "w2"], "label": [4, 0], "positive": [1, 0], "negative": [0, 1]}
    analysis = CorpusConductance.compute(model, Dataset.from_dict(rows), tmp_path / "out")
    assert analysis.column("label").tolist() == [4, 0]
    first, second = analysis.sentences()
    assert (first.positive, first.negative, second.positive, second.negative) == (1, 0, 0, 1)
    bare = CorpusConductance.compute(model, dataset_of(["w1"]), tmp_path / "bare")
    assert bare.column("label").tolist() == [-1]


def test_a_stream_gives_the_same_bytes(model: Model, tmp_path: Path, small_shards: None) -> None:
    texts = texts_of(30)
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts))
    CorpusConductance.compute(model, dataset_of(texts), tmp_path / "rows")
    CorpusConductance.compute(model, stream_file(path), tmp_path / "stream")
    assert content(tmp_path / "rows") == content(tmp_path / "stream")


# What stops a run


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_a_stopped_run_goes_on(
    model: Model, tmp_path: Path, small_shards: None, stop_after: int
) -> None:
    dataset = dataset_of(texts_of(30))
    CorpusConductance.compute(model, dataset, tmp_path / "whole")

    def stop(progress: Progress) -> None:
        if progress.done >= 8 * stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CorpusConductance.compute(model, dataset, tmp_path / "out", watch=stop)
    with pytest.raises(AnalysisError, match="was stopped; give its `textcond analyze` command"):
        CorpusConductance.open(tmp_path / "out")
    seen: list[Progress] = []
    CorpusConductance.compute(model, dataset, tmp_path / "out", watch=seen.append)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert [progress.done for progress in seen] == [8, 16, 24, 30]
    assert seen[-1].rate > 0


@pytest.mark.thorough
def test_killed(in_folder: Path) -> None:
    """The command itself, with SIGKILL at random moments after its first shard."""
    lines = [f"{text}, take {take}" for take in range(350) for text in SENTENCES]
    Path("own.txt").write_text("\n".join(lines))
    command = [sys.executable, "-m", "textcond", "analyze", "--data", "own.txt", "--out"]
    subprocess.run([*command, "whole"], check=True, capture_output=True)
    moments = random.Random(0)
    for _ in range(3):
        shards = len([*Path("out").glob("*.parquet")])
        process = subprocess.Popen([*command, "out"], stderr=subprocess.DEVNULL)
        while len([*Path("out").glob("*.parquet")]) == shards and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    subprocess.run([*command, "out"], check=True, capture_output=True)
    kept = {name: data for name, data in content(Path("out")).items() if name[0] != "."}
    whole = {name: data for name, data in content(Path("whole")).items() if name[0] != "."}
    assert len(whole) == 8  # seven shards and the manifest
    assert kept == whole


# What is refused


def test_another_analysis_is_refused(model: Model, tmp_path: Path, small_shards: None) -> None:
    out = tmp_path / "out"
    texts = texts_of(20)
    CorpusConductance.compute(model, dataset_of(texts), out)
    before = content(out)
    for options, message in (
        ({"target": "positive"}, r"another target \(margin, not positive\); choose another"),
        ({"output": "probability"}, r"another output \(logit, not probability\)"),
        ({"data": "mine"}, r"another corpus \(, not mine\)"),
    ):
        with pytest.raises(AnalysisError, match=message):
            CorpusConductance.compute(model, dataset_of(texts), out, **options)
    for other in (texts[:5], texts[:8], [*texts[:12], "w1", *texts[13:]]):
        with pytest.raises(AnalysisError, match=r"another corpus|a longer corpus"):
            CorpusConductance.compute(model, dataset_of(other), out)
    assert content(out) == before
    other_model = replace(random_model(1), name="other")
    with pytest.raises(AnalysisError, match=r"computed with the model 'random' .*, not with"):
        CorpusConductance.open(out).check_model(other_model)


def test_broken_folders(model: Model, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="holds no analysis; `textcond analyze` writes one"):
        CorpusConductance.open(tmp_path / "none")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.doc").write_text("years of work")
    with pytest.raises(AnalysisError, match=r"holds thesis\.doc; choose a new or empty folder"):
        CorpusConductance.compute(model, dataset_of(["w1"]), tmp_path / "strange")
    out = tmp_path / "out"
    CorpusConductance.compute(model, dataset_of(["w1"]), out)
    shard = out / "000000.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(AnalysisError, match=r"000000\.parquet is damaged .*; delete it"):
        CorpusConductance.compute(model, dataset_of(["w1"]), out)
    shard.unlink()
    with pytest.raises(AnalysisError, match=r"has lost 000000\.parquet; give its"):
        CorpusConductance.open(out)
    (out / "manifest.json").write_text(json.dumps({"format": "another"}))
    with pytest.raises(AnalysisError, match="is not one of `textcond analyze`"):
        CorpusConductance.open(out)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:99] + data[199:]])
def test_a_damaged_shard(model: Model, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    analysis = CorpusConductance.compute(model, dataset_of(texts_of(40)), tmp_path / "out")
    shard = tmp_path / "out" / "000000.parquet"
    shard.write_bytes(damage(shard.read_bytes()))
    message = r"000000\.parquet cannot be read \(.*\); delete it and give its `textcond analyze`"
    for read in (analysis.matrix, analysis.sentences, lambda: analysis.values(0)):
        with pytest.raises(AnalysisError, match=message):
            read()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"text": []}, "The corpus has no rows; give at least one text"),
        ({"sentence": ["w1"]}, "has no column `text`, only sentence; rename one"),
        ({"text": ["w1", None]}, "Row 1 has None as its text; give a string"),
        ({"text": ["w1 " * 20_001]}, "Row 0 has 20,001 tokens; the limit is 20,000. Split it"),
    ],
)
def test_bad_rows(
    model: Model, tmp_path: Path, rows: dict[str, list[str | None]], message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        CorpusConductance.compute(model, Dataset.from_dict(rows), tmp_path / "out")


def test_half_a_character(model: Model, tmp_path: Path) -> None:
    stream = IterableDataset.from_generator(lambda: iter([{"text": "w1 \ud800"}]))
    with pytest.raises(AnalysisError, match=r"Row 0 has .* as its text"):
        CorpusConductance.compute(model, stream, tmp_path / "out")


def test_a_folder_in_use(model: Model, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".lock"),
        pytest.raises(AnalysisError, match="Another process is writing to"),
    ):
        CorpusConductance.compute(model, dataset_of(["w1"]), tmp_path / "out")


# The command


def test_the_command(run: Run, in_folder: Path, sst: Model) -> None:
    (in_folder / "own.csv").write_text("text,label\na warm film,positive\na dull film,negative\n")
    code, out, _ = run("analyze", "--data", "own.csv", "--out", "here", "--json")
    assert code == 0
    answer = json.loads(out)
    assert (answer["sentences"], answer["filters"], answer["data"]) == (2, 256, "own.csv")
    assert answer["model_hash"] == sst.hash
    analysis = CorpusConductance.open(in_folder / "here")
    assert analysis.column("score")[0] > 0 > analysis.column("score")[1]
    code, out, _ = run("analyze", "--data", "own.csv", "--out", "here")
    assert code == 0
    assert "sentences" in out
    code, _, err = run("analyze", "--data", "own.csv", "--out", "here", "--target", "positive")
    assert (code, err.count("\n")) == (2, 1)
    assert "here holds an analysis with another target (margin, not positive)" in err


@pytest.mark.parametrize(
    ("target", "poles"),
    [
        ("margin", ("positive", "negative")),
        ("date:string", ("date", "string")),
        ("date", ("date", "not date")),
    ],
)
def test_an_analysis_of_an_earlier_version_has_poles(
    model: Model, tmp_path: Path, target: str, poles: tuple[str, str]
) -> None:
    path = CorpusConductance.compute(model, dataset_of(["w1"]), tmp_path / "out").folder
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest.pop("poles") == ["positive", "negative"]
    (path / "manifest.json").write_text(json.dumps({**manifest, "target": target}))
    assert CorpusConductance.open(path).manifest.poles == poles
