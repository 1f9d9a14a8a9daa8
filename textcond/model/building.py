"""From a corpus to a trained model on disk: the whole way, a step a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from datasets import Dataset, concatenate_datasets
from filelock import FileLock, Timeout

from textcond.corpora.columns import CLASS, CLASSES, class_names, is_multiple
from textcond.corpora.files import DEFAULT, ENDINGS, Layout
from textcond.corpora.loading import TRAINING_NAMES, is_file, load_corpus
from textcond.corpora.negation import load_negation
from textcond.corpora.parts import file_parts
from textcond.corpora.treebank import load_nodes
from textcond.errors import CorpusError, TrainingError
from textcond.model import checkpoint
from textcond.model.batches import predict_logits
from textcond.model.calibration import calibrate, calibration_errors
from textcond.model.card import model_card
from textcond.model.checkpoint import POLARITY_HEADS, SHIPPED, Model, check_name
from textcond.model.evaluation import (
    encode_examples,
    evaluate,
    labelled_rows,
    negation_figures,
)
from textcond.model.recipe import STANDARD, Recipe, Sizes, fitted
from textcond.model.scores import warnings_of
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
    source: str = ""
    """Of a user's file: where the dev and the test part come from."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Of a user's file: what its labels mean, if that is a polarity."""
    negation: Dataset | None = None
    """Where there are trees: their negation pairs of dev and test."""
    data_dir: Path | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """What the texts are told apart by; none if it is their polarity."""
        return class_names(self.train)

    @property
    def is_multi_label(self) -> bool:
        return is_multiple(self.train)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.classes or POLARITY_HEADS

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
    (`parts.file_parts`). What a mapping leaves out of the recipe follows the corpus
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
        trained = Model(
            name,
            network,
            vocabulary,
            corpora.outputs,
            bool(corpora.classes) and not corpora.is_multi_label,
        )
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
            "--text-column": None if layout.text == DEFAULT.text else layout.text,
            "--label-column": None if layout.label == DEFAULT.label else layout.label,
            "--labels": layout.meanings
            and ",".join(f"{old}={new}" for old, new in layout.meanings.items()),
            "--multi-label": layout.separator or None,
            "--pretrain": details["pretraining"],
            "--vocabulary-size": vocabulary_size,
            "--dimensions": sizes.dimensions,
            "--widths": None
            if sizes.widths == STANDARD.widths
            else ",".join(map(str, sizes.widths)),
            "--filters": None if sizes.filters == STANDARD.filters else sizes.filters,
            "--hidden": None if sizes.hidden == STANDARD.hidden else sizes.hidden,
            "--vectors": vectors and vectors.name,
        }
        card = model_card(trained, details, metrics, corpora.sizes, options)
        model = checkpoint.save(
            folder,
            network=network,
            vocabulary=vocabulary,
            details=details,
            metrics=metrics,
            card=card,
            outputs=trained.outputs,
            softmax=trained.softmax,
        )
        state.unlink()
        return model


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


def load_corpora(
    data: str,
    data_dir: Path | None = None,
    *,
    pretrain: str | None = None,
    dev: Path | None = None,
    test: Path | None = None,
    layout: Layout = DEFAULT,
) -> Corpora:
    """SST trains on phrases and is measured on sentences; of a file the parts are those of
    `parts.file_parts`. No text of the dev and test parts is pretrained on."""
    _check_trainable("data", data)
    if is_file(data):
        parts = file_parts(Path(data), dev=dev, test=test, layout=layout)
        corpora = Corpora(
            *(data, parts.train, parts.dev, parts.test),
            source=parts.source,
            meanings=parts.meanings,
        )
    else:
        for option, given in (("dev", dev), ("test", test)):
            if given is not None:
                raise CorpusError(f"{data} has parts of its own; leave `--{option}` out.")
        corpora = _named_corpora(data, data_dir)
    _check_classes(corpora)
    if pretrain is None:
        return corpora
    _check_trainable("pretrain", pretrain)
    more = labelled_rows(load_corpus(pretrain, "train", data_dir=data_dir, layout=layout), pretrain)
    if class_names(more) != corpora.classes:
        raise CorpusError(f"`pretrain` {pretrain!r} and {data!r} have other classes; leave it out.")
    held_out = {_wording(row) for part in (corpora.dev, corpora.test) for row in part["tokens"]}
    kept = [row for row, words in enumerate(more["tokens"]) if _wording(words) not in held_out]
    if not kept:
        raise CorpusError(f"`pretrain` {pretrain!r} has only texts to evaluate on; take another.")
    return replace(corpora, pretraining=more.select(kept))


def _named_corpora(data: str, data_dir: Path | None) -> Corpora:
    evaluated_on = "sst" if data == "sst-phrases" else data
    train_on = "sst-phrases" if data == "sst" else data
    parts = [
        labelled_rows(load_corpus(corpus, split, data_dir=data_dir))
        for corpus, split in ((train_on, "train"), (evaluated_on, "dev"), (evaluated_on, "test"))
    ]
    train, dev, test = parts
    if evaluated_on != "sst":
        return Corpora(data, train, dev, test)
    pairs = [load_negation(split, data_dir=data_dir) for split in ("dev", "test")]
    return Corpora(data, train, dev, test, negation=concatenate_datasets(pairs), data_dir=data_dir)


def _check_classes(corpora: Corpora) -> None:
    """Every output needs texts to say yes to."""
    if corpora.classes:
        trained = Counter(
            chain.from_iterable(corpora.train[CLASSES])
            if corpora.is_multi_label
            else corpora.train[CLASS]
        )
        for place, name in enumerate(corpora.classes):
            if not trained[place]:
                raise CorpusError(f"No text to train on is of the class {name!r}; give some.")
        if len(corpora.classes) < 2:
            raise CorpusError(
                f"All labels of {corpora.data} are {corpora.classes[0]!r}; give texts of two "
                "classes at least."
            )
        return
    for side in POLARITY_HEADS:
        if 1 not in corpora.train[side]:
            raise CorpusError(
                f"`data` {corpora.data!r} has no {side} text to train on; give some of both kinds."
            )


def _check_trainable(argument: str, corpus: str) -> None:
    if corpus not in TRAINING_NAMES and not is_file(corpus):
        raise CorpusError(
            f"`{argument}` is {corpus!r}; it can be {', '.join(TRAINING_NAMES)}, or a file "
            f"({', '.join(ENDINGS)})."
        )


def _wording(tokens: list[str]) -> str:
    return " ".join(tokens).lower()


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
    return TrainingData(
        train,
        encode_examples(corpora.dev, vocabulary),
        more,
        _substitution(corpora, vocabulary, recipe),
        softmax=bool(corpora.classes) and not corpora.is_multi_label,
        is_multi_label=corpora.is_multi_label,
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
    dev, test = (encode_examples(rows, model.vocabulary) for rows in (corpora.dev, corpora.test))
    softmax = model.softmax
    before = calibration_errors(predict_logits(model.network, test), test.targets, softmax=softmax)
    temperature = calibrate(model.network, dev, softmax=softmax)
    names = ("class",) if softmax else model.outputs
    after = calibration_errors(predict_logits(model.network, test), test.targets, softmax=softmax)
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
    if model.outputs == POLARITY_HEADS:
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
