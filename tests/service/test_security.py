"""Keys and their scopes, names that are no paths, uploads that are no corpora, and limits."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from fastapi.testclient import TestClient
from textcond_service.app import make_app
from textcond_service.routes import operations
from textcond_service.serving import prepare_tables
from textcond_service.settings import Settings

from tests.service.running import SECONDS, Running, create_key, free_port, running, until
from tests.service.test_api import EXPLAIN, TEXT, assert_problem, send

ID = "0" * 32
OPEN = ("/healthz", "/readyz")
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Least scope of every path that changes something; all others are for reading.
SCOPES = {
    ("POST", "/v1/models"): "run",
    ("POST", "/v1/corpora"): "run",
    ("POST", "/v1/analyses"): "run",
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
        body = _BODIES.get(path.rsplit("/", 1)[1]) if method == "POST" else None
        params = {"text": "a", "filter": 1} if method == "GET" else {}
        return self.service.client.request(method, path, json=body, params=params, headers=headers)


_BODIES: dict[str, dict[str, Any]] = {
    "models": {"name": "new", "corpus": "nowhere"},
    "analyses": {"corpus": "nowhere"},
    "predict": {"text": "a"},
    "explain": {"text": "a"},
    "query": {"text": "a", "pattern": "a"},
    "negation": {},
    "rules": {},
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    data = tmp_path_factory.mktemp("locked") / "data"
    keys = {scope: create_key(data, scope) for scope in RANK}
    keys["revoked"] = create_key(data, "admin")
    _textcond("keys", "revoke", keys["revoked"].split("_")[1], "--data", str(data))
    with running(data, "--only", "web", threads=1) as service:
        yield Locked(service, keys)


def _textcond(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if not k.startswith("TEXTCOND_")}
    return subprocess.run(
        [sys.executable, "-m", "textcond", *arguments],
        env={**known, **environment},
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
    connection = http.client.HTTPConnection("127.0.0.1", locked.service.port, timeout=30)
    connection.putrequest("POST", "/v1/corpora")
    connection.putheader("Content-Type", "multipart/form-data; boundary=a")
    connection.putheader("Content-Length", "30000000")
    connection.endheaders(b"--a\r\n")
    assert connection.getresponse().status == 401
    connection.close()


def test_a_key_is_revoked_within_a_second(locked: Locked) -> None:
    key = create_key(locked.service.data, "read")
    until(lambda: locked.ask("GET", "/v1/models", key).status_code == 200, seconds=3)
    _textcond("keys", "revoke", key.split("_")[1], "--data", str(locked.service.data))
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


def test_others_are_served_with_keys_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("serve", "--only", "web", "--data", str(data), "--port", str(free_port()))
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        refused = _textcond(*arguments, "--host", host)
        assert refused.returncode == 2
        assert "textcond keys create" in refused.stderr
        assert "Traceback" not in refused.stderr
    create_key(data, "read")
    with running(data, "--only", "web", "--host", "0.0.0.0", threads=1) as service:
        assert_problem(service.client.get("/v1/models"), 401)


# Names


TRAVERSALS = [
    *("..", ".", "../..", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2f", "%2e%2e", "..%5c..%5c"),
    *("%2fetc%2fpasswd", "/etc/passwd", "C:%5cWindows", "a%00b", "%00", "a%0a", "a%0d%0ab"),
    *("~root", "sst%2f..%2fsst", ".sst", "sst.training.pt", "a%20b", "%ff%fe", "%c0%ae%c0%ae"),
    *("sst%3fx", "sst;x", "*", "%252e%252e%252f", "x" * 101, "-a", "_a", "%ed%a0%80"),
]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_names_in_addresses_are_no_paths(service: Running, name: str) -> None:
    for template in (
        *("/v1/models/{}", "/v1/models/{}/explain?text=a", "/v1/models/{}/filters/1"),
        *("/v1/corpora/{}", "/v1/jobs/{}", "/v1/jobs/{}/events", "/v1/analyses/{}"),
        *("/v1/analyses/{}/division", "/v1/analyses/{}/division.png", "/v1/analyses/{}/signs"),
        *("/v1/negations/{}", "/v1/rules/{}", "/web/{}"),
        *("/v1/models/sst/filters/{}", "/v1/models/sst/filters/1?analysis={}"),
    ):
        for method in ("GET", "DELETE"):
            status, body = _raw(service, method, template.format(name))
            assert status in (404, 405, 422), (method, template, body)
            assert b"root:" not in body


def _raw(service: Running, method: str, target: str) -> tuple[int, bytes]:
    """A request whose address is sent as it is: clients would tidy it."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.putrequest(method, target, skip_accept_encoding=True)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../x", "..\\x", "/etc/passwd", "a/b", "a\\b", "a\0b", "\0", "a\n", ".a", "-a", ""),
        *("a b", "ä", "x" * 101, "C:a", "a.csv", "%2e%2e", "~", "$HOME", "\ud800", "a\u202eb"),
    ],
)
def test_names_in_bodies_are_no_paths(service: Running, name: str) -> None:
    for path, field in (
        ("/v1/models", "name"),
        ("/v1/models", "corpus"),
        ("/v1/models", "pretrain"),
        ("/v1/analyses", "model"),
        ("/v1/analyses", "corpus"),
        (f"/v1/analyses/{ID}/negation", "pairs"),
        (f"/v1/analyses/{ID}/rules", "pairs"),
        (f"/v1/analyses/{ID}/rules", "held_out"),
    ):
        body = {"name": "new", "corpus": "imdb"} if path == "/v1/models" else {}
        body |= {"corpus": "imdb"} if path == "/v1/analyses" else {}
        answer = send(service, path, json.dumps({**body, field: name}))
        assert_problem(answer, 422, f"body.{field}")
    if "\ud800" not in name:
        assert_problem(_upload(service, "a.csv", b"text\na\n", name=name), 422, "body.name")
    for part in (b"\xed\xa0\x80", b"..", b"\xff"):
        assert_problem(_form(service, b"name", part), 422, "body.name")
        assert_problem(_form(service, part, b"a"), 422, "body.name")


