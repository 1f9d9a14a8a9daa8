"""The paper's toy network, for every test of `StraightPath`."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.fixture
def three_layers() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        for layer in (layers[0], layers[1], layers[3]):
            layer.weight.fill_(1)
        layers[0].weight.copy_(torch.eye(3))
        layers[0].bias.zero_()
        layers[1].bias.copy_(torch.tensor([-10.0, 1, 1, 1]))
        layers[3].bias.copy_(torch.tensor([-1.0, 1]))
    return layers.double().eval()
