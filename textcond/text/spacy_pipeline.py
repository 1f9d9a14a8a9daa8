"""A spaCy pipeline with the treebank's tokens, in which exported rules run.

Its tokenizer is registered as `textcond.TreebankTokenizer.v1`, by which spaCy saves, loads and
copies pipelines to other processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import DummyTokenizer, registry
from spacy.vocab import Vocab

from textcond.text.normalization import plain, read_with_origins
from textcond.text.tokenizer import plain_tokenizer

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
TOKENIZER = "textcond.TreebankTokenizer.v1"


class TreebankTokenizer(DummyTokenizer):  # with the dummy's saving and loading: nothing is to save
    """A text → a Doc with the tokens of `textcond.text.tokenizer` and the text as it was written.

    `doc.text` is the text, `token.idx` the token's place in it, and `token.norm_` the token as it
    is read, in small letters: `n't` where the text has `N´T`. What belongs to no token, as a
    second blank or a tag of HTML, is the end of the token before it; at the text's beginning it
    is the beginning of the first token. There are two exceptions to the tokens: a text without
    any is one token as a whole, and a character that stands for several tokens, as `⑴` for
    `( 1 )`, is one. And one to the text: half a surrogate pair, which spaCy cannot hold, is U+FFFD
    in it.
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        words, blanks, norms = [], [], []
        for written, norm in _tokens(text):
            blanks.append(len(written) > 1 and written.endswith(" "))
            words.append(written[:-1] if blanks[-1] else written)
            norms.append(norm)
        document = Doc(self.vocab, words=words, spaces=blanks)
        for token, norm in zip(document, norms, strict=True):
            token.norm_ = norm
        return document


@registry.tokenizers(TOKENIZER)  # type: ignore[untyped-decorator]
def create_tokenizer() -> Callable[[Language], TreebankTokenizer]:
    """What spaCy calls by the name in a pipeline's configuration."""
    return lambda pipeline: TreebankTokenizer(pipeline.vocab)


def treebank_pipeline() -> Language:
    """A blank spaCy pipeline with these tokens, to run exported rules in: add a `span_ruler`."""
    return spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": TOKENIZER}}})


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Stretches that make up the whole text, and how each is read."""
    if not text:
        return
    reading = read_with_origins(text)
    text = _HALF_A_PAIR.sub("\ufffd", text)
    norms: dict[int, str] = {}
    for token in plain_tokenizer()(reading.text):
        start = reading.origins[token.idx]
        norms[start] = norms.get(start, "") + plain(token.text).lower()
    if not norms:
        norms[0] = text
    ends = [*list(norms)[1:], len(text)]
    start = 0
    for end, norm in zip(ends, norms.values(), strict=True):
        yield text[start:end], norm
        start = end
