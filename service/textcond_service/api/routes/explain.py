"""Asking a model about texts: predictions, explanations, filters for a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from textcond.attribution.explanation import explain_all, query_filters
from textcond.attribution.input_checks import only
from textcond.attribution.prediction import predict
from textcond.errors import TextError
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.batching import Question
from textcond_service.api.json_answers import answer, dump, tag_of
from textcond_service.api.problems import ProblemError, answers
from textcond_service.api.security import Reader
from textcond_service.api.shared_state import VERSION, Core, Service

router = APIRouter(prefix="/v1/models/{model}", tags=["explain"], route_class=KnownRoute)
Result = TypeVar("Result")
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]


@router.post(
    "/predict",
    responses={
        200: {"model": responses.Prediction | responses.Predictions},
        **answers(404, 422),
    },
)
async def predict_texts(
    core: Service, _: Reader, model: requests.ModelName, body: requests.OneOrMany
) -> Response:
    """What the model says of a text, or of up to 256."""
    texts = _texts(core, body)
    loaded = await core.model(model)

    def call() -> Response:
        found = _all_read(body, predict(loaded, texts, on_error="return"))
        rows = [one.to_dict() for one in found]
        return answer(rows[0] if isinstance(body, requests.One) else {"answers": rows})

    return await core.compute(call)


@router.post(
    "/explain",
    responses={
        200: {"model": responses.Explanation | responses.Explanations, **responses.TAGGED},
        **answers(404, 422),
    },
)
async def explain_texts(
    core: Service,
    _: Reader,
    model: requests.ModelName,
    body: requests.ExplainOneOrMany,
) -> Response:
    """Which filters, fed by which words, made the prediction; of a text, or of up to 256."""
    texts = _texts(core, body)
    loaded = await core.model(model)
    options = {"target": body.target, "output": str(body.output)}
    headers = {"ETag": tag_of(VERSION, loaded.hash, texts, *options.values(), body.top)}
    if isinstance(body, requests.ExplainOne):
        content = await core.batches.explain(loaded, Question(body.text, **options, top=body.top))
    else:

        def call() -> bytes:
            found = _all_read(body, explain_all(loaded, texts, **options, on_error="return"))
            return dump({"answers": [one.to_dict(top=body.top) for one in found]})

        content = await core.compute(call)
    core.metrics.sentences.inc(len(texts))
    return Response(content, headers=headers, media_type="application/json")


@router.get(
    "/explain",
    responses={
        200: {"model": responses.Explanation, **responses.TAGGED},
        304: {"description": "The answer has not changed.", **responses.TAGGED},
        **answers(404, 422),
    },
)
async def explain_text(
    core: Service,
    _: Reader,
    model: requests.ModelName,
    text: Annotated[str, Query(min_length=1, max_length=8_000, examples=["this is not good"])],
    target: Annotated[str, Query(max_length=200)] = "margin",
    output: requests.Output = "logit",
    top: Annotated[int, Query(ge=0, le=100_000)] = 10,
    known: IfNoneMatch = None,
) -> Response:
    """The same of one text, for caches: an answer changes with the model alone."""

    loaded = await core.model(model)
    headers = {
        "ETag": tag_of(VERSION, loaded.hash, [text], target, output, top),
        "Cache-Control": "private, no-cache",
    }
    tags = [part.strip().removeprefix("W/") for part in (known or "").split(",")]
    if headers["ETag"] in tags or "*" in tags:
        return Response(status_code=304, headers=headers)
    content = await core.batches.explain(loaded, Question(text, target, output, top))
    core.metrics.sentences.inc()
    return Response(content, headers=headers, media_type="application/json")


@router.post(
    "/filters/query",
    tags=["filters"],
    responses={
        200: {"model": responses.FilterMatches, **responses.TAGGED},
        **answers(404, 422),
    },
)
async def find_filters(
    core: Service, _: Reader, model: requests.ModelName, body: requests.FilterQuery
) -> Response:
    """The filters that respond to a pattern inside a text, the strongest first."""
    _check_size(core, [body.text, body.pattern])

    def call() -> Response:
        loaded = core.shelf.get(model)
        query = query_filters(
            loaded, body.text, body.pattern, target=body.target, output=body.output
        )
        tag = tag_of(VERSION, loaded.hash, body.model_dump())
        return answer(query.to_dict(top=body.top), headers={"ETag": tag})

    return await core.compute(call)


def _all_read(
    body: requests.One | requests.Many, results: Sequence[Result | TextError]
) -> list[Result]:
    """The results; of many texts, name each that cannot be read, by its place."""
    if isinstance(body, requests.One):
        return [only(results)]
    issues = [
        {"where": f"body.texts.{place}", "detail": str(result)}
        for place, result in enumerate(results)
        if isinstance(result, TextError)
    ]
    if issues:
        raise ProblemError(
            422, "text", f"{issues[0]['where']}: {issues[0]['detail']}", issues=issues
        )
    return [result for result in results if not isinstance(result, TextError)]


def _texts(core: Core, body: requests.One | requests.Many) -> list[str]:
    texts = [body.text] if isinstance(body, requests.One) else body.texts
    if len(texts) > core.settings.max_texts:
        raise ProblemError(
            422, "too-many-texts", f"The limit is {core.settings.max_texts} texts a request."
        )
    _check_size(core, texts)
    return texts


def _check_size(core: Core, texts: Sequence[str]) -> None:
    most = core.settings.max_tokens
    if sum(len(text.split()) for text in texts) > most:
        raise TextError(f"The texts have more than {most:,} tokens together; send fewer at a time.")
