"""The main way through the API: train, ask for filters, analyze, extract negation rules."""

from __future__ import annotations

import json

import pytest

import textcond
from tests.service.running import Running
from textcond.model.checkpoint import Model


def test_explain_is_the_library_s(service: Running, sst: Model) -> None:
    body = {"text": "this is not good", "target": "positive", "output": "probability", "top": 0}
    answer = service.client.post("/v1/models/sst/explain", json=body)
    assert answer.status_code == 200
    explained = textcond.explain(
        sst, "this is not good", target="positive", output="probability"
    ).to_dict(top=0)
    assert answer.json()["score"] == pytest.approx(explained["score"], abs=1e-12)
    assert answer.json().keys() == explained.keys()


def test_rules_of_an_exemplar(service: Running, analysis: str) -> None:
    body = {"filters": "exemplar", "text": "this is not good", "pattern": "not good"}
    started = service.client.post(f"/v1/analyses/{analysis}/rules", json=body)
    assert started.status_code == 202
    assert started.headers["location"] == f"/v1/jobs/{started.json()['id']}"
    job = service.finish(started.json()["id"])
    assert job["state"] == "succeeded"
    rules = service.client.get(job["result"]).json()["rules"]
    lines = service.client.get(job["result"], params={"format": "spacy"}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(n) for n in range(len(rules))]
    assert any(rule["sign"] < 0 and "not" in rule["name"] for rule in rules)
