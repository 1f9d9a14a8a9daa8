"""From a corpus to a trained model on disk: the whole way, a step a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from textcond.corpora.files import ENDINGS
from textcond.corpora.loading import load_corpus
from textcond.corpora.treebank import load_nodes
from textcond.errors import CorpusError, TrainingError
from textcond.model import checkpoint
from textcond.model.calibration import calibrate, calibration_errors
from textcond.model.card import model_card
from textcond.model.checkpoint import POLARITY_HEADS, Model, check_name
from textcond.model.evaluation import (
    encode_examples,
    evaluate,
    labelled_rows,
    negation_figures,
)
from textcond.model.recipe import Recipe
from textcond.model.substitution import Substitution
from textcond.model.training import Progress, TrainingData, train
from textcond.text.vocabulary import Vocabulary, WordVectors, build_vocabulary, load_vectors

VOCABULARY_SIZE = 50_000


@dataclass(frozen=True, slots=True)
class Corpora:
    """Labelled rows to train on, to choose the epoch by, and to report."""

    data: str
    train: Dataset
    dev: Dataset
    test: Dataset
    pretraining: Dataset | None = None
    data_dir: Path | None = None

    @property
    def has_trees(self) -> bool:
        return self.data in ("sst", "sst-phrases")

    @property
    def sizes(self) -> dict[str, int]:
        parts = {"train": self.train, "dev": self.dev, "test": self.test}
        return {
            **{part: len(rows) for part, rows in parts.items()},
            "pretraining": len(self.pretraining or ()),
        }


def build_model(
    name: str,
    data: str,
    recipe: Recipe,
    *,
    data_dir: Path | None = None,
    pretrain: str | None = None,
    vectors: Path | None = None,
    vocabulary_size: int = VOCABULARY_SIZE,
    shelf: Path = Path("models"),
    resume: bool = False,
    overwrite: bool = False,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Model:
    """Train on a corpus, evaluate on its test part, and save as `shelf/name`.

    `pretrain` is a corpus to pretrain on. A stopped run leaves `shelf/name.training.pt`, from
    which `resume` goes on to the model that an uninterrupted run would have given. Raises
    `TrainingError` if the model or such a file is there already and neither `resume` nor
    `overwrite` is said.
    """
    folder = shelf / check_name(name)
    state = shelf / f"{name}.training.pt"
    _check_free(folder, state, resume=resume, overwrite=overwrite)
    corpora = load_corpora(data, data_dir, pretrain=pretrain)
    word_vectors = load_vectors(vectors)
    vocabulary = choose_vocabulary(corpora, word_vectors, size=vocabulary_size)
    shelf.mkdir(parents=True, exist_ok=True)
    if not resume:
        state.unlink(missing_ok=True)
    training_data = encode_corpora(corpora, vocabulary, recipe)
    network, history = train(
        training_data, vocabulary, word_vectors, recipe, checkpoint=state, watch=watch
    )
    metrics = finish(Model(name, network, vocabulary), corpora) | {"history": history}
    details = {
        "data": Path(data).name,
        "pretraining": pretrain and Path(pretrain).name,
        "vectors": word_vectors.source,
        "recipe": asdict(recipe),
    }
    options = {
        "--pretrain": details["pretraining"],
        "--vocabulary-size": vocabulary_size,
        "--vectors": vectors and vectors.name,
    }
    card = model_card(name, details, metrics, corpora.sizes, len(vocabulary), options)
    model = checkpoint.save(
        folder, network=network, vocabulary=vocabulary, details=details, metrics=metrics, card=card
    )
    state.unlink()
    return model


def load_corpora(
    data: str, data_dir: Path | None = None, *, pretrain: str | None = None
) -> Corpora:
    """SST trains on phrases and is measured on sentences. A file is divided 80:10:10 at random,
    always in the same way."""
    more = pretrain and labelled_rows(load_corpus(pretrain, "train", data_dir=data_dir))
    if data.lower().endswith(ENDINGS):
        rows = labelled_rows(load_corpus(data))
        if len(rows) < 10:
            raise CorpusError(f"{data} has {len(rows)} labelled rows; training takes at least 10.")
        first = rows.train_test_split(test_size=0.2, seed=0)
        second = first["test"].train_test_split(test_size=0.5, seed=0)
        return Corpora(data, first["train"], second["train"], second["test"], more or None)
    evaluated_on = "sst" if data == "sst-phrases" else data
    train_on = "sst-phrases" if data == "sst" else data
    parts = [
        labelled_rows(load_corpus(corpus, split, data_dir=data_dir))
        for corpus, split in ((train_on, "train"), (evaluated_on, "dev"), (evaluated_on, "test"))
    ]
    train, dev, test = parts
    return Corpora(data, train, dev, test, more or None, data_dir)


def choose_vocabulary(corpora: Corpora, vectors: WordVectors, *, size: int) -> Vocabulary:
    """Words of the training text, of the text to pretrain on, and of the vectors."""
    more = corpora.pretraining["tokens"] if corpora.pretraining else ()
    return build_vocabulary(corpora.train["tokens"], vectors, size=size, pretraining=more)


def encode_corpora(corpora: Corpora, vocabulary: Vocabulary, recipe: Recipe) -> TrainingData:
    """The rows as ids, and what draws new phrases if the corpus has trees."""
    train, more = (
        rows and encode_examples(rows, vocabulary, softness=recipe.softness)
        for rows in (corpora.train, corpora.pretraining)
    )
    assert train
    trees = load_nodes("train", data_dir=corpora.data_dir) if corpora.has_trees else None
    return TrainingData(
        train,
        encode_examples(corpora.dev, vocabulary),
        more,
        Substitution(trees, vocabulary, recipe) if trees else None,
    )


def finish(model: Model, corpora: Corpora) -> dict[str, Any]:
    """Calibrate the trained network's heads, in place, and measure it."""
    dev, test = (encode_examples(rows, model.vocabulary) for rows in (corpora.dev, corpora.test))
    before = calibration_errors(model.network, test)
    temperatures = calibrate(model.network, dev)
    figures = zip(temperatures, before, calibration_errors(model.network, test), strict=True)
    names = ("temperature", "before", "after")
    calibration = {
        head: dict(zip(names, values, strict=True))
        for head, values in zip(POLARITY_HEADS, figures, strict=True)
    }
    metrics = {
        "dev": evaluate(model, corpora.dev),
        "test": evaluate(model, corpora.test),
        "calibration": calibration,
    }
    if corpora.has_trees:
        pairs = load_corpus("sst-negation", "dev+test", data_dir=corpora.data_dir)
        metrics["negation"] = negation_figures(model, pairs)
    metrics["minimal_pairs"] = negation_figures(model, load_corpus("minimal-pairs"))
    return metrics


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
