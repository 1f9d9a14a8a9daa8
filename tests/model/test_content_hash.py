"""A model with other weights than were saved has another hash."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import textcond
from tests.conftest import random_model
from textcond.model.checkpoint import load
from textcond.model.model import Model
from textcond.model.network import TextCNN
from textcond.model.outputs import Outputs
from textcond.text.vocabulary import Vocabulary


def zero_a_filter(network: TextCNN) -> None:
    with torch.no_grad():
        network.hidden.weight[:, 3] = 0


def through_data(network: TextCNN) -> None:
    network.output.bias.data += 0.5


def new_tensor(network: TextCNN) -> None:
    network.hidden.bias = torch.nn.Parameter(network.hidden.bias.detach() + 1)


def one_word(network: TextCNN) -> None:
    with torch.no_grad():
        network.embedding.weight[77, 5] += 1


def in_double(network: TextCNN) -> None:
    network.double()


@pytest.mark.parametrize("change", [zero_a_filter, through_data, new_tensor, one_word, in_double])
def test_changed_weights_change_the_hash(sst: Model, change: Callable[[TextCNN], None]) -> None:
    model = load("sst")
    assert model.hash == sst.hash
    change(model.network)
    assert model.hash != sst.hash
    assert len(model.hash) == 16
    assert textcond.explain(model, "not good").to_dict()["model_hash"] == model.hash
    assert load("sst").hash == sst.hash


def test_the_hash_follows_the_weights() -> None:
    model = load("sst")
    first = model.hash
    zero_a_filter(model.network)
    second = model.hash
    through_data(model.network)
    assert len({first, second, model.hash}) == 3
    through = load("sst")
    zero_a_filter(through.network)
    assert through.hash == second  # the same edit of the same model


def test_a_copy_keeps_the_hash(sst: Model) -> None:
    for same in (copy.deepcopy(sst), pickle.loads(pickle.dumps(sst)), replace(sst, name="b")):
        assert same.hash == sst.hash
    network = copy.deepcopy(sst.network)
    through_data(network)
    assert replace(sst, network=network).hash != sst.hash


def test_models_that_are_not_saved_have_hashes_of_their_content(sst: Model) -> None:
    first, again, other = random_model(0), random_model(0), random_model(1)
    assert len({first.hash, other.hash, replace(sst, fingerprint=None).hash, sst.hash}) == 4
    assert first.hash == again.hash
    assert len(first.hash) == len(sst.hash)


@pytest.mark.parametrize(
    "changed",
    [
        {"outputs": Outputs(("positive", "negative"), softmax=True)},
        {"outputs": Outputs(("negative", "positive"))},
        {"vocabulary": Vocabulary([f"v{number}" for number in range(30)])},
    ],
)
@pytest.mark.parametrize("is_saved", [True, False])
def test_other_outputs_or_words_give_another_hash(is_saved: bool, changed: dict[str, Any]) -> None:
    model = random_model(0)
    named = model if is_saved else replace(model, fingerprint=None)
    assert replace(named, **changed).hash != named.hash
