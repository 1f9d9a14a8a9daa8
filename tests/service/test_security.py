"""Keys and their scopes, and what browsers are told."""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from textcond_service.api.routes import operations
from textcond_service.api.security import revoke_key
from textcond_service.app import make_app
from textcond_service.server import prepare_tables
from textcond_service.settings import Settings

from tests.conftest import Run
from tests.service.asking import EXPLAIN, TEXT, assert_guarded, assert_problem
from tests.service.running import SECONDS, Running, free_port, make_key, running, until

ID = "0" * 32
OPEN = ("/healthz", "/readyz")
# Least scope of every path that changes something; all others are for reading.
SCOPES = {
    ("POST", "/v1/models"): "run",
    ("POST", "/v1/corpora"): "run",
    ("POST", "/v1/analyses"): "run",
    ("POST", "/v1/analyses/{id}/division"): "run",
    ("POST", "/v1/analyses/{id}/negation"): "run",
    ("POST", "/v1/analyses/{id}/rules"): "run",
    ("DELETE", "/v1/jobs/{id}"): "run",
    ("DELETE", "/v1/models/{model}"): "admin",
    ("DELETE", "/v1/corpora/{corpus}"): "admin",
    ("DELETE", "/v1/analyses/{id}"): "admin",
}
RANK = ("read", "run", "admin")


@dataclass(frozen=True)
class Locked:
    """A service that asks for keys, with one of each kind."""

    service: Running
    keys: dict[str, str]

    def ask(self, method: str, path: str, key: str | None) -> httpx.Response:
        """A request that is right but for its key, about things that are not there."""
        values = {"{id}": ID, "{model}": "nobody", "{corpus}": "nobody", "{filter}": "1"}
        for name, value in values.items():
            path = path.replace(name, value)
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        if path == "/v1/corpora" and method == "POST":
            file = {"file": ("a.png", b"not a corpus")}
            return self.service.client.post(
                path, data={"name": "nobody"}, files=file, headers=headers
            )
        last = path.rsplit("/", 1)[1]
        body = _BODIES.get(last) if method == "POST" else None
        params = _OPTIONS.get(last) if method == "GET" else None
        return self.service.client.request(method, path, json=body, params=params, headers=headers)


