"""Free text comes out as the treebank has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from textcond.corpora.treebank import load_treebank
from textcond.errors import TextError
from textcond.model.evaluation import tokenizer_agreement
from textcond.text.tokenizer import MAX_TOKENS, tokenize, tokenize_all


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I can't say it's good.", "I ca n't say it 's good ."),
        ("They’ve won’t", "They 've wo n't"),
        ("a well-made writer/director", "a well-made writer/director"),
        ("(so) [it] {is}", "( so ) [ it ] { is }"),
        ("-LRB- so -RRB-", "( so )"),
        ("`` quoted ''", '" quoted "'),
        ("“quoted”", '" quoted "'),
        ("and\\/or \\*\\*\\*", "and/or ***"),
        ("the '70s", "the '70s"),
        ("fine...really", "fine ... really"),
        ("bad.It hurts", "bad . It hurts"),
        ("the critics' choice", "the critics ' choice"),
        ("two\n lines\tand  blanks", "two lines and blanks"),
        ("don't", "do n't"),
    ],
)
def test_conventions(text: str, tokens: str) -> None:
    assert tokenize(text) == tokens.split(" ")


def test_agrees_with_the_treebank(treebank: Path) -> None:
    figures = tokenizer_agreement(load_treebank("test", data_dir=treebank))
    assert figures["tokenized_tokens"] >= 0.998
    assert figures["tokenized_sentences"] >= 0.97


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_empty_text(text: str) -> None:
    with pytest.raises(TextError, match=r"^`text` is empty; give at least one word\.$"):
        tokenize(text)


def test_too_long_text() -> None:
    with pytest.raises(TextError, match=r"at least 100,000 tokens; the limit is 20,000\. Split it"):
        tokenize("good " * 100_000)
    assert len(tokenize("good " * MAX_TOKENS)) == MAX_TOKENS
    with pytest.raises(TextError, match="at least 30,000 tokens"):
        tokenize("," * 30_000)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\u202e", "\u2066", "\udc80"])
def test_control_character(character: str) -> None:
    message = rf"^`text` has the control character U\+{ord(character):04X} at position 2; remove it"
    with pytest.raises(TextError, match=message):
        tokenize(f"ab{character}c")


def test_a_corpus_reads_control_characters_as_blanks() -> None:
    assert list(tokenize_all(["a\0b", ""])) == [["a", "b"], []]


@given(st.text(max_size=60))
def test_nothing_is_lost(text: str) -> None:
    """The letters of the text are the letters of its tokens, in order."""
    (tokens,) = tokenize_all([text])
    assert all(token and not token.isspace() for token in tokens)
    letters = [c for c in text if c.isalpha()]
    assert [c for c in "".join(tokens) if c.isalpha()] == letters
