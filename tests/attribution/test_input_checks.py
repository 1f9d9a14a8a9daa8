"""Texts that cannot be read, among others that can; models that are none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import textcond
from tests.conftest import random_model
from textcond.attribution.conductance import conductances
from textcond.attribution.explanation import explain_all
from textcond.attribution.quantity import quantity_of
from textcond.errors import QuantityError, TextError
from textcond.model.model import Model
from textcond.model.outputs import Outputs

UNREADABLE: list[tuple[Any, str]] = [
    (None, " is None; give a string, or a list of tokens."),
    (float("nan"), " is nan; give a string, or a list of tokens."),
    (pd.NA, " is <NA>; give a string, or a list of tokens."),
    (5, " is 5; give a string, or a list of tokens."),
    (b"w1", " is b'w1'; give a string, or a list of tokens."),
    ({"text": "w1"}, " is {'text': 'w1'}; give a string, or a list of tokens."),
    ("", " is empty; give at least one word."),
    (" \n\t", " is empty; give at least one word."),
    ([], " has no tokens; give at least one word."),
    (["w1", 2], " has 2 as its token 1; each must be a string."),
    ([["w1"], ["w2"]], " has ['w1'] as its token 0; each must be a string."),
    ([None], " has None as its token 0; each must be a string."),
    # A mark after a word is an apostrophe.
    (
        "qwrtz `text` zzyx",
        """ has no word that the model 'random' knows ("qwrtz ` text ' zzyx"); """,
    ),
    (["qwrtz"], " has no word that the model 'random' knows ('qwrtz'); give English words"),
    ("w1\x07", " has the control character U+0007 at position 2; remove it."),
    (["w1"] * 20_001, " has at least 20,001 tokens; the limit is 20,000."),
]
MANY: list[Callable[..., Any]] = [textcond.predict, textcond.explain_all, conductances]


@pytest.fixture(params=[0, 3], ids=["two heads", "three classes"])
def any_model(request: pytest.FixtureRequest) -> Model:
    return random_model(seed=1, classes=request.param)


def measured(model: Model, texts: Any) -> Any:
    return textcond.measure_filters(model, texts, "activation")


@pytest.mark.parametrize(("text", "reason"), UNREADABLE)
def test_the_index_of_a_text_that_cannot_be_read(text: Any, reason: str) -> None:
    model = random_model(seed=1)
    for call in (*MANY, textcond.filter_conductance, measured):
        with pytest.raises(TextError) as caught:
            call(model, ["w1 w2", ["w3"], text, None])
        assert str(caught.value).startswith(f"`texts[2]`{reason}")


@pytest.mark.parametrize("call", MANY)
def test_going_on(call: Callable[..., Any], any_model: Model) -> None:
    """Every other text has the result that it has without those that cannot be read."""
    good = ["w1 w2", ["w3", "w4"], "w5"]
    bad = [text for text, _ in UNREADABLE]
    texts = [good[0], *bad[:7], good[1], *bad[7:], good[2]]
    results = call(any_model, texts, on_error="return")
    assert len(results) == len(texts)
    wrong = [result for result in results if isinstance(result, TextError)]
    assert all(
        str(error).startswith(f"`text`{reason}".replace("'random'", f"{any_model.name!r}"))
        for error, (_, reason) in zip(wrong, UNREADABLE, strict=True)
    )
    read = [results[0], results[8], results[-1]]
    for result, alone in zip(read, call(any_model, good), strict=True):
        if call is textcond.explain_all:
            result, alone = result.conductance, alone.conductance
        assert result.tokens == alone.tokens
        np.testing.assert_allclose(result.logits, alone.logits, rtol=1e-12)


@pytest.mark.parametrize("call", MANY)
def test_nothing_but_texts_that_cannot_be_read(call: Callable[..., Any], any_model: Model) -> None:
    results = call(any_model, [None, ""], on_error="return")
    assert [type(result) for result in results] == [TextError, TextError]
    assert call(any_model, [], on_error="return") == []


def test_the_columns_of_a_table() -> None:
    """Also those of filtered tables, whose rows are numbered otherwise."""
    model = random_model(seed=1, classes=3)
    table = pd.DataFrame({"text": ["w1", "w2 w3", None, "w4"]}, index=[7, 3, 5, 0])
    found = explain_all(model, table["text"], on_error="return")
    assert [getattr(one, "text", "") for one in found] == ["w1", "w2 w3", "", "w4"]
    texts = table["text"].dropna()
    assert [one.text for one in explain_all(model, texts)] == ["w1", "w2 w3", "w4"]
    assert textcond.filter_conductance(model, texts).values.shape[0] == 3
    assert len(textcond.predict(model, (text for text in ["w1", "w2"]))) == 2
    assert len(textcond.predict(model, np.array(["w1", "w2"]))) == 2
    for ask in (textcond.predict, textcond.explain_all, textcond.filter_conductance):
        assert ask(model, ["w1 w2"]) != ask(model, ["w1 w2"])  # tensors have no truth of their own


def test_one_text_is_not_numbered() -> None:
    model = random_model(seed=1)
    for call in (
        textcond.conductance,
        textcond.explain,
        textcond.integrated_gradients,
        lambda model, text: textcond.query_filters(model, text, "w1"),
        lambda model, text: textcond.predict(model, [text]),
    ):
        with pytest.raises(TextError, match=r"^`text` is empty; give at least one word\.$"):
            call(model, " ")


def test_a_choice_that_there_is_not() -> None:
    """What the types forbid is also refused where nobody checks them."""
    program = """
