"""The README of a model: data, recipe, command, figures, limits."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from textcond.model.model import Model

_DATA_DIR = "`--data-dir` is the folder of SST's trees or of the questions. "
_LIMITS = """\
- English only, and best on text like the training text.
- A window sees {width} words at most; what depends on words further apart is out of reach.
- Words outside the vocabulary embed to zero: they count for nothing, and answers mark them.
- Words that the training texts lack keep their pretrained vectors, unadjusted.
"""
_POLARITY_LIMIT = """\
- A polarity is a guess about a text, not about a person; do not decide about people with it.
"""


def model_card(
    model: Model,
    details: Mapping[str, Any],
    metrics: Mapping[str, Any],
    sizes: Mapping[str, int],
    options: Mapping[str, Any],
) -> str:
    """Markdown; `options` are those of the command that are not in the recipe."""
    pretraining = details["pretraining"] and (
        f"Pretrained on `{details['pretraining']}`: {sizes['pretraining']:,} texts."
    )
    shape, is_polarity = model.network.shape, model.outputs.are_polarity
    parts = [
        f"# {model.name}",
        f"A convolutional {_kind(model)}: {shape.dimensions} dimensions, {shape.filters_per_width} "
        f"filters of each of the widths {', '.join(map(str, shape.widths))}, 1-max pooling, "
        f"{shape.hidden} hidden units (Kim 2014; Dhamdhere et al. 2019, §6).",
        "## Data",
        f"Trained on `{details['data']}`: {sizes['train']:,} texts; the epoch was chosen on "
        f"{sizes['dev']:,} dev texts; {sizes['test']:,} test texts had no part in any choice."
        + (f" {source}" if (source := details.get("parts")) else ""),
        pretraining,
        f"Word vectors: {details['vectors']}. Vocabulary: {len(model.vocabulary):,} entries, every "
        "word of the training text, then the frequent ones of the text it was pretrained on and of "
        "the vectors.",
        "## Recipe",
        _command(model.name, details, options),
        f"With torch {torch.__version__.split('+')[0]} on {torch.get_num_threads()} threads. "
        f"{_DATA_DIR if details['data'] in ('sst', 'sst-phrases', 'questions') else ''}The same "
        "command gives the same bits on one machine with the same number of threads.",
        "## Figures",
        *(f"**{warning}**" for warning in metrics["warnings"]),
        _accuracies(metrics),
        _calibration(metrics["calibration"]),
        *(("## Negation", _negation(metrics)) if is_polarity else ()),
        "## Limits",
        _LIMITS.format(width=max(shape.widths))
        + (_POLARITY_LIMIT if "minimal_pairs" in metrics else ""),
    ]
    return "\n\n".join(part for part in parts if part)


def _kind(model: Model) -> str:
    if model.outputs.softmax:
        return f"classifier with a softmax over {', '.join(model.outputs.names)}"
    if model.outputs.is_multi_label:
        return f"classifier that gives a text any of the labels {', '.join(model.outputs.names)}"
    return "sentiment classifier with a positive and a negative head"


def _command(name: str, details: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    unused = set() if details["pretraining"] else {"pretraining_epochs"}
    if details["data"] not in ("sst", "sst-phrases"):
        unused |= {"substitutions", "negations"}
    named = {
        f"--{key.replace('_', '-')}": value
        for key, value in details["recipe"].items()
        if key not in unused
    }
    said = {key: value for key, value in (named | dict(options)).items() if value is not None}
    command = shlex.join(["textcond", "train", "--data", details["data"], "--name", name])
    flags = [key for key, value in said.items() if value is True]
    pairs = [(key, str(value)) for key, value in said.items() if not isinstance(value, bool)]
    rest = shlex.join([*(word for pair in pairs for word in pair), *flags])
    return f"    {command} \\\n        {rest}"


def _accuracies(metrics: Mapping[str, Any]) -> str:
    parts = [("dev", metrics["dev"]), ("test", metrics["test"])]
    if "margin_accuracy" not in metrics["test"]:
        return _class_accuracies(parts, metrics["test"]["classes"])
    rows = [
        (
            part,
            f"{_shown(figures['margin_accuracy'])} ({figures['polar_texts']})",
            _shown(figures["majority"]),
            _shown(figures["positive_accuracy"]),
            _shown(figures["negative_accuracy"]),
            _shown(figures["unknown_tokens"]),
        )
        for part, figures in parts
    ]
    head = (
        *("part", "margin (positive and negative texts)", "share of the most frequent class"),
        *("positive head, yes or no", "negative head, yes or no", "unknown tokens"),
    )
    return markdown_table(head, rows)


def _class_accuracies(
    parts: Iterable[tuple[str, Mapping[str, Any]]], classes: Mapping[str, Mapping[str, Any]]
) -> str:
    names = ("accuracy", "majority", "unknown_tokens", "texts")
    head = ("part", "accuracy", "share of the most frequent class", "unknown tokens", "texts")
    whole = [(part, *(_shown(figures[name]) for name in names)) for part, figures in parts]
    scores = ("texts", "precision", "recall", "f1")
    rows = [
        (name, *(_shown(figures[score]) for score in scores)) for name, figures in classes.items()
    ]
    return "\n\n".join(
        [
            markdown_table(head, whole),
            "Of each class, on test:",
            markdown_table(("class", *scores), rows),
        ]
    )


def _calibration(calibration: Mapping[str, Any]) -> str:
    rows = [
        (head, _shown(errors["before"]), _shown(errors["after"]))
        for head, errors in calibration.items()
        if head != "temperature"
    ]
    which = "both heads" if "negative" in calibration else "the outputs"
    return (
        "Expected calibration error on test (15 bins), before and after dividing the weights of "
        f"{which} by a temperature fitted on dev, {calibration['temperature']:.3f}:\n\n"
    ) + markdown_table(("head" if "negative" in calibration else "output", "before", "after"), rows)


def _negation(metrics: Mapping[str, Any]) -> str:
    named = {"held-out phrases": metrics.get("negation"), "minimal pairs": metrics["minimal_pairs"]}
    columns = {corpus: figures for corpus, figures in named.items() if figures}
    rows = [
        (name.replace("_", " "), *(_shown(figures[name]) for figures in columns.values()))
        for name in metrics["minimal_pairs"]
    ]
    trees = (
        "those of SST's dev and test trees that training has not seen (`sst-negation`), and "
        if metrics.get("negation")
        else ""
    )
    return (
        f"Margins of phrases with and without a negator: {trees}the sentences of `minimal-pairs`, "
        "which come with textcond.\n\n"
    ) + markdown_table(("", *columns), rows)


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, without a blank line around it."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(figure: float | int | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:.4f}" if isinstance(figure, float) else f"{figure:,}"
