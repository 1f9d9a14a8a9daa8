"""Texts with a negator and the same without it: where they come from, and who found what by them.

Negation filters are found and checked by pairs, and rules start from the filters so found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from textcond.errors import PatternError
from textcond.workflows.options import Option, check_limits

if TYPE_CHECKING:
    from datasets import Dataset

    from textcond.attribution.explanation import PatternQuery
    from textcond.workflows.places import Subject

MOST_CHARACTERS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsRequest:
    """What analyses that know negation have in common."""

    pairs: Annotated[
        str | None,
        Option(
            "Where negators are found with what they negate: sst-negation, minimal-pairs, a corpus "
            "or a file of texts with negators, or a file with the columns negated and unnegated. "
            "By default sst-negation where the treebank's trees are, and rotten-tomatoes without; "
            "for a model of other classes than positive and negative, the texts of the analysis.",
            names="pairs",
        ),
    ] = None
    seed: Annotated[int, Option("Random seed.", least=0, most=10**9)] = 0

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarRequest(PairsRequest):
    """And those that can start from one text instead."""

    text: Annotated[
        str,
        Option("Find the filters by one text, and a pattern in it, instead.", most=MOST_CHARACTERS),
    ] = ""
    pattern: Annotated[str, Option("Words that stand in the text.", most=MOST_CHARACTERS)] = ""

    def __post_init__(self) -> None:
        PairsRequest.__post_init__(self)
        if bool(self.text.strip()) != bool(self.pattern.strip()):
            raise PatternError("`text` and `pattern` go together; give both or neither.")

    @property
    def exemplar(self) -> tuple[str, str] | None:
        """The text and the pattern in it, if there are any."""
        return (self.text, self.pattern) if self.text.strip() else None


@dataclass(frozen=True, slots=True)
class Pairs:
    """To find negation filters with, and apart from them to check the filters on."""

    name: str
    found_with: Dataset
    held_out: Dataset


def pairs_for(request: PairsRequest, subject: Subject) -> Pairs:
    """The pairs that a request names, or those that suit the model; raises what `pairs_of` does."""
    from textcond.analysis.negation.pipeline import pairs_of
    from textcond.corpora.file_rows import DEFAULT
    from textcond.corpora.negation_pairs import DEFAULT_PAIRS

    model, analysis, places = subject.model, subject.analysis, subject.places
    name = request.pairs
    if name is None and model.outputs.are_polarity:
        name = DEFAULT_PAIRS if places.treebank is None else "sst-negation"
    data, layout, data_dir = None, DEFAULT, None
    if name is not None:
        source = places.corpus(name, pairs=True)
        data, layout, data_dir = source.data, source.layout, source.data_dir
    found_with, held_out = pairs_of(
        model, analysis, data, data_dir=data_dir, layout=layout, seed=request.seed
    )
    return Pairs(name or analysis.manifest.data, found_with, held_out)


def check_exemplar(request: ExemplarRequest, subject: Subject) -> None:
    """Raise what a request with an exemplar would fail with."""
    if request.exemplar is not None:
        respond_to(request, subject)


def respond_to(request: ExemplarRequest, subject: Subject) -> PatternQuery:
    """The filters that respond to the exemplar; raises what `query_filters` does."""
    from textcond.attribution.explanation import query_filters

    manifest = subject.analysis.manifest
    return query_filters(
        subject.model,
        request.text,
        request.pattern,
        target=manifest.target,
        output=manifest.output,
    )
