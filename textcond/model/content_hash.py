"""The hash that names a model's content, as long as the model is what it was saved as.

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

DIGITS = 16
Glance = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A hash and the content that it is of."""

    hash: str
    glance: Glance
    checksum: int
    facts: str
    """A digest of all but the weights."""

    @classmethod
    def of(cls, hash: str, network: TextCNN, facts: str) -> Fingerprint:
        return cls(hash, _glance(network), _checksum(network), facts)

    @classmethod
    def of_content(cls, network: TextCNN, facts: str) -> Fingerprint:
        """That of a model which is not saved: its hash is made of the content."""
        return cls.of(_digest(facts, network), network, facts)

    def hash_of(self, network: TextCNN, facts: str) -> str:
        """The hash, or another one if the content is not what it is of."""
        is_same = _glance(network) == self.glance or _checksum(network) == self.checksum
        if is_same and facts == self.facts:
            return self.hash
        return _digest(self.hash + facts, network)


def _digest(start: str, network: TextCNN) -> str:
    digest = hashlib.sha256(start.encode())
    for weight in _weights(network):
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()[:DIGITS]


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
