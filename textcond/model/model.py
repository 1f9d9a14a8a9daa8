"""A trained network with all that is true of it: its words, its tokenizer, its outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from textcond.errors import ModelError
from textcond.model.content_hash import Fingerprint
from textcond.model.network import TextCNN
from textcond.model.outputs import SENTIMENT, Outputs
from textcond.text.tokenizer import TREEBANK, Tokenizer
from textcond.text.vocabulary import UNKNOWN_ID, Vocabulary


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network with the tokenizer, the words and the outputs it was trained for."""

    name: str
    network: TextCNN
    vocabulary: Vocabulary
    outputs: Outputs = SENTIMENT
    tokenizer: Tokenizer = TREEBANK
    fingerprint: Fingerprint | None = None
    """The hash that the model was saved under, and the content that it is of; of a model that is
    not saved, of the content that it was made with."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """What config.json says of recipe, data and vectors."""

    def __post_init__(self) -> None:
        shape = self.network.shape
        if len(self.vocabulary) != shape.words:
            raise ModelError(
                f"The vocabulary has {len(self.vocabulary)} entries but the network embeds "
                f"{shape.words}; they do not belong together: train or copy the model again."
            )
        if len(self.outputs) != shape.outputs:
            raise ModelError(
                f"The model names {len(self.outputs)} outputs but the network has "
                f"{shape.outputs}; they do not belong together: train or copy the model again."
            )
        if self.fingerprint is None:
            made = Fingerprint.of_content(self.network, self._facts())
            object.__setattr__(self, "fingerprint", made)

    @property
    def hash(self) -> str:
        """16 hex digits that name the model's content.

        Of a saved model they are the first of the sha256 of config.json, which holds those of the
        weights and of the vocabulary. They are others once the weights, the outputs, the tokenizer
        or the vocabulary are changed.
        """
        assert self.fingerprint is not None
        return self.fingerprint.hash_of(self.network, self._facts())

    def tokens_of(self, text: str) -> tuple[str, ...]:
        """The tokens of a text, as the model was trained on them."""
        return tuple(self.tokenizer.tokenize(text))

    def tokens_of_all(self, texts: Iterable[str]) -> list[tuple[str, ...]]:
        """`tokens_of` of every text."""
        return [tuple(tokens) for tokens in self.tokenizer.tokenize_all(texts)]

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The ids of a text's tokens. A text without a token is the baseline, as one of unknown
        words is."""
        return self.vocabulary.encode(tokens) or [UNKNOWN_ID]

    def encode_all(self, texts: Iterable[Iterable[str]]) -> list[list[int]]:
        """`encode` of the tokens of every text."""
        return [self.encode(tokens) for tokens in texts]

    def _facts(self) -> str:
        """A digest of all but the weights."""
        return facts_of(self.outputs, self.tokenizer, self.vocabulary)


def facts_of(outputs: Outputs, tokenizer: Tokenizer, vocabulary: Vocabulary) -> str:
    """A digest of what makes a model beside its weights."""
    named = json.dumps([outputs.names, outputs.softmax, asdict(tokenizer), vocabulary.digest])
    return hashlib.sha256(named.encode()).hexdigest()
