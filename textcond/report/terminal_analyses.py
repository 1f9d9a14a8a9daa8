"""Results of corpus analyses in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from textcond.attribution.input_checks import first_of
from textcond.report.terminal import figures_view

if TYPE_CHECKING:  # each command imports what it needs, and no more
    from textcond.analysis.filter_cards import FilterCard
    from textcond.analysis.negation.causal_check import CausalCheck
    from textcond.analysis.negation.pipeline import Negation
    from textcond.analysis.negation.retrieval import Retrieval
    from textcond.analysis.polarity.division import Division
    from textcond.analysis.rules.evaluation import RuleCheck
    from textcond.analysis.rules.rule_set import Rule, RuleSet


def division_view(division: Division) -> RenderableType:
    """The figures of the whole, and a row for each cluster of filters."""
    manifest = division.analysis.manifest
    table = Table(box=None, header_style="bold", pad_edge=False)
    poles = [f"For {pole}" for pole in manifest.poles]
    for name in ("Cluster", "Filters", *poles, "Mean purity", "Mean activity"):
        table.add_column(name, justify="right")
    for cluster in range(1, max(role.cluster for role in division.roles) + 1):
        roles = [role for role in division.roles if role.cluster == cluster]
        table.add_row(
            str(cluster),
            str(len(roles)),
            str(sum(role.polarity == "positive" for role in roles)),
            str(sum(role.polarity == "negative" for role in roles)),
            f"{mean(role.purity or 0.0 for role in roles):.3f}",
            f"{mean(role.active for role in roles):.3f}",
        )
    title = f"{manifest.model} ({manifest.model_hash}) on {manifest.data}"
    return Group(figures_view(title, division_figures(division)), "", table)


def negation_view(negation: Negation, *, source: str, top: int = 10) -> RenderableType:
    """For each side the filters with their evidence, the causal check and the sentences.

    `source` is what the filters were looked for with.
    """
    parts: list[RenderableType] = [Text(f"Looked for with {source}."), ""]
    for side in negation.sides:
        found, causes = side.filters, side.causes
        way = "down" if found.direction < 0 else "up"
        title = f"Negation of {found.subject} should move the score {way}"
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("Filter", "Width", "Found", "Score", *map(_spaced, found.evidence_names)):
            table.add_column(name, justify="right")
        for row in first_of(found.filters, top):
            table.add_row(
                str(row.filter),
                str(row.width),
                "yes" if row.filter in found.found else "",
                f"{row.score:.3f}",
                *(f"{row.evidence[name]:.3f}" for name in found.evidence_names),
            )
        parts.append(Text(title, style="bold"))
        if found.note:
            parts.append(Text(found.note))
        if found.filters:
            parts += [table, ""]
        parts.append(figures_view("Ablated together", causes_figures(causes)))
        if causes.note:
            parts.append(Text(causes.note))
        parts.append("")
        if side.retrieval is not None:
            parts += [*_retrieval_lines(side.retrieval, top), ""]
    return Group(*parts)


def _retrieval_lines(retrieval: Retrieval, top: int) -> list[RenderableType]:
    """The sentences where the found filters push most."""
    if not retrieval.sentences:
        return [Text(retrieval.note)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Conductance", "Filter"):
        table.add_column(name, justify="right")
    table.add_column("Winning n-gram, inside its sentence", overflow="fold")
    for sentence in first_of(retrieval.sentences, top):
        table.add_row(
            f"{retrieval.direction * sentence.conductance:+.3f}",
            str(sentence.filter),
            _marked(sentence.tokens, sentence.window),
        )
    count = len(retrieval.sentences)
    first = f" (the first {top})" if 0 < top < count else ""
    title = (
        f"{count} sentences where they push most{first}; a negator or diminisher in "
        f"{retrieval.precision:.0%} of the n-grams"
    )
    note = [Text(retrieval.note)] if retrieval.note else []
    return [Text(title, style="bold"), *note, table]


def rules_view(rules: RuleSet, check: RuleCheck | None, *, top: int = 20) -> RenderableType:
    """The first rules, how well they do elsewhere, and the curve by their number."""
    if rules.note:
        parts: list[RenderableType] = [Text(rules.note)]
        if rules.nearest:
            parts += ["", Text("What came nearest", style="bold"), _rule_table(rules.nearest)]
        return Group(*parts)
    parts = [_rule_table(first_of(rules.rules, top)), ""]
    parts.append(figures_view("All rules", rules_figures(rules)))
    if check is not None:
        curve = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("Rules", "Agreement with the network", "Accuracy"):
            curve.add_column(name, justify="right")
        for point in check.curve:
            accuracy = "-" if point.accuracy is None else f"{point.accuracy:.4f}"
            curve.add_row(f"{point.rules:,}", f"{point.agreement:.4f}", accuracy)
        parts += ["", figures_view(f"On {check.data}", check_figures(check)), "", curve]
    return Group(*parts)


def _rule_table(rules: Iterable[Rule]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("Rule", overflow="fold")
    for name in ("Weight", "Support", "Fidelity", "Precision", "Coverage"):
        table.add_column(name, justify="right")
    for rule in rules:
        precision = "-" if rule.precision is None else f"{rule.precision:.2f}"
        table.add_row(
            rule.name,
            f"{rule.weight:+.2f}",
            str(rule.support),
            f"{rule.fidelity:.2f}",
            precision,
            f"{rule.coverage:.2%}",
        )
    return table


def card_view(card: FilterCard) -> RenderableType:
    """One filter: its figures, its slots, its sentences."""
    slots = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Place", "Answers to", "Switched off by"):
        slots.add_column(name, overflow="fold")
    for place, slot in enumerate(card.slots, start=1):
        words = [" ".join(word for word, _ in some) for some in (slot.answers, slot.switches_off)]
        slots.add_row(str(place), *words)
    sentences = Table(box=None, header_style="bold", pad_edge=False)
    sentences.add_column("Conductance", justify="right")
    sentences.add_column("Winning n-gram, inside its sentence", overflow="fold")
    sign = -1 if card.polarity == "negative" else 1
    for sentence in card.sentences:
        marked = _marked(sentence.tokens, sentence.window)
        sentences.add_row(f"{sign * sentence.conductance:+.3f}", marked)
    rarely = Text("No known word stands three times in the analysis.", style="dim")
    nowhere = Text("It pushes in no sentence of the analysis.", style="dim")
    return Group(
        figures_view(f"Filter {card.filter}: {card.name}", card_figures(card)),
        "",
        slots if any(slot.answers for slot in card.slots) else rarely,
        "",
        sentences if card.sentences else nowhere,
    )


def division_figures(division: Division) -> dict[str, Any]:
    """The division of labour in a few figures; the sides of the score by their names."""
    rises, falls = division.analysis.manifest.poles
    names = {
        "positive_filters": f"filters for {rises}",
        "negative_filters": f"filters for {falls}",
    }
    return {names.get(name, name): value for name, value in division.summary().items()}


def causes_figures(causes: CausalCheck) -> dict[str, Any]:
    """The causal check in a few figures, those that are known."""
    figures = {
        "filters ablated": ", ".join(map(str, causes.filters)) or None,
        "held-out pairs": causes.pairs,
        "effect of the negator": causes.effect,
        "share of it removed": causes.removed,
        "median of the draws": causes.drawn_median,
        "draws that remove as much": causes.exceeded,
        "accuracy without negator": causes.accuracy,
        "accuracy when ablated": causes.accuracy_without,
        "predictions unchanged": causes.unchanged,
    }
    return {name: value for name, value in figures.items() if value is not None}


def rules_figures(rules: RuleSet) -> dict[str, Any]:
    """A set of rules in a few figures."""
    return {
        "rules": len(rules.rules),
        "with a negator": sum(rule.negator for rule in rules.rules),
        "negators found": ", ".join(rules.negators) or "none",
    }


def check_figures(check: RuleCheck) -> dict[str, Any]:
    """Rules on another corpus in a few figures."""
    names = (
        *("sentences", "matches", "fidelity", "precision", "neutral"),
        *("agreement", "network_accuracy"),
    )
    return {name: getattr(check, name) for name in names}


def card_figures(card: FilterCard) -> dict[str, Any]:
    """A filter in a few figures."""
    return {
        "width": card.width,
        "side": card.towards or "none",
        "purity": card.purity,
        "active": card.active,
        "mean conductance": card.mean,
        "share of all conductance": card.share,
        "drop when ablated": card.drop,
        "predictions changed": card.flipped,
        "similar filters": ", ".join(f"{other} ({r:.2f})" for other, r in card.similar),
    }


def _spaced(name: str) -> str:
    return name.capitalize().replace("_", " ")


def _marked(tokens: Sequence[str], window: tuple[int, int], *, around: int = 8) -> Text:
    """A part of a sentence with its n-gram in bold."""
    start, end = window
    first, last = max(start - around, 0), min(end + around, len(tokens))
    return Text.assemble(
        ("... " if first else "") + " ".join(tokens[first:start]),
        " " if start > first else "",
        (" ".join(tokens[start:end]), "bold underline"),
        " " if end < last else "",
        " ".join(tokens[end:last]) + (" ..." if last < len(tokens) else ""),
    )
