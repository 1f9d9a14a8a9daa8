"""What the service is asked: it checks requests by these, and OpenAPI tells them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Body, Path
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
)

from textcond.workflows.pairs import MOST_CHARACTERS

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
ID = r"^[0-9a-f]{32}$"

ModelName = Annotated[str, Path(pattern=NAME, description="A model's name.", examples=["sst"])]
CorpusName = Annotated[
    str, Path(pattern=NAME, description="A corpus's name.", examples=["rotten-tomatoes"])
]
JobId = Annotated[
    str,
    Path(
        pattern=ID,
        description="The number of a job or of its result.",
        examples=["0f343b0931126a20f133d67c2b018a3b"],
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
Target = Annotated[
    str,
    Field(
        "margin",
        max_length=200,
        description="The score to explain: positive, negative or margin; of other classes one "
        "class against another (A:B) or against the rest (A:rest). There the margin is, for one "
        "text, the predicted class against the second most likely, and for a corpus the first "
        "class against the rest.",
    ),
]
Output = Literal["logit", "probability"]


class Request(BaseModel):
    """Fields that are not known are refused: a misspelled option should not do nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """In JSON 10.0 is an integer too."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


class One(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "this is not good"}]})

    text: Text


class Many(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": ["not good", "not bad"]}]})

    texts: Annotated[list[Text], Field(min_length=1, max_length=256)]


def _form(body: Any) -> str:
    return "many" if isinstance(body, dict) and "texts" in body else "one"


# One of two forms is chosen before either is checked: what is wrong is told of that one alone.
OneOrMany = Annotated[
    Annotated[One, Tag("one")] | Annotated[Many, Tag("many")], Discriminator(_form), Body()
]


class ExplainOptions(Request):
    target: Target
    output: Output = "logit"
    top: int = Field(10, ge=0, le=100_000, description="How many filters; 0 for all.")


class ExplainOne(ExplainOptions, One):
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "this is not good"}]})


class ExplainMany(ExplainOptions, Many):
    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": ["not good", "not bad"]}]})


ExplainOneOrMany = Annotated[
    Annotated[ExplainOne, Tag("one")] | Annotated[ExplainMany, Tag("many")],
    Discriminator(_form),
    Body(),
]


class FilterQuery(Request):
    """Which filters respond to words inside a text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "this is not good", "pattern": "not good"}]}
    )

    text: Text
    pattern: Text
    target: Target
    output: Output = "logit"
    top: int = Field(10, ge=0, le=100_000)
