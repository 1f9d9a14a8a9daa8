"""What the service answers, described for OpenAPI: the answers are the library's own `to_dict`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from textcond.workflows.analyses import REQUESTS
from textcond_service.api.requests import Output

JobKind = Annotated[
    str, Field(pattern=f"^({'|'.join(REQUESTS)})$", json_schema_extra={"enum": [*REQUESTS]})
]


class Answer(BaseModel):
    """May hold more than is told here."""

    model_config = ConfigDict(extra="allow")


class Head(BaseModel):
    logit: float
    probability: float


class Prediction(Answer):
    model: str
    model_hash: str
    text: str
    tokens: list[str]
    unknown: list[bool]
    heads: dict[str, Head]
    prediction: str


class Predictions(BaseModel):
    answers: list[Prediction]


class FilterRow(Answer):
    filter: int
    width: int
    conductance: float
    window: list[int]
    ngram: str
    tokens: list[float]


class Explanation(Prediction):
    target: str
    output: Output
    score: float
    baseline_score: float
    delta: float
    token_attributions: list[float]
    filters: list[FilterRow]


class Explanations(BaseModel):
    answers: list[Explanation]


class FilterMatches(Answer):
    model: str
    model_hash: str
    text: str
    tokens: list[str]
    pattern: list[str]
    spans: list[list[int]]
    filters: list[FilterRow]


class ModelSummary(Answer):
    name: str
    data: str
    hash: str
    dev_accuracy: float | None
    test_accuracy: float | None
    problem: str
    ships: bool


class ModelDetails(ModelSummary):
    outputs: list[str]
    filters: int
    widths: list[int]
    words: int
    metrics: dict[str, Any]


class CorpusSummary(BaseModel):
    name: str
    ships: bool
    rows: int | None
    labelled: int | None
    bytes: int | None
    created: float | None
    text_column: str
    label_column: str
    told: list[str]


class Job(BaseModel):
    id: str
    kind: JobKind
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    model: str
    corpus: str
    analysis: str
    request: dict[str, Any]
    created: float
    started: float | None
    finished: float | None
    heartbeat: float | None
    attempts: int
    cancelling: bool
    done: int
    total: int | None
    rate: float | None
    seconds_left: float | None
    message: str
    result: str | None
    error: dict[str, Any] | None


class Analysis(Answer):
    id: str
    state: str
    model: str
    corpus: str


class Card(Answer):
    filter: int
    width: int
    name: str


class Sentences(BaseModel):
    filter: int
    sign: int
    sentences: list[dict[str, Any]]


class Models(BaseModel):
    items: list[ModelSummary]
    total: int
    next: str | None


class Corpora(BaseModel):
    items: list[CorpusSummary]
    total: int
    next: str | None


class Jobs(BaseModel):
    items: list[Job]
    total: int
    next: str | None


class Analyses(BaseModel):
    items: list[Analysis]
    total: int
    next: str | None


_LOCATION = {"schema": {"type": "string"}, "description": "Where it is."}
_TAG = {"schema": {"type": "string"}, "description": "Of model, text and quantity."}
STARTED = {
    "model": Job,
    "headers": {"Location": _LOCATION},
    "description": "The job, which waits for a worker, or was started before with the same key.",
}
UPLOADED = {"model": CorpusSummary, "headers": {"Location": _LOCATION}}
TAGGED = {"headers": {"ETag": _TAG}}
