"""Documents become sentences."""

from __future__ import annotations

from textcond.text.sentence_splitting import split_sentences
from textcond.text.tokenizer import tokenize


def test_sentences_of_documents() -> None:
    documents = [
        tokenize("Not bad ! It is slow (he said ...). But it ends well."),
        tokenize("no full stop"),
        [],
    ]
    first, second, third = split_sentences(documents)
    assert [" ".join(tokens) for tokens in first] == [
        "Not bad !",
        "It is slow ( he said ... ) .",
        "But it ends well .",
    ]
    assert second == [["no", "full", "stop"]]
    assert third == []
    assert [token for tokens in first for token in tokens] == documents[0]
