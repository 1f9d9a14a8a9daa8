"""Trained models on disk: a folder of plain files that a content hash names.

config.json         shape, outputs, recipe, data, and the sha256 of the next two
model.safetensors   the weights
vocabulary.txt      one word a line
metrics.json        every figure measured
README.md           the model card
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

from textcond.disk import sync
from textcond.errors import ModelError
from textcond.model.content_hash import DIGITS, Fingerprint
from textcond.model.model import Model, facts_of
from textcond.model.network import Shape, TextCNN, has_finite_weights, has_zero_rows
from textcond.model.outputs import Outputs
from textcond.text.tokenizer import TREEBANK, Tokenizer
from textcond.text.vocabulary import Vocabulary

CONFIG, WEIGHTS, VOCABULARY = "config.json", "model.safetensors", "vocabulary.txt"
METRICS, CARD = "metrics.json", "README.md"
_FORMAT = "textcond-1"
_DETAILS = ("recipe", "data", "parts", "labels", "separator", "pretraining", "vectors")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_RETRAIN = "train or copy the model again"


SHELF = Path("models")
"""Where trained models are looked for first, in the current folder."""
SHIPPED = "sst"
"""The name of the model that ships."""


def load(name: str | Path, *, shelf: Path = SHELF) -> Model:
    """A model by its name (`textcond models` lists them) or by its folder.

    Raises `ModelError` if there is none, or if it is damaged or not a textcond model.
    """
    folder = _find(name, shelf)
    config_bytes, config = _read_config(folder)
    try:
        shape = Shape(**{**config["shape"], "widths": tuple(config["shape"]["widths"])})
        outputs = _outputs(config)
        tokenizer = Tokenizer(**config["tokenizer"]) if "tokenizer" in config else TREEBANK
        expected = {file: str(config["sha256"][file]) for file in (WEIGHTS, VOCABULARY)}
        details = {key: config.get(key) for key in _DETAILS}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{folder / CONFIG} is not whole ({type(error).__name__}: {error}); {_RETRAIN}."
        ) from error
    for file, sha256 in expected.items():
        _check_sum(folder / file, sha256)
    network = _read_network(folder / WEIGHTS, shape)
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    facts = facts_of(outputs, tokenizer, vocabulary)
    return Model(
        name=folder.resolve().name,
        network=network,
        vocabulary=vocabulary,
        outputs=outputs,
        tokenizer=tokenizer,
        fingerprint=Fingerprint.of(_short_hash(config_bytes), network, facts),
        metrics=_read_metrics(folder / METRICS),
        details=details,
    )


def save(
    model: Model,
    folder: Path,
    *,
    details: Mapping[str, Any],
    metrics: Mapping[str, Any],
    card: str,
) -> Model:
    """Write a model's folder atomically, and load it."""
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    weights = {name: tensor.contiguous() for name, tensor in model.network.state_dict().items()}
    config = {
        "format": _FORMAT,
        "shape": asdict(model.network.shape),
        "outputs": model.outputs.names,
        "softmax": model.outputs.softmax,
        "tokenizer": asdict(model.tokenizer),
        **details,
    }
    try:
        # Not save_file, whose error on a full disk is no OSError.
        (temporary / WEIGHTS).write_bytes(safetensors.torch.save(weights))
        model.vocabulary.save(temporary / VOCABULARY)
        config["sha256"] = {file: _sha256(temporary / file) for file in (WEIGHTS, VOCABULARY)}
        (temporary / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        (temporary / METRICS).write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n")
        (temporary / CARD).write_text(card)
        load(temporary)
        for path in (*temporary.iterdir(), temporary):
            sync(path)
    except BaseException:  # what cannot be written or loaded replaces nothing
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if folder.exists():
        replaced = folder.with_name(f".{folder.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        folder.rename(replaced)
        temporary.rename(folder)
        shutil.rmtree(replaced)
    else:
        temporary.rename(folder)
    sync(folder.parent)
    return load(folder)


def model_folders(shelf: Path = SHELF) -> list[Path]:
    """The folders of all models that a name can mean; the first of equal names counts.

    Looked for on the shelf, then the one that ships.
    """
    package = Path(__file__).parents[1]
    # The wheel carries it inside the package; a checkout beside it, where a user's models are too.
    ships = [place / "models" / SHIPPED / CONFIG for place in (package, package.parent)]
    found: dict[str, Path] = {}
    for config in (*sorted(shelf.glob(f"*/{CONFIG}")), *filter(Path.is_file, ships)):
        if not config.parent.name.startswith("."):
            found.setdefault(config.parent.name, config.parent)
    return list(found.values())


def model_summaries(shelf: Path = SHELF) -> list[dict[str, Any]]:
    """Name, data, accuracies, hash and folder of every model; weights are not read.

    A folder that is no model, or a damaged one, is listed with its `problem`.
    """
    return [_summary(folder) for folder in model_folders(shelf)]


def _summary(folder: Path) -> dict[str, Any]:
    empty = {"data": "", "dev_accuracy": None, "test_accuracy": None, "hash": "", "problem": ""}
    summary = {"name": folder.name, "folder": str(folder), **empty}
    try:
        content, config = _read_config(folder)
        metrics = _read_metrics(folder / METRICS)
    except ModelError as error:
        return {**summary, "problem": str(error)}
    return {
        **summary,
        "data": str(config.get("data", "")),
        "dev_accuracy": _accuracy(metrics, "dev"),
        "test_accuracy": _accuracy(metrics, "test"),
        "hash": _short_hash(content),
    }


def _accuracy(metrics: Mapping[str, Any], part: str) -> float | None:
    """By the margin, or over the classes."""
    figures = metrics.get(part)
    figures = figures if isinstance(figures, dict) else {}
    accuracy = figures.get("margin_accuracy", figures.get("accuracy"))
    return accuracy if isinstance(accuracy, float) else None


def check_name(name: str) -> str:
    """`name` if it can name a model; raises `ModelError` otherwise."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"`name` is {name!r}; use letters, digits, - and _ only, up to 100.")
    return name


def _find(name: str | Path, shelf: Path) -> Path:
    # A name first: a folder of data called sst must not hide the model sst.
    folders = {folder.name: folder for folder in model_folders(shelf)}
    if str(name) in folders:
        return folders[str(name)]
    path = Path(name)
    with suppress(OSError):  # a name too long for a file
        if str(name) and path.is_dir():
            return path
    known = ", ".join(folders) or "none"
    raise ModelError(f"There is no model {str(name)!r}; known are: {known}. Or give a folder.")


def _outputs(config: Mapping[str, Any]) -> Outputs:
    names, softmax = config["outputs"], config["softmax"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("`outputs` must be a list of names")
    if len(set(names)) != len(names) or not isinstance(softmax, bool):
        raise ValueError("`outputs` must differ and `softmax` must be true or false")
    return Outputs(tuple(names), softmax)


def _short_hash(config: bytes) -> str:
    return hashlib.sha256(config).hexdigest()[:DIGITS]


def _read_config(folder: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        content = (folder / CONFIG).read_bytes()
        config = json.loads(content)
        if config["format"] != _FORMAT:
            raise ValueError(f"its format is {config['format']!r}, not {_FORMAT!r}")
    except FileNotFoundError as error:
        raise ModelError(
            f"{folder} is not a textcond model: it has no {CONFIG}. Give a folder that "
            "`textcond train` wrote."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{folder / CONFIG} is not a textcond model's ({type(error).__name__}: {error}); "
            "give a folder that `textcond train` wrote."
        ) from error
    return content, config


def _read_network(path: Path, shape: Shape) -> TextCNN:
    with torch.device("meta"), _Unfilled():
        network = TextCNN(shape)
    try:
        network.load_state_dict(safetensors.torch.load_file(path), assign=True)
    except (safetensors.SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"{path} does not fit {CONFIG} ({reason}); {_RETRAIN}.") from error
    if not has_finite_weights(network):
        raise ModelError(f"{path} holds weights that are not finite; {_RETRAIN}.")
    if not has_zero_rows(network):
        raise ModelError(f"{path} embeds padding or the unknown word, not as zero; {_RETRAIN}.")
    return network.eval()


class _Unfilled(TorchFunctionMode):
    """Layers are made without random weights, which would be overwritten at once.

    Torch would import its compiler for them, which takes a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        is_random = getattr(func, "__module__", None) == init.__name__
        return None if is_random else func(*args, **(kwargs or {}))


def _read_metrics(path: Path) -> dict[str, Any]:
    try:
        metrics = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({error}); {_RETRAIN}.") from error
    if not isinstance(metrics, dict):
        raise ModelError(f"{path} is not an object of figures; {_RETRAIN}.")
    return metrics


def _check_sum(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ModelError(f"{path} is missing; {_RETRAIN}.")
    if _sha256(path) != expected:
        raise ModelError(f"{path} is damaged: its sha256 is not the one in {CONFIG}; {_RETRAIN}.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
