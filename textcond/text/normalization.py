"""Characters as they were written → characters that the tokenizer knows.

A text and its Unicode normal forms are read alike: compatibility composition (NFKC) comes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from textcond.errors import TextError
from textcond.text.edits import Edit, Reading, Step, apply, apply_with_origins
from textcond.text.markup_removal import find_entities, find_tags

_ESCAPED_TOKENS = {
    "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
    "``": '"', "''": '"',
}  # fmt: skip
_ESCAPE = re.compile(r"(?<!\S)-[LR][RSC]B-(?!\S)|\\[/*]|(?P<fraction>⁄)", re.IGNORECASE)
"""And the slash of fractions that are composed for compatibility: ½ → 1/2."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)
"""Control characters but tab and line ends, halves of surrogate pairs, and the directional
overrides that make a terminal lie."""
_SEPARATOR = re.compile(f"{_CONTROL.pattern}|\u200b")
"""Control characters, and the zero-width space, at which a word ends."""
_SINGLE = "(?:[’‘‛′‵՚՝׳ʹʻʼʽˈˊˋ˴ꞌߴߵ❛❜]| [\u0301\u0313\u0314])"
_DOUBLE = "(?:[“”‟„״ʺˮ˶〃❝❞]| [\u0308\u030b])"
"""What Unicode holds to be confusable with an apostrophe or a quotation mark (UTS 39), but letters
of other scripts, and the low quotation mark and the diaeresis. Marks that stand alone, such as the
acute, are a blank with a mark once composed."""
_QUOTES = re.compile(
    rf"(?P<inside>(?<=[^\W_])(?:['`]|{_SINGLE})+(?=[^\W_]))"
    rf"|(?P<double>``|{_DOUBLE}|(?:'|{_SINGLE}){{2}})|{_SINGLE}"
    r"|(?<=[\w.,;:!?)])`|`(?=(?:s|m|d|ve|re|ll|em|til|n|\d\ds?)\b)",
    re.IGNORECASE,
)
"""Within a word all are one apostrophe. A backtick opens a quotation in the treebank: elsewhere it
is an apostrophe only after a word and before a clitic."""
_BLANKS = re.compile(r"^\s+|\s+$|\s\s+|[^\S ]")
_LONG_WORD = re.compile(r"\S{200}(?=\S)")
_PLAIN_WORD = r"[A-Za-z0-9,.;:!?()\"'][A-Za-z0-9,.;:!?()\"'-]{0,199}"
_PLAIN_TEXT = re.compile(rf"(?!.*''){_PLAIN_WORD}(?: {_PLAIN_WORD})*")
"""A text in which there is nothing to edit, as nine in ten of the treebank's sentences."""


def plain(token: str) -> str:
    """A token of the treebank with its escapes read: `-LRB-` → `(`, `and\\/or` → `and/or`."""
    return _ESCAPED_TOKENS.get(token, token.replace("\\/", "/").replace("\\*", "*"))


def read(text: str) -> str:
    """The text in plain characters: words with one blank between them.

    Markup is read, typographic quotes and apostrophes are ASCII's, what nobody sees is gone, and
    control characters count as blanks.
    """
    return text if _PLAIN_TEXT.fullmatch(text) else apply(text, _STEPS)


def read_with_origins(text: str) -> Reading:
    """What `read` gives, and where each of its characters comes from."""
    return apply_with_origins(text, _STEPS)


def check_characters(text: str) -> None:
    """Raise `TextError` if a control character stands in the text."""
    found = _CONTROL.search(text)
    if found:
        raise TextError(
            f"`text` has the control character U+{ord(found.group()):04X} at position "
            f"{found.start()}; remove it."
        )


def _find_compositions(text: str) -> Iterator[Edit]:
    """What compatibility composition changes, in the shortest stretches that compose alone."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return
    start, end, composed = 0, 0, ""
    for found in _characters_with_marks().finditer(text):
        more = unicodedata.normalize("NFKC", found.group())
        joined = unicodedata.normalize("NFKC", text[start : found.end()])
        if joined != composed + more:
            composed = joined
        else:
            if composed != text[start:end]:
                yield Edit(start, end, composed)
            start, composed = found.start(), more
        end = found.end()
    if composed != text[start:end]:
        yield Edit(start, end, composed)


def _find_separators(text: str) -> Iterator[Edit]:
    return (Edit.of(found, " ") for found in _SEPARATOR.finditer(text))


def _find_invisible(text: str) -> Iterator[Edit]:
    if not text.isascii():
        yield from (Edit.of(found, "") for found in _invisible().finditer(text))


def _find_quotes(text: str) -> Iterator[Edit]:
    if not text.isascii() or "`" in text or "''" in text:
        for found in _QUOTES.finditer(text):
            yield Edit.of(found, '"' if found["double"] else "'")


def _find_escapes(text: str) -> Iterator[Edit]:
    for found in _ESCAPE.finditer(text):
        yield Edit.of(found, "/" if found["fraction"] else plain(found.group().upper()))


def _find_blanks(text: str) -> Iterator[Edit]:
    """Blanks at the ends, and those between words that are not one space."""
    for found in _BLANKS.finditer(text):
        inside = found.start() > 0 and found.end() < len(text)
        yield Edit.of(found, " " if inside else "")


def _find_cuts(text: str) -> Iterator[Edit]:
    """Cuts in what is longer than 200 characters: no word is."""
    return (Edit(found.end(), found.end(), " ") for found in _LONG_WORD.finditer(text))


# The module `regex` knows Unicode's properties; only texts beyond ASCII wait for it.
@cache
def _characters_with_marks() -> Any:
    import regex

    # The halfwidth sound marks of Japanese are letters that compose as marks do.
    return regex.compile(r"[^\p{M}ﾞﾟ][\p{M}ﾞﾟ]*|[\p{M}ﾞﾟ]+")


@cache
def _invisible() -> Any:
    """What no font shows: format characters and default-ignorable ones (Unicode 5.21, 23.2)."""
    import regex

    invisible = r"[\p{Default_Ignorable_Code_Point}[\p{Cf}--\p{Prepended_Concatenation_Mark}]]+"
    return regex.compile(invisible, regex.V1)


_STEPS: tuple[Step, ...] = (
    _find_compositions,
    find_entities,
    find_tags,
    _find_separators,
    _find_invisible,
    _find_compositions,  # of what entities stood for, and what invisible characters kept apart
    _find_quotes,
    _find_escapes,
    _find_blanks,
    _find_cuts,
)
