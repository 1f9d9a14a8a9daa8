"""Model folders: found by name, and refused when they are not whole."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.conftest import ROOT
from textcond.errors import ModelError
from textcond.model import checkpoint
from textcond.model.checkpoint import load, model_summaries, save
from textcond.model.model import Model
from textcond.model.outputs import SENTIMENT, Outputs
from textcond.text.vocabulary import Vocabulary


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may break."""
    return Path(shutil.copytree(ROOT / "models" / "sst", tmp_path / "copy"))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_shipped_model(sst: Model) -> None:
    assert sst.name == "sst"
    assert sst.outputs == SENTIMENT
    assert sst.network.shape.filters == 256
    assert not sst.network.training
    size = sum(path.stat().st_size for path in (ROOT / "models" / "sst").iterdir())
    assert size <= 12 * 2**20


def test_the_hash_is_of_the_content(sst: Model, copy: Path) -> None:
    assert load(copy).hash == sst.hash
    edit_config(copy, data="other")
    assert load(copy).hash != sst.hash


def test_loading_by_name_from_any_folder(in_folder: Path, sst: Model) -> None:
    assert load("sst").hash == sst.hash
    assert "sst" in {summary["name"] for summary in model_summaries()}
    own = in_folder / "models" / "mine"
    shutil.copytree(ROOT / "models" / "sst", own)
    assert load("mine").name == "mine"


@pytest.mark.parametrize("place", ["models", "textcond/models"])
def test_a_model_beside_the_one_that_ships_does_not_ship(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A user's models in a checkout are found from there alone; a damaged one does no harm."""
    checkout = in_folder / "checkout"
    for name in ("demo", "reviews"):
        (checkout / place / name).mkdir(parents=True)
        (checkout / place / name / "config.json").write_text("{}")
    shutil.copytree(ROOT / "models" / "sst", checkout / place / "sst")
    module = checkout / "textcond" / "model" / "checkpoint.py"
    monkeypatch.setattr(checkpoint, "__file__", str(module))
    assert checkpoint.model_folders() == [checkout / place / "sst"]
    assert load("sst").name == "sst"
    with pytest.raises(ModelError, match="There is no model 'demo'; known are: sst"):
        load("demo")
    if place == "models":
        monkeypatch.chdir(checkout)
        names = [summary["name"] for summary in model_summaries()]
        assert names == ["demo", "reviews", "sst"]


def test_a_folder_of_the_same_name_hides_no_model(in_folder: Path, sst: Model) -> None:
    (in_folder / "sst").mkdir()
    assert load("sst").hash == sst.hash


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": [1, 2]},
        {"outputs": "ab"},
        {"outputs": ["a", "a"]},
        {"softmax": "false"},
        {"sha256": {}},
        {"shape": {"words": 50002.0}},
        {"shape": {"words": 10**30}},
        {"shape": {"words": 0}},
        {"shape": {"widths": [3.0, 4, 5, 6]}},
        {"shape": {"widths": [3] * 300_000}},
        {"shape": {"hidden": True}},
        {"shape": {"dimensions": 10**18}},
        {"shape": []},
    ],
)
def test_a_config_of_something_else(copy: Path, changes: dict[str, object]) -> None:
    shape = json.loads((copy / "config.json").read_text())["shape"]
    if isinstance(changes.get("shape"), dict):
        changes = {"shape": {**shape, **changes["shape"]}}
    edit_config(copy, **changes)
    with pytest.raises(ModelError, match=r"(?s)config\.json is not whole .*; train or copy"):
        load(copy)


def test_no_such_model(in_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no model 'nosuch'; known are: .*sst.* Or give"):
        load("nosuch")


def test_a_foreign_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not a textcond model: it has no config\.json"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"config\.json is not a textcond model's .*give a folder"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"format": ')
    with pytest.raises(ModelError, match=r"config\.json is not a textcond model's"):
        load(tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "vocabulary.txt"])
def test_a_damaged_file(copy: Path, file: str) -> None:
    path = copy / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{file} is damaged: its sha256 .*; train or copy"):
        load(copy)
    path.unlink()
    with pytest.raises(ModelError, match=rf"{file} is missing; train or copy the model again"):
        load(copy)


def test_broken_metrics(copy: Path) -> None:
    (copy / "metrics.json").write_text("{")
    with pytest.raises(ModelError, match=r"metrics\.json is not JSON"):
        load(copy)


def test_weights_of_another_shape(copy: Path) -> None:
    shape = json.loads((copy / "config.json").read_text())["shape"]
    edit_config(copy, shape={**shape, "hidden": 11})
    with pytest.raises(ModelError, match=r"model\.safetensors does not fit config\.json"):
        load(copy)
    edit_config(copy, shape={**shape, "colour": 1})
    with pytest.raises(ModelError, match=r"config\.json is not whole .*colour"):
        load(copy)


def test_weights_that_are_not_finite(copy: Path) -> None:
    path = copy / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    weights["hidden.bias"][0] = float("nan")
    safetensors.torch.save_file(weights, path)
    sums = json.loads((copy / "config.json").read_text())["sha256"]
    from textcond.model.checkpoint import _sha256

    edit_config(copy, sha256={**sums, path.name: _sha256(path)})
    with pytest.raises(ModelError, match="holds weights that are not finite"):
        load(copy)


def test_what_cannot_be_loaded_replaces_nothing(tmp_path: Path, sst: Model, copy: Path) -> None:
    network = deepcopy(sst.network)
    with torch.no_grad():
        network.hidden.bias[0] = float("nan")
    with pytest.raises(ModelError, match="holds weights that are not finite"):
        save(replace(sst, network=network), copy, details={}, metrics={}, card="")
    assert load(copy).hash == sst.hash
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]


def test_a_vocabulary_of_another_model(sst: Model) -> None:
    with pytest.raises(
        ModelError, match=r"vocabulary has 4 entries but the network embeds 50,?002"
    ):
        Model("mixed", sst.network, Vocabulary(["good", "bad"]))
    with pytest.raises(ModelError, match="names 3 outputs but the network has 2"):
        Model("mixed", sst.network, sst.vocabulary, outputs=Outputs(("a", "b", "c")))


def test_loading_touches_no_random_state() -> None:
    before = torch.get_rng_state()
    load(ROOT / "models" / "sst")
    assert torch.equal(before, torch.get_rng_state())
