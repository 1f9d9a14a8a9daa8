"""Rules: extract them from an analysis, fetch them in the form that is wanted."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from textcond.analysis.rules.rule_set import RuleSet
from textcond_service.api import requests, responses
from textcond_service.api.authenticated_route import KnownRoute
from textcond_service.api.job_submission import IdempotencyKey
from textcond_service.api.json_answers import answer
from textcond_service.api.problems import answers
from textcond_service.api.routes.negation import read_result, start_on_analysis
from textcond_service.api.security import Reader, Starter
from textcond_service.api.shared_state import Service

router = APIRouter(tags=["rules"], route_class=KnownRoute)


@router.post(
    "/v1/analyses/{id}/rules",
    status_code=202,
    responses={202: responses.STARTED, **answers(404, 409, 422)},
)
async def extract_rules(
    core: Service,
    principal: Starter,
    request: Request,
    id: requests.JobId,
    body: requests.RulesRequest,
    key: IdempotencyKey = None,
) -> Response:
    """Extract rules from the n-grams of negation filters, of an exemplar's, or of any: a job."""
    return await start_on_analysis(core, principal, request, id, "rules", body, key)


@router.get(
    "/v1/rules/{id}",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/json": {},
                "text/csv": {},
                "application/x-ndjson": {},
            },
            "description": "The rules; as JSONL they are patterns for spaCy's SpanRuler.",
        },
        **answers(404, 409, 422),
    },
)
async def show_rules(
    core: Service,
    _: Reader,
    id: requests.JobId,
    format: Annotated[Literal["json", "csv", "spacy"], Query()] = "json",
) -> Response:
    """Rules with their support, fidelity and precision."""
    content = await core.io(partial(read_result, core, id, "rules"))
    if format == "json":
        return answer(content)
    rules = RuleSet.from_dict(content)
    text, media_type, ending = (
        (rules.to_csv(), "text/csv", "csv")
        if format == "csv"
        else (rules.to_spacy(), "application/x-ndjson", "jsonl")
    )
    headers = {"Content-Disposition": f'attachment; filename="rules.{ending}"'}
    return Response(text, headers=headers, media_type=media_type)
