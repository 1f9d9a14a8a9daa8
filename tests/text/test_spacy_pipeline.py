"""spaCy's pipeline with our tokens: it keeps the text, and it can be saved and copied."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import spacy
from hypothesis import example, given, strategies as st
from spacy.language import Language

from tests.conftest import ROOT, SENTENCES
from tests.text.test_normalization import odd_text
from textcond.analysis.rules.patterns import Index, Pattern
from textcond.text.spacy_pipeline import (
    TOKENIZER,
    TreebankTokenizer,
    create_tokenizer,
    treebank_pipeline,
)
from textcond.text.tokenizer import tokenize_all

TEXTS = [
    "It isn't  good.",
    "\ufeff“It ISN’T good.”",
    "isn`t<br /><br />good",
    "cafe\u0301 isn&#39;t\n\n good\u200b",
    "nothing here",
    " ",
    "",
]
BARE = treebank_pipeline()
PATTERN = Pattern((frozenset(["n't"]), frozenset(["good", "bad"])), ((0, 0),))


@pytest.fixture
def pipeline() -> Language:
    made = treebank_pipeline()
    made.add_pipe("span_ruler").add_patterns([{"label": "NO", "pattern": PATTERN.to_spacy()}])
    return made


def _found(pipeline: Language, **options: int) -> list[list[tuple[int, int, str]]]:
    return [
        [(span.start_char, span.end_char, span.label_) for span in document.spans["ruler"]]
        for document in pipeline.pipe(TEXTS, **options)
    ]


@example("\ud800")
@example(" good \udfff bad\ud800")
@given(st.one_of(odd_text, st.text(st.sampled_from("ab'n t.,<br/>&;#39`’\n\ufeff"), max_size=40)))
def test_the_text_is_kept(text: str) -> None:
    document = BARE(text)
    (tokens,) = tokenize_all([text])
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)  # halves of surrogate pairs
    assert document.text == text
    if not tokens:
        assert len(document) == (len(text) > 0)
        return
    assert "".join(token.norm_ for token in document) == "".join(tokens).lower()
    assert len(document) <= len(tokens)
    for token in document:
        assert text[token.idx :].startswith(token.text)


@pytest.mark.parametrize("text", [*SENTENCES, *TEXTS[:5], "I CANNOT say <i>it´s</i>  ´´good´´ ."])
def test_tokens_are_ours(text: str) -> None:
    document = BARE(text)
    (tokens,) = tokenize_all([text])
    assert [token.norm_ for token in document] == [token.lower() for token in tokens]


def test_a_place_in_the_text() -> None:
    text = "“It ISN’T  good” <br />at  all"
    document = BARE(text)
    assert [text[token.idx :][:3] for token in document] == [
        *("“It", "It ", "ISN"[:2] + "N", "N’T", "goo", "” <", "at ", "all"),
    ]
    start = text.index("good")
    assert document.char_span(start, start + 4).text == "good"
    assert document.char_span(text.index("at"), len(text)).text == "at  all"


def test_one_character_of_several_tokens_is_one() -> None:
    document = BARE("⑴ good")
    assert [(token.text, token.norm_) for token in document] == [("⑴", "(1)"), ("good", "good")]


def test_rules_find_what_they_find_here(pipeline: Language) -> None:
    index = Index(tokenize_all(TEXTS))
    documents = list(pipeline.pipe(TEXTS))
    found = {
        (row, span.start, span.end)
        for row, document in enumerate(documents)
        for span in document.spans["ruler"]
    }
    assert found == {(match.row, *match.span) for match in index.find(PATTERN)}
    assert {row for row, _, _ in found} == {0, 1, 2, 3}


def test_it_can_be_saved_and_copied(pipeline: Language, tmp_path: Path) -> None:
    wanted = _found(pipeline)
    assert sum(map(len, wanted)) == 4
    pipeline.to_disk(tmp_path / "saved")
    assert _found(spacy.load(tmp_path / "saved")) == wanted
    assert _found(pickle.loads(pickle.dumps(pipeline))) == wanted
    copy = treebank_pipeline()
    copy.add_pipe("span_ruler")
    assert _found(copy.from_bytes(pipeline.to_bytes())) == wanted
    assert isinstance(copy.tokenizer, TreebankTokenizer)


def test_several_processes(pipeline: Language) -> None:
    assert _found(pipeline, n_process=2) == _found(pipeline)


def _entry_points() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points: dict[str, str] = project["entry-points"]["spacy_tokenizers"]
    return points


def test_the_entry_point_is_the_registered_tokenizer() -> None:
    (point,) = (EntryPoint(*item, group="spacy_tokenizers") for item in _entry_points().items())
    assert point.load() is spacy.registry.tokenizers.get(TOKENIZER) is create_tokenizer


@pytest.mark.thorough
def test_spacy_finds_the_tokenizer_by_its_name(tmp_path: Path) -> None:
    """Without an import of this library: by the entry point that an installation has."""
    installed = tmp_path / "textcond_entry-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: textcond-entry\nVersion: 1\n")
    lines = "".join(f"{name} = {place}\n" for name, place in _entry_points().items())
    (installed / "entry_points.txt").write_text(f"[spacy_tokenizers]\n{lines}")
    BARE.to_disk(tmp_path / "saved")
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import spacy; "
        f"print(*(t.norm_ for t in spacy.load({str(tmp_path / 'saved')!r})('ISN´T  good')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "is n't good\n", done.stderr
