"""English text → tokens as the Stanford Sentiment Treebank has them.

spaCy's English tokenizer with the treebank's conventions: contractions split (`ca n't`,
`it 's`), hyphenated words and slashes whole (`well-made`, `writer/director`), and the
treebank's own escapes (`-LRB-`, ``` `` ```, `\\/`) read as the plain characters they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

from textcond.errors import TextError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokenizer import Tokenizer

MAX_TOKENS = 20_000
"""The longest text that is taken, in tokens: some 40 pages."""

_ESCAPED_TOKENS = {
    "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
    "``": '"', "''": '"',
}  # fmt: skip
_TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_CLITICS = ("n't", "'s", "'ve", "'re", "'m", "'ll", "'d")
_LONGEST_WORD = 200
"""Characters; what is longer (no word is) is cut."""
_WHOLE = re.compile(r"'\d\ds?|\*+|[?!]{2,}|'n'?|'til")
"""Decades ('70s), rows of stars (the rating of a review), ?! and clipped words stay whole."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)
"""Control characters but tab and line ends, halves of surrogate pairs, and the directional
overrides that make a terminal lie."""


def plain(token: str) -> str:
    """A token of the treebank with its escapes read: `-LRB-` → `(`, `and\\/or` → `and/or`."""
    return _ESCAPED_TOKENS.get(token, token.replace("\\/", "/").replace("\\*", "*"))


def tokenize(text: str) -> list[str]:
    """The tokens of `text`, in order, none of them blank.

    Raises `TextError` if there is no token, if there are more than `MAX_TOKENS`, or if a
    control character stands in the text.
    """
    # Counted before spaCy sees it: each blank-separated piece is one token or more.
    check_length(len(text.split()))
    check_characters(text)
    tokens = next(_pieces([text]))
    if not tokens:
        raise TextError("`text` is empty; give at least one word.")
    check_length(len(tokens))
    return tokens


def tokenize_all(texts: Iterable[str]) -> Iterator[list[str]]:
    """The tokens of each text of a corpus; an empty text gives an empty list.

    Control characters count as blanks here: one of them should not stop a corpus.
    """
    return _pieces(_CONTROL.sub(" ", text) for text in texts)


def treebank_pipeline() -> Language:
    """A blank spaCy pipeline with these tokens, to run exported rules in: add a `span_ruler`."""
    import spacy
    from spacy.tokens import Doc

    pipeline = spacy.blank("en")
    pipeline.tokenizer = lambda text: Doc(pipeline.vocab, words=next(tokenize_all([text])))
    return pipeline


def _pieces(texts: Iterable[str]) -> Iterator[list[str]]:
    for document in _treebank_tokenizer().pipe(map(_normalize, texts)):
        yield [plain(token.text) for token in document if not token.is_space]


def _normalize(text: str) -> str:
    words = text.translate(_TYPOGRAPHIC).split()
    return " ".join(part for word in words for part in _parts(plain(word)))


def _parts(word: str) -> list[str]:
    # spaCy takes punctuation off a word mark by mark: quadratic in the word's length.
    return [word[i : i + _LONGEST_WORD] for i in range(0, len(word), _LONGEST_WORD)]


def check_length(count: int) -> None:
    """Raise `TextError` for more tokens than `MAX_TOKENS`."""
    if count > MAX_TOKENS:
        raise TextError(
            f"`text` has at least {count:,} tokens; the limit is {MAX_TOKENS:,}. Split it into "
            "shorter texts."
        )


def check_characters(text: str) -> None:
    """Raise `TextError` if a control character stands in the text."""
    found = _CONTROL.search(text)
    if found:
        raise TextError(
            f"`text` has the control character U+{ord(found.group()):04X} at position "
            f"{found.start()}; remove it."
        )


@cache
def _treebank_tokenizer() -> Tokenizer:
    from spacy.lang.en import English
    from spacy.symbols import ORTH
    from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

    defaults = English.Defaults
    prefixes = [rule for rule in defaults.prefixes or () if rule != "'"]
    suffixes = [*(defaults.suffixes or ()), *(re.escape(clitic) for clitic in _CLITICS)]
    # Fewer than spaCy's own: no split at hyphens and slashes.
    infixes = [
        r"\.\.+",
        "…",
        "--+",
        "[–—]",
        r"(?<=[A-Za-z]),(?=[A-Za-z])",
        r'(?<=[a-z"])\.(?=[A-Z])',
        r"[()\[\]{}]",
    ]
    tokenizer = cast("Tokenizer", English().tokenizer)
    tokenizer.prefix_search = compile_prefix_regex(prefixes).search
    tokenizer.suffix_search = compile_suffix_regex(suffixes).search
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    tokenizer.token_match = _WHOLE.fullmatch
    for clitic in (*_CLITICS, "'"):
        tokenizer.add_special_case(clitic, [{ORTH: clitic}])
    return tokenizer
