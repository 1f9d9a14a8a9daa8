"""A model with other weights than were saved has another hash."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

import textcond
from textcond.model.checkpoint import load
from textcond.model.model import Model
from textcond.model.network import TextCNN


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
    assert replace(sst, fingerprint=None).hash == ""
