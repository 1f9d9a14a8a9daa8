"""What each path answers, and how it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import textcond
from tests.service.running import Running, running
from textcond.attribution.explanation import explain_all, query_filters
from textcond.attribution.prediction import predict
from textcond.errors import TextError
from textcond.model.checkpoint import Model

EXPLAIN, QUERY, PREDICT = (
    f"/v1/models/sst/{path}" for path in ("explain", "filters/query", "predict")
)
TEXT = "this is not good"
NOWHERE = "0" * 32
JSON = {"Content-Type": "application/json"}


def send(service: Running, path: str, body: str | bytes, **headers: str) -> httpx.Response:
    """A body as it is written."""
    return service.client.post(path, content=body, headers={**JSON, **headers})


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """The answer is a problem document of this status that has these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"].startswith("urn:textcond:")
    assert problem["title"]
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]
    return problem


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
    assert card.content == service.client.get("/v1/models/sst/filters/17").content
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


# Refusals


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
    for call in (lambda: predict(sst, ["qqqzzz"]), lambda: textcond.explain(sst, "qqqzzz")):
        with pytest.raises(TextError) as caught:
            call()
        path = PREDICT if call.__code__.co_names[0] == "predict" else EXPLAIN
        problem = assert_problem(service.client.post(path, json={"text": "qqqzzz"}), 422)
        assert problem["detail"] == str(caught.value)
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
        ("/v1/analyses", {"corpus": "imdb", "split": "all"}, "body.split"),
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


# Operations


def test_health_and_metrics(service: Running, analysis: str) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    parts = {"model": True, "database": True, "queue": True, "worker": True}
    assert ready.json() == {"ready": True, "parts": parts}
    before = _metric(service, "textcond_sentences_explained_total")
    service.client.post(EXPLAIN, json={"texts": ["good", "bad"]})
    service.client.post(EXPLAIN, json={"text": "good"})
    service.client.get(EXPLAIN, params={"text": "good"})
    assert _metric(service, "textcond_sentences_explained_total") == before + 4
    assert _metric(service, 'textcond_jobs{state="succeeded"}') >= 1
    assert _metric(service, "textcond_model_load_seconds_count") >= 1
    name = 'http_requests_total{handler="/v1/models/{model}/explain",method="POST",status="2xx"}'
    assert _metric(service, name) >= 2


def _metric(service: Running, name: str) -> float:
    answer = service.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service without a worker, with damaged models."""
    data = tmp_path_factory.mktemp("alone") / "data"
    shipped = Path(textcond.__file__).parents[1] / "models" / "sst"
    for name in ("config.json", "model.safetensors"):
        model = data / "models" / f"damaged-{name.split('.')[0]}"
        shutil.copytree(shipped, model)
        (model / name).write_bytes(b"damaged")
    with running(data, "--only", "web", threads=1) as started:
        yield started


def test_what_is_missing_is_named(alone: Running) -> None:
    problem = assert_problem(alone.client.get("/readyz"), 503, "Missing: worker.")
    assert problem["parts"] == {"model": True, "database": True, "queue": True, "worker": False}


def test_a_damaged_model_is_the_operator_s_concern(alone: Running) -> None:
    for name in ("damaged-config", "damaged-model"):
        answer = alone.client.post(f"/v1/models/{name}/explain", json={"text": "good"})
        assert_problem(answer, 503, "damaged")
        assert str(alone.data) not in answer.text
    assert "model cannot be used" in alone.log.read_text()
    listed = alone.client.get("/v1/models").json()
    assert str(alone.data) not in json.dumps(listed)
    problems = {row["name"]: row["problem"] for row in listed["items"]}
    assert problems["damaged-config"] == "The model is damaged."
    assert problems["sst"] == ""


def test_a_damaged_analysis_is_named(service: Running) -> None:
    file = {"file": ("a.csv", "text\ngood film\nbad film\n")}
    service.client.post("/v1/corpora", data={"name": "lost"}, files=file)
    id = service.client.post("/v1/analyses", json={"corpus": "lost"}).json()["id"]
    assert service.finish(id)["state"] == "succeeded"
    for path in (service.data / "analyses" / id).glob("*.json"):
        path.write_text("damaged")
    for path in (
        f"/v1/analyses/{id}/division",
        f"/v1/analyses/{id}/sentences?filter=1",
        f"/v1/models/sst/filters/1?analysis={id}",
    ):
        answer = service.client.get(path)
        assert_problem(answer, 500, "damaged")
        assert str(service.data) not in answer.text
    rows = {row["id"]: row for row in service.client.get("/v1/analyses").json()["items"]}
    assert rows[id]["problem"] == "The analysis is damaged."
    assert service.client.delete(f"/v1/analyses/{id}").status_code == 204
    assert_problem(service.client.get(f"/v1/analyses/{id}/division"), 404)


def test_the_log_tells_of_requests_without_what_they_hold(alone: Running) -> None:
    alone.client.get(EXPLAIN, params={"text": "secretive words"})
    alone.client.post(EXPLAIN, json={"text": "secretive words", "target": "secretive"})
    alone.client.post(
        EXPLAIN,
        json={"texts": ["secretive \x00"]},
        headers={"X-Request-ID": "asked-by-me", "Authorization": "Bearer tc_secretive"},
    )
    send(alone, EXPLAIN, '{"secretive": ')
    send(alone, EXPLAIN, r'{"text": "secretive \ud800"}')
    lines = alone.log.read_text().splitlines()
    entries = [json.loads(line) for line in lines]  # each line is JSON
    assert "secretive" not in alone.log.read_text()
    requests = [entry for entry in entries if entry["event"] == "request"]
    assert all(entry["request"] and entry["status"] and entry["path"] for entry in requests)
    assert any(entry["request"] == "asked-by-me" for entry in requests)


def test_a_request_has_a_number(service: Running) -> None:
    given = service.client.get("/healthz", headers={"X-Request-ID": "my-1"})
    assert given.headers["x-request-id"] == "my-1"
    for wrong in ("a b", "x" * 65, "<script>", ""):
        made = service.client.get("/healthz", headers={"X-Request-ID": wrong})
        assert len(made.headers["x-request-id"]) == 32