import json, textcond
from textcond.attribution.conductance import conductances
model = textcond.load("sst")
def told(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
calls = {
    "explain": lambda model: textcond.explain(model, "good"),
    "explain_all": lambda model: textcond.explain_all(model, ["good"]),
    "predict": lambda model: textcond.predict(model, ["good"]),
    "conductance": lambda model: textcond.conductance(model, "good"),
    "conductances": lambda model: conductances(model, ["good"]),
    "filter_conductance": lambda model: textcond.filter_conductance(model, ["good"]),
    "measure_filters": lambda model: textcond.measure_filters(model, ["good"], "activation"),
    "integrated_gradients": lambda model: textcond.integrated_gradients(model, "good"),
    "query_filters": lambda model: textcond.query_filters(model, "good", "good"),
}
print(json.dumps({
    "names": [told(lambda: call("sst")) for call in calls.values()],
    "none": told(lambda: textcond.explain(None, "good")),
    "network": told(lambda: textcond.predict(model.network, ["good"])),
    "int": told(lambda: textcond.explain(model, 5)),
    "nan": told(lambda: textcond.conductance(model, float("nan"))),
    "gradients": told(lambda: textcond.integrated_gradients(model, None)),
    "pattern": told(lambda: textcond.query_filters(model, "good", 5)),
    "one": told(lambda: textcond.predict(model, "good")),
    "texts": told(lambda: textcond.predict(model, 5)),
    "bytes": told(lambda: textcond.filter_conductance(model, b"good")),
    "on_error": told(lambda: textcond.explain_all(model, ["good"], on_error="skip")),
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    answers = json.loads(done.stdout)
    assert (
        answers.pop("names")
        == ["ModelError: `model` is 'sst', not a loaded model; give textcond.load('sst')."] * 9
    )
    assert answers.pop("network").startswith("ModelError: `model` is TextCNN(")
    assert answers == {
        "none": "ModelError: `model` is None, not a loaded model; give textcond.load(NAME).",
        "int": "TextError: `text` is 5; give a string, or a list of tokens.",
        "nan": "TextError: `text` is nan; give a string, or a list of tokens.",
        "gradients": "TextError: `text` is None; give a string, or a list of tokens.",
        "pattern": "PatternError: `pattern` is 5; give a string, or a list of tokens.",
        "one": "ValueError: `texts` is one string; give a list of texts.",
        "texts": "ValueError: `texts` is 5; give a list of texts.",
        "bytes": "ValueError: `texts` is b'good'; give a list of texts.",
        "on_error": "ValueError: `on_error` is 'skip'; it can be raise or return.",
    }


@pytest.mark.parametrize("top", [-1, -10])
def test_fewer_than_no_filters(top: int) -> None:
    explanation = textcond.explain(random_model(seed=1), "w1 w2")
    query = textcond.query_filters(random_model(seed=1), "w1 w2", "w1")
    for result in (explanation, query):
        with pytest.raises(ValueError, match=rf"`top` is {top}; it must be at least 1, or 0"):
            result.to_dict(top=top)
    assert len(explanation.to_dict(top=0)["filters"]) > len(explanation.to_dict(top=1)["filters"])


@pytest.mark.parametrize(
    ("target", "weights"),
    [
        ("law:eu", (1, 0, 0, 0)),
        ("law:eu:law:us", (1, -1, 0, 0)),
        ("law:law:eu", (-1, 0, 1, 0)),
        ("law:eu:margin", (1, 0, 0, -1)),
        ("margin", (0, 0, 0, 1)),
    ],
)
def test_names_of_classes_may_hold_colons(target: str, weights: tuple[int, ...]) -> None:
    outputs = Outputs(("law:eu", "law:us", "law", "margin"), softmax=True)
    model = replace(random_model(0, classes=4), outputs=outputs)
    assert quantity_of(model, target).weights == weights
    with pytest.raises(
        QuantityError,
        match=r"'law:uk' \(`law:us`\?\); this model has margin, law:eu, law:us, law, or",
    ):
        quantity_of(model, "law:uk")
    with pytest.raises(QuantityError, match=r"'LAW:Law:EU' \(`law:law:eu`\?\)"):
        quantity_of(model, "LAW:Law:EU")


def test_one_class_against_the_rest() -> None:
    model = random_model(0, classes=4)
    assert quantity_of(model, "b:rest").weights == (-1 / 3, 1, -1 / 3, -1 / 3)
    assert quantity_of(model, "b:rest", "probability").weights == (-1, 1, -1, -1)
    assert quantity_of(model, "b:rest").poles == ("b", "not b")
    assert quantity_of(model, "b:c").poles == ("b", "c")
    assert quantity_of(model, "b").poles == ("b", "not b")
    assert quantity_of(model).target == "a:rest"
    assert quantity_of(model, "c").target == "c"
    named = replace(model, outputs=Outputs(("a", "rest", "c", "margin"), softmax=True))
    assert quantity_of(named, "a:rest").weights == (1, -1, 0, 0)
    assert quantity_of(named, "margin").weights == (0, 0, 0, 1)
    several = replace(model, outputs=Outputs(model.outputs.names))
    assert quantity_of(several).target == "a"
    polar = random_model(0)
    assert quantity_of(polar).target == "margin"
    assert quantity_of(polar, "margin").poles == ("positive", "negative")
    assert quantity_of(polar, "negative").poles == ("negative", "positive")
    with pytest.raises(QuantityError, match="for instance a:d, or one against the rest, a:rest"):
        quantity_of(model, "e:rest")
