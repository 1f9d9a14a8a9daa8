"""The ablation table goes into the model's card and leaves the rest of it alone."""

from __future__ import annotations

from benchmarks.ablation import COLUMNS, section, with_section

CARD = "# sst\n\n## Figures\n\nmany\n\n## Limits\n\n- English only.\n"


def run_with(variant: str, figure: float) -> dict[str, object]:
    parts: dict[str, dict[str, float]] = {}
    for part, name in COLUMNS.values():
        parts.setdefault(part, {})[name] = figure
    return {"variant": variant, **parts}


def test_means_and_spreads_by_hand() -> None:
    runs = [run_with("whole recipe", figure) for figure in (0.8, 0.85, 0.9)]
    table = section([*runs, run_with("no negations", 0.5)]).splitlines()
    assert table[-2].split(" | ")[:2] == ["| whole recipe", "85.0 ± 5.0"]
    assert table[-1].split(" | ")[:2] == ["| no negations", "50.0"]


def test_a_section_is_put_before_the_limits_and_replaced_there() -> None:
    first = with_section(CARD, "Ablation", "old")
    assert first == CARD.replace("## Limits", "## Ablation\n\nold\n\n## Limits")
    assert with_section(first, "Ablation", "new") == first.replace("old", "new")
