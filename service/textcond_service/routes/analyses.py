"""Analyses of a corpus: conductance, the division of labour, sentences, negation, cards."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.convertors import Convertor, register_url_convertor

from textcond.analysis.cards import make_cards
from textcond.analysis.corpus import CorpusConductance
from textcond.disk import write_whole
from textcond.errors import AnalysisError
from textcond_service import jobs, schemas
from textcond_service.answers import answer
from textcond_service.core import Core, Paged, Service
from textcond_service.database import Job
from textcond_service.entry import KnownRoute
from textcond_service.problems import ProblemError, answers, not_found
from textcond_service.routes.corpora import check_corpus, check_pairs
from textcond_service.routes.starting import IdempotencyKey, show, start
from textcond_service.security import Administrator, Reader, Starter

log = structlog.get_logger("textcond")
router = APIRouter(prefix="/v1/analyses", tags=["analyses"], route_class=KnownRoute)
cards = APIRouter(prefix="/v1/models/{model}/filters", tags=["filters"], route_class=KnownRoute)
negations = APIRouter(prefix="/v1/negations", tags=["analyses"], route_class=KnownRoute)


class _Number(Convertor[str]):
    """Digits: other paths than those of filters stand beside them."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("number", _Number())
Filter = Annotated[int, Path(ge=0, le=100_000, description="Its number, from 0.", examples=[17])]


@router.get("", responses={200: {"model": schemas.Analyses}, **answers(422)})
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


