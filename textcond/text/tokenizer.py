"""English text → tokens as the Stanford Sentiment Treebank has them.

spaCy's English tokenizer with the treebank's conventions: contractions split (`ca n't`,
`it 's`), hyphenated words and slashes whole (`well-made`, `writer/director`), and the
treebank's own escapes (`-LRB-`, ``` `` ```, `\\/`) read as the plain characters they stand for.
A word in capitals splits where the same word in small letters does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

from textcond.errors import ModelError, TextError
from textcond.text.normalization import check_characters, plain, read

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer as SpacyTokenizer

MAX_TOKENS = 20_000
"""The longest text that is taken, in tokens: some 40 pages."""

_STANDARD = ("treebank", 1)
_CLITICS = ("n't", "'s", "'ve", "'re", "'m", "'ll", "'d")
_WHOLE = re.compile(
    rf"{'|'.join(_CLITICS)}|'|'\d\ds?|\*+|[?!]{{2,}}|'n'?|'til|(?:[a-z]\.){{2,}}", re.IGNORECASE
)
"""Clitics, decades ('70s), rows of stars (the rating of a review), ?!, clipped words and initials
(E.T.) stay whole."""
_IN_ANY_CASE = re.compile(r"[a-z]*'[a-z]*|(?:[a-z]+\.)+", re.IGNORECASE)
"""Words with an apostrophe, and abbreviations."""
_ALSO_WORDS = {"Ark.", "Id.", "Ill.", "La.", "Mar.", "Mass.", "Miss.", "Mo.", "Ore.", "Pa."}
_ALSO_WORDS |= {"Rep.", "Rev.", "Wash."}
"""Abbreviations that, in capitals or small letters, are the last words of sentences."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """How the texts of a model are cut into tokens, by its kind and its version."""

    kind: str = _STANDARD[0]
    version: int = _STANDARD[1]
    """Another one whenever a text gets other tokens than before."""

    def __post_init__(self) -> None:
        if (self.kind, self.version) != _STANDARD:
            raise ModelError(
                f"The tokenizer {self.kind!r}, version {self.version}, is not one that this "
                "textcond has; install the textcond that the model was trained with."
            )

    def tokenize(self, text: str) -> list[str]:
        """The tokens of one text; raises what `tokenize` does."""
        return tokenize(text)

    def tokenize_all(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """The tokens of each text of a corpus, as `tokenize_all` gives them."""
        return tokenize_all(texts)


TREEBANK = Tokenizer()
"""The tokenizer of this module, the only one so far."""


def tokenize(text: str) -> list[str]:
    """The tokens of `text`, in order, none of them blank.

    Raises `TextError` if there is no token, if there are more than `MAX_TOKENS`, or if a
    control character stands in the text.
    """
    check_characters(text)
    plain_text = read(text)
    # Counted before spaCy sees it: each blank-separated piece is one token or more.
    check_length(len(plain_text.split()))
    tokens = next(_pieces([plain_text]))
    if not tokens:
        raise TextError("`text` is empty; give at least one word.")
    check_length(len(tokens))
    return tokens


def tokenize_all(texts: Iterable[str]) -> Iterator[list[str]]:
    """The tokens of each text of a corpus; an empty text gives an empty list.

    Control characters count as blanks here: one of them should not stop a corpus.
    """
    return _pieces(map(read, texts))


def check_length(count: int) -> None:
    """Raise `TextError` for more tokens than `MAX_TOKENS`."""
    if count > MAX_TOKENS:
        raise TextError(
            f"`text` has at least {count:,} tokens; the limit is {MAX_TOKENS:,}. Split it into "
            "shorter texts."
        )


@cache
def plain_tokenizer() -> SpacyTokenizer:
    """spaCy's tokenizer of texts that are read already (`normalization.read`)."""
    from spacy.lang.en import English
    from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

    defaults = English.Defaults
    prefixes = [rule for rule in defaults.prefixes or () if rule != "'"]
    clitics = [f"(?i:{clitic})" for clitic in _CLITICS]
    suffixes = [*(defaults.suffixes or ()), *clitics, "(?i:(?<=^can)not)"]
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
    tokenizer = cast("SpacyTokenizer", English().tokenizer)
    tokenizer.prefix_search = compile_prefix_regex(prefixes).search
    tokenizer.suffix_search = compile_suffix_regex(suffixes).search
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    tokenizer.token_match = _WHOLE.fullmatch
    tokenizer.rules = _in_any_case(tokenizer.rules)
    return tokenizer


def _pieces(texts: Iterable[str]) -> Iterator[list[str]]:
    for document in plain_tokenizer().pipe(texts):
        yield [plain(token.text) for token in document]


def _in_any_case(rules: dict[str, list[dict[int, str]]]) -> dict[str, Any]:
    """spaCy's special cases, those that split and some that do not also in other cases."""
    from spacy.symbols import ORTH

    cased = {}
    for text, parts in rules.items():
        if len(parts) > 1 or (_IN_ANY_CASE.fullmatch(text) and text not in _ALSO_WORDS):
            ends = list(accumulate(len(part[ORTH]) for part in parts))
            for form in (text.lower(), text.capitalize(), text.upper()):
                pieces = zip([0, *ends], ends, strict=False)
                cased[form] = [{ORTH: form[start:end]} for start, end in pieces]
    return {**cased, **rules}