def _form(service: Running, field: bytes, value: bytes) -> httpx.Response:
    """A form with one more field, byte for byte."""
    head = b'--a\r\nContent-Disposition: form-data; name="'
    file = b'file"; filename="a.csv"\r\n\r\ntext\na\n\r\n--a--\r\n'
    body = head + field + b'"\r\n\r\n' + value + b"\r\n" + head + file
    kind = "multipart/form-data; boundary=a"
    return send(service, "/v1/corpora", body, **{"Content-Type": kind})


# Uploads


def _upload(service: Running, filename: str, content: bytes, name: str = "up") -> httpx.Response:
    file = {"file": (filename, io.BytesIO(content), "text/csv")}
    return service.client.post("/v1/corpora", data={"name": name}, files=file)


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return packed.getvalue()


def _weights() -> bytes:
    saved = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, saved)
    return saved.getvalue()


def _bomb() -> bytes:
    return gzip.compress(b"text\n" + b"good\n" * 2_000_000)


REFUSED = {
    "gz": ("a.csv.gz", lambda: gzip.compress(b"text\na\n"), "must end in one of"),
    "zip": ("a.zip", lambda: _zip(b"text\na\n"), "must end in one of"),
    "parquet": ("a.parquet", lambda: b"PAR1", "must end in one of"),
    "no ending": ("csv", lambda: b"text\na\n", "must end in one of"),
    "ending alone": (".csv", lambda: b"text\na\n", "must end in one of"),
    "two endings": ("a.csv/../b.exe", lambda: b"text\na\n", "must end in one of"),
    "gzip bomb": ("a.csv", _bomb, "UTF-8"),
    "gzip bomb as text": ("a.txt", _bomb, "UTF-8"),
    "zip as csv": ("a.csv", lambda: _zip(b"text\n" + b"a\n" * 10**6), "the file"),
    "pickle": ("a.csv", lambda: pickle.dumps({"text": ["a"]}), "UTF-8"),
    "old pickle": ("a.csv", lambda: pickle.dumps({"text": ["a"]}, 0), "no column `text`"),
    "weights": ("a.csv", _weights, "the file"),
    "weights as jsonl": ("a.jsonl", _weights, "the file"),
    "UTF-16": ("a.csv", lambda: "text\na\n".encode("utf-16"), "UTF-8"),
    "Latin-1": ("a.txt", lambda: b"caf\xe9\n", "UTF-8"),
    "surrogate": ("a.csv", lambda: b"text\n\xed\xa0\x80\n", "UTF-8"),
    "empty": ("a.csv", lambda: b"", "no column `text`"),
    "header alone": ("a.csv", lambda: b"text\n", "no rows"),
    "blank lines": ("a.txt", lambda: b"\n\n \n", "no rows"),
    "other columns": ("a.csv", lambda: b"review,label\ngood,1\n", "no column `text`"),
    "more fields": ("a.csv", lambda: b"text,label\ngood,1,2\n", "line 2"),
    "open quote": ("a.csv", lambda: b'text\n"good\n', "the file"),
    "long field": ("a.csv", lambda: b"text\n" + b"x" * 200_000, "broken"),
    "empty text": ("a.csv", lambda: b"text,label\n,1\n", "line 2"),
    "label": ("a.csv", lambda: b"text,label\ngood,9\n", "line 2"),
    "no object": ("a.jsonl", lambda: b'["text"]\n', "line 1"),
    "no text": ("a.jsonl", lambda: b'{"label": 1}\n', "line 1"),
    "text of another kind": ("a.jsonl", lambda: b'{"text": {"a": 1}}\n', "line 1"),
    "half a pair": ("a.jsonl", lambda: b'{"text": "\\ud800"}\n', "line 1"),
    "cut": ("a.jsonl", lambda: b'{"text": "a"}\n{"text": "b\n', "line 2"),
    "nested": ("a.jsonl", lambda: b'{"text":' * 200_000, "line 1"),
    "digits": ("a.jsonl", lambda: b'{"text": "a", "n": 1' + b"0" * 5_000 + b"}", "line 1"),
    "rows": ("a.txt", lambda: b"good\n" * 300_000, "200,000 rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_uploads_that_are_no_corpora(service: Running, case: str) -> None:
    filename, content, words = REFUSED[case]
    before = _files(service)
    answer = _upload(service, filename, content())
    problem = assert_problem(answer, 422, words)
    assert str(service.data) not in json.dumps(problem)
    assert _files(service) == before
    assert_problem(service.client.get("/v1/corpora/up"), 404)


def test_uploads_that_are_too_large(service: Running) -> None:
    before = _files(service)
    assert_problem(_upload(service, "a.txt", b"good\n" * 6_500_000), 413, "32,010,000 bytes")
    boundary = b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

    def pieces() -> Iterator[bytes]:
        yield boundary
        for _ in range(40):
            yield b"good\n" * 200_000

    kind = {"Content-Type": "multipart/form-data; boundary=a"}
    answer = service.client.post("/v1/corpora", content=pieces(), headers=kind)
    assert_problem(answer, 413, "bytes")
    assert _files(service) == before


def test_a_file_of_the_largest_size_is_taken(service: Running) -> None:
    row = b"g" * 998 + b"\n"
    content = row * (32_000_000 // len(row))
    answer = _upload(service, "a.txt", content + b"g" * (32_000_000 - len(content)), name="largest")
    assert answer.status_code == 201
    assert answer.json()["bytes"] == 32_000_000
    assert service.client.delete("/v1/corpora/largest").status_code == 204
    assert_problem(_upload(service, "a.txt", content + row, name="largest"), 413)


def test_compressed_bodies_are_not_unpacked(service: Running) -> None:
    body = gzip.compress(json.dumps({"text": TEXT}).encode())
    for encoding in ("gzip", "deflate", "br", "x", "identity, gzip"):
        for path in (EXPLAIN, "/v1/corpora", "/v1/models", "/nowhere"):
            answer = send(service, path, body, **{"Content-Encoding": encoding})
            assert_problem(answer, 415, "not compressed")
    plain = send(service, EXPLAIN, json.dumps({"text": TEXT}), **{"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_formula_cells_and_control_characters_stay_text(service: Running) -> None:
    rows = ["text", "\"=cmd|' /C calc'!A0\"", "@SUM(1+1)", "+1 good", "-1 bad", "a\x00b good"]
    content = "\n".join(rows).encode()
    assert _upload(service, "../../a.csv", content, name="formulas").status_code == 201
    kept = [path for path in _files(service) if path.endswith(".csv")]
    assert all(re.fullmatch(r"corpora/[0-9a-f]{32}\.csv", path) for path in kept)
    job = service.client.post("/v1/analyses", json={"corpus": "formulas"}).json()
    assert service.finish(job["id"])["state"] in ("succeeded", "failed")
    assert service.client.delete("/v1/corpora/formulas").status_code == 204


def test_names_of_corpora_are_taken_once(service: Running) -> None:
    assert _upload(service, "a.csv", b"text\na\n", name="once").status_code == 201
    before = _files(service)
    for name in ("once", "imdb", "IMDB", "sst", "minimal-pairs"):
        assert_problem(_upload(service, "a.csv", b"text\nb\n", name=name), 409, name)
    assert _files(service) == before
    assert service.client.delete("/v1/corpora/once").status_code == 204


def test_broken_forms(service: Running) -> None:
    for kind, body, status in (
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=a", b"x", 400),
        ("multipart/form-data; boundary=a", b"--a\r\n", 422),
        ("multipart/form-data; boundary=a", b"--a--\r\n", 422),
        ("multipart/form-data; boundary=" + "a" * 300, b"", 422),
        ("multipart/form-data; boundary=a", b"--a\r\n" + b"X: y\r\n" * 20_000, 400),
    ):
        answer = send(service, "/v1/corpora", body, **{"Content-Type": kind})
        assert answer.status_code in (status, 400, 422), (kind, answer.text)
        assert_problem(answer, answer.status_code)
    many = [("name", (None, "a"))] * 3_000
    assert_problem(service.client.post("/v1/corpora", files=many), 400, "1000")
    file = {"file": (None, "not a file")}
    answer = service.client.post("/v1/corpora", data={"name": "a"}, files=file)
    assert_problem(answer, 422, "body.file")


def _files(service: Running) -> set[str]:
    """What is in the data folder, without the database's own and the locks."""
    found = {str(path.relative_to(service.data)) for path in service.data.rglob("*")}
    return {path for path in found if "sqlite3" not in path and not path.startswith("locks")}


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


def assert_guarded(answer: httpx.Response) -> None:
    """The answer has the headers that keep a browser from mistakes."""
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value, (answer.url, name)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"]
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"]


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


# Limits


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
        assert [next(lines) for lines in followed] == ["id: 1"] * 2
        answer = narrow.client.get(path)
        assert_problem(answer, 429, "follow")
        assert int(answer.headers["retry-after"]) > 0
    for answer in started:
        assert narrow.client.delete(answer.headers["location"]).status_code == 202
    with narrow.client.stream("GET", path) as stream:  # there is room again, after a moment
        assert stream.status_code in (200, 429)
    assert narrow.client.post("/v1/analyses", json=body).status_code == 202
    for name in ("a", "b"):
        assert _upload(narrow, "a.csv", b"text\na\n", name=name).status_code == 201
    assert_problem(_upload(narrow, "a.csv", b"text\na\n", name="c"), 409, "Delete a corpus")
    assert len([path for path in _files(narrow) if path.startswith("corpora/")]) == 2


def test_too_many_requests(narrow: Running) -> None:
    answers = [narrow.client.post(EXPLAIN, content=b"{", headers={}) for _ in range(61)]
    answer = narrow.client.get("/v1/models")
    assert_problem(answer, 429, "60 requests a minute")
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert_guarded(answer)
    assert {answer.status_code for answer in answers} <= {415, 429}
    assert narrow.client.get("/healthz").status_code == 200


def test_wrong_keys_are_counted_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = create_key(data, "read")
    limits = {"threads": 1, "requests_per_minute": 20}
    with running(data, "--only", "web", **limits) as service:
        headers = {"Authorization": "Bearer tc_00000000_guess"}
        statuses = [
            service.client.get("/v1/models", headers=headers).status_code for _ in range(25)
        ]
        assert statuses == [401] * 20 + [429] * 5
        right = service.client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert right.status_code == 200  # counted by its key, not by its address
