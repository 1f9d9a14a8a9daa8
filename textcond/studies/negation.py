"""The filters that carry "not good" and "not bad", and where else they push (C18 §6.3)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textcond.analysis.negation.discovery import respond
from textcond.analysis.negation.retrieval import retrieve
from textcond.analysis.store.corpus import CorpusConductance
from textcond.attribution.explanation import query_filters
from textcond.studies.claims import Finding, Outcome, Table, verdict_of
from textcond.studies.data_sources import Sources
from textcond.studies.division import analyzed

TITLE = "Filters for “not good” and “not bad”, and the sentences where they push the most"
SOURCE = "C18 §6.3, figures 4 and 5; C19 §6.1, figures 5 and 6"
EXEMPLARS = (("this is not good", "not good"), ("this is not bad", "not bad"))
SHOWN = 11
"""Sentences of the paper's figure 5; ten of them hold a negation or a diminisher."""


def run(sources: Sources) -> Outcome:
    """Query each exemplar, and retrieve by the filters that make half of the response."""
    with TemporaryDirectory() as folder:
        analysis = analyzed(sources, Path(folder))
        found = {pattern: _look(sources, analysis, text, pattern) for text, pattern in EXEMPLARS}
        sentences = len(analysis)
    good, bad = found["not good"], found["not bad"]
    return Outcome(
        data=f"{sentences:,} sentences of {sources.sentences}",
        findings=[
            Finding(
                "A few filters of high conductance carry “not good” in “this is not good”",
                "three filters",
                f"{len(good['found'])} filters make half of the response, {good['responding']} "
                "respond at all",
                verdict_of(len(good["found"]) <= 3, len(good["found"]) <= 26),
                "The paper does not say where it draws the line.",
            ),
            Finding(
                "Other filters carry “not bad”",
                "a different set",
                f"{len(bad['found'])}, of which {len(set(good['found']) & set(bad['found']))} are "
                "shared",
                verdict_of(not set(good["found"]) & set(bad["found"]), False),
            ),
            Finding(
                "The sentences found through the filters for “not bad” hold a negation or a "
                "diminisher in the n-gram",
                "10 of 11",
                f"{bad['with_negation'][str(SHOWN)]} of {SHOWN}, "
                f"{bad['with_negation']['50']} of 50",
                verdict_of(bad["with_negation"][str(SHOWN)] >= 10, bad["with_negation"]["50"] > 25),
            ),
            Finding(
                "Those for “not good” capture negation and diminishing, with stray errors",
                "figure 4",
                f"{good['with_negation'][str(SHOWN)]} of {SHOWN}, "
                f"{good['with_negation']['50']} of 50",
                verdict_of(
                    good["with_negation"][str(SHOWN)] >= 8, good["with_negation"]["50"] > 25
                ),
            ),
        ],
        figures=found,
        tables=[
            Table(
                "The found filters, by the conductance that the pattern gives them.",
                ("pattern", "filters", "words in the n-grams of 50 sentences, and how often"),
                [
                    (
                        pattern,
                        ", ".join(map(str, one["found"])),
                        ", ".join(f"{word} {times}" for word, times in one["words"].items()),
                    )
                    for pattern, one in found.items()
                ],
            )
        ],
        notes=[
            "Sentences are ranked by the conductance of the found filters together, in the "
            "direction of the exemplar. `textcond negation DIR` shows them, and checks by ablation "
            "that the filters cause what negation does; their text is the corpus's, so it is not "
            "repeated here."
        ],
    )


def _look(sources: Sources, analysis: CorpusConductance, text: str, pattern: str) -> dict[str, Any]:
    query = query_filters(sources.model, text, pattern)
    filters = respond(query)
    retrieved = retrieve(analysis, filters.found, filters.direction, top=50)
    words: dict[str, int] = {}
    for sentence in retrieved.sentences:
        for word in sentence.shifters:
            words[word.lower()] = words.get(word.lower(), 0) + 1
    return {
        "responding": len(query.matches),
        "found": list(filters.found),
        "rows": [sentence.row for sentence in retrieved.sentences],
        "with_negation": {
            str(top): sum(bool(one.shifters) for one in retrieved.sentences[:top])
            for top in (SHOWN, 50)
        },
        "words": dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))),
    }
