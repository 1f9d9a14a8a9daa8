"""Words and their ids.

Stands on torchtext's `Vocab`, which nothing else in the library imports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path

from torchtext.vocab import Vocab

from textcond.errors import ModelError
from textcond.text.word_vectors import WordVectors as WordVectors, load_vectors as load_vectors

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_ID, UNKNOWN_ID = 0, 1
_BREAKS = {" ", "\n"}
"""No token holds one."""
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

    @cached_property
    def digest(self) -> str:
        """A sha256 of the words in the order of their ids."""
        return sha256("\n".join(self.words).encode(errors="surrogatepass")).hexdigest()

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token; case does not matter."""
        ids = (self._vocab.stoi.get(token.lower(), UNKNOWN_ID) for token in tokens)
        return [UNKNOWN_ID if id == PADDING_ID else id for id in ids]

    def unknown(self, tokens: Iterable[str]) -> list[bool]:
        """Whether each token stands outside the vocabulary."""
        return self.are_unknown(self.encode(tokens))

    def are_unknown(self, ids: Iterable[int]) -> list[bool]:
        """Whether each id is that of a token outside the vocabulary."""
        return [id == UNKNOWN_ID for id in ids]

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
    plain = (word for word in vectors.words if word == word.lower() and not _BREAKS & {*word})
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
