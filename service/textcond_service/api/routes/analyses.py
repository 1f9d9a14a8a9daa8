"""Analyses of a corpus: conductance, the division of labour, sentences, negation, cards."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import IntEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from textcond.analysis.store.corpus import CorpusConductance, Sentence
from textcond.attribution.quantity import quantity_of
from textcond.corpora.dataset_columns import NO_LABEL
from textcond.errors import AnalysisError
from textcond.model.model import Model
from textcond.workflows.corpus_conductance import ConductanceRequest
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import IdempotencyKey, show, start
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers, not_found
from textcond_service.api.request_bodies import asked
from textcond_service.api.routes.corpora import check_corpus
from textcond_service.api.security import Administrator, Reader, Starter
from textcond_service.api.shared_state import Core, Paged, Service
from textcond_service.jobs import lifecycle
from textcond_service.storage.database import Job

router = APIRouter(prefix="/v1/analyses", tags=["analyses"], route_class=KnownRoute)

EXAMPLES = ({"model": "sst", "corpus": "rotten-tomatoes", "split": "dev"},)


class Side(IntEnum):
    """Which end of a filter's sentences."""

    HIGHEST = 1
    LOWEST = -1


@router.get("", responses={200: {"model": responses.Analyses}, **answers(422)})
async def list_analyses(core: Service, _: Reader, page: Paged) -> Response:
    """Every analysis, the newest first."""

    def call() -> Response:
        with core.database.reading() as session:
            wanted = select(Job).where(Job.kind == "analysis")
            total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
            wanted = wanted.order_by(Job.created.desc(), Job.id)
            rows = session.scalars(wanted.limit(page.limit).offset(page.offset)).all()
        return answer(page.of([_show(core, row) for row in rows], total))

    return await core.io(call)


@router.post("", status_code=202, responses={202: responses.STARTED, **answers(404, 409, 422)})
async def analyze(
    core: Service,
    principal: Starter,
    request: Request,
    body: Annotated[ConductanceRequest, asked(ConductanceRequest, EXAMPLES)],
    key: IdempotencyKey = None,
) -> Response:
    """Compute every filter's conductance for every sentence of a corpus: a job."""
    model = await core.model(body.model)
    target = quantity_of(model, body.target, body.output).target

    def check(session: Session) -> None:
        core.shelf.folder(body.model)
        check_corpus(core, session, body.corpus)

    return await start(
        core,
        request,
        principal,
        key,
        "analysis",
        {**asdict(body), "target": target},
        check=check,
        model=body.model,
        corpus=body.corpus,
    )


@router.get("/{id}", responses={200: {"model": responses.Analysis}, **answers(404, 422)})
async def show_analysis(core: Service, _: Reader, id: requests.JobId) -> Response:
    """One analysis: what it is of, and how far it is."""

    def call() -> Response:
        with core.database.reading() as session:
            return answer(_show(core, find_job(session, id, "analysis")))

    return await core.io(call)


@router.delete("/{id}", status_code=204, responses=answers(404, 409, 422))
async def delete_analysis(core: Service, _: Administrator, id: requests.JobId) -> Response:
    """Delete an analysis that no job reads, with its rules and negation filters."""

    def call() -> None:
        with core.database.writing() as session:
            row = find_job(session, id, "analysis", lock=True)
            made = session.scalars(select(Job).where(Job.analysis == id)).all()
            measured_on = lifecycle.active().where(Job.request["held_out"].as_string() == id)
            if (
                any(job.state in lifecycle.ACTIVE for job in (row, *made))
                or session.scalar(measured_on.limit(1)) is not None
            ):
                raise ProblemError(
                    409, "in-use", "A job works on the analysis; wait, or cancel it."
                )
            for job in (row, *made):
                session.delete(job)
        for job in (row, *made):
            core.storage.drop_job(job.id)

    await core.io(call)
    return Response(status_code=204)


@router.get("/{id}/division", responses={200: {"model": dict[str, Any]}, **answers(404, 409, 422)})
async def show_division(core: Service, _: Reader, id: requests.JobId) -> Response:
    """The division of labour: which filters work for which side, and their clusters."""
    return await _file(core, id, "division.json", "application/json")


@router.get(
    "/{id}/division.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The clustered signs of conductance."},
        **answers(404, 409, 422),
    },
)
async def draw_division(core: Service, _: Reader, id: requests.JobId) -> Response:
    """The same as a picture: sentences by filters, blue for raising the score, red for lowering."""
    return await _file(core, id, "division.png", "image/png")


@router.get(
    "/{id}/signs",
    response_class=Response,
    responses={
        200: {
            "content": {"application/octet-stream": {}},
            "description": "One signed byte for each of the division's `rows` and each filter.",
        },
        **answers(404, 409, 422),
    },
)
async def show_signs(core: Service, _: Reader, id: requests.JobId) -> Response:
    """The signs that the division is made of: 1, -1, or 0 near zero; row by row."""
    return await _file(core, id, "signs.bin", "application/octet-stream")


