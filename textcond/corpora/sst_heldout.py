"""Which sentences of the Stanford Sentiment Treebank are held out, as digests.

SST was annotated on the rotten-tomatoes sentences of Pang & Lee 2005, so a corpus of these
holds SST's dev and test parts. `sst_heldout.txt` has one line for each of those sentences:
its split and the start of a sha256. That is enough to recognise one, on any machine, and
tells nothing of its words.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Literal

HeldOut = Literal["dev", "test"]
_DIGITS = 12


def heldout_split(text: str) -> HeldOut | None:
    """The held-out part of SST that a sentence of this text stands in; test if both."""
    known = _digests()
    splits = {known.get(_digest(piece)) for piece in _pieces(text)}
    if "test" in splits:
        return "test"
    return "dev" if "dev" in splits else None


def is_heldout_sentence(text: str) -> bool:
    """Whether the text is, as a whole, a held-out sentence of SST."""
    return _digest(_letters(text)) in _digests()


def digest_line(split: HeldOut, sentence: str) -> str:
    """The line of `sst_heldout.txt` for one sentence of the treebank."""
    return f"{split} {_digest(_letters(sentence))}"


def _letters(text: str) -> str:
    """What is left when spelling of accents, escapes and spacing is set aside."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _digest(letters: str) -> str:
    return hashlib.sha256(letters.encode()).hexdigest()[:_DIGITS]


def _pieces(text: str) -> set[str]:
    """The letters of every stretch of the text between two marks of punctuation.

    One rotten-tomatoes text may be several sentences of SST.
    """
    edges, letters = [0], ""
    for word in text.split():
        letters += _letters(word)
        if not word[-1].isalnum():
            edges.append(len(letters))
    edges = sorted({*edges, len(letters)})
    return {letters[a:b] for i, a in enumerate(edges) for b in edges[i + 1 :]}


@cache
def _digests() -> dict[str, HeldOut]:
    lines = files(__package__).joinpath("sst_heldout.txt").read_text().split("\n")
    pairs = (line.split(" ") for line in lines if line)
    return {digest: "dev" if split == "dev" else "test" for split, digest in pairs}
