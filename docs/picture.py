"""`make picture`: the README's explained sentence and, where SST's trees are, the division."""

from __future__ import annotations

import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

import textcond
from textcond.analysis.polarity.division import divide
from textcond.analysis.store.corpus import CorpusConductance
from textcond.corpora.loading import load_corpus
from textcond.report.figures import division_figure, save_figure
from textcond.report.terminal import explanation_view

SENTENCE = "The plot hardly makes sense, but the acting is a joy."


TREES = Path("data/sst")


def main() -> None:
    draw_explanation()
    if TREES.is_dir():
        draw_division()
    else:
        print(f"There is no {TREES}; the division of labour stays as it is.")


def draw_explanation() -> None:
    """As `textcond explain` prints it."""
    console = Console(
        record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    explanation = textcond.explain(textcond.load("sst"), SENTENCE)
    console.print(explanation_view(explanation, top=6), markup=False, highlight=False)
    svg = console.export_svg(title=f'textcond explain "{SENTENCE}" --top 6', unique_id="explained")
    # The reader's own monospaced font, rather than one fetched from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    Path(__file__).with_name("explained.svg").write_text(svg)


def draw_division() -> None:
    """As `textcond division --figure` draws it, for the dev and test sentences."""
    sentences = load_corpus("sst", "dev+test", data_dir=TREES)
    with TemporaryDirectory() as folder:
        analysis = CorpusConductance.compute(textcond.load("sst"), sentences, Path(folder))
        division = divide(analysis, draws=0)
        save_figure(division_figure(division), Path(__file__).with_name("division.png"))


if __name__ == "__main__":
    main()
