"""From a corpus to a trained model on disk: the whole way, a step a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filelock import FileLock, Timeout

from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.corpora.loading import load_corpus
from textcond.corpora.treebank import load_nodes
from textcond.errors import TrainingError
from textcond.model import checkpoint
from textcond.model.checkpoint import SHIPPED, check_name
from textcond.model.model import Model
from textcond.model.model_card import model_card
from textcond.model.training.augmentation import Substitution
from textcond.model.training.batches import predict_logits
from textcond.model.training.calibration import calibrate, calibration_errors
from textcond.model.training.corpora import Corpora, load_corpora
from textcond.model.training.evaluation import encode_examples, evaluate, negation_figures
from textcond.model.training.loop import Progress, TrainingData, train
from textcond.model.training.metrics import warnings_of
from textcond.model.training.recipe import STANDARD, VOCABULARY_SIZE, Recipe, Sizes, fitted
from textcond.text.vocabulary import Vocabulary, WordVectors, build_vocabulary, load_vectors


def build_model(
    name: str,
    data: str,
    recipe: Recipe | Mapping[str, Any],
    *,
    dev: Path | None = None,
    test: Path | None = None,
    layout: Layout = DEFAULT,
    data_dir: Path | None = None,
    pretrain: str | None = None,
    vectors: Path | None = None,
    vocabulary_size: int = VOCABULARY_SIZE,
    sizes: Sizes = STANDARD,
    shelf: Path = Path("models"),
    resume: bool = False,
    overwrite: bool = False,
    titles: Mapping[str, str] = MappingProxyType({}),
    watch: Callable[[Progress], None] = lambda _: None,
) -> Model:
    """Train on a corpus, evaluate on its test part, and save as `shelf/name`.

    Where `data` is a file, `dev` and `test` may be others, and `layout` tells how to read them
    (`splits.file_parts`). What a mapping leaves out of the recipe follows the corpus
    (`recipe.fitted`). `pretrain` is a corpus to pretrain on. Where `sizes` asks for another number
    of dimensions than the packaged vectors have, words start from random vectors.

    A stopped run leaves `shelf/name.training.pt`, from which `resume` goes on to the model that an
    uninterrupted run would have given. Raises `TrainingError` if the model or such a file is there
    already and neither `resume` nor `overwrite` is said. The card calls a file by its title, if
    `titles` has one.
    """
    folder = shelf / check_name(name)
    state = shelf / f"{name}.training.pt"
    with _claimed(shelf, name):
        _check_free(folder, state, resume=resume, overwrite=overwrite)
        if pretrain and not _pretraining_epochs(recipe):
            raise TrainingError(
                f"`pretraining_epochs` is 0, but `pretrain` is {pretrain!r}; leave one of them out."
            )
        if not isinstance(recipe, Recipe):
            fitted(1, **recipe)  # refuses what it would refuse later
        corpora = load_corpora(data, data_dir, pretrain=pretrain, dev=dev, test=test, layout=layout)
        if not isinstance(recipe, Recipe):
            recipe = fitted(len(corpora.train), **recipe)
        word_vectors = load_vectors(vectors, dimensions=sizes.dimensions)
        vocabulary = choose_vocabulary(corpora, word_vectors, size=vocabulary_size)
        training_data = encode_corpora(corpora, vocabulary, recipe)
        network, history = train(
            training_data,
            vocabulary,
            word_vectors,
            recipe,
            sizes=sizes,
            checkpoint=state,
            resume=resume,
            watch=watch,
        )
        trained = Model(name, network, vocabulary, corpora.outputs)
        metrics = finish(trained, corpora) | {"history": history}
        details = {
            "data": titles.get(data, Path(data).name),
            "parts": corpora.source or None,
            "labels": dict(corpora.meanings) or None,
            "separator": layout.separator or None,
            "pretraining": pretrain and titles.get(pretrain, Path(pretrain).name),
            "vectors": word_vectors.source,
            "recipe": asdict(recipe),
        }
        options = {
            "--dev": dev and dev.name,
            "--test": test and test.name,
            **_layout_options(layout),
            "--pretrain": details["pretraining"],
            "--vocabulary-size": vocabulary_size,
            **_size_options(sizes),
            "--vectors": vectors and vectors.name,
        }
        card = model_card(trained, details, metrics, corpora.sizes, options)
        model = checkpoint.save(trained, folder, details=details, metrics=metrics, card=card)
        state.unlink()
        return model


def _layout_options(layout: Layout) -> dict[str, str | None]:
    """The options of the command that say how a file is read; None for those left out."""
    meanings = ",".join(f"{old}={new}" for old, new in (layout.meanings or {}).items())
    return {
        "--text-column": None if layout.text == DEFAULT.text else layout.text,
        "--label-column": None if layout.label == DEFAULT.label else layout.label,
        "--labels": meanings or None,
        "--multi-label": layout.separator or None,
    }


def _size_options(sizes: Sizes) -> dict[str, str | int | None]:
    """The options of the command for sizes that are not the standard ones."""
    changed = {
        name: value for name, value in asdict(sizes).items() if value != getattr(STANDARD, name)
    }
    if "widths" in changed:
        changed["widths"] = ",".join(map(str, changed["widths"]))
    return {f"--{name}": value for name, value in changed.items()}


@contextmanager
def _claimed(shelf: Path, name: str) -> Iterator[None]:
    """No other process trains a model of this name meanwhile."""
    is_new = not shelf.exists()
    shelf.mkdir(parents=True, exist_ok=True)
    lock = shelf / f".{name}.lock"
    try:
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
                if is_new and not any(shelf.iterdir()):
                    shelf.rmdir()
    except Timeout:
        raise TrainingError(
            f"Another process is training a model {name!r} in {shelf}; wait for it, or choose "
            "another name."
        ) from None


def _pretraining_epochs(recipe: Recipe | Mapping[str, Any]) -> int:
    given = asdict(recipe) if isinstance(recipe, Recipe) else recipe
    return int(given.get("pretraining_epochs", 1))


def choose_vocabulary(corpora: Corpora, vectors: WordVectors, *, size: int) -> Vocabulary:
    """Words of the training text, of the text to pretrain on, and of the vectors."""
    more = corpora.pretraining["tokens"] if corpora.pretraining else ()
    return build_vocabulary(corpora.train["tokens"], vectors, size=size, pretraining=more)


def encode_corpora(corpora: Corpora, vocabulary: Vocabulary, recipe: Recipe) -> TrainingData:
    """The rows as ids, and what draws new phrases if the corpus has trees."""
    train, more = (
        rows and encode_examples(rows, vocabulary, corpora.outputs, softness=recipe.softness)
        for rows in (corpora.train, corpora.pretraining)
    )
    assert train
    return TrainingData(
        train,
        encode_examples(corpora.dev, vocabulary, corpora.outputs),
        more,
        _substitution(corpora, vocabulary, recipe),
        outputs=corpora.outputs,
    )


def _substitution(corpora: Corpora, vocabulary: Vocabulary, recipe: Recipe) -> Substitution | None:
    if corpora.negation is None:
        return None
    trees = load_nodes("train", data_dir=corpora.data_dir)
    measured = (corpora.dev, corpora.test, corpora.negation)
    held_out = [tokens for rows in measured for tokens in rows["tokens"]]
    return Substitution(trees, vocabulary, recipe, held_out=held_out)


def finish(model: Model, corpora: Corpora) -> dict[str, Any]:
    """Calibrate the trained network, in place, and measure it."""
    outputs = model.outputs
    dev, test = (
        encode_examples(rows, model.vocabulary, outputs) for rows in (corpora.dev, corpora.test)
    )
    before = calibration_errors(predict_logits(model.network, test), test.targets, outputs)
    temperature = calibrate(model.network, dev, outputs)
    names = ("class",) if outputs.softmax else outputs.names
    after = calibration_errors(predict_logits(model.network, test), test.targets, outputs)
    metrics: dict[str, Any] = {
        "dev": evaluate(model, corpora.dev),
        "test": evaluate(model, corpora.test),
        "calibration": {
            "temperature": temperature,
            **{
                head: dict(zip(("before", "after"), pair, strict=True))
                for head, *pair in zip(names, before, after, strict=True)
            },
        },
    }
    if corpora.negation is not None:
        metrics["negation"] = negation_figures(model, corpora.negation)
    metrics["warnings"] = warnings_of(metrics)
    if model.outputs.are_polarity:
        metrics["minimal_pairs"] = negation_figures(model, load_corpus("minimal-pairs"))
    return metrics


def _check_free(folder: Path, state: Path, *, resume: bool, overwrite: bool) -> None:
    if folder.name == SHIPPED:
        raise TrainingError(
            f"{SHIPPED!r} is the name of the model that ships, which yours would hide; choose "
            "another name."
        )
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
