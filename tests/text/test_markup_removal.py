"""Markup of HTML in a text, and what only looks like it."""

from __future__ import annotations

import time

import pytest

from textcond.text.markup_removal import read_markup
from textcond.text.tokenizer import tokenize, tokenize_all


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("bad.<br /><br />The film", "bad . The film"),
        ("bad<BR>The film<br/>ends</p>", "bad The film ends"),
        ("<p class='x y' id=z>not <i>good</i></p>", "not good"),
        ('see <a href="http://x.org/?a=b>c">this</a>', "see this"),
        ("isn&#39;t isn&#x27;t isn&apos;t isn&rsquo;t isn&#8217 ;t", " ".join(["is n't"] * 5)),
        ("&quot;so&quot; &ldquo;so&rdquo; &QUOT;so&QUOT;", '" so " " so " " so "'),
        ("not&nbsp;good&#8203;here&NBSP;too", "not good here too"),
        ("caf&eacute; cafe&#769; CAF&Eacute;", "café café CAFÉ"),
        ("rock &amp; roll", "rock & roll"),
        ("&lt;br /&gt;not good", "not good"),
        ("not&shy; go&#173;od", "not good"),
        ("&#0;not&#8;good&#x202e;", "� notgood"),
    ],
)
def test_markup_is_read(text: str, tokens: str) -> None:
    assert tokenize(text) == tokens.split(" ")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "3 < 5 and 7 > 2",
            "I <3 this film",
            "a <b and c> d",
            "x < y>z",
            "a<b",
            "<spoiler> ahead",
        ),
        *("good&not bad", "R&D ; S&M", "this & that;", "&nosuch; thing", "&;", "&#;", "&#xzz;"),
        *("<br", "<br <br", "< br >", "<i am not a tag>", "<>", "</>", "<3 </3"),
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert read_markup(text) == text
    (tokens,) = tokenize_all([text])
    assert "".join(tokens) == "".join(text.split())


def test_markup_takes_time_by_its_length() -> None:
    """Nothing is scanned again and again: that would take minutes."""
    before = time.process_time()
    for piece in ("<a ", "<a b='", '<a b="', "<a b=", "&a", "<", "&#", "<a b=c "):
        text = piece * (100_000 // len(piece))
        assert read_markup(text) == text
    assert time.process_time() - before < 10


def test_a_text_of_markup_alone() -> None:
    assert list(tokenize_all(["<br /><br />", "&nbsp;", "\ufeff"])) == [[], [], []]
