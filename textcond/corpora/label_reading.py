"""Labels as they are written in a file → a polarity, or one of several classes.

Labels that mean negative or positive, in any common spelling, are what the two heads learn. Words
and numbers that mean a polarity of some strength are a scale from 0 (very negative) to 4 (very
positive). Every other label is a class. The user is told how labels were read, since a number can
mean several things.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from textcond.corpora.dataset_columns import NO_LABEL
from textcond.errors import CorpusError

MOST_CLASSES = 100
_LONGEST_NAME = 100
_STRENGTHS = ("very negative", "negative", "neutral", "positive", "very positive")
_OTHER_WORDS = {"neg": 1, "false": 1, "-": 1, "neu": 2, "pos": 3, "true": 3, "+": 3}
_WORDS = {name: value for value, name in enumerate(_STRENGTHS)} | _OTHER_WORDS
_SIGNS = {"-1": 1, "0": 2, "1": 3}
_SCALE = {"0": 0, "1": 1, "2": 2, "3": 3, "4": 4}
_STARS = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4}
_POLES = {name: value for name, value in _WORDS.items() if value in (1, 3)} | {"0": 1, "1": 3}
_READINGS: tuple[tuple[Mapping[str, int], frozenset[str]], ...] = (
    (_POLES, frozenset()),
    (_WORDS, frozenset()),
    (_SIGNS, frozenset({"-1"})),
    (_STARS, frozenset({"5"})),
    (_SCALE, frozenset({"0", "4"})),
)
"""Ways to read labels, and the labels without which a way is not theirs: 1, 2 and 3 may be
classes, stars, or a scale from 0."""
KNOWN = frozenset({*_POLES, *_WORDS, *_SCALE, *_STARS})
"""Labels that mean a polarity in some file."""
_NUMBER = re.compile(r"\+?(-?\d{1,9})(?:\.0+)?(?: ?stars?)?")
_DRAWN_STARS = re.compile(r"(★{1,5})☆{0,4}")


class LabelError(Exception):
    """A label that cannot be one of a corpus."""

    def __init__(self, message: str, label: str) -> None:
        super().__init__(message)
        self.label = label


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labels of a corpus mean."""

    values: Mapping[str, int]
    """Of each label as it is written, without the blanks around it: 0 (negative) or 1 (positive)
    where `is_polar`, the place in `names` of a class, else 0 (very negative) to 4."""
    names: tuple[str, ...] = ()
    """The classes; none where labels are a polarity."""
    is_polar: bool = False
    """Whether all are negative or positive, of no known strength."""
    note: str = ""
    """How they are read, for the user; empty where they are read as they are written."""
    separator: str = ""
    """What parts the classes of a text, where it can have several; `values` are then of each."""

    @property
    def meanings(self) -> dict[str, str]:
        """What each label means, in words: `meanings` to read another file in the same way."""
        if self.names:
            return {}
        words = ("negative", "positive") if self.is_polar else _STRENGTHS
        return {label: words[value] for label, value in self.values.items()}

    def value(self, label: str | None) -> int | list[int]:
        """`NO_LABEL` for a row without one; a list where a text can have several."""
        if self.separator:
            return sorted({self.values[part] for part in label_parts(label, self.separator)})
        return NO_LABEL if label is None else self.values[label]


def read_labels(
    labels: Iterable[str | None],
    *,
    meanings: Mapping[str, str] | None = None,
    names: Sequence[str] = (),
    separator: str = "",
) -> Labels:
    """What these labels mean together; None stands for a row without a label.

    With a `separator` each is one class or several, and never a polarity.

    `meanings` gives labels other names, as in `{"1": "negative", "5": "positive"}`, and words for a
    polarity keep theirs; with `names` each is one of these classes. Raises `LabelError` for a label
    that is not among them, and for labels that are none: more than `MOST_CLASSES`, or longer than a
    name.
    """
    if separator:
        parts = {part for label in labels for part in label_parts(label, separator)}
        return _several(sorted(parts), meanings, names, separator)
    renamed = {label: label for label in sorted({label for label in labels if label is not None})}
    if meanings is not None:
        new_names = {word: word for word in _WORDS}
        new_names |= {_key(old): new for old, new in meanings.items()}
        for label in renamed:
            if _key(label) not in new_names:
                raise LabelError(
                    f"the label {label!r} has no meaning in `labels`, which are for "
                    f"{', '.join(meanings)}; give it one",
                    label,
                )
            renamed[label] = new_names[_key(label)]
    if names:
        return _among(renamed, names)
    found = _read(renamed)
    return found if meanings is None else replace(found, note="")


def _several(
    parts: Sequence[str],
    meanings: Mapping[str, str] | None,
    names: Sequence[str],
    separator: str,
) -> Labels:
    new_names = {_key(old): new for old, new in (meanings or {}).items()}
    renamed = {part: new_names.get(_key(part), part) for part in parts}
    if names:
        return replace(_among(renamed, names), separator=separator)
    if len({_key(name) for name in renamed.values()}) < 2:
        raise LabelError(f"there are not two labels in the whole column: {', '.join(parts)}", "")
    found = _classes(renamed)
    note = f"{found.note}; a text can be of several, and of none where it has no label"
    return replace(found, note=note, separator=separator)


