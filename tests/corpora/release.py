"""A small release of questions of our own, in the form of WikiTableQuestions."""

from __future__ import annotations

from pathlib import Path

HEAD = "id\tutterance\tcontext\ttargetValue"
_KINDS = (
    ("how many {} are there", "3"),
    ("what year was {} built", "1999"),
    ("is {} older than the rest", "yes"),
    ("who wrote {}", "Peru"),
    ("name all of {}", "a|b"),
)


def write(folder: Path, rows: int = 200) -> Path:
    """Easy questions about as many tables, in the release's three files."""
    for name in ("random-split-1-train", "random-split-1-dev", "pristine-unseen-tables"):
        lines = [HEAD]
        for row in range(rows):
            question, answer = _KINDS[row % len(_KINDS)]
            lines.append(f"nt-{row}\t{question.format(f'{row} {name}')}?\tcsv/{row}.csv\t{answer}")
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return folder
