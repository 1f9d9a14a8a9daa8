"""What an analysis is of: the file beside its shards, and whether two are the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from textcond.attribution.quantity import Quantity
from textcond.disk import write_whole
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.model.outputs import MARGIN, SENTIMENT

MANIFEST = "manifest.json"
_FORMAT = "textcond-analysis-1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was computed. The last two are None until all of it is."""

    format: str
    model: str
    model_hash: str
    widths: tuple[int, ...]
    """Of every filter."""
    target: str
    output: str
    data: str
    """What the user calls the corpus."""
    versions: dict[str, str]
    poles: tuple[str, str]
    """What the score speaks for when it rises and when it falls."""
    sentences: int | None = None
    corpus: str | None = None
    """A sha256 over the rows."""


def manifest_of(model: Model, quantity: Quantity, data: str) -> Manifest:
    """That of an analysis which has not begun."""
    shape = model.network.shape
    return Manifest(
        format=_FORMAT,
        model=model.name,
        model_hash=model.hash,
        widths=tuple(shape.filter_widths),
        target=quantity.target,
        output=quantity.output,
        data=data,
        versions={name: version(name) for name in ("textcond", "torch", "pyarrow")},
        poles=quantity.poles,
    )


def read_manifest(folder: Path) -> Manifest | None:
    """None if there is none; raises `AnalysisError` for a file of something else."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {_FORMAT!r}")
        content = {"poles": _poles_of(content["target"]), **content}
        pairs = {name: tuple(content[name]) for name in ("widths", "poles")}
        return Manifest(**{**content, **pairs})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise AnalysisError(
            f"{path} is not one of `textcond analyze` ({error}); give another folder."
        ) from error


def _poles_of(target: str) -> tuple[str, str]:
    """The poles of an analysis of an earlier version, which did not keep them."""
    if target == MARGIN:
        rises, falls = SENTIMENT.names
        return rises, falls
    first, _, second = target.partition(":")
    return first, second or f"not {first}"


_NAMES = {"model_hash": "model", "data": "corpus", "versions": "set of versions"}


def is_new(out: Path, manifest: Manifest) -> bool:
    """Whether `out` is empty; raises `AnalysisError` unless it is or holds the same analysis."""
    there = read_manifest(out)
    if there is None:
        strange = [path.name for path in out.iterdir() if not path.name.startswith(".")]
        if strange:
            raise AnalysisError(f"{out} holds {strange[0]}; choose a new or empty folder.")
        return True
    for field in ("model_hash", "target", "output", "data", "versions"):
        if getattr(there, field) != getattr(manifest, field):
            raise AnalysisError(
                f"{out} holds an analysis with another {_NAMES.get(field, field)} "
                f"({getattr(there, field)}, not {getattr(manifest, field)}); choose another "
                "`--out`, or delete it."
            )
    return False


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it atomically."""
    text = json.dumps(asdict(manifest), indent=2) + "\n"
    write_whole(folder / MANIFEST, lambda at: at.write_text(text))
