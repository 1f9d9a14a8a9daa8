"""How often a network is right."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from datasets import Dataset
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from textcond.corpora.dataset_columns import (
    CLASS,
    CLASSES,
    NO_LABEL,
    class_names,
    five_class_dataset,
    is_multiple,
)
from textcond.corpora.negated_phrases import KINDS
from textcond.errors import CorpusError
from textcond.model.model import Model
from textcond.model.outputs import POLARITY, Outputs
from textcond.model.training.batches import Examples, head_targets, predict_logits
from textcond.model.training.calibration import calibration_errors
from textcond.model.training.metrics import class_scores, label_scores
from textcond.text.tokenizer import tokenize_all
from textcond.text.vocabulary import UNKNOWN_ID, Vocabulary


def accuracies(
    logits: Float[Tensor, "texts 2"], targets: Float[Tensor, "texts 2"], outputs: Outputs
) -> dict[str, float | int | None]:
    """Accuracy of the positive and the negative head, and of the margin between them.

    The heads are asked about every text (is it positive, is it negative: a neutral text is
    neither). The margin is asked about positive and negative texts only; it calls a text positive
    when the positive logit is the greater. None where there is no such text.
    """
    right = (logits > 0) == (targets > 0)
    heads = {f"{name}_accuracy": _share(right[:, outputs.names.index(name)]) for name in POLARITY}
    return {
        **heads,
        "margin_accuracy": accuracy_of(logits, targets, outputs),
        "texts": len(targets),
        "polar_texts": int(is_polar(targets).sum()),
    }


def accuracy_of(
    logits: Float[Tensor, "texts outputs"],
    targets: Float[Tensor, "texts outputs"],
    outputs: Outputs,
) -> float | None:
    """Share of the texts that are predicted right; None where there is no text to ask about.

    Of a sentiment model the margin is asked, about positive and negative texts. Of a model of
    several classes a text every output has to answer right, of other models the greatest logit has
    to be that of the class.
    """
    if outputs.is_multi_label:
        return _share(((logits > 0) == (targets > 0)).all(dim=1))
    if outputs.are_polarity:
        right = (outputs.margin(logits) > 0) == (outputs.margin(targets) > 0)
        return _share(right[is_polar(targets)])
    return _share(logits.argmax(dim=1) == targets.argmax(dim=1))


def evaluate(model: Model, dataset: Dataset) -> dict[str, Any]:
    """`metrics.class_scores` on the labelled rows of a corpus, expected calibration errors, and the
    share of unknown words.

    Of a model with a positive and a negative output the scores are of polar texts, by the margin,
    and of two heads `accuracies` come after them. Of a model of several classes a text the accuracy
    is the share of texts that have all of their classes and no other. Raises `CorpusError` if no
    row is labelled, or not as the model's outputs are.
    """
    outputs = model.outputs
    _check_labels(model, dataset)
    examples = encode_examples(labelled_rows(dataset), model.vocabulary, outputs)
    logits, targets = predict_logits(model.network, examples), examples.targets
    unknown = {"unknown_tokens": float((examples.ids == UNKNOWN_ID).mean())}
    errors = calibration_errors(logits, targets, outputs)
    if outputs.is_multi_label:
        scores = label_scores((targets > 0).numpy(), (logits > 0).numpy(), outputs.names)
        return {**scores, "calibration_error": sum(errors) / len(errors), **unknown}
    asked = torch.ones(len(logits), dtype=torch.bool)
    if outputs.are_polarity:
        asked = is_polar(targets)
    wanted, called = (values[asked].argmax(dim=1).numpy() for values in (targets, logits))
    scores = class_scores(wanted, called, outputs.names)
    if outputs.softmax:
        return {**scores, "calibration_error": errors[0], **unknown}
    named = zip(outputs.names, errors, strict=True)
    return {
        **scores,
        **accuracies(logits, targets, outputs),
        **{f"{name}_calibration_error": error for name, error in named},
        **unknown,
    }


def _check_labels(model: Model, dataset: Dataset) -> None:
    """Raise `CorpusError` unless the labels are those that the model tells apart."""
    outputs, classes = model.outputs, class_names(dataset)
    fits = outputs.are_polarity
    if classes:
        fits = classes == outputs.names and is_multiple(dataset) != outputs.softmax
    if not fits:
        raise CorpusError(
            f"The model {model.name!r} tells {', '.join(outputs.names)} apart; the corpus has "
            f"{', '.join(classes) or 'polarities'}. Take another corpus or model."
        )


def negation_figures(model: Model, pairs: Dataset) -> dict[str, float | int | None]:
    """What a negation does to the margin, on pairs with the columns of `PAIR_FEATURES`.

    `A_below_zero` and `A_above_zero` are shares of the pairs of that kind whose negated phrase
    is labelled so, `A_below_unnegated` and `A_above_unnegated` of all of that kind. `both_right`
    is the share of right pairs, with and without the negation, among those of two polar labels.
    None where there is no such pair.
    """
    unnegated = five_class_dataset(pairs["unnegated_tokens"], pairs["unnegated_label"])
    margin, margin_before = (
        model.outputs.margin(
            predict_logits(model.network, encode_examples(rows, model.vocabulary, model.outputs))
        )
        for rows in (pairs, unnegated)
    )
    label, label_before = (
        torch.tensor(rows["label"], dtype=torch.int64) for rows in (pairs, unnegated)
    )
    rows = {
        kind: torch.tensor([k == kind for k in pairs["kind"]], dtype=torch.bool) for kind in KINDS
    }
    to_negative = rows["negated positive"] & (label < 2)
    to_positive = rows["negated negative"] & (label > 2)
    right = (margin > 0) == (label > 2)
    right_before = (margin_before > 0) == (label_before > 2)
    return {
        "pairs": len(pairs),
        "both_right": _share((right & right_before)[label != 2]),
        "negated_positives": int(rows["negated positive"].sum()),
        "negated_positives_below_unnegated": _share(
            (margin < margin_before)[rows["negated positive"]]
        ),
        "negated_positives_labelled_negative": int(to_negative.sum()),
        "negated_positives_below_zero": _share((margin < 0)[to_negative]),
        "negated_negatives": int(rows["negated negative"].sum()),
        "negated_negatives_above_unnegated": _share(
            (margin > margin_before)[rows["negated negative"]]
        ),
        "negated_negatives_labelled_positive": int(to_positive.sum()),
        "negated_negatives_above_zero": _share((margin > 0)[to_positive]),
        "kept_positives": int(rows["kept positive"].sum()),
        "kept_positives_above_zero": _share((margin > 0)[rows["kept positive"]]),
        "kept_negatives": int(rows["kept negative"].sum()),
        "kept_negatives_below_zero": _share((margin < 0)[rows["kept negative"]]),
    }


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


def labelled_rows(dataset: Dataset, name: str = "The corpus") -> Dataset:
    """The rows with a label and a word; raises `CorpusError` if there are none."""
    column = CLASS if class_names(dataset) else "positive"
    column = CLASSES if is_multiple(dataset) else column
    columns = zip(dataset["tokens"], dataset[column], strict=True)
    rows = [row for row, (tokens, label) in enumerate(columns) if tokens and label != NO_LABEL]
    if not rows:
        raise CorpusError(f"{name} has no labelled text; give each row a label.")
    return dataset.select(rows)


def encode_examples(
    dataset: Dataset, vocabulary: Vocabulary, outputs: Outputs, *, softness: float = 0.0
) -> Examples:
    """A labelled corpus as ids, with the targets of every output.

    Softness is for labels of known strength (`batches.head_targets`).
    """
    names = class_names(dataset)
    if is_multiple(dataset):
        targets = torch.zeros(len(dataset), len(names))
        for row, places in enumerate(dataset[CLASSES]):
            targets[row, places] = 1
        return Examples.encode(dataset["tokens"], targets, vocabulary)
    if names:
        classes = torch.tensor(dataset[CLASS], dtype=torch.int64)
        targets = functional.one_hot(classes, len(names)).float()
        return Examples.encode(dataset["tokens"], targets, vocabulary)
    targets = torch.tensor([dataset["positive"], dataset["negative"]], dtype=torch.float32).T
    labels = torch.tensor(dataset["label"], dtype=torch.int64)
    strong = (labels != NO_LABEL)[:, None]
    targets = torch.where(strong, head_targets(labels.clamp(min=0), softness), targets)
    targets = targets[:, [POLARITY.index(name) for name in outputs.names]]
    return Examples.encode(dataset["tokens"], targets, vocabulary)


def is_polar(targets: Float[Tensor, "texts 2"]) -> Bool[Tensor, " texts"]:
    """Whether a text is labelled positive or negative, rather than neither."""
    return targets[:, 0] != targets[:, 1]


def _share(right: Bool[Tensor, " texts"]) -> float | None:
    return float(right.double().mean()) if len(right) else None
