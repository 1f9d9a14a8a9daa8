"""`make picture`: the explained sentence of the README, as `textcond explain` prints it."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import textcond
from textcond.report.console import explanation_view

SENTENCE = "The plot hardly makes sense, but the acting is a joy."


def main() -> None:
    console = Console(
        record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    explanation = textcond.explain(textcond.load("sst"), SENTENCE)
    console.print(explanation_view(explanation, top=6), markup=False, highlight=False)
    svg = console.export_svg(title=f'textcond explain "{SENTENCE}" --top 6', unique_id="explained")
    # The reader's own monospaced font, rather than one fetched from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    Path(__file__).with_name("explained.svg").write_text(svg)


if __name__ == "__main__":
    main()
