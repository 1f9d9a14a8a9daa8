"""What each path answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

import textcond
from tests.service.asking import EXPLAIN, PREDICT, QUERY, TEXT, assert_problem
from tests.service.running import Running
from textcond.attribution.explanation import explain_all, query_filters
from textcond.attribution.prediction import predict
from textcond.model.model import Model

# Answers are the library's own


def assert_same(found: Any, wanted: Any) -> None:
    """Equal, but for the rounding of another size of batch."""
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key, value in wanted.items():
            assert_same(found[key], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    else:
        assert found == wanted


def test_predict(service: Running, sst: Model) -> None:
    one = service.client.post(PREDICT, json={"text": TEXT})
    many = service.client.post(PREDICT, json={"texts": [TEXT, "never dull"]})
    assert_same(one.json(), predict(sst, [TEXT])[0].to_dict())
    wanted = [row.to_dict() for row in predict(sst, [TEXT, "never dull"])]
    assert_same(many.json(), {"answers": wanted})


@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("target", ["margin", "positive", "negative"])
def test_explain(service: Running, sst: Model, target: str, output: str) -> None:
    options = {"target": target, "output": output}
    one = service.client.post(EXPLAIN, json={"text": TEXT, "top": 3, **options})
    got = service.client.get(EXPLAIN, params={"text": TEXT, "top": 3, **options})
    wanted = textcond.explain(sst, TEXT, **options).to_dict(top=3)
    assert_same(one.json(), wanted)
    assert got.content == one.content


def test_explain_many(service: Running, sst: Model) -> None:
    texts = [TEXT, "a warm and funny film", "stunning"]
    answer = service.client.post(EXPLAIN, json={"texts": texts, "top": 0})
    wanted = [explained.to_dict(top=0) for explained in explain_all(sst, texts)]
    assert_same(answer.json(), {"answers": wanted})


def test_query(service: Running, sst: Model) -> None:
    answer = service.client.post(QUERY, json={"text": TEXT, "pattern": "not good", "top": 5})
    assert_same(answer.json(), query_filters(sst, TEXT, "not good").to_dict(top=5))


def test_card_and_division(service: Running, analysis: str, sst: Model) -> None:
    card = service.client.get(f"/v1/models/sst/filters/17?analysis={analysis}")
    assert card.status_code == 200
    assert card.json()["filter"] == 17
    listed = service.client.get("/v1/jobs?kind=analysis&state=succeeded&limit=200").json()
    newest = next(job["id"] for job in listed["items"] if job["model"] == "sst")
    of_newest = service.client.get(f"/v1/models/sst/filters/17?analysis={newest}")
    assert of_newest.content == service.client.get("/v1/models/sst/filters/17").content
    division = service.client.get(f"/v1/analyses/{analysis}/division").json()
    assert division["model_hash"] == sst.hash
    drawn = service.client.get(f"/v1/analyses/{analysis}/division.png")
    assert drawn.headers["content-type"] == "image/png"
    assert drawn.content.startswith(b"\x89PNG")
    signs = service.client.get(f"/v1/analyses/{analysis}/signs")
    assert set(signs.content) <= {0, 1, 255}
    assert len(signs.content) % sst.network.shape.filters == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_sentences_of_a_filter(service: Running, analysis: str, sst: Model, sign: int) -> None:
    path = f"/v1/analyses/{analysis}/sentences?filter=17&sign={sign}&limit=5"
    answer = service.client.get(path).json()
    values = [row["conductance"] for row in answer["sentences"]]
    assert len(values) == 5
    assert values == sorted(values, reverse=sign > 0)
    first = answer["sentences"][0]
    explained = textcond.explain(sst, first["tokens"])
    assert first["conductance"] == pytest.approx(
        float(explained.conductance.by_filter[17]), abs=1e-4
    )
    assert first["ngram"] == " ".join(first["tokens"][slice(*first["window"])])
    assert_problem(service.client.get(path.replace("=17", "=256")), 404, "0 to 255")


# Batches


@pytest.mark.parametrize("path", [EXPLAIN, PREDICT])
def test_a_batch_has_up_to_256_texts(service: Running, path: str) -> None:
    answer = service.client.post(path, json={"texts": [TEXT] * 256})
    assert len(answer.json()["answers"]) == 256
    assert_problem(service.client.post(path, json={"texts": [TEXT] * 257}), 422, "texts", "256")
    assert_problem(service.client.post(path, json={"texts": []}), 422, "texts")


@pytest.mark.parametrize("path", [EXPLAIN, PREDICT])
def test_each_bad_text_is_named_by_its_place(service: Running, path: str) -> None:
    texts = ["good", "", "bad", "\x00", "qqqzzz"]
    for given, places in (
        (texts, ["body.texts.1"]),
        (["good", " ", "bad", "\x00 bad", "qqqzzz"], [f"body.texts.{n}" for n in (1, 3, 4)]),
    ):
        problem = assert_problem(service.client.post(path, json={"texts": given}), 422, places[0])
        assert [issue["where"] for issue in problem["issues"]] == places


def test_the_limit_of_tokens_is_of_all_texts_together(service: Running) -> None:
    assert_problem(service.client.post(EXPLAIN, json={"text": "a " * 20_001}), 422, "20,000")
    many = {"texts": ["good " * 10_001] * 2}
    assert_problem(service.client.post(EXPLAIN, json=many), 422, "20,000")
    query = {"text": "good " * 20_000, "pattern": "good"}
    assert_problem(service.client.post(QUERY, json=query), 422, "20,000")


# Caches


def test_an_explanation_is_not_sent_twice(service: Running) -> None:
    params = {"text": TEXT, "target": "margin"}
    first = service.client.get(EXPLAIN, params=params)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = service.client.get(EXPLAIN, params=params, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    stale = service.client.get(EXPLAIN, params=params, headers={"If-None-Match": '"other"'})
    assert stale.status_code == 200
    assert service.client.post(EXPLAIN, json=params).headers["etag"] == tag


def test_a_tag_is_of_everything_that_is_asked(service: Running) -> None:
    asked = [
        {"text": TEXT},
        {"text": "this is good"},
        {"text": TEXT, "target": "positive"},
        {"text": TEXT, "output": "probability"},
        {"text": TEXT, "top": 3},
    ]
    tags = {service.client.get(EXPLAIN, params=one).headers["etag"] for one in asked}
    assert len(tags) == len(asked)


# Lists


def test_lists_come_in_pages(service: Running, analysis: str) -> None:
    whole = service.client.get("/v1/corpora").json()
    assert whole["next"] is None
    found: list[Any] = []
    path: str | None = "/v1/corpora?limit=2"
    while path:
        page = service.client.get(path).json()
        assert page["total"] == whole["total"]
        found += page["items"]
        path = page["next"]
    assert found == whole["items"]
    for path in ("/v1/models", "/v1/analyses", "/v1/jobs"):
        assert service.client.get(f"{path}?offset=100000").json()["items"] == []
        for wrong in ("limit=0", "limit=201", "limit=x", "offset=-1", "offset=10000000000"):
            assert_problem(service.client.get(f"{path}?{wrong}"), 422, wrong.split("=")[0])


def test_the_next_page_is_of_the_same_question(service: Running, analysis: str) -> None:
    for number in range(2):
        body = {"corpus": "rotten-tomatoes", "target": "positive"}
        headers = {"Idempotency-Key": f"pages-{number}"}
        job = service.client.post("/v1/analyses", json=body, headers=headers).json()
        service.client.delete(f"/v1/jobs/{job['id']}")
        service.finish(job["id"])
    page = service.client.get("/v1/jobs?kind=analysis&state=cancelled&limit=1").json()
    assert "kind=analysis" in page["next"]
    assert "state=cancelled" in page["next"]
    assert service.client.get(page["next"]).json()["items"][0]["state"] == "cancelled"


def test_what_is_made_has_an_address(service: Running) -> None:
    file = {"file": ("a.csv", "text\ngood film\n")}
    made = service.client.post("/v1/corpora", data={"name": "addressed"}, files=file)
    assert made.status_code == 201
    assert service.client.get(made.headers["location"]).json() == made.json()
    started = service.client.post("/v1/analyses", json={"corpus": "addressed"})
    assert started.status_code == 202
    followed = service.client.get(started.headers["location"]).json()
    assert followed["id"] == started.json()["id"]
    service.finish(followed["id"])


# The document


def test_every_path_is_documented(service: Running) -> None:
    document = service.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            place = f"{method} {path}"
            assert operation["description"], place
            assert _has_example(operation, schemas), place
            answers = operation["responses"]
            errors = {"400", "413", "415", "421", "429", "500", "503"}
            assert errors <= answers.keys(), place
            for status, answer in answers.items():
                if status >= "4":
                    assert answer["content"].keys() == {"application/problem+json"}, place
            if path.startswith("/v1"):
                assert operation["security"], place
                assert {"401", "403"} <= answers.keys(), place
                takes_input = "requestBody" in operation or operation.get("parameters")
                assert not takes_input or "422" in answers, place
            if "{" in path:
                assert "404" in answers, place
    assert "HTTPValidationError" not in schemas


def _has_example(operation: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Of what is sent, or of the answer where nothing is."""
    bodies = [operation.get("requestBody", {}), operation["responses"].get("200", {})]
    shown = [part for body in bodies for part in body.get("content", {}).values()]
    parts = [*operation.get("parameters", []), *shown]
    texts = [json.dumps(part) for part in parts]
    for part in shown:
        names = [ref.split('"')[0] for ref in json.dumps(part).split("#/components/schemas/")[1:]]
        texts += [json.dumps(schemas[name]) for name in names]
    return any('"example' in text for text in texts)


def test_examples_are_answered(service: Running, analysis: str) -> None:
    """Those of bodies, as they are written in the document."""
    document = service.client.get("/openapi.json").json()
    for path in (EXPLAIN, QUERY, PREDICT):
        body = document["paths"][path.replace("sst", "{model}")]["post"]["requestBody"]
        names = json.dumps(body).split("#/components/schemas/")[1:]
        for name in names:
            for example in document["components"]["schemas"][name.split('"')[0]]["examples"]:
                assert service.client.post(path, json=example).status_code == 200
