"""Tokens of a document → tokens of its sentences, by spaCy's Sentencizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from spacy.pipeline import Sentencizer
    from spacy.vocab import Vocab


def split_sentences(token_lists: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """The sentences of each document; they end at `.`, `!`, `?` and the like."""
    from spacy.tokens import Doc

    vocabulary, sentencizer = _sentencizer()
    for tokens in token_lists:
        document = sentencizer(Doc(vocabulary, words=tokens))
        yield [tokens[sentence.start : sentence.end] for sentence in document.sents]


@cache
def _sentencizer() -> tuple[Vocab, Sentencizer]:
    from spacy.lang.en import English

    language = English()
    return language.vocab, cast("Sentencizer", language.add_pipe("sentencizer"))
