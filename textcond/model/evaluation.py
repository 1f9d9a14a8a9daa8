"""How often a network is right."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from datasets import Dataset
from jaxtyping import Bool, Float
from torch import Tensor

from textcond.corpora.columns import NO_LABEL
from textcond.errors import CorpusError
from textcond.model.batches import Examples
from textcond.model.checkpoint import Model
from textcond.model.network import TextCNN
from textcond.text.tokenizer import tokenize_all
from textcond.text.vocabulary import UNKNOWN_ID, Vocabulary

_BATCH_SIZE = 256


def predict_logits(network: TextCNN, examples: Examples) -> Float[Tensor, "texts outputs"]:
    """The logits of every text, in the corpus's order; the network is left as it was."""
    logits = torch.empty(len(examples), network.shape.outputs)
    training = network.training
    network.eval()
    with torch.inference_mode():
        for rows, (ids, lengths, _) in examples.in_order(_BATCH_SIZE):
            logits[torch.from_numpy(rows)] = network(ids, lengths)
    network.train(training)
    return logits


def accuracies(
    logits: Float[Tensor, "texts 2"], targets: Float[Tensor, "texts 2"]
) -> dict[str, float | int | None]:
    """Accuracy of the positive and the negative head, and of the margin between them.

    The heads are asked about every text (is it positive, is it negative: a neutral text is
    neither). The margin is asked about polar texts only; it calls a text positive when the
    positive logit is the greater. None where there is no such text.
    """
    right = (logits > 0) == (targets > 0)
    polar = is_polar(targets)
    margin_right = (logits[:, 0] > logits[:, 1]) == (targets[:, 0] > targets[:, 1])
    return {
        "positive_accuracy": _share(right[:, 0]),
        "negative_accuracy": _share(right[:, 1]),
        "margin_accuracy": _share(margin_right[polar]),
        "texts": len(targets),
        "polar_texts": int(polar.sum()),
    }


def evaluate(model: Model, dataset: Dataset) -> dict[str, Any]:
    """`accuracies` on the labelled rows of a corpus, and the share of words unknown.

    Raises `CorpusError` if no row is labelled.
    """
    labelled = labelled_rows(dataset)
    examples = encode_examples(labelled, model.vocabulary)
    figures = accuracies(predict_logits(model.network, examples), examples.targets)
    return {**figures, "unknown_tokens": float((examples.ids == UNKNOWN_ID).mean())}


def tokenizer_agreement(dataset: Dataset) -> dict[str, float]:
    """How often the tokenizer, given a treebank's sentences, finds the treebank's tokens.

    The sentence is its tokens joined by blanks. A token agrees if one found begins and ends
    at the same letters.
    """
    sentences = tokens = total = 0
    for wanted, found in zip(dataset["tokens"], tokenize_all(dataset["text"]), strict=True):
        sentences += wanted == found
        tokens += len(_spans(wanted) & _spans(found))
        total += len(wanted)
    return {"tokenized_sentences": sentences / len(dataset), "tokenized_tokens": tokens / total}


def _spans(tokens: list[str]) -> set[tuple[int, int]]:
    ends = list(accumulate(len("".join(token.split())) for token in tokens))
    return set(zip([0, *ends], ends, strict=False))


def labelled_rows(dataset: Dataset) -> Dataset:
    """The rows with a label and a word; raises `CorpusError` if there are none."""
    columns = zip(dataset["tokens"], dataset["positive"], strict=True)
    rows = [row for row, (tokens, label) in enumerate(columns) if tokens and label != NO_LABEL]
    if not rows:
        raise CorpusError("The corpus has no labelled text; give each row a label.")
    return dataset.select(rows)


def encode_examples(dataset: Dataset, vocabulary: Vocabulary) -> Examples:
    """A labelled corpus as ids, with the targets of the two heads."""
    targets = torch.tensor([dataset["positive"], dataset["negative"]], dtype=torch.float32)
    return Examples.encode(dataset["tokens"], targets.T.contiguous(), vocabulary)


def is_polar(targets: Float[Tensor, "texts 2"]) -> Bool[Tensor, " texts"]:
    """Whether a text is labelled positive or negative, rather than neither."""
    return targets[:, 0] != targets[:, 1]


def _share(right: Bool[Tensor, " texts"]) -> float | None:
    return float(right.double().mean()) if len(right) else None
