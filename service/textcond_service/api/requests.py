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
    model_validator,
)

from textcond.model.training.building import VOCABULARY_SIZE
from textcond.model.training.recipe import STANDARD, Recipe

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
ID = r"^[0-9a-f]{32}$"
MOST_CHARACTERS = 400_000
_RECIPE = Recipe()

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
Data = Annotated[
    str,
    Field(
        max_length=100,
        pattern=NAME,
        description="An uploaded corpus, rotten-tomatoes, imdb, imdb-sentences, or sst and "
        "questions where the service has them.",
    ),
]


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


class TrainingRequest(Request):
    """A corpus, a name for the model, and the recipe where it should differ."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "small", "corpus": "rotten-tomatoes", "epochs": 2}]
        }
    )

    name: str = Field(pattern=NAME)
    corpus: Data
    pretrain: Data | None = None
    vocabulary_size: int = Field(VOCABULARY_SIZE, ge=1, le=400_000)
    pretraining_epochs: int = Field(_RECIPE.pretraining_epochs, ge=0, le=100)
    epochs: int | None = Field(
        None, ge=1, le=1_000, description="At most so many; by default as many as the corpus needs."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="Stop after so many epochs without a better dev accuracy; by default never.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=4_096,
        description="Texts in a batch; by default 32, or 128 for more than 50,000 texts.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Of Adam; by default 0.002, or 0.001 for more than 50,000 texts.",
    )
    dropout: float = Field(_RECIPE.dropout, ge=0, lt=1)
    averaging: float = Field(_RECIPE.averaging, ge=0, lt=1)
    softness: float = Field(_RECIPE.softness, ge=0, lt=0.5)
    substitutions: float = Field(_RECIPE.substitutions, ge=0, le=10)
    negations: float = Field(_RECIPE.negations, ge=0, le=10)
    balance: bool = Field(
        _RECIPE.balance, description="Whether every class has the same share of the loss."
    )
    seed: int = Field(_RECIPE.seed, ge=0, le=10**9)
    dimensions: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="Of the embedding; with others than 50 words start from random vectors.",
    )
    widths: list[Annotated[int, Field(ge=1, le=100)]] = Field(
        [*STANDARD.widths], min_length=1, max_length=20, description="Of the filters, in words."
    )
    filters: int = Field(STANDARD.filters, ge=1, le=1_000, description="Filters of each width.")
    hidden: int = Field(STANDARD.hidden, ge=1, le=1_000, description="Units of the dense layer.")

    @field_validator("widths")
    @classmethod
    def _differ(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError("a width stands there twice; name each once")
        return value


class AnalysisRequest(Request):
    """The conductance of every filter for every sentence of a corpus."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "sst", "corpus": "rotten-tomatoes", "split": "dev"}]
        }
    )

    model: str = Field("sst", pattern=NAME)
    corpus: Data
    split: str = Field(
        "dev+test",
        pattern=r"^(train|dev|test)(\+(train|dev|test)){0,2}$",
        description="Parts of the corpus. An uploaded file has these parts if it has a column "
        "`split`; otherwise all of it is analyzed.",
    )
    target: Target
    output: Output = "logit"

    @field_validator("split")
    @classmethod
    def _once_each(cls, value: str) -> str:
        parts = value.split("+")
        if len(set(parts)) < len(parts):
            raise ValueError("a part stands there twice; name each once")
        return value


class Pairs(Request):
    pairs: Annotated[str, Field(pattern=NAME)] | None = Field(
        None,
        description="Where negators are found with what they negate: sst-negation, minimal-pairs, "
        "a corpus, or an uploaded file, of texts or with the columns negated and unnegated. By "
        "default rotten-tomatoes, or the texts of the analysis for a model of other classes than "
        "positive and negative.",
    )
    text: str = Field("", max_length=MOST_CHARACTERS)
    pattern: str = Field("", max_length=MOST_CHARACTERS)
    seed: int = Field(0, ge=0, le=10**9)

    @model_validator(mode="after")
    def _go_together(self) -> Pairs:
        if bool(self.text.strip()) != bool(self.pattern.strip()):
            raise ValueError("`text` and `pattern` go together; give both or neither")
        return self


class NegationRequest(Pairs):
    """The filters that handle negation, by many pairs, or by one text and a pattern in it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"pairs": "rotten-tomatoes"},
                {"text": "this is not good", "pattern": "not good"},
            ]
        }
    )

    draws: int = Field(100, ge=1, le=10_000)
    sentences: int = Field(50, ge=1, le=1_000)


class RulesRequest(Pairs):
    """Rules from the n-grams of filters."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"filters": "negation"},
                {"filters": "exemplar", "text": "this is not good", "pattern": "not good"},
            ]
        }
    )

    filters: (
        Literal["all", "negation", "exemplar"]
        | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=4_096)]
    ) = "negation"
    share: float = Field(0.2, gt=0, le=1)
    support: int = Field(3, ge=1, le=1_000_000)
    fidelity: float = Field(0.8, ge=0, le=1)
    held_out: str | None = Field(None, pattern=ID, description="Another analysis to check on.")

    @model_validator(mode="after")
    def _has_an_exemplar(self) -> RulesRequest:
        if (self.filters == "exemplar") != bool(self.text.strip()):
            raise ValueError("`text` and `pattern` are for `filters` exemplar, which needs them")
        return self