@router.post("", status_code=202, responses={202: schemas.STARTED, **answers(404, 409, 422)})
async def analyze(
    core: Service,
    principal: Starter,
    request: Request,
    body: schemas.AnalysisRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Compute every filter's conductance for every sentence of a corpus: a job."""

    def check(session: Session) -> None:
        core.shelf.folder(body.model)
        check_corpus(core, session, body.corpus)

    return await start(
        core,
        request,
        principal,
        key,
        "analysis",
        body.model_dump(),
        check=check,
        model=body.model,
        corpus=body.corpus,
    )


@router.get("/{id}", responses={200: {"model": schemas.Analysis}, **answers(404, 422)})
async def show_analysis(core: Service, _: Reader, id: schemas.JobId) -> Response:
    """One analysis: what it is of, and how far it is."""

    def call() -> Response:
        with core.database.reading() as session:
            return answer(_show(core, _job(session, id, "analysis")))

    return await core.io(call)


@router.delete("/{id}", status_code=204, responses=answers(404, 409, 422))
async def delete_analysis(core: Service, _: Administrator, id: schemas.JobId) -> Response:
    """Delete an analysis that no job reads, with its rules and negation filters."""

    def call() -> None:
        with core.database.writing() as session:
            row = _job(session, id, "analysis", lock=True)
            made = session.scalars(select(Job).where(Job.analysis == id)).all()
            measured_on = jobs.active().where(Job.request["held_out"].as_string() == id)
            if (
                any(job.state in jobs.ACTIVE for job in (row, *made))
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
async def show_division(core: Service, _: Reader, id: schemas.JobId) -> Response:
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
async def draw_division(core: Service, _: Reader, id: schemas.JobId) -> Response:
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
async def show_signs(core: Service, _: Reader, id: schemas.JobId) -> Response:
    """The signs that the division is made of: 1, -1, or 0 near zero; row by row."""
    return await _file(core, id, "signs.bin", "application/octet-stream")


@router.get("/{id}/rows", responses={200: {"model": dict[str, Any]}, **answers(404, 409, 422)})
async def show_rows(core: Service, _: Reader, id: schemas.JobId) -> Response:
    """The sentences of the division's `rows`, in their order: text, label, score."""

    def call() -> Response:
        analysis = _open(core, id)
        try:
            division = json.loads((analysis.folder / "division.json").read_bytes())
        except FileNotFoundError:
            raise _no_division() from None
        items = [
            {"row": one.row, "text": one.text, "label": one.label, "score": one.score}
            for one in analysis.sentences(division["rows"])
        ]
        return answer({"items": items})

    return await core.io(call)


@router.get(
    "/{id}/sentences", responses={200: {"model": schemas.Sentences}, **answers(404, 409, 422)}
)
async def show_sentences(
    core: Service,
    _: Reader,
    id: schemas.JobId,
    filter: Annotated[int, Query(ge=0, le=100_000, examples=[17])],
    sign: Annotated[int, Query(ge=-1, le=1, description="1 for the highest, -1 the lowest.")] = 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Response:
    """The sentences with the highest conductance through a filter, or the lowest."""

    def call() -> Response:
        analysis = _open(core, id)
        _check_filter(filter, analysis.filters)
        side = sign or 1
        values, starts = analysis.values(filter), analysis.starts(filter)
        found = analysis.sentences(analysis.top(filter, limit, sign=side).tolist())
        rows = []
        for sentence in found:
            ngram = analysis.ngram(sentence, filter, int(starts[sentence.row]))
            start = max(int(starts[sentence.row]), 0)
            rows.append(
                {
                    "row": sentence.row,
                    "text": sentence.text,
                    "tokens": list(sentence.tokens),
                    "label": sentence.label,
                    "score": sentence.score,
                    "conductance": float(values[sentence.row]),
                    "window": [start, start + len(ngram)],
                    "ngram": " ".join(ngram),
                }
            )
        return answer({"filter": filter, "sign": side, "sentences": rows})

    return await core.io(call)


@router.post(
    "/{id}/negation",
    status_code=202,
    responses={202: schemas.STARTED, **answers(404, 409, 422)},
)
async def find_negation(
    core: Service,
    principal: Starter,
    request: Request,
    id: schemas.JobId,
    body: schemas.NegationRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Find the filters that handle negation, and check them by ablation: a job."""
    return await start_on_analysis(core, principal, request, id, "negation", body, key)


@negations.get("/{id}", responses={200: {"model": dict[str, Any]}, **answers(404, 409, 422)})
async def show_negation(core: Service, _: Reader, id: schemas.JobId) -> Response:
    """Negation filters with their evidence, the causal check, and sentences."""
    return answer(await core.io(partial(read_result, core, id, "negation")))


@cards.get("/{filter:number}", responses={200: {"model": schemas.Card}, **answers(404, 409, 422)})
async def show_card(
    core: Service,
    _: Reader,
    model: schemas.ModelName,
    filter: Filter,
    analysis: Annotated[
        str | None,
        Query(pattern=schemas.ID, description="Else the newest analysis of the model."),
    ] = None,
) -> Response:
    """What one filter does across a corpus: its words, its sentences, its effect."""
    return await core.compute(lambda: _card(core, model, filter, analysis))


async def start_on_analysis(
    core: Core,
    principal: Any,
    request: Request,
    id: str,
    kind: str,
    body: schemas.Pairs,
    key: str | None,
) -> Response:
    """A job that reads a finished analysis."""

    def find() -> Job:
        with core.database.reading() as session:
            return _finished(_job(session, id, "analysis"))

    def check(session: Session) -> None:
        row = _job(session, id, "analysis", lock=True)
        core.shelf.folder(row.model)
        check_pairs(core, session, body.pairs)
        other = getattr(body, "held_out", None)
        if other is not None:
            _finished(_job(session, other, "analysis", lock=True))

    analysis = await core.io(find)
    return await start(
        core,
        request,
        principal,
        key,
        kind,
        body.model_dump(),
        check=check,
        model=analysis.model,
        corpus=body.pairs,
        analysis=id,
    )


def read_result(core: Core, id: str, kind: str) -> dict[str, Any]:
    """What a finished job of this kind has found."""
    with core.database.reading() as session:
        _finished(_job(session, id, kind))
    try:
        return core.storage.read_result(id)
    except FileNotFoundError:
        raise not_found(kind, id) from None


def _card(core: Core, name: str, filter: int, id: str | None) -> Response:
    model = core.shelf.get(name)
    _check_filter(filter, model.network.shape.filters)
    analysis = _open(core, id or _newest(core, name))
    analysis.check_model(model)
    path = analysis.folder / f"card-{filter:03}.json"
    if not path.is_file():
        (card,) = make_cards(model, analysis, [filter])
        text = json.dumps({"analysis": analysis.summary(), **card.to_dict()}, allow_nan=False)
        write_whole(path, lambda at: at.write_text(text))
    return Response(path.read_bytes(), media_type="application/json")


def _newest(core: Core, model: str) -> str:
    with core.database.reading() as session:
        wanted = select(Job.id).where(
            Job.kind == "analysis", Job.model == model, Job.state == "succeeded"
        )
        id = session.scalar(wanted.order_by(Job.created.desc()).limit(1))
    if id is None:
        raise ProblemError(
            409, "no-analysis", f"No corpus is analyzed with {model!r}; POST to /v1/analyses first."
        )
    return id


def _check_filter(filter: int, filters: int) -> None:
    if filter >= filters:
        raise ProblemError(404, "not-found", f"The model has the filters 0 to {filters - 1}.")


def _job(session: Session, id: str, kind: str, *, lock: bool = False) -> Job:
    row = session.get(Job, id, with_for_update=lock)
    if row is None or row.kind != kind:
        raise not_found(kind, id)
    return row


def _finished(job: Job) -> Job:
    if job.state != "succeeded":
        raise ProblemError(409, "not-finished", f"The job is {job.state}; see /v1/jobs/{job.id}.")
    return job


def _open(core: Core, id: str) -> CorpusConductance:
    with core.database.reading() as session:
        _finished(_job(session, id, "analysis"))
    try:
        return CorpusConductance.open(core.storage.analysis(id))
    except AnalysisError as error:
        log.error("analysis cannot be used", id=id, reason=str(error))
        raise ProblemError(
            500, "analysis", "The analysis is damaged; delete it and start another."
        ) from None


async def _file(core: Core, id: str, name: str, media_type: str) -> Response:
    path = (await core.io(lambda: _open(core, id))).folder / name
    if not path.is_file():
        raise _no_division()
    return FileResponse(path, media_type=media_type)


def _no_division() -> ProblemError:
    return ProblemError(404, "not-found", "A division takes at least 2 sentences.")


def _show(core: Core, job: Job) -> dict[str, Any]:
    shown = {name: show(job)[name] for name in ("id", "state", "model", "corpus", "created")}
    shown |= {name: job.request.get(name) for name in ("split", "target", "output")}
    if job.state == "succeeded":
        shown["summary"] = _open(core, job.id).summary()
    return shown
