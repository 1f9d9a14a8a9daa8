"""The hash of a model as it was saved, as long as its weights are those that were saved.

A model whose weights are changed in memory is another one: what was computed with the one should
not pass for the other's. To look at every weight each time the hash is asked for would take longer
than an explanation. So the places and versions of the tensors are looked at, and the sums of all
but the embedding's; only if these differ are all weights. What is not seen is a change of the
embedding that torch does not count, through `.data` for instance.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from torch import Tensor

from textcond.model.network import TextCNN

Glance = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A hash and the weights that it is of."""

    hash: str
    glance: Glance
    checksum: int

    @classmethod
    def of(cls, hash: str, network: TextCNN) -> Fingerprint:
        return cls(hash, _glance(network), _checksum(network))

    def hash_of(self, network: TextCNN) -> str:
        """The hash, or another one if the network's weights are not those that it is of."""
        if _glance(network) == self.glance or _checksum(network) == self.checksum:
            return self.hash
        digest = hashlib.sha256(self.hash.encode())
        for weight in _weights(network):
            digest.update(weight.numpy().tobytes())
        return digest.hexdigest()[: len(self.hash)]


def _glance(network: TextCNN) -> Glance:
    embedding = network.embedding.weight
    return tuple(
        (
            weight.data_ptr(),
            0 if weight.is_inference() else weight._version,
            0.0 if weight is embedding else weight.detach().sum().item(),
        )
        for weight in network.parameters()
    )


def _checksum(network: TextCNN) -> int:
    checksum = 0
    for weight in _weights(network):
        checksum = zlib.crc32(weight.numpy().tobytes(), checksum)
    return checksum


def _weights(network: TextCNN) -> list[Tensor]:
    return [weight.detach().cpu() for weight in network.parameters()]
