"""Trees become sentences and phrases."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from textcond.corpora.dataset_columns import FEATURES
from textcond.corpora.treebank import load_treebank
from textcond.errors import CorpusError

TREES = (
    "(3 (2 A) (3 (4 (3 warm) (2 film)) (2 .)))\n"
    "(1 (2 A) (1 (1 (1 cold) (2 film)) (2 (2 -LRB-) (2 (2 and\\/or) (2 -RRB-)))))\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text(TREES)
    return tmp_path


def test_sentences(folder: Path) -> None:
    dataset = load_treebank("train", data_dir=folder)
    assert dataset.features == FEATURES
    assert dataset["tokens"][0] == ["A", "warm", "film", "."]
    assert dataset["text"][1] == "A cold film ( and/or )"
    assert dataset["label"][:] == [3, 1]
    assert dataset["positive"][:] == [1, 0]
    assert dataset["negative"][:] == [0, 1]


def test_phrases_are_distinct(folder: Path) -> None:
    dataset = load_treebank("train", data_dir=folder, unit="phrase")
    rows = dict(zip(dataset["text"], dataset["label"], strict=True))
    assert len(dataset) == len(rows) == 16
    assert rows["warm film"] == 4
    assert rows["film"] == 2


def test_the_official_zip(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "trainDevTestTrees_PTB.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("trees/train.txt", TREES)
    zipped = load_treebank("train", data_dir=path)
    assert zipped["text"][:] == load_treebank("train", data_dir=folder)["text"][:]


def test_the_treebank_itself(treebank: Path) -> None:
    counts = {split: load_treebank(split, data_dir=treebank).num_rows for split in ("dev", "test")}
    assert counts == {"dev": 1_101, "test": 2_210}
    labels = load_treebank("test", data_dir=treebank)["label"][:]
    assert sum(label != 2 for label in labels) == 1_821


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("(3 (2 a) (2 b)\n", r"train\.txt, line 1: not a whole tree .*get the file again"),
        ("(3 (2 a) (5 b))\n", r"train\.txt, line 1: .*label '5' is not one of 0 to 4"),
        ("(3 (2 a) (x b))\n", r"train\.txt, line 1: .*label 'x' is not one of 0 to 4"),
        ("\n", r"train\.txt holds no trees; get the treebank again"),
    ],
)
def test_broken_trees(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "train.txt").write_text(content)
    with pytest.raises(CorpusError, match=message):
        load_treebank("train", data_dir=tmp_path)


def test_a_folder_without_trees(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no dev\.txt in .*; give `--data-dir`"):
        load_treebank("dev", data_dir=tmp_path)


def test_a_zip_without_trees(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(CorpusError, match=r"other\.zip holds no test\.txt; give `--data-dir`"):
        load_treebank("test", data_dir=path)


def test_unknown_split(folder: Path) -> None:
    with pytest.raises(CorpusError, match="`split` is 'all'; SST has train, dev, test"):
        load_treebank("all", data_dir=folder)


def test_no_data_and_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(
        CorpusError, match=r"stanfordnlp/sst is not on this .* cannot be reached .*--data-dir"
    ):
        load_treebank("dev")
