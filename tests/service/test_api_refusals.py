"""How a request is refused: what is wrong, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import textcond
from tests.service.asking import EXPLAIN, JSON, NOWHERE, PREDICT, QUERY, assert_problem, send
from tests.service.running import Running
from textcond.attribution.prediction import predict
from textcond.errors import TextError
from textcond.model.model import Model


def test_unknown_paths_and_methods(service: Running) -> None:
    for path in ("/nowhere", "/v1", "/v1/models/", "/v1/models/sst/nowhere", "/web/x.js"):
        assert_problem(service.client.get(path), 404)
    for path, methods in (
        ("/v1/models", "GET, POST"),
        ("/v1/models/sst", "GET, DELETE"),
        (EXPLAIN, "GET, POST"),
        (QUERY, "POST"),
        ("/healthz", "GET"),
    ):
        answer = service.client.request("PATCH", path)
        assert_problem(answer, 405, "Allow")
        assert answer.headers["allow"] == methods


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/models/nobody", "/v1/corpora/nobody", f"/v1/jobs/{NOWHERE}"),
        *(f"/v1/analyses/{NOWHERE}", f"/v1/analyses/{NOWHERE}/division"),
        *(f"/v1/analyses/{NOWHERE}/sentences?filter=1", f"/v1/analyses/{NOWHERE}/signs"),
        *(f"/v1/negations/{NOWHERE}", f"/v1/rules/{NOWHERE}", f"/v1/jobs/{NOWHERE}/events"),
        *("/v1/models/nobody/filters/1", "/v1/models/nobody/explain?text=a"),
    ],
)
def test_what_is_not_there(service: Running, path: str) -> None:
    assert_problem(service.client.get(path), 404, "There is no")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "character 1"),
        ("hello", "character 0"),
        ('{"text": "a"} b', "Extra data"),
        ("[" * 100_000, "nested"),
        ('{"text":' * 50_000, "nested"),
        ('{"text": "a", "top": 1' + "0" * 5_000 + "}", "number is too long"),
        (b'{"text": "\xff"}', "UTF-8"),
    ],
    ids=["cut", "word", "more", "lists", "objects", "digits", "latin-1"],
)
def test_what_is_not_json(service: Running, body: str | bytes, words: str) -> None:
    assert_problem(send(service, EXPLAIN, body), 400, "JSON", words)


def test_one_text_or_several(service: Running) -> None:
    for body, told in (
        ({}, "body.text: Field required; give `text`, or `texts`."),
        ({"text": "a", "texts": ["b"]}, "give `text` or `texts`, not both."),
    ):
        for path in (EXPLAIN, PREDICT):
            assert_problem(service.client.post(path, json=body), 422, told)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (r'{"text": ""}', "body.text"),
        (r'{"text": 1}', "body.text"),
        (r'{"text": null}', "body.text"),
        (r'{"text": ["a"]}', "body.text"),
        (r'{"text": "\ud800"}', "body.text"),
        (r'{"text": "a", "target": "\udfff"}', "body.target"),
        (r'{"text": "a", "\ud800": 1}', "body"),
        (r'{"text": "a", "misspelled": 1}', "body.misspelled"),
        (r'{"text": "a", "one": 1}', "body.one"),
        (r'{"text": "a", "texts": ["b"]}', "body.text"),
        (r'{"texts": ["a", 1, "b", null]}', "body.texts.1"),
        (r'{"texts": ["a", "\ud800"]}', "body.texts.1"),
        (r'{"texts": "a"}', "body.texts"),
        (r'{"text": "a", "top": NaN}', "body.top"),
        (r'{"text": "a", "top": Infinity}', "body.top"),
        (r'{"text": "a", "top": -1}', "body.top"),
        (r'{"text": "a", "top": 1.5}', "body.top"),
        (r'{"text": "a", "top": "1"}', "body.top"),
        (r'{"text": "a", "top": true}', "body.top"),
        (r'{"text": "a", "top": 1e300}', "body.top"),
        (r'{"text": "a", "top": 99999999999999999999999}', "body.top"),
        (r'{"text": "a", "output": "x"}', "body.output"),
        ("{}", "body.text"),
        ("[]", "body"),
        ("null", "body"),
        ('"text"', "body"),
        ("", "body"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(service: Running, body: str, where: str) -> None:
    problem = assert_problem(send(service, EXPLAIN, body), 422, where)
    assert where in [issue["where"] for issue in problem["issues"]]
    assert all(issue["detail"] for issue in problem["issues"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("   ", "empty"),
        ("\u200b\ufeff", "`text`"),
        ("qqqzzz wwwkkk", "no word that the model 'sst' knows"),
        ("a\x00b", "U+0000"),
        ("good \u202e dog", "U+202E"),
    ],
)
def test_texts_that_cannot_be_explained(service: Running, text: str, words: str) -> None:
    for path in (EXPLAIN, PREDICT):
        assert_problem(service.client.post(path, json={"text": text}), 422, words)
    assert_problem(service.client.get(EXPLAIN, params={"text": text}), 422, words)


def test_refusals_are_in_the_library_s_words(service: Running, sst: Model) -> None:
    with pytest.raises(TextError) as caught:
        textcond.explain(sst, "qqqzzz")
    (returned,) = predict(sst, ["qqqzzz"], on_error="return")
    for path, error in ((EXPLAIN, caught.value), (PREDICT, returned)):
        problem = assert_problem(service.client.post(path, json={"text": "qqqzzz"}), 422)
        assert problem["detail"] == str(error)
        assert problem["type"] == "urn:textcond:text"
    pattern = service.client.post(QUERY, json={"text": "good", "pattern": "bad"})
    assert assert_problem(pattern, 422, "`pattern` 'bad'")["type"] == "urn:textcond:pattern"
    target = service.client.post(EXPLAIN, json={"text": "good", "target": "joy"})
    assert assert_problem(target, 422, "`target` is 'joy'")["type"] == "urn:textcond:quantity"


@pytest.mark.parametrize(
    "text", ["İstanbul ﷺ good", "good \U0001f469\u200d\U0001f4bb", "g\u0351ood a"]
)
def test_odd_unicode_is_text(service: Running, text: str) -> None:
    answer = service.client.post(EXPLAIN, json={"text": text})
    assert answer.status_code == 200
    assert answer.json()["text"] == text


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/models", {"name": "\ud800", "corpus": "imdb"}, "body.name"),
        ("/v1/models", {"name": "../x", "corpus": "imdb"}, "body.name"),
        ("/v1/models", {"name": "x", "corpus": "imdb", "learning_rate": float("nan")}, "rate"),
        ("/v1/models", {"name": "x", "corpus": "imdb", "learning_rate": float("inf")}, "rate"),
        ("/v1/models", {"name": "x", "corpus": "imdb", "seed": 10**30}, "body.seed"),
        ("/v1/models", {"name": "x", "corpus": "nowhere"}, "no corpus 'nowhere'"),
        ("/v1/analyses", {"corpus": "imdb", "split": "all"}, "`split` is 'all'; it can be"),
        ("/v1/analyses", {"corpus": "imdb", "split": "dev+dev"}, "each once"),
        ("/v1/analyses", {"corpus": "imdb", "target": "joy"}, "`target` is 'joy'"),
        ("/v1/analyses/{}/rules", {"filters": ["x"]}, "body.filters"),
        ("/v1/analyses/{}/rules", {"filters": "exemplar"}, "`text` and `pattern` are for"),
        ("/v1/analyses/{}/rules", {"text": "not good"}, "`text` and `pattern` go together"),
        ("/v1/analyses/{}/negation", {"pattern": "not"}, "`text` and `pattern` go together"),
        ("/v1/analyses/{}/negation", {"draws": 0}, "body.draws"),
    ],
)
def test_jobs_that_cannot_start(
    service: Running, analysis: str, path: str, body: dict[str, Any], where: str
) -> None:
    answer = send(service, path.format(analysis), json.dumps(body))
    problem = assert_problem(answer, 422, where)
    assert "Value error" not in problem["detail"]
    assert ".." not in problem["detail"]


def test_options_that_there_are_not(service: Running, analysis: str) -> None:
    for path, words in (
        (f"/v1/analyses/{analysis}/division?threshold=1", "query.threshold: .*, only none"),
        (
            f"/v1/analyses/{analysis}/sentences?filter=1&side=x",
            "query.side: .* only filter, ",
        ),
        ("/v1/models?page=2", "query.page: there is no such option, only limit, offset"),
    ):
        problem = assert_problem(service.client.get(path), 422)
        assert re.search(words, problem["detail"]), problem


def test_numbers_are_whole_in_either_form(service: Running) -> None:
    for top in ("3", "3.0", "3e0"):
        answer = send(service, EXPLAIN, f'{{"text": "good", "top": {top}}}')
        assert len(answer.json()["filters"]) == 3


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "x"])
def test_bodies_of_another_type(service: Running, kind: str) -> None:
    for path in (EXPLAIN, QUERY, PREDICT, "/v1/models", "/v1/analyses"):
        answer = send(service, path, '{"text": "good"}', **{"Content-Type": kind})
        assert_problem(answer, 415, "application/json")
    answer = send(service, "/v1/corpora", "name=a", **{"Content-Type": kind})
    assert_problem(answer, 415, "multipart/form-data")
    assert_problem(send(service, "/v1/corpora", "{}"), 415, "multipart/form-data")


def test_bodies_that_are_too_large(service: Running) -> None:
    body = json.dumps({"text": "good " * 300_000})
    for method, path in (
        ("POST", EXPLAIN),
        ("POST", "/nowhere"),  # answered without a look at the body
        ("PATCH", "/v1/models"),
        ("GET", "/healthz"),
        ("GET", "/"),
    ):
        answer = service.client.request(method, path, content=body, headers=JSON)
        assert_problem(answer, 413, "1,000,000 bytes")
        assert answer.headers["x-request-id"]

    def pieces() -> Iterator[bytes]:  # sent in chunks: nothing tells the length
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000].encode()

    answer = service.client.post(EXPLAIN, content=pieces(), headers=JSON)
    assert_problem(answer, 413, "1,000,000 bytes")
