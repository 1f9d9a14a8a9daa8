"""Models: list, train, look at, delete."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from textcond.workflows.analyses import TRAINING
from textcond.workflows.training import TrainingRequest
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import IdempotencyKey, start
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import ProblemError, answers
from textcond_service.api.request_bodies import asked
from textcond_service.api.routes.corpora import check_corpus
from textcond_service.api.security import Administrator, Reader, Starter
from textcond_service.api.shared_state import Core, Paged, Service
from textcond_service.jobs import lifecycle

EXAMPLES = ({"name": "small", "corpus": "rotten-tomatoes", "epochs": 2},)
router = APIRouter(prefix="/v1/models", tags=["models"], route_class=KnownRoute)


@router.get("", responses={200: {"model": responses.Models}, **answers(422)})
async def list_models(core: Service, _: Reader, page: Paged) -> Response:
    """Every model that can be asked."""
    rows = await core.io(core.shelf.summaries)
    return answer(page.of(rows[page.offset : page.offset + page.limit], len(rows)))


@router.post("", status_code=202, responses={202: responses.STARTED, **answers(409, 422)})
async def train_model(
    core: Service,
    principal: Starter,
    request: Request,
    body: Annotated[TrainingRequest, asked(TrainingRequest, EXAMPLES)],
    key: IdempotencyKey = None,
) -> Response:
    """Train a model on a corpus: a job."""

    def check(session: Session) -> None:
        if core.shelf.exists(body.name):
            raise ProblemError(
                409, "name-taken", f"There is a model {body.name!r}; choose another name."
            )
        busy = session.scalar(lifecycle.active(kind=TRAINING, model=body.name))
        if busy is not None:
            raise ProblemError(
                409,
                "name-taken",
                f"The job {busy.id} is training a model {body.name!r}; choose another name.",
            )
        for corpus in (body.corpus, body.pretrain):
            if corpus:
                check_corpus(core, session, corpus, labelled=True)

    return await start(
        core,
        request,
        principal,
        key,
        TRAINING,
        asdict(body),
        check=check,
        model=body.name,
        corpus=body.corpus,
    )


@router.get("/{model}", responses={200: {"model": responses.ModelDetails}, **answers(404, 422)})
async def show_model(core: Service, _: Reader, model: requests.ModelName) -> Response:
    """One model: its shape and its figures."""
    return answer(await core.io(lambda: _details(core, model)))


@router.delete("/{model}", status_code=204, responses=answers(404, 409, 422))
async def delete_model(core: Service, _: Administrator, model: requests.ModelName) -> Response:
    """Delete a model that was trained here and that no job uses."""
    await core.io(lambda: _delete(core, model))
    return Response(status_code=204)


def _details(core: Core, name: str) -> dict[str, Any]:
    summary, model = core.shelf.summary(name), core.shelf.get(name)
    shape = model.network.shape
    return {
        **summary,
        "outputs": list(model.outputs.names),
        "filters": shape.filters,
        "widths": shape.filter_widths,
        "words": len(model.vocabulary),
        "metrics": dict(model.metrics),
    }


def _delete(core: Core, name: str) -> None:
    with core.storage.locked(f"model-{name}") as free:
        if core.shelf.exists(name) and not core.shelf.is_own(name):
            raise ProblemError(
                409, "ships", f"The model {name!r} ships with the service; it stays."
            )
        with core.database.reading() as session:
            busy = not free or session.scalar(lifecycle.active(model=name)) is not None
        if busy:
            raise ProblemError(409, "in-use", f"A job uses the model {name!r}; wait, or cancel it.")
        folder = core.shelf.folder(name)
        gone = folder.with_name(f".{name}.deleted")
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone)
