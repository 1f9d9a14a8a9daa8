"""From a corpus to a trained model on disk: the whole way, a step a call."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from textcond.corpora.files import ENDINGS
from textcond.corpora.loading import load_corpus
from textcond.errors import CorpusError, TrainingError
from textcond.model import checkpoint
from textcond.model.checkpoint import Model, check_name
from textcond.model.evaluation import encode_examples, evaluate, labelled_rows
from textcond.model.training import Progress, Recipe, train
from textcond.text.vocabulary import build_vocabulary, load_vectors

VOCABULARY_SIZE = 50_000
_LIMITS = """\
- English only, and best on text like the training text.
- A window sees six words at most; what depends on words further apart is out of reach.
- Words outside the vocabulary embed to zero: they count for nothing, and answers mark them.
- Words that the training text lacks keep their pretrained vectors, unadjusted.
- A polarity is a guess about a text, not about a person; do not decide about people with it.
"""


def build_model(
    name: str,
    data: str,
    recipe: Recipe,
    *,
    data_dir: Path | None = None,
    vectors: Path | None = None,
    vocabulary_size: int = VOCABULARY_SIZE,
    shelf: Path = Path("models"),
    resume: bool = False,
    overwrite: bool = False,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Model:
    """Train on a corpus, evaluate on its test part, and save as `shelf/name`.

    A stopped run leaves `shelf/name.training.pt`, from which `resume` goes on to the model that
    an uninterrupted run would have given. Raises `TrainingError` if the model or such a file is
    there already and neither `resume` nor `overwrite` is said.
    """
    folder = shelf / check_name(name)
    state = shelf / f"{name}.training.pt"
    _check_free(folder, state, resume=resume, overwrite=overwrite)
    options = {"--vocabulary-size": vocabulary_size, "--vectors": vectors and vectors.name}
    train_rows, dev_rows, test_rows = load_parts(data, data_dir)
    word_vectors = load_vectors(vectors)
    vocabulary = build_vocabulary(train_rows["tokens"], word_vectors, size=vocabulary_size)
    shelf.mkdir(parents=True, exist_ok=True)
    if not resume:
        state.unlink(missing_ok=True)
    network, history = train(
        encode_examples(train_rows, vocabulary),
        encode_examples(dev_rows, vocabulary),
        vocabulary,
        word_vectors,
        recipe,
        checkpoint=state,
        watch=watch,
    )
    unsaved = Model(name, network, vocabulary)
    metrics = {
        "dev": evaluate(unsaved, dev_rows),
        "test": evaluate(unsaved, test_rows),
        "history": history,
    }
    details = {"data": Path(data).name, "vectors": word_vectors.source, "recipe": asdict(recipe)}
    sizes = {"train": len(train_rows), "dev": len(dev_rows), "test": len(test_rows)}
    card = model_card(name, details, metrics, sizes, len(vocabulary), options)
    model = checkpoint.save(
        folder, network=network, vocabulary=vocabulary, details=details, metrics=metrics, card=card
    )
    state.unlink()
    return model


def load_parts(data: str, data_dir: Path | None = None) -> tuple[Dataset, Dataset, Dataset]:
    """The labelled rows to train on, to choose the epoch by, and to report.

    SST trains on phrases and is measured on sentences. A file is divided 80:10:10 at random,
    always in the same way.
    """
    if data.lower().endswith(ENDINGS):
        rows = labelled_rows(load_corpus(data))
        if len(rows) < 10:
            raise CorpusError(f"{data} has {len(rows)} labelled rows; training takes at least 10.")
        first = rows.train_test_split(test_size=0.2, seed=0)
        second = first["test"].train_test_split(test_size=0.5, seed=0)
        return first["train"], second["train"], second["test"]
    evaluated_on = "sst" if data == "sst-phrases" else data
    train_on = "sst-phrases" if data == "sst" else data
    rows = load_corpus(train_on, "train", data_dir=data_dir)
    parts = [load_corpus(evaluated_on, split, data_dir=data_dir) for split in ("dev", "test")]
    return labelled_rows(rows), labelled_rows(parts[0]), labelled_rows(parts[1])


def model_card(
    name: str,
    details: Mapping[str, Any],
    metrics: Mapping[str, Any],
    sizes: Mapping[str, int],
    words: int,
    options: Mapping[str, Any],
) -> str:
    """The README of a model: data, recipe, command, figures, limits."""
    recipe = details["recipe"]
    named = {f"--{key.replace('_', '-')}": value for key, value in recipe.items()} | dict(options)
    said = [f"{option} {value}" for option, value in named.items() if value is not None]
    command = shlex.join(["textcond", "train", "--data", details["data"], "--name", name])
    rows = [
        f"| {part} | {_shown(figures['margin_accuracy'])} ({figures['polar_texts']}) "
        f"| {_shown(figures['positive_accuracy'])} | {_shown(figures['negative_accuracy'])} "
        f"| {figures['unknown_tokens']:.4f} |"
        for part, figures in (("dev", metrics["dev"]), ("test", metrics["test"]))
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            "A convolutional sentiment classifier with a positive and a negative head: "
            "50 dimensions, filters of widths 3 to 6 with 64 each, 1-max pooling, 10 hidden "
            "units (Kim 2014; Dhamdhere et al. 2019, §6).",
            "",
            "## Data",
            "",
            f"Trained on `{details['data']}`: {sizes['train']:,} texts; the epoch was chosen on "
            f"{sizes['dev']:,} dev texts; {sizes['test']:,} test texts were looked at once.",
            f"Word vectors: {details['vectors']}. Vocabulary: {words:,} entries, every word of "
            "the training text and then the most frequent words of the vectors.",
            "",
            "## Recipe",
            "",
            f"    {command} \\\n        {' '.join(said)}",
            "",
            f"With torch {torch.__version__.split('+')[0]} on {torch.get_num_threads()} threads. "
            "SST needs `--data-dir`, the folder of its trees. The same command gives the same bits "
            "on one machine with the same number of threads.",
            "",
            "## Figures",
            "",
            "| part | margin (polar texts) | positive head | negative head | unknown tokens |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "## Limits",
            "",
            _LIMITS,
        ]
    )


def _shown(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.4f}"


def _check_free(folder: Path, state: Path, *, resume: bool, overwrite: bool) -> None:
    if folder.exists() and not overwrite:
        raise TrainingError(f"{folder} is there already; choose another name, or `--overwrite`.")
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is a file; move it, or choose another name.")
    if state.exists() and not resume and not overwrite:
        raise TrainingError(
            f"{state} holds a run that was stopped: go on with `--resume`, or drop it with "
            "`--overwrite`."
        )
    if resume and not state.exists():
        raise TrainingError(f"There is no stopped run to resume: no {state}. Leave `--resume` out.")