def label_parts(label: str | None, separator: str) -> list[str]:
    """The classes that are written in one label; with an empty separator, the label itself."""
    parts = (label or "").split(separator) if separator else [label or ""]
    return [part.strip() for part in parts if part.strip()]


def parse_meanings(text: str) -> dict[str, str]:
    """`"1=negative,5=positive"` as a mapping; raises `CorpusError` for what is none."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(old.strip() and new.strip() for old, _, new in pairs):
        raise CorpusError(
            f"`labels` is {text!r}; write each label with its meaning, as in "
            "1=negative,2=negative,3=neutral,4=positive,5=positive."
        )
    return {old.strip(): new.strip() for old, _, new in pairs}


def _read(labels: Mapping[str, str]) -> Labels:
    """`labels` are the names of the labels as written."""
    keys = {_key(name) for name in labels.values()}
    for meaning, needed in _READINGS:
        if needed <= keys <= {*meaning}:
            return _polarity(labels, meaning)
    return _classes(labels)


def _polarity(labels: Mapping[str, str], meaning: Mapping[str, int]) -> Labels:
    strengths = {label: meaning[_key(name)] for label, name in labels.items()}
    is_polar = {*strengths.values()} <= {1, 3}
    told = [
        f"{label!r} is {_STRENGTHS[strength]}"
        for label, strength in strengths.items()
        if label != _STRENGTHS[strength]
    ]
    values = (
        {label: int(value > 1) for label, value in strengths.items()} if is_polar else strengths
    )
    return Labels(values, is_polar=is_polar, note=", ".join(told))


def _among(labels: Mapping[str, str], names: Sequence[str]) -> Labels:
    places = {_key(name): place for place, name in enumerate(names)}
    for label, name in labels.items():
        if _key(name) not in places:
            shown = f"the label {label!r}"
            if name != label:
                shown = f"{name!r}, the meaning of {shown} in `labels`,"
            raise LabelError(
                f"{shown} is none of {', '.join(names)}; give it one of these meanings with "
                "`--labels`",
                label,
            )
    return Labels({label: places[_key(name)] for label, name in labels.items()}, tuple(names))


def _classes(labels: Mapping[str, str]) -> Labels:
    spellings: dict[str, str] = {}
    for name in labels.values():
        spellings.setdefault(_key(name), name)
    names = sorted(spellings.values(), key=_by_number)
    first = next(iter(labels))
    if len(names) > MOST_CLASSES:
        raise LabelError(
            f"the labels are {len(names):,} different ones, and at most {MOST_CLASSES} classes can "
            "be told apart; if they stand in another column, name it with `--label-column`",
            first,
        )
    for label in labels:
        if len(label) > _LONGEST_NAME:
            raise LabelError(
                f"the label {label[:40]!r}… has {len(label)} characters and may be a text; if "
                "labels stand in another column, name it with `--label-column`",
                label,
            )
    places = {_key(name): place for place, name in enumerate(names)}
    told = [f"{len(names)} classes, {', '.join(names)}"]
    told += [
        f"{label!r} is {spellings[_key(name)]}"
        for label, name in labels.items()
        if name != spellings[_key(name)]
    ]
    told += _nearly_polarity(spellings)
    told += _nearly_several(labels)
    values = {label: places[_key(name)] for label, name in labels.items()}
    return Labels(values, tuple(names), note="; ".join(told))


def _nearly_polarity(keys: Iterable[str]) -> list[str]:
    """Which classes keep the others, which are words for a polarity, from being read as one."""
    words = {*_WORDS} & {*keys}
    if not words:
        return []
    others = sorted({*keys} - words)
    found = {key: difflib.get_close_matches(key, _WORDS, 1, 0.8) for key in others}
    plain = [repr(key) for key in others if not found[key]]
    told = []
    if plain and len({_WORDS[word] for word in words}) < len(words):
        told.append(
            f"because of {', '.join(plain)} the labels are not read as a polarity, and every "
            "spelling is a class of its own: give each label its meaning with `--labels` if that "
            "is not meant"
        )
    return told + [
        f"{key!r} looks like a misspelling of {near[0]}, which keeps the labels from being a "
        f"polarity: correct it, or give its meaning with `--labels`"
        for key, near in found.items()
        if near
    ]


def _nearly_several(labels: Iterable[str]) -> list[str]:
    """Whether labels look like several in one: their parts are labels, or stand in another one."""
    for separator in ";|,":
        parts = Counter(
            part
            for label in labels
            for part in label_parts(label, separator)
            if separator in label or label == part
        )
        joined = [label for label in labels if separator in label]
        if any(all(parts[part] > 1 for part in label_parts(one, separator)) for one in joined):
            return [
                f"{joined[0]!r} looks like several labels: `--multi-label {separator!r}` reads it "
                "so"
            ]
    return []


def _key(label: str) -> str:
    """One spelling for all of a label: `positive` for `Positive`, `1` for `1.0`, `1 star` and ★."""
    plain = " ".join(label.replace("_", " ").casefold().split())
    if stars := _DRAWN_STARS.fullmatch(plain):
        return str(len(stars[1]))
    number = _NUMBER.fullmatch(plain)
    return str(int(number[1])) if number else plain


def _by_number(name: str) -> tuple[bool, int, str]:
    key = _key(name)
    is_number = key.lstrip("-").isdecimal()
    return not is_number, int(key) if is_number else 0, key