@router.get("/{id}/rows", responses={200: {"model": dict[str, Any]}, **answers(404, 409, 422)})
async def show_rows(core: Service, _: Reader, id: requests.JobId) -> Response:
    """The sentences of the division's `rows`, in their order: text, label, score."""

    def call() -> Response:
        analysis = open_analysis(core, id)
        try:
            division = json.loads((analysis.folder / "division.json").read_bytes())
        except FileNotFoundError:
            raise _no_division() from None
        items = [
            {"row": one.row, "text": one.text, **_labels(one), "score": one.score}
            for one in analysis.sentences(division["rows"])
        ]
        return answer({"items": items})

    return await core.io(call)


@router.get(
    "/{id}/sentences", responses={200: {"model": responses.Sentences}, **answers(404, 409, 422)}
)
async def show_sentences(
    core: Service,
    _: Reader,
    id: requests.JobId,
    filter: Annotated[int, Query(ge=0, le=100_000, examples=[17])],
    sign: Annotated[Side, Query(description="1 for the highest, -1 the lowest.")] = Side.HIGHEST,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Response:
    """The sentences with the highest conductance through a filter, or the lowest."""

    def call() -> Response:
        analysis = open_analysis(core, id)
        check_filter(filter, analysis.filters)
        side = int(sign)
        values, starts = analysis.values(filter), analysis.starts(filter)
        found = analysis.sentences(analysis.top(filter, limit, sign=side).tolist())
        rows = []
        for sentence in found:
            window = analysis.window(sentence, filter, int(starts[sentence.row]))
            rows.append(
                {
                    "row": sentence.row,
                    "text": sentence.text,
                    "tokens": list(sentence.tokens),
                    **_labels(sentence),
                    "score": sentence.score,
                    "conductance": float(values[sentence.row]),
                    "window": list(window),
                    "ngram": " ".join(sentence.tokens[slice(*window)]),
                }
            )
        return answer({"filter": filter, "sign": side, "sentences": rows})

    return await core.io(call)


def check_filter(filter: int, filters: int) -> None:
    """Raise `ProblemError` 404 if the model has no such filter."""
    if filter >= filters:
        raise ProblemError(404, "not-found", f"The model has the filters 0 to {filters - 1}.")


def find_job(session: Session, id: str, kind: str, *, lock: bool = False) -> Job:
    """The row of a job of this kind; raises `ProblemError` 404 if there is none."""
    row = session.get(Job, id, with_for_update=lock)
    if row is None or row.kind != kind:
        raise not_found(kind, id)
    return row


def finished(job: Job) -> Job:
    """The same job; raises `ProblemError` 409 if it is not done."""
    if job.state != "succeeded":
        raise ProblemError(409, "not-finished", f"The job is {job.state}; see /v1/jobs/{job.id}.")
    return job


def open_analysis(core: Core, id: str) -> CorpusConductance:
    """What a finished analysis has found; raises `ProblemError` 404 or 409."""
    with core.database.reading() as session:
        finished(find_job(session, id, "analysis"))
    try:
        return CorpusConductance.open(core.storage.analysis(id))
    except AnalysisError:
        with core.database.reading() as session:
            find_job(session, id, "analysis")  # it may have been deleted meanwhile
        raise


def check_current(analysis: CorpusConductance, model: Model) -> None:
    """Raise `ProblemError` 422 if the analysis is of another model, or of one that is gone."""
    if analysis.manifest.model_hash != model.hash:
        raise ProblemError(
            422,
            "analysis",
            f"The analysis {analysis.folder.name} is not of the model {model.name!r} as it is; "
            "analyze again.",
        )


async def _file(core: Core, id: str, name: str, media_type: str) -> Response:
    path = (await core.io(lambda: open_analysis(core, id))).folder / name
    if not path.is_file():
        raise _no_division()
    return FileResponse(path, media_type=media_type)


def _no_division() -> ProblemError:
    return ProblemError(404, "not-found", "A division takes at least 2 sentences.")


def _show(core: Core, job: Job) -> dict[str, Any]:
    shown = {name: show(job)[name] for name in ("id", "state", "model", "corpus", "created")}
    shown |= {name: job.request.get(name) for name in ("split", "target", "output")}
    if job.state == "succeeded":
        try:
            shown["summary"] = open_analysis(core, job.id).summary()
        except AnalysisError:  # one among many; to ask for it tells more
            shown["problem"] = "The analysis is damaged."
    return shown


def _labels(sentence: Sentence) -> dict[str, Any]:
    """From 0, very negative, to 4; whether it is positive and negative; its classes; null where
    they are not known."""
    names = ("label", "positive", "negative")
    values = [getattr(sentence, name) for name in names]
    return {
        **{
            name: None if value == NO_LABEL else value
            for name, value in zip(names, values, strict=True)
        },
        "classes": list(sentence.class_names) or None,
    }
