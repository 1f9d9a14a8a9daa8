"""What a job would fail with is refused before there is one; and other edges of analyses."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.service.backends import submit, succeed, train, until_at, upload
from tests.service.running import SECONDS, Running, running

EXEMPLAR = {"filters": "exemplar", "text": "this is not good", "pattern": "not good"}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("rules", {"filters": [3, 999]}, "`filters` is [3, 999]; give some of 0 to 255."),
        ("rules", {**EXEMPLAR, "pattern": "bad"}, "`pattern` 'bad' is not in the text"),
        ("negation", {"text": "zzqx", "pattern": "zzqx"}, "no word that the model 'sst' knows"),
        ("rules", {**EXEMPLAR, "held_out": "ITSELF"}, "`held_out` is the analysis itself"),
    ],
)
def test_before_there_is_a_job(
    service: Running, analysis: str, path: str, body: dict[str, Any], message: str
) -> None:
    body = {key: analysis if value == "ITSELF" else value for key, value in body.items()}
    answer = service.client.post(f"/v1/analyses/{analysis}/{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


def test_an_end_of_the_sentences_is_one_of_two(service: Running, analysis: str) -> None:
    path = f"/v1/analyses/{analysis}/sentences"
    rows = {
        sign: service.client.get(path, params={"filter": 191, "sign": sign}).json()
        for sign in (1, -1)
    }
    assert {sign: one["sign"] for sign, one in rows.items()} == {1: 1, -1: -1}
    highest, lowest = (rows[sign]["sentences"][0]["conductance"] for sign in (1, -1))
    assert highest > lowest
    assert service.client.get(path, params={"filter": 191, "sign": 0}).status_code == 422


def test_pairs_are_a_corpus_of_their_own(service: Running, analysis: str) -> None:
    rows = "".join(f"it is not {word},it is {word}\n" for word in ("good", "fun", "a great film"))
    content = f"negated,unnegated\n{rows}it isn't bad,it is bad\n"
    form = {"data": {"name": "pairs"}, "files": {"file": ("pairs.csv", content)}}
    uploaded = service.client.post("/v1/corpora", **form)
    assert (uploaded.status_code, uploaded.json()["rows"]) == (201, 4)
    body = {"pairs": "pairs", "text": "this is not good", "pattern": "not good", "draws": 2}
    job = succeed(service, submit(service, f"/v1/analyses/{analysis}/negation", body))
    assert service.client.get(job["result"]).json()["pairs"] == "pairs"
    for path, body, words in (
        ("/v1/analyses", {"corpus": "pairs"}, "'pairs' holds pairs; give one with a column `text`"),
        ("/v1/models", {"name": "x", "corpus": "pairs"}, "'pairs' holds pairs; give one with"),
        (f"/v1/analyses/{analysis}/negation", {"pairs": "nothing"}, "no corpus 'nothing'"),
    ):
        answer = service.client.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]


def test_a_model_that_is_in_training(service: Running) -> None:
    upload(service, "lessons", 60)
    job = train(service, "coming", epochs=50, corpus="lessons")
    assert service.client.get("/v1/models/coming").status_code == 404
    deleted = service.client.delete("/v1/models/coming")
    assert (deleted.status_code, deleted.json()["type"]) == (409, "urn:textcond:in-use")
    again = service.client.post("/v1/models", json={"name": "coming", "corpus": "lessons"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:textcond:name-taken")
    assert f"The job {job} is training a model 'coming'" in again.json()["detail"]
    service.client.delete(f"/v1/jobs/{job}")
    assert service.finish(job)["state"] == "cancelled"


def test_an_analysis_of_a_model_that_is_gone(service: Running) -> None:
    upload(service, "again-reviews", 60)
    request = {"model": "again", "corpus": "again-reviews"}
    succeed(service, train(service, "again", corpus="again-reviews", epochs=1))
    old = succeed(service, submit(service, "/v1/analyses", request))["id"]
    assert service.client.get("/v1/models/again/filters/1").status_code == 200
    assert service.client.delete("/v1/models/again").status_code == 204
    succeed(service, train(service, "again", corpus="again-reviews", epochs=1, seed=1))
    card = service.client.get("/v1/models/again/filters/1")
    assert (card.status_code, card.json()["type"]) == (409, "urn:textcond:no-analysis")
    for refused in (
        service.client.get("/v1/models/again/filters/1", params={"analysis": old}),
        service.client.post(f"/v1/analyses/{old}/rules", json=EXEMPLAR),
    ):
        assert refused.status_code == 422
        assert "is not of the model 'again' as it is; analyze again" in refused.json()["detail"]


@pytest.mark.thorough
def test_streams_end_when_the_service_stops(tmp_path: Path) -> None:
    told: list[str] = []
    with running(tmp_path / "data", threads=1) as service:
        upload(service, "reviews", 400)
        id = train(service, "long", epochs=900)

        def follow() -> None:
            with service.client.stream("GET", f"/v1/jobs/{id}/events") as answer:
                told.extend(answer.iter_lines())  # raises if it is cut off

        thread = Thread(target=follow)
        thread.start()
        until_at(service, id, 1)
        service.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()
        assert told[-1] == ""
        assert [line for line in told if line.startswith("data: ")]
        logged = [json.loads(line) for line in service.log.read_text().splitlines()]
        assert not [record for record in logged if record.get("level") == "error"]
        handed_back = [record for record in logged if record["event"] == "job interrupted"]
        assert [record["state"] for record in handed_back] == ["queued"]
