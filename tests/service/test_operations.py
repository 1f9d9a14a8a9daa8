"""What the operator looks at: health, figures, the log, and damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import textcond
from tests.service.asking import EXPLAIN, assert_problem, send
from tests.service.running import Running, running, until


def test_health_and_metrics(service: Running, analysis: str) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    until(service.is_ready)
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
