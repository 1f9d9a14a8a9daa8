"""Limits: jobs, streams, corpora, and requests a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.service.asking import EXPLAIN, assert_guarded, assert_problem, files_of, upload_file
from tests.service.running import Running, make_key, running


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with low limits and without a worker: its jobs wait."""
    data = tmp_path_factory.mktemp("narrow") / "data"
    limits = {"max_jobs": 2, "max_streams": 2, "requests_per_minute": 60, "max_corpora": 2}
    with running(data, "--only", "web", threads=1, **limits) as service:
        yield service


def test_too_many_jobs_streams_and_corpora(narrow: Running) -> None:
    body = {"corpus": "imdb"}
    started = [narrow.client.post("/v1/analyses", json=body) for _ in range(2)]
    assert [answer.status_code for answer in started] == [202, 202]
    answer = narrow.client.post("/v1/analyses", json=body)
    assert_problem(answer, 429, "2 jobs")
    assert int(answer.headers["retry-after"]) > 0
    path = f"{started[0].headers['location']}/events"
    with ExitStack() as streams:
        followed = [
            streams.enter_context(narrow.client.stream("GET", path)).iter_lines() for _ in range(2)
        ]
        assert [next(lines) for lines in followed] == ["event: job"] * 2
        answer = narrow.client.get(path)
        assert_problem(answer, 429, "follow")
        assert int(answer.headers["retry-after"]) > 0
    for answer in started:
        assert narrow.client.delete(answer.headers["location"]).status_code == 202
    with narrow.client.stream("GET", path) as stream:  # there is room again, after a moment
        assert stream.status_code in (200, 429)
    assert narrow.client.post("/v1/analyses", json=body).status_code == 202
    for name in ("a", "b"):
        assert upload_file(narrow, "a.csv", b"text\na\n", name=name).status_code == 201
    assert_problem(upload_file(narrow, "a.csv", b"text\na\n", name="c"), 409, "Delete a corpus")
    assert len([path for path in files_of(narrow) if path.startswith("corpora/")]) == 2


def test_too_many_requests(narrow: Running) -> None:
    answers = [narrow.client.post(EXPLAIN, content=b"{", headers={})]
    while answers[-1].status_code != 429:  # a minute may end between them, and another begins
        answers.append(narrow.client.post(EXPLAIN, content=b"{", headers={}))
        assert len(answers) <= 10 * 60
    answer = narrow.client.get("/v1/models")
    assert_problem(answer, 429, "60 requests a minute")
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert_guarded(answer)
    assert {answer.status_code for answer in answers} <= {415, 429}
    assert narrow.client.get("/healthz").status_code == 200


@pytest.mark.thorough
def test_wrong_keys_are_counted_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = make_key(data, "read")
    limits = {"threads": 1, "requests_per_minute": 20}
    with running(data, "--only", "web", **limits) as service:
        headers = {"Authorization": "Bearer tc_00000000_guess"}
        statuses = [
            service.client.get("/v1/models", headers=headers).status_code for _ in range(25)
        ]
        assert statuses == [401] * 20 + [429] * 5
        right = service.client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert right.status_code == 200  # counted by its key, not by its address
