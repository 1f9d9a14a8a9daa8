"""A text is read alike however its characters are written."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from textcond.text.normalization import read, read_with_origins
from textcond.text.tokenizer import tokenize, tokenize_all

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
ODD = (
    "´`'\"’“” \u00a0\u200b\u00ad\ufeff&<>;#\u0301\u0308\u0323\u0327\u034f\u0345éﬁ½ªÅΰ΄᾽Ω각가ㄱㅏ"
    "\u1100\u1161\u11a8\u3099\uff9eかｶ⑴㎞…㏂№™²\u0f71\u0f72\u0344\u1e9b\ufb2c\u0340豈;\u2002l r"
    "\u180e\u0f73"
)
"""Characters whose normal forms differ, compose across others, change their order or are blank."""
odd_text = st.text(st.sampled_from(ODD) | st.characters(), max_size=30)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("isn`t", "is n't"),
        ("isn´t", "is n't"),
        ("isnʼt can‛t it′s they＇re I՚m", "is n't ca n't it 's they 're I 'm"),
        ("isn''t isn´´t isn``t", "is n't is n't is n't"),
        ("is n`t it `s the `80s ol`", "is n't it 's the '80s ol'"),
        ("the critics` choice", "the critics ' choice"),
        ("`Jaws' and ``Jaws''", '` Jaws \' and " Jaws "'),
        ("„so“ ‟so” ″so″ ´´so´´ ¨so¨ ＂so＂", " ".join(['" so "'] * 6)),
        ("‘so’", "' so '"),
    ],
)
def test_apostrophes_and_quotation_marks(text: str, tokens: str) -> None:
    assert tokenize(text) == tokens.split(" ")


@pytest.mark.parametrize("mark", "'’‘‛′`´ʼʹˈ΄᾽՚׳＇｀ꞌ")
def test_any_apostrophe_splits_a_contraction(mark: str) -> None:
    text = f"Isn{mark}t it? We{mark}ll say it{mark}s what they{mark}ve said."
    wanted = "Is n't it ? We 'll say it 's what they 've said ."
    assert tokenize(text) == wanted.split(" ")


INVISIBLE = [
    *("\ufeff", "\u00ad", "\u200c", "\u200d", "\u2060", "\u200e", "\u061c", "\ufe0f", "\u034f"),
    *("\u180e", "\u2063", "\U000e0041", "\U000e0100", "\U0001d173", "\ufff9", "\u3164", "\u115f"),
]


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_nobody_sees_changes_nothing(character: str) -> None:
    wanted = tokenize("It isn't good.")
    assert tokenize(character.join("It isn't good.")) == wanted
    assert tokenize(f"{character}It isn't good.{character}") == wanted
    assert list(tokenize_all([character * 3])) == [[]]


@pytest.mark.parametrize("character", ["\u200b", "\u00a0", "\u2028", "\u2003", "\u3000", "\u1680"])
def test_unicode_blanks_separate_words(character: str) -> None:
    assert tokenize(f"{character}not{character}good{character}") == ["not", "good"]


def test_what_is_seen_stays() -> None:
    """Format characters that a font shows, and emoji whose parts were joined."""
    assert tokenize("\u0600\u0661") == ["\u0600\u0661"]
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert "".join(tokenize(f"good {family}\ufe0f")) == "good" + family.replace("\u200d", "")


def test_fractions_and_ligatures() -> None:
    assert tokenize("½ of the ﬁlm…") == ["1/2", "of", "the", "film", "..."]


def _holds_for_normal_forms(text: str) -> None:
    wanted = list(tokenize_all([text]))
    for form in FORMS:
        assert list(tokenize_all([unicodedata.normalize(form, text)])) == wanted, form


@given(odd_text)
def test_normal_forms_are_one_text(text: str) -> None:
    _holds_for_normal_forms(text)


@pytest.mark.thorough
@settings(max_examples=5_000)
@given(odd_text)
def test_normal_forms_of_many_texts_are_one(text: str) -> None:
    _holds_for_normal_forms(text)


def _hold_for_normal_forms(codes: range) -> None:
    """Each character alone, and within a word, where it may act on its neighbours."""
    for character in map(chr, codes):
        if unicodedata.category(character) == "Cn":  # not assigned
            continue
        for text in (character, f"a{character}", f"{character}\u0323b"):
            forms = {unicodedata.normalize(form, text) for form in FORMS}
            assert {read(form) for form in forms} == {read(text)}, f"U+{ord(character):04X}"


def test_characters_and_their_normal_forms() -> None:
    _hold_for_normal_forms(range(0xA0, 0xD000, 211))
    _hold_for_normal_forms(range(0xD7A4 + 0x800, 0x30000, 2003))


@pytest.mark.thorough
def test_every_character_and_its_normal_forms() -> None:
    """Of each block of ideographs and of syllables, which are alike, some."""
    _hold_for_normal_forms(range(0xA0, 0x3400))
    _hold_for_normal_forms(range(0x3400, 0xD7A4, 17))
    _hold_for_normal_forms(range(0xF900, 0x10000))
    _hold_for_normal_forms(range(0x1D000, 0x20000))
    _hold_for_normal_forms(range(0x20000, 0x2F800, 97))
    _hold_for_normal_forms(range(0x2F800, 0x2FA20))


def test_marks_take_time_by_their_length() -> None:
    """No stretch is composed again and again: that would take minutes."""
    before = time.process_time()
    for piece in (
        "ﾞ",
        "aﾞ",
        "\u0301",
        "a\u0301",
        "ㄱㅏ",
        "ㅏ",
        "\u1161",
        "´",
        "q\u0307\u0323",
        "'",
        " \u0301",
    ):
        (tokens,) = tokenize_all([piece * (20_000 // len(piece))])
        assert tokens
    assert time.process_time() - before < 20


@given(odd_text)
def test_origins(text: str) -> None:
    """Characters come from rising places, and what is the same there and here from its place."""
    reading = read_with_origins(text)
    assert reading.text == read(text)
    assert len(reading.origins) == len(reading.text) + 1
    assert reading.origins == sorted(reading.origins)
    assert reading.origins[-1] == len(text)


@pytest.mark.parametrize(
    "edited", ["-LRB-", "-rsb-", "''", "``", "a\\/b", "&gt;", "<b>", "\t", " ", ""]
)
@pytest.mark.parametrize("before", ["", "a ", "It's 'so', "])
@pytest.mark.parametrize("after", ["", " b", "c"])
def test_a_plain_text_is_left_and_no_other(before: str, edited: str, after: str) -> None:
    """A text that is not looked at any further has nothing in it that would be edited."""
    for text in (f"{before}{edited}{after}", f"{before}{'x' * 200}{edited}{after}"):
        assert read(text) == read_with_origins(text).text


def test_origins_of_what_changes() -> None:
    text = "\ufeffne\u0301  isn&#39;t<br>ok"
    reading = read_with_origins(text)
    assert reading.text == "né isn't ok"
    places = [text.index(c) for c in ("n", "e", "  ", "i", "s", "n&", "&", "t<", "<", "ok", "k")]
    assert reading.origins == [*places, len(text)]
