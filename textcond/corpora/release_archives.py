"""Files of a corpus as it was released: in a folder, or in the archive that was downloaded."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from textcond.errors import CorpusError


def read_lines(name: str, place: Path, *, below: str, remedy: str) -> tuple[str, list[str]]:
    """Where the file was found, and its lines.

    `place` is a folder, which may have it in its folder `below`, or a zip archive, which may have
    it anywhere. Raises `CorpusError` with the remedy if it is not there or cannot be read.
    """
    try:
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                member = next((m for m in archive.namelist() if Path(m).name == name), None)
                if member is None:
                    raise CorpusError(f"{place} holds no {name}; {remedy}.")
                return f"{place}:{member}", archive.read(member).decode("utf-8-sig").split("\n")
        for path in (place / name, place / below / name):
            if path.is_file():
                return str(path), path.read_text(encoding="utf-8-sig").split("\n")
    except (
        *(OSError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error),
        *(NotImplementedError, RuntimeError),  # unknown compression, encryption
    ) as error:
        raise CorpusError(f"{place} cannot be read ({error}); {remedy}.") from error
    raise CorpusError(f"There is no {name} in {place}; {remedy}.")