_OPTIONS: dict[str, dict[str, Any]] = {"explain": {"text": "a"}, "sentences": {"filter": 1}}
_BODIES: dict[str, dict[str, Any]] = {
    "models": {"name": "new", "corpus": "nowhere"},
    "analyses": {"corpus": "nowhere"},
    "predict": {"text": "a"},
    "explain": {"text": "a"},
    "query": {"text": "a", "pattern": "a"},
    "division": {},
    "negation": {},
    "rules": {},
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    data = tmp_path_factory.mktemp("locked") / "data"
    keys = {scope: make_key(data, scope) for scope in RANK}
    keys["revoked"] = make_key(data, "admin")
    database = prepare_tables(Settings(data=data))
    assert revoke_key(database, keys["revoked"].split("_")[1])
    database.close()
    with running(data, "--only", "web", threads=1) as service:
        yield Locked(service, keys)


def _textcond(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "textcond", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


# Keys


def _operations(service: Running) -> list[tuple[str, str]]:
    document = service.client.get("/openapi.json").json()
    return [
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    ]


def test_every_path_asks_for_a_key(locked: Locked) -> None:
    wrong = f"{locked.keys['admin'][:-3]}xyz"
    nobody = "tc_00000000_" + "x" * 43
    odd = ("x", "tc__", "tc_", locked.keys["read"].split("_")[2], locked.keys["read"] + "x")
    for method, path in _operations(locked.service):
        refused = {None: "key-missing"} | dict.fromkeys(
            (wrong, nobody, locked.keys["revoked"], *odd), "key-refused"
        )
        for key, kind in refused.items():
            answer = locked.ask(method, path, key)
            if path in OPEN:
                assert answer.status_code in (200, 503)
                continue
            problem = assert_problem(answer, 401)
            assert problem["type"] == f"urn:textcond:{kind}", (method, path, key)
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", RANK)
def test_every_path_has_its_scope(locked: Locked, scope: str) -> None:
    found = _operations(locked.service)
    assert set(SCOPES) <= set(found)
    for method, path in found:
        answer = locked.ask(method, path, locked.keys[scope])
        if RANK.index(scope) < RANK.index(SCOPES.get((method, path), "read")):
            assert_problem(answer, 403, f"{SCOPES[method, path]!r}")
        elif method == "GET" and "{" not in path:
            assert answer.status_code == 200 or path == "/readyz", (method, path)
        else:  # admitted, and then told that there is no such thing
            assert answer.status_code in (404, 409, 422), (method, path, answer.text)


def test_a_key_comes_in_either_header(locked: Locked) -> None:
    for headers in (
        {"Authorization": f"Bearer {locked.keys['read']}"},
        {"Authorization": f"bearer {locked.keys['read']}"},
        {"X-API-Key": locked.keys["read"]},
    ):
        assert locked.service.client.get("/v1/models", headers=headers).status_code == 200
    for header in (b"Bearer \xff\xfe", b"Basic eDp5", b"Bearer", b"\xe2\x82\xac"):
        assert_problem(
            locked.service.client.get("/v1/models", headers={b"Authorization": header}), 401
        )
    query = f"/v1/models?key={locked.keys['read']}"
    assert_problem(locked.service.client.get(query), 401)


def test_a_stranger_s_body_is_not_read(locked: Locked) -> None:
    """The answer comes while the body is still on its way."""
    connection = http.client.HTTPConnection("127.0.0.1", locked.service.port, timeout=SECONDS)
    connection.putrequest("POST", "/v1/corpora")
    connection.putheader("Content-Type", "multipart/form-data; boundary=a")
    connection.putheader("Content-Length", "30000000")
    connection.endheaders(b"--a\r\n")
    assert connection.getresponse().status == 401
    connection.close()


def test_a_key_is_revoked_within_a_second(locked: Locked) -> None:
    data = ("--data", str(locked.service.data))
    key = json.loads(_textcond("keys", "create", "someone", *data, "--json").stdout)["key"]
    until(lambda: locked.ask("GET", "/v1/models", key).status_code == 200)
    _textcond("keys", "revoke", key.split("_")[1], *data)
    time.sleep(1.1)
    assert_problem(locked.ask("GET", "/v1/models", key), 401)


def test_secrets_are_nowhere_on_disk(locked: Locked) -> None:
    for key in locked.keys.values():
        secret = key.split("_", 2)[2].encode()
        for path in [*locked.service.data.rglob("*"), locked.service.log]:
            assert not path.is_file() or secret not in path.read_bytes(), path
    with sqlite3.connect(locked.service.data / "textcond.sqlite3") as database:
        digests = [row[0] for row in database.execute("select digest from keys")]
    database.close()
    assert len(set(digests)) == len(digests)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    listed = _textcond("keys", "list", "--json", "--data", str(locked.service.data))
    assert not any(digest in listed.stdout for digest in digests)


def test_the_page_and_its_reference_need_no_key(locked: Locked) -> None:
    for path in ("/", "/docs", "/openapi.json"):
        assert locked.service.client.get(path).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_others_are_not_served_without_a_key(run: Run, host: str) -> None:
    code, _, err = run("serve", "--only", "web", "--port", str(free_port()), "--host", host)
    assert code == 2
    assert "textcond keys create" in err


@pytest.mark.thorough
def test_others_are_served_with_a_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_key(data, "read")
    with running(data, "--only", "web", "--host", "0.0.0.0", threads=1) as service:
        assert_problem(service.client.get("/v1/models"), 401)


# Browsers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "169.254.169.254"])
def test_requests_for_another_host(service: Running, host: str) -> None:
    for path in ("/", "/v1/models", "/healthz", EXPLAIN, "/nowhere"):
        assert_problem(service.client.get(path, headers={"Host": host}), 421, "another host")
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        headers = {"Host": f"{name}:{service.port}"}
        assert service.client.get("/healthz", headers=headers).status_code == 200


def test_requests_from_another_page(service: Running) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{service.port + 1}"},
        {"Origin": f"http://localhost:{service.port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = service.client.post(EXPLAIN, json={"text": TEXT}, headers=headers)
        assert_problem(answer, 403, "another page")
        assert_problem(service.client.delete(f"/v1/jobs/{ID}", headers=headers), 403)
    for headers in (
        {"Origin": service.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ):
        answer = service.client.post(EXPLAIN, json={"text": TEXT}, headers=headers)
        assert answer.status_code == 200


def test_no_page_elsewhere_may_read(service: Running) -> None:
    origin = {"Origin": "http://evil.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        service.client.get("/v1/models", headers=origin),
        service.client.options(EXPLAIN, headers=preflight),
        service.client.post(EXPLAIN, json={"text": TEXT}, headers=origin),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_is_guarded(service: Running, analysis: str) -> None:
    tag = service.client.get(EXPLAIN, params={"text": TEXT}).headers["etag"]
    for path, headers, status in (
        ("/", {}, 200),
        ("/docs", {}, 200),
        ("/openapi.json", {}, 200),
        ("/healthz", {}, 200),
        ("/metrics", {}, 200),
        (f"/v1/analyses/{analysis}/division.png", {}, 200),
        (f"/v1/jobs/{analysis}/events", {}, 200),
        (f"{EXPLAIN}?text={TEXT}", {"If-None-Match": tag}, 304),
        ("/nowhere", {}, 404),
        ("/v1/models?limit=0", {}, 422),
        ("/", {"Host": "evil.example"}, 421),
        ("/", {"Content-Encoding": "gzip"}, 415),
    ):
        answer = service.client.get(path, headers=headers)
        assert answer.status_code == status
        assert_guarded(answer)
    assert_guarded(service.client.patch("/"))
    assert_guarded(service.client.post(EXPLAIN, content=b"x" * 1_100_000))


def test_what_the_programmer_did_not_foresee(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "data")
    prepare_tables(settings).close()

    def fail(_: Any) -> None:
        raise RuntimeError("secretive")

    monkeypatch.setattr(operations, "_parts", fail)
    headers = {"Host": "127.0.0.1"}
    with TestClient(make_app(settings), headers=headers) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:textcond:internal"
        assert "secretive" not in answer.text
        assert_guarded(answer)  # type: ignore[arg-type]
