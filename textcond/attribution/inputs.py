"""What every attribution asks of its model and its texts before it starts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textcond.errors import ModelError, TextError
from textcond.model.checkpoint import Model
from textcond.model.network import TextCNN, has_finite_weights, has_zero_rows
from textcond.text.characters import check_characters
from textcond.text.tokenizer import check_length, tokenize

Text = str | Sequence[str]
"""A text as it was written, or its tokens."""


def tokens_of(text: Text) -> tuple[str, ...]:
    """The tokens of one text; raises `TextError` if there is none."""
    if isinstance(text, str):
        return tuple(tokenize(text))
    tokens = tuple(text)
    if not tokens:
        raise TextError("`text` has no tokens; give at least one word.")
    check_length(len(tokens))
    for token in tokens:
        check_characters(token)
    return tokens


def encode(model: Model, tokens: Sequence[str]) -> list[int]:
    """Ids of which at least one is a known word; raises `TextError` otherwise."""
    ids = model.vocabulary.encode(tokens)
    if all(model.vocabulary.unknown(tokens)):
        shown = textwrap.shorten(" ".join(tokens), 60, placeholder=" ...")
        raise TextError(
            f"`text` has no word that the model {model.name!r} knows ({shown!r}); "
            "give English words, or train on text like this."
        )
    return ids


def encode_all(model: Model, texts: Sequence[Text]) -> list[list[int]]:
    """Ids of each text; raises what `encode` and `check_ready` do, and for no texts at all."""
    check_are_many(texts)
    if not texts:
        raise TextError("`texts` is empty; give at least one text.")
    rows = [encode(model, tokens_of(text)) for text in texts]
    check_ready(model, rows)
    return rows


def check_are_many(texts: Sequence[Text]) -> None:
    """Raise `ValueError` for one string, whose letters would be taken for texts."""
    if isinstance(texts, str):
        raise ValueError("`texts` is one string; give a list of texts.")


def check_ready(model: Model, rows: Sequence[Sequence[int]] | None = None) -> TextCNN:
    """The model's network, if it can be explained; raises `ModelError` otherwise.

    `rows` are the ids of the texts: the embeddings of other words are then not looked at.
    """
    network = model.network
    if network.training:
        raise ModelError("The network is in training mode; call `model.network.eval()` first.")
    if len(model.vocabulary) != network.embedding.num_embeddings:
        raise ModelError(
            f"The vocabulary has {len(model.vocabulary)} entries but the network embeds "
            f"{network.embedding.num_embeddings}; load the model again."
        )
    if not has_finite_weights(network, rows):
        raise ModelError("The network holds weights that are not finite; load or train it again.")
    if not has_zero_rows(network):
        raise ModelError(
            "The embedding of padding or of the unknown word is not zero, which is the baseline; "
            "load or train the model again."
        )
    return network
