"""Free text comes out as the treebank has it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
import regex
from hypothesis import given, strategies as st

from tests.conftest import SENTENCES
from textcond.corpora.treebank import load_treebank
from textcond.errors import TextError
from textcond.model.model import Model
from textcond.model.training.evaluation import tokenizer_agreement
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
        ("THIS ISN'T GOOD", "THIS IS N'T GOOD"),
        ("Isn'T IT'S I'M They'RE", "Is n'T IT 'S I 'M They 'RE"),
        ("(YOU'LL) WE'VE, HE'D!", "( YOU 'LL ) WE 'VE , HE 'D !"),
        ("CANNOT canNOT Cannot", "CAN NOT can NOT Can not"),
        ("IS N'T 'S 'VE 'EM O'CLOCK", "IS N'T 'S 'VE 'EM O'CLOCK"),
        ("SHOULDN'T'VE DIDNT GONNA", "SHOULD N'T 'VE DID NT GON NA"),
        ("O'Sullivan O'SULLIVAN L'Avventura", "O'Sullivan O'SULLIVAN L'Avventura"),
        ("MR. MOORE'S E.T. u.s. vs.", "MR. MOORE 'S E.T. u.s. vs."),
        ("I FEEL ILL. I WILL MISS.", "I FEEL ILL . I WILL MISS ."),
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
    # As they are composed for compatibility, and those that have no glyph or are apostrophes aside.
    letters = [c for c in unicodedata.normalize("NFKC", _NOT_SEEN.sub("", text)) if c.isalpha()]
    assert [c for c in "".join(tokens) if c.isalpha()] == letters


_NOT_SEEN = regex.compile(r"\p{Default_Ignorable_Code_Point}|[ʹʻʼʽˈˊˋꞌߴߵˮ]")


def _ids(model: Model, texts: Iterable[str]) -> list[list[int]]:
    return [model.vocabulary.encode(tokens) for tokens in tokenize_all(texts)]


def _spellings(text: str) -> dict[str, str]:
    """The same text, written otherwise."""
    apostrophe = re.compile(r"(?<=\w)'(?=\w)|(?<!\S)'(?=(?:s|ve|re|m|ll|d)\b)")
    marks = {f"U+{ord(mark):04X}": apostrophe.sub(mark, text) for mark in "`´ʼ’′＇"}
    forms = {form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    return {
        **marks,
        **forms,
        "upper case": text.upper(),
        "lower case": text.lower(),
        "html": text.replace("&", "&amp;").replace("'", "&#39;").replace(" ", "<br />"),
        "invisible": "\ufeff" + "\u00ad".join(text),
    }


def test_spellings_of_the_sentences_here(sst: Model) -> None:
    wanted = _ids(sst, SENTENCES)
    for name in _spellings(""):
        assert _ids(sst, (_spellings(text)[name] for text in SENTENCES)) == wanted, name


def test_the_treebank_s_sentences_however_they_are_spelled(sst: Model, treebank: Path) -> None:
    """Each spelling has the same ids, so the same prediction."""
    texts = list(load_treebank("test", data_dir=treebank)["text"])
    pairs = zip(texts, _ids(sst, texts), _ids(sst, map(str.upper, texts)), strict=True)
    # In capitals the states Washington and Pennsylvania are words that end a sentence.
    changed = [text for text, ids, upper in pairs if ids != upper]
    assert all("Wash." in text or "Pa." in text for text in changed)
    contracted = [text for text in texts if "n't" in text]
    assert len(contracted) > 150
    wanted = _ids(sst, contracted)
    for name in _spellings(""):
        assert _ids(sst, (_spellings(text)[name] for text in contracted)) == wanted, name
