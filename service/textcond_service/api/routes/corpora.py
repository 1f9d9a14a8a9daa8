"""Corpora: those that the library knows, and files that clients upload."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Form, UploadFile
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from textcond.corpora.file_rows import DEFAULT, ENDINGS, Layout
from textcond.corpora.known_corpora import KNOWN, PAIR_NAMES, TRAINING_NAMES
from textcond.corpora.label_reading import parse_meanings
from textcond.corpora.negation_pairs import has_pairs, read_pairs
from textcond.corpora.splits import LEAST_ROWS
from textcond.corpora.user_files import summarize_file
from textcond.disk import sync
from textcond.errors import CorpusError
from textcond.workflows.analyses import REQUESTS
from textcond.workflows.options import names_in
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers, not_found
from textcond_service.api.security import Administrator, Reader, Starter
from textcond_service.api.shared_state import Core, Paged, Service
from textcond_service.jobs import lifecycle
from textcond_service.settings import Settings
from textcond_service.storage.database import Corpus

router = APIRouter(prefix="/v1/corpora", tags=["corpora"], route_class=KnownRoute)
_CHUNK = 1 << 20


@router.get("", responses={200: {"model": responses.Corpora}, **answers(422)})
async def list_corpora(core: Service, _: Reader, page: Paged) -> Response:
    """Every corpus that can be analyzed or trained on."""

    def call() -> Response:
        known = [_ships(name) for name in _known(core.settings)]
        with core.database.reading() as session:
            uploaded = session.scalars(select(Corpus).order_by(Corpus.name)).all()
        rows = [*known, *map(_show, uploaded)]
        return answer(page.of(rows[page.offset : page.offset + page.limit], len(rows)))

    return await core.io(call)


@router.post("", status_code=201, responses={201: responses.UPLOADED, **answers(409, 422)})
async def upload_corpus(
    core: Service,
    _: Starter,
    name: Annotated[str, Form(pattern=requests.NAME, examples=["my-reviews"])],
    file: UploadFile,
    text_column: Annotated[str, Form(min_length=1, max_length=200)] = "text",
    label_column: Annotated[str, Form(min_length=1, max_length=200)] = "label",
    labels: Annotated[
        str,
        Form(max_length=10_000, description="What labels mean: 1=negative,2=negative,3=positive."),
    ] = "",
    separator: Annotated[
        str,
        Form(max_length=10, description="What parts the labels of a text that has several: ;"),
    ] = "",
) -> Response:
    """Upload a csv, tsv, jsonl or txt file; with labels it can be trained on.

    Labels that mean positive and negative train a sentiment model, any others a model of as many
    classes. A file with the columns negated and unnegated holds pairs to find negation filters
    with.
    """
    meanings = parse_meanings(labels) if labels.strip() else None
    layout = Layout(text_column, label_column, meanings, separator=separator)
    row = await core.io(lambda: _keep(core, name, file.filename or "", file.file, layout))
    return answer(row, 201, {"Location": f"/v1/corpora/{name}"})


@router.get("/{corpus}", responses={200: {"model": responses.CorpusSummary}, **answers(404, 422)})
async def show_corpus(core: Service, _: Reader, corpus: requests.CorpusName) -> Response:
    """One corpus."""

    def call() -> Response:
        with core.database.reading() as session:
            row = session.get(Corpus, corpus)
        if row is None and corpus not in _known(core.settings):
            raise not_found("corpus", corpus)
        return answer(_ships(corpus) if row is None else _show(row))

    return await core.io(call)


@router.delete("/{corpus}", status_code=204, responses=answers(404, 409, 422))
async def delete_corpus(core: Service, _: Administrator, corpus: requests.CorpusName) -> Response:
    """Delete an uploaded corpus that no job reads."""

    def call() -> None:
        with core.database.writing() as session:
            row = session.get(Corpus, corpus, with_for_update=True)
            if row is None:
                raise not_found("uploaded corpus", corpus)
            if _is_read(session, corpus):
                raise ProblemError(
                    409, "in-use", f"A job reads the corpus {corpus!r}; wait for it."
                )
            session.delete(row)
        core.storage.corpus(row.file).unlink(missing_ok=True)

    await core.io(call)
    return Response(status_code=204)


def check_corpus(core: Core, session: Session, name: str, *, labelled: bool = False) -> None:
    """Raise `ProblemError` 422 unless a job can read the texts of this corpus."""
    row = _asked_for(core, session, name)
    if row is not None and has_pairs(core.storage.corpus(row.file)):
        raise ProblemError(
            422, "corpus", f"The corpus {name!r} holds pairs; give one with a column `text`."
        )
    if row is not None and labelled and row.labelled < LEAST_ROWS:
        raise ProblemError(
            422,
            "corpus",
            f"The corpus {name!r} has {row.labelled} labelled rows; training takes at least "
            f"{LEAST_ROWS}, in its column `{row.reading.label}`.",
        )


def check_pairs(core: Core, session: Session, name: str) -> None:
    """The same for pairs, of which the library has some more."""
    if name in PAIR_NAMES and core.settings.has(name):
        return
    _asked_for(core, session, name)


def _asked_for(core: Core, session: Session, name: str) -> Corpus | None:
    """The row of an uploaded corpus, which stays until the transaction ends; None for others."""
    row = session.get(Corpus, name, with_for_update=True)
    if row is None and name not in _known(core.settings):
        known = ", ".join(_known(core.settings))
        raise ProblemError(
            422, "corpus", f"There is no corpus {name!r}; upload it, or take one of {known}."
        )
    return row


def _is_read(session: Session, corpus: str) -> bool:
    """Whether a job reads it, or will."""
    return any(
        corpus == name
        for job in session.scalars(lifecycle.active())
        for _, name in names_in(REQUESTS[job.kind](**job.request))
    )


def _known(settings: Settings) -> list[str]:
    return [name for name in TRAINING_NAMES if settings.has(name)]


def _keep(
    core: Core, name: str, filename: str, content: BinaryIO, layout: Layout
) -> dict[str, Any]:
    ending = Path(filename).suffix.lower()
    if ending not in ENDINGS:
        raise ProblemError(
            422, "corpus", f"The file's name must end in one of {', '.join(ENDINGS)}."
        )
    if name.lower() in KNOWN:
        raise ProblemError(409, "name-taken", f"There is a corpus {name!r}; choose another name.")
    path = core.storage.corpus(f"{uuid.uuid4().hex}{ending}")
    partial = path.with_name(f".{path.stem}.partial{ending}")
    try:
        digest = _write(content, partial, core.settings.max_upload_bytes)
        told: list[str] = []
        layout = replace(layout, tell=lambda note: told.append(_of_the_file(note, partial)))
        rows, labelled = _read(partial, core.settings.max_upload_rows, layout)
        row = Corpus(
            name=name,
            file=path.name,
            rows=rows,
            labelled=labelled,
            size=partial.stat().st_size,
            sha256=digest,
            created=time.time(),
            layout={
                "text": layout.text,
                "label": layout.label,
                "meanings": layout.meanings,
                "separator": layout.separator,
                "told": list(dict.fromkeys(told)),
            },
        )
        sync(partial)
        partial.rename(path)
        sync(path.parent)
        try:
            with core.database.writing() as session:
                if (session.scalar(select(func.count(Corpus.name))) or 0) >= (
                    core.settings.max_corpora
                ):
                    raise ProblemError(409, "too-many-corpora", "Delete a corpus first.")
                session.add(row)
        except BaseException:
            path.unlink()
            raise
    except IntegrityError:
        raise ProblemError(
            409, "name-taken", f"There is a corpus {name!r}; choose another name."
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return _show(row)


def _write(content: BinaryIO, path: Path, most: int) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise ProblemError(413, "too-large", f"The limit is {most:,} bytes a file.")
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _of_the_file(message: str, path: Path) -> str:
    """What the library says of an uploaded file, without its place, which no client knows."""
    in_a_command = message.replace(f"UTF-8 {path} >", f"UTF-8 FILE{path.suffix} >")
    return in_a_command.replace(str(path), "the file")


def _read(path: Path, most: int, layout: Layout) -> tuple[int, int]:
    """How many rows there are, and how many of them are labelled."""
    try:
        if has_pairs(path):
            rows, labelled = len(read_pairs(path)), 0
        else:
            rows, labelled = summarize_file(path, layout=layout)
    except CorpusError as error:
        told = _of_the_file(str(error), path)
        for option in ("text", "label"):
            told = told.replace(f"`--{option}-column`", f"`{option}_column`")
        raise CorpusError(told.replace("`--labels`", "`labels`")) from None
    if rows > most:
        raise ProblemError(
            422, "too-many-rows", f"The limit is {most:,} rows a file; it has {rows:,}."
        )
    return rows, labelled


def _show(row: Corpus) -> dict[str, Any]:
    return {
        "name": row.name,
        "ships": False,
        "rows": row.rows,
        "labelled": row.labelled,
        "bytes": row.size,
        "created": row.created,
        "text_column": row.reading.text,
        "label_column": row.reading.label,
        "told": (row.layout or {}).get("told", []),
    }


def _ships(name: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("rows", "labelled", "bytes", "created"))
    columns = {"text_column": DEFAULT.text, "label_column": DEFAULT.label, "told": []}
    return {"name": name, "ships": True, **nothing, **columns}
