"""Pairs to find negation filters with: one part to find them, one held out to check them.

They come out of the treebank's trees, out of any texts (a negator and what follows it), or out of a
user's file of pairs with the columns `negated` and `unnegated` and, if it is labelled,
`unnegated_polarity` (positive or negative; the negation is then taken to reverse it).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset

from textcond.corpora.csv_rows import SEPARATORS, FieldsError, read_table
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.corpora.file_rows import DEFAULT, Layout
from textcond.corpora.known_corpora import KNOWN, PAIR_NAMES, TRAINING_NAMES
from textcond.corpora.loading import is_file, load_corpus
from textcond.corpora.negated_phrases import (
    AUXILIARIES,
    NEGATORS,
    Pair,
    load_minimal_pairs,
    pair_dataset,
)
from textcond.corpora.user_files import texts_of
from textcond.errors import CorpusError
from textcond.text.tokenizer import tokenize_all

LONGEST_CUT = 4
"""Words after the negator: with it and an auxiliary they fill the widest filter."""
PAIR_CORPORA = (*PAIR_NAMES, *(name for name in TRAINING_NAMES if KNOWN[name].has_polarity))
DEFAULT_PAIRS = "rotten-tomatoes"
_COLUMNS = ("negated", "unnegated", "unnegated_polarity")
_POLARITIES = {"positive": 3, "negative": 1, "": NO_LABEL}
_LABELS = [name for name in _POLARITIES if name]


def load_pairs(
    data: str, *, data_dir: Path | None = None, seed: int = 0, layout: Layout = DEFAULT
) -> tuple[Dataset, Dataset]:
    """Pairs with the columns of `negated_phrases.PAIR_FEATURES`, to find with and to check with.

    For `sst-negation` and for the corpora of text these are the train part and the dev and test
    parts; for `minimal-pairs` and a file, two halves drawn by `seed`. `layout` tells where a file
    of texts has them. Raises `CorpusError` if they cannot be had.
    """
    if data == "minimal-pairs":
        return halve(load_minimal_pairs(), seed=seed)
    if is_file(data):
        path = Path(data)
        pairs = read_pairs(path) if has_pairs(path) else _cut_file(path, layout)
        if len(pairs) < 2:
            raise CorpusError(f"{data} has one pair; give at least 2.")
        return halve(pairs, seed=seed)
    if data not in PAIR_CORPORA:
        raise CorpusError(
            f"`pairs` is {data!r}; it can be {', '.join(PAIR_CORPORA)}, a file of texts, or a csv, "
            "tsv or jsonl file with the columns negated and unnegated."
        )
    found, held_out = (
        load_corpus(data, split, data_dir=data_dir) for split in ("train", "dev+test")
    )
    if data == "sst-negation":
        return found, held_out
    cut = cut_pairs(found["tokens"])
    known = {tuple(tokens) for tokens in cut["tokens"]}
    rest = cut_pairs(held_out["tokens"])
    new = [row for row, tokens in enumerate(rest["tokens"]) if tuple(tokens) not in known]
    return cut, rest.select(new)


def halve(pairs: Dataset, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Two halves of the pairs, drawn by the seed, and of each kind a half in each of them."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    kinds = np.array(pairs["kind"], dtype=np.str_)[order]
    by_kind = order[np.argsort(kinds, kind="stable")]
    return pairs.select(by_kind[::2]), pairs.select(by_kind[1::2])


def _cut_file(path: Path, layout: Layout) -> Dataset:
    """The pairs in the texts of a file; its labels, of whole texts, say nothing of them."""
    pairs = find_pairs(tokenize_all(texts_of(path, layout=layout)))
    if not len(pairs):
        raise CorpusError(
            f"{path}: no text has a negator; give other texts, or pairs of your own with the "
            "columns negated and unnegated."
        )
    return pairs


def cut_pairs(sentences: Sequence[Sequence[str]]) -> Dataset:
    """Every distinct phrase of a negator, with an auxiliary before it, and the words after it.

    At most `LONGEST_CUT` words, up to the next punctuation. Nothing is known of their labels.
    Raises `CorpusError` if no sentence has a negator.
    """
    pairs = find_pairs(sentences)
    if not len(pairs):
        raise CorpusError("No text has a negator; give pairs with `--pairs FILE`.")
    return pairs


def find_pairs(sentences: Iterable[Sequence[str]]) -> Dataset:
    """What `cut_pairs` gives; an empty dataset if no sentence has a negator."""
    pairs = {}
    for tokens in sentences:
        words = [token.lower() for token in tokens]
        for place in (place for place, word in enumerate(words) if word in NEGATORS):
            end = place + 1
            while end < min(len(words), place + 1 + LONGEST_CUT) and _is_word(words[end]):
                end += 1
            if end > place + 1:
                start = place - (place > 0 and words[place - 1] in AUXILIARIES)
                negated, unnegated = tokens[start:end], tokens[place + 1 : end]
                pairs[tuple(words[start:end])] = Pair(negated, NO_LABEL, unnegated, NO_LABEL)
    return pair_dataset(list(pairs.values()))


def _is_word(token: str) -> bool:
    return any(character.isalnum() for character in token)


def has_pairs(path: Path) -> bool:
    """Whether a file is one of pairs and not of texts; raises `CorpusError` if it is broken."""
    if path.suffix.lower() not in (*SEPARATORS, ".jsonl"):
        return False
    try:
        columns = set(_read_table(path, whole=False).columns)
    except CorpusError:  # who reads it as texts tells what is wrong
        return False
    return bool({"negated", "unnegated"} & columns) and "text" not in columns


def read_pairs(path: Path) -> Dataset:
    """The pairs of a csv, tsv or jsonl file; raises `CorpusError` for a broken one."""
    rows = _read_table(path)
    for name in ("negated", "unnegated"):
        if name not in rows:
            raise CorpusError(f"{path} has no column {name!r}; give `negated` and `unnegated`.")
    polarities = rows.get("unnegated_polarity", pd.Series([""] * len(rows), dtype=str))
    negated, unnegated = (list(tokenize_all(rows[name])) for name in ("negated", "unnegated"))
    pairs: dict[tuple[str, ...], Pair] = {}
    for row, (whole, part, polarity) in enumerate(
        zip(negated, unnegated, polarities, strict=True), start=1
    ):
        if not whole or not part or whole == part:
            raise CorpusError(
                f"{path}, pair {row}: give a text with a negation and the same without it."
            )
        if (polarity := polarity.strip()) not in _POLARITIES:
            raise CorpusError(
                f"{path}, pair {row}: the polarity is {polarity!r}; it can be positive, negative, "
                "or nothing."
            )
        label = _POLARITIES[polarity]
        pair = Pair(whole, label if label == NO_LABEL else 4 - label, part, label)
        # What stands there twice could be found with and held out.
        pairs.setdefault(tuple(token.lower() for token in whole), pair)
    if not pairs:
        raise CorpusError(f"{path} has no pairs; give at least 2.")
    return pair_dataset(list(pairs.values()))


def _read_table(path: Path, *, whole: bool = True) -> pd.DataFrame:
    """The rows with their columns, or the columns alone."""
    ending = path.suffix.lower()
    try:
        if ending == ".jsonl":
            return pd.read_json(path, lines=True, dtype=str, nrows=None if whole else 1).fillna("")
        if ending in SEPARATORS:
            # utf-8-sig: spreadsheets write a byte-order mark.
            with path.open(encoding="utf-8-sig", newline="") as file:
                table = read_table(
                    file, separator=SEPARATORS[ending], names=_COLUMNS, labels=_LABELS
                )
                if not table.columns:
                    raise ValueError("it is empty")
                rows = islice(table.rows, None if whole else 0)
                found = [fields for _, fields in rows if isinstance(fields, dict)]
            return pd.DataFrame(found, columns=table.keys, dtype=object).fillna("")
    except FileNotFoundError as error:
        raise CorpusError(f"There is no file {path}; check the path.") from error
    except (TypeError, AttributeError) as error:
        raise CorpusError(
            f"{path} has lines that are no objects; give one object a line."
        ) from error
    except FieldsError as error:
        raise CorpusError(
            f"{path} cannot be read (its rows have more fields than its first line); check the "
            f"quotes in line {error.line}."
        ) from error
    except (ValueError, csv.Error) as error:  # also what pandas raises, and what is not UTF-8
        reason = " ".join(str(error).split())
        raise CorpusError(f"{path} cannot be read ({reason}); check the file.") from error
    raise CorpusError(f"{path} holds no pairs; give a csv, tsv or jsonl file.")
