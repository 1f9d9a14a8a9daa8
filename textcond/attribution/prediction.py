"""What a model says of texts, without asking why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, overload

import torch
from jaxtyping import Float
from torch import Tensor

from textcond.attribution.batching import in_batches
from textcond.attribution.closed_form.forward_pass import closed_form_logits
from textcond.attribution.input_checks import (
    OnError,
    as_list,
    as_written,
    check_is_model,
    encode_all,
)
from textcond.errors import TextError
from textcond.model.model import Model
from textcond.model.network import TextCNN

MANY_UNKNOWN = 1 / 3
"""Share of a text's words; of the treebank's test sentences 0.3 % have so many unknown ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The outputs of a model for one text."""

    model: Model
    text: str
    tokens: tuple[str, ...]
    unknown: tuple[bool, ...]
    """Which tokens the model does not know."""
    logits: Float[Tensor, " outputs"]

    @property
    def heads(self) -> dict[str, dict[str, float]]:
        """Logit and probability of every output."""
        outputs = self.model.outputs
        probabilities = outputs.probabilities(self.logits)
        return {
            name: {"logit": float(logit), "probability": float(probability)}
            for name, logit, probability in zip(
                outputs.names, self.logits, probabilities, strict=True
            )
        }

    @property
    def called(self) -> tuple[str, ...]:
        """The output with the greatest logit; of a model of several classes a text, every output
        whose probability is above a half."""
        return self.model.outputs.decide(self.logits)

    @property
    def prediction(self) -> str:
        """`called` in one string: for the two heads, the sign of the margin."""
        return "; ".join(self.called)

    @property
    def unknown_words(self) -> float:
        """Share of the words that are not in the vocabulary; numbers and punctuation aside."""
        tokens = zip(self.tokens, self.unknown, strict=True)
        unknown = [is_unknown for token, is_unknown in tokens if any(map(str.isalpha, token))]
        return sum(unknown) / len(unknown) if unknown else 0.0

    @property
    def warning(self) -> str:
        """Why the answer should not be trusted; empty if there is no such reason."""
        share = self.unknown_words
        if share < MANY_UNKNOWN:
            return ""
        return (
            f"{share:.0%} of the words are not in the model's vocabulary and count "
            "for nothing: the text may be in another language or of another kind than the training "
            "texts."
        )

    @property
    def margin_logit(self) -> float:
        """The positive logit less the negative one; of another model the logit of the prediction
        less that of the next likely output."""
        return float(self.model.outputs.margin(self.logits))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dictionary."""
        return {
            "model": self.model.name,
            "model_hash": self.model.hash,
            "text": self.text,
            "tokens": list(self.tokens),
            "unknown": list(self.unknown),
            **self.summary(),
        }

    def summary(self) -> dict[str, Any]:
        """Return the outputs, the prediction and a warning where it should not be trusted, as a
        JSON-serializable dictionary."""
        return {
            "heads": self.heads,
            "prediction": self.prediction,
            "unknown_words": self.unknown_words,
            "warning": self.warning,
        }


@overload
def predict(
    model: Model,
    texts: Iterable[Any],
    *,
    batch_size: int = 256,
    on_error: Literal["raise"] = "raise",
) -> list[Prediction]: ...


@overload
def predict(
    model: Model, texts: Iterable[Any], *, batch_size: int = 256, on_error: OnError
) -> list[Prediction | TextError]: ...


def predict(
    model: Model, texts: Iterable[Any], *, batch_size: int = 256, on_error: OnError = "raise"
) -> list[Prediction] | list[Prediction | TextError]:
    """What the model says of each text; raises what `conductance` does about texts and model.

    For a text that cannot be read the `TextError` names its index; with `on_error` "return" it
    stands in the place of the result, and the other texts are predicted.
    """
    check_is_model(model)
    texts = as_list(texts)
    encoded = encode_all(model, texts, on_error=on_error)
    logits = logits_of_ids(model.network, encoded.rows, batch_size=batch_size)
    written = [as_written(text) for row, text in enumerate(texts) if row not in encoded.errors]
    return encoded.with_errors(
        Prediction(model, text, tokens, tuple(model.vocabulary.are_unknown(ids)), values)
        for text, tokens, ids, values in zip(
            written, encoded.tokens, encoded.rows, logits, strict=True
        )
    )


def targets_of(model: Model, rows: Sequence[list[int]], target: str) -> list[str]:
    """The target of each text: for a margin that every text has of its own, what it means there."""
    outputs = model.outputs
    if not outputs.is_margin(target) or outputs.are_polarity:
        return [target] * len(rows)
    return [outputs.target_for(logits) for logits in logits_of_ids(model.network, rows)]


def logits_of_ids(
    network: TextCNN, rows: Sequence[list[int]], *, batch_size: int = 256
) -> Float[Tensor, "texts outputs"]:
    """The logits of texts that are ids already, one or more each, in float64."""
    work = partial(closed_form_logits, network)
    found = [logits for _, logits in in_batches(rows, batch_size, work)]
    return torch.cat(found) if found else torch.zeros(0, network.shape.outputs, dtype=torch.float64)
