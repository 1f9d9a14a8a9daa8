"""What every attribution asks of its model, its texts and its other arguments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from textcond.attribution.closed_form.forward_pass import check_closed_form
from textcond.errors import ModelError, TextError
from textcond.model.model import Model
from textcond.model.network import TextCNN, has_finite_weights, has_zero_rows
from textcond.text.normalization import check_characters
from textcond.text.tokenizer import check_length

Text = str | Sequence[str]
"""A text as it was written, or its tokens."""
OnError = Literal["raise", "return"]
"""What becomes of a text that cannot be read: an error that names its index, or a `TextError` in
the place of its result."""
Result = TypeVar("Result")


def tokens_of(model: Model, text: Any) -> tuple[str, ...]:
    """The tokens of one text, as the model reads it.

    Raises `TextError` if there is none, or if this is no text.
    """
    if isinstance(text, str):
        return model.tokens_of(str(text))  # numpy has strings of its own
    if not isinstance(text, Iterable) or isinstance(text, bytes | bytearray | Mapping):
        shown = textwrap.shorten(repr(text), 60, placeholder=" ...")
        raise TextError(f"`text` is {shown}; give a string, or a list of tokens.")
    tokens = tuple(text)
    if not tokens:
        raise TextError("`text` has no tokens; give at least one word.")
    check_length(len(tokens))
    for place, token in enumerate(tokens):
        if not isinstance(token, str):
            shown = textwrap.shorten(repr(token), 60, placeholder=" ...")
            raise TextError(f"`text` has {shown} as its token {place}; each must be a string.")
        check_characters(token)
    return tokens


def encode(model: Model, tokens: Sequence[str]) -> list[int]:
    """Ids of which at least one is a known word; raises `TextError` otherwise."""
    ids = model.vocabulary.encode(tokens)
    if all(model.vocabulary.are_unknown(ids)):
        shown = textwrap.shorten(" ".join(tokens), 60, placeholder=" ...")
        raise TextError(
            f"`text` has no word that the model {model.name!r} knows ({shown!r}); "
            "give English words, or train on text like this."
        )
    return ids


@dataclass(frozen=True, slots=True)
class Encoded:
    """The texts that could be read, as tokens and as ids, and what is wrong with the others."""

    tokens: list[tuple[str, ...]]
    rows: list[list[int]]
    errors: dict[int, TextError]
    """By the index of the text."""

    def with_errors(self, results: Iterable[Result]) -> list[Result | TextError]:
        """The results of the texts that could be read, and errors in the places of the others."""
        rest = iter(results)
        count = len(self.rows) + len(self.errors)
        return [
            self.errors[place] if place in self.errors else next(rest) for place in range(count)
        ]


def encode_all(model: Model, texts: Sequence[Any], *, on_error: OnError = "raise") -> Encoded:
    """Read each text for a model; with `on_error` "return" also past those that cannot be read.

    Raises what `tokens_of` and `encode` do, naming the index of the text where there are several,
    and what `check_ready` does.
    """
    if on_error not in ("raise", "return"):
        raise ValueError(f"`on_error` is {on_error!r}; it can be raise or return.")
    found = Encoded([], [], {})
    for place, text in enumerate(texts):
        try:
            tokens = tokens_of(model, text)
            ids = encode(model, tokens)
        except TextError as error:
            if on_error == "raise":
                name = f"`texts[{place}]`" if len(texts) > 1 else "`text`"
                raise TextError(f"{error}".replace("`text`", name, 1)) from error
            found.errors[place] = error
        else:
            found.tokens.append(tokens)
            found.rows.append(ids)
    check_ready(model, found.rows)
    return found


def encode_some(model: Model, texts: Iterable[Any]) -> list[list[int]]:
    """Ids of each text, of which there must be one; raises what `encode_all` does."""
    texts = as_list(texts)
    if not texts:
        raise TextError("`texts` is empty; give at least one text.")
    return encode_all(model, texts).rows


def only(results: Sequence[Result | TextError]) -> Result:
    """The result of the one text that there is; raises what is wrong with it."""
    (result,) = results
    if isinstance(result, TextError):
        raise result
    return result


def first_of(rows: Sequence[Result], top: int) -> Sequence[Result]:
    """The first `top` rows of a ranking, all of them with 0; raises `ValueError` for fewer."""
    if top < 0:
        raise ValueError(f"`top` is {top}; it must be at least 1, or 0 for all.")
    return rows[: top or None]


def as_list(texts: Any) -> list[Any]:
    """Many texts, also those of a generator or of a column of a table.

    Raises `ValueError` for one string, whose letters would be taken for texts.
    """
    if isinstance(texts, str):
        raise ValueError("`texts` is one string; give a list of texts.")
    if not isinstance(texts, Iterable) or isinstance(texts, bytes | bytearray | Mapping):
        shown = textwrap.shorten(repr(texts), 60, placeholder=" ...")
        raise ValueError(f"`texts` is {shown}; give a list of texts.")
    return list(texts)


def as_written(text: Text) -> str:
    """A text as it was written, or its tokens with blanks between."""
    return text if isinstance(text, str) else " ".join(text)


def check_is_model(model: Any) -> None:
    """Raise `ModelError` for anything but a loaded model, such as a model's name."""
    if not isinstance(model, Model):
        remedy = f"textcond.load({model!r})" if isinstance(model, str) else "textcond.load(NAME)"
        shown = textwrap.shorten(repr(model), 60, placeholder=" ...")
        raise ModelError(f"`model` is {shown}, not a loaded model; give {remedy}.")


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
    check_closed_form(network)
    return network
