"""Jobs through the API, on every kind of database and queue."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.service.backends import (
    BACKENDS,
    FAULTS,
    backend,
    kill_worker,
    left_over,
    logged,
    submit,
    succeed,
    train,
    training,
    until_at,
    upload,
)
from tests.service.running import Running, running, until

EXEMPLAR = {"text": "this is not good", "pattern": "not good"}


FIRST, *OTHERS = BACKENDS


@pytest.fixture(
    scope="module",
    params=[FIRST, *(pytest.param(name, marks=pytest.mark.thorough) for name in OTHERS)],
)
def served(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared: Callable[[str], Running],
) -> Iterator[Running]:
    if request.param == FIRST:
        upload(shared("service"), "reviews", 400)
        yield shared("service")
        return
    data = tmp_path_factory.mktemp(request.param) / "data"
    with (
        backend(request.param) as settings,
        running(data, threads=1, max_jobs=300, **settings) as service,
    ):
        upload(service, "reviews", 400)
        yield service


on_first = pytest.mark.parametrize("served", [FIRST], indirect=True, scope="module")
on_all = pytest.mark.parametrize("served", BACKENDS, indirect=True, scope="module")
# What a restart takes is the same on every backend, and long.
on_some = pytest.mark.parametrize(
    "served", BACKENDS if FAULTS > 2 else [FIRST], indirect=True, scope="module"
)


def test_a_job_of_each_kind(served: Running) -> None:
    id = train(served, "small", epochs=4)
    told = follow(served, id)
    assert told[0]["state"] in ("queued", "running")
    assert told[-1]["state"] == "succeeded"
    assert told[-1]["done"] == told[-1]["total"] == 4 * 10  # 320 rows for training, 32 a batch
    assert [job["done"] for job in told] == sorted(job["done"] for job in told)
    assert served.client.get(told[-1]["result"]).json()["name"] == "small"

    request = {"model": "sst", "corpus": "reviews"}
    analysis = succeed(served, submit(served, "/v1/analyses", request))
    path = analysis["result"]
    assert served.client.get(path).json()["summary"]["sentences"] == 400
    assert served.client.get(f"{path}/division").json()["rows"]

    negation = {"pairs": "minimal-pairs", "draws": 5, **EXEMPLAR}
    found = succeed(served, submit(served, f"{path}/negation", negation))
    assert served.client.get(found["result"]).json()["filters"]
    rules = {"filters": "exemplar", **EXEMPLAR}
    extracted = succeed(served, submit(served, f"{path}/rules", rules))
    assert served.client.get(extracted["result"]).json()["rules"]
    assert left_over(served) == []


def test_a_key_starts_one_job(served: Running) -> None:
    def start(key: str, name: str) -> Any:
        headers = {"Idempotency-Key": key}
        return served.client.post("/v1/models", json=training(name, epochs=1), headers=headers)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: start("same", "once"), range(16)))
    assert {answer.status_code for answer in answers} == {202}
    (id,) = {answer.json()["id"] for answer in answers}
    other = start("same", "another")
    assert (other.status_code, other.json()["type"]) == (409, "urn:textcond:idempotency-key")
    succeed(served, id)
    assert start("same", "once").json()["id"] == id
    assert start("new", "once").status_code == 409  # the name is taken


@on_first
def test_a_key_outlives_its_job(served: Running) -> None:
    key = {"Idempotency-Key": "gone"}
    request = {"model": "sst", "corpus": "reviews"}
    job = succeed(served, submit(served, "/v1/analyses", request, **key))
    assert served.client.delete(job["result"]).status_code == 204
    assert left_over(served) == []
    again = served.client.post("/v1/analyses", json=request, headers=key)
    assert (again.status_code, again.json()["type"]) == (409, "urn:textcond:idempotency-key")


@on_first
def test_a_model_in_use_stays(served: Running) -> None:
    succeed(served, train(served, "wanted", epochs=1))
    analysis = submit(served, "/v1/analyses", {"model": "wanted", "corpus": "reviews"})
    refused = served.client.delete("/v1/models/wanted")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:textcond:in-use")
    succeed(served, analysis)
    assert served.client.delete("/v1/models/wanted").status_code == 204
    assert left_over(served) == []


@on_some
def test_uploads_to_train_on(served: Running) -> None:
    upload(served, "few", 9)
    refused = served.client.post("/v1/models", json=training("of-few", corpus="few"))
    assert refused.status_code == 422
    assert "'few' has 9 labelled rows; training takes at least 10" in refused.json()["detail"]

    upload(served, "more", 40)
    first = train(served, "first", epochs=900)
    id = train(served, "pretrained", pretrain="more", pretraining_epochs=1, epochs=1)
    refused = served.client.delete("/v1/corpora/more")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:textcond:in-use")
    served.client.delete(f"/v1/jobs/{first}")
    succeed(served, id)
    assert served.client.get("/v1/models/pretrained").json()["data"] == "reviews"
    card = (served.data / "models" / "pretrained" / "README.md").read_text()
    assert "Pretrained on `more`" in card
    assert served.client.delete("/v1/corpora/more").status_code == 204


@on_first
def test_cancelled_jobs_leave_nothing(served: Running) -> None:
    running, queued = (train(served, name, epochs=900) for name in ("long", "longer"))
    until_at(served, running, 20)
    assert (served.data / "models" / "long.training.pt").exists()
    assert served.client.delete(f"/v1/jobs/{queued}").json()["state"] == "cancelled"
    assert served.client.delete(f"/v1/jobs/{running}").status_code == 202
    assert served.finish(running)["state"] == "cancelled"
    assert served.client.delete(f"/v1/jobs/{running}").status_code == 409
    assert left_over(served) == []
    assert served.client.get("/v1/models/long").status_code == 404


@on_all
@pytest.mark.thorough
@pytest.mark.parametrize("count", [60 if FAULTS <= 2 else 200])
def test_two_workers_race(served: Running, count: int) -> None:
    """Two are busy while jobs come that end at once; then they take them in turns."""
    content = b"text,label\n" + b"good,positive\n" * 10
    tiny = f"tiny{count}"
    form = {"data": {"name": tiny}, "files": {"file": ("tiny.csv", content)}}
    served.client.post("/v1/corpora", **form)
    other = Running(served.data, "--only", "worker", **{"threads": 1, **_settings(served)})
    other.start(wait=False)
    try:
        busy = [train(served, f"busy{count}-{number}", epochs=20) for number in range(2)]
        for id in busy:
            until_at(served, id, 1)
        with ThreadPoolExecutor(8) as threads:
            names = [f"{tiny}-{number}" for number in range(count)]
            ids = set(threads.map(lambda name: train(served, name, corpus=tiny), names))
        assert len(ids) == count
        for id in (*busy, *ids):
            served.finish(id)
        jobs = [served.job(id) for id in ids]
    finally:
        other.stop()
    assert Counter((job["state"], job["attempts"]) for job in jobs) == {("failed", 1): count}
    assert f"the corpus {tiny}' has no negative text" in jobs[0]["error"]["detail"]
    started = [record for record in logged(served, "job started") if record["job"] in ids]
    assert len(started) == count
    assert left_over(served) == []


@on_first
@pytest.mark.thorough
def test_a_training_goes_on_after_its_worker_is_killed(served: Running) -> None:
    calm = succeed(served, train(served, "undisturbed"))
    id = train(served, "killed")
    until((served.data / "models" / "killed.training.pt").exists)
    assert kill_worker(served, id)
    job = succeed(served, id)
    assert job["attempts"] == 2
    models = [served.client.get(row["result"]).json() for row in (calm, job)]
    assert models[0]["hash"] == models[1]["hash"]
    assert left_over(served) == []


@on_some
@pytest.mark.thorough
def test_a_job_is_handed_back_and_goes_on(served: Running) -> None:
    # Longer than what a worker that should stop waits for the job's end.
    calm = succeed(served, train(served, "calm", epochs=120))
    id = train(served, "moved", epochs=120)
    until_at(served, id, 30)
    served.stop()
    assert (served.data / "models" / "moved.training.pt").exists()
    served.start()
    job = succeed(served, id)
    assert job["attempts"] == 1
    models = [served.client.get(row["result"]).json() for row in (calm, job)]
    assert models[0]["hash"] == models[1]["hash"]
    assert [record["state"] for record in logged(served, "job interrupted")][-1] == "queued"
    assert left_over(served) == []


@on_some
@pytest.mark.thorough
def test_a_job_that_kills_its_worker_fails(served: Running) -> None:
    id = train(served, "deadly", epochs=900)
    for attempt in (1, 2, 3):
        until(lambda: served.job(id)["attempts"] == attempt)  # noqa: B023
        assert kill_worker(served, id)
    job = served.finish(id)
    assert job["state"] == "failed"
    assert job["error"]["title"] == "Worker died"
    assert "ended its worker 3 times" in job["error"]["detail"]
    assert left_over(served) == []


def follow(service: Running, id: str) -> list[dict[str, Any]]:
    """Everything that is told of a job until its end."""
    with service.client.stream("GET", f"/v1/jobs/{id}/events") as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def _settings(service: Running) -> dict[str, str]:
    names = {"TEXTCOND_DATABASE": "database", "TEXTCOND_QUEUE": "queue"}
    return {names[name]: value for name, value in service.settings.items() if name in names}
