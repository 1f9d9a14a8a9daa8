"""Names that are no paths, in addresses, bodies and forms."""

from __future__ import annotations

import http.client
import json

import httpx
import pytest

from tests.service.asking import assert_problem, send, upload_file
from tests.service.running import SECONDS, Running

ID = "0" * 32


TRAVERSALS = ["..", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "a%00b", "%ed%a0%80"]
MORE_TRAVERSALS = [
    *(".", "../..", "%2e%2e%2f%2e%2e%2f", "%2e%2e", "..%5c..%5c"),
    *("%2fetc%2fpasswd", "C:%5cWindows", "%00", "a%0a", "a%0d%0ab"),
    *("~root", "sst%2f..%2fsst", ".sst", "sst.training.pt", "a%20b", "%ff%fe", "%c0%ae%c0%ae"),
    *("sst%3fx", "sst;x", "*", "%252e%252e%252f", "x" * 101, "-a", "_a"),
]


@pytest.mark.parametrize(
    "name",
    [*TRAVERSALS, *(pytest.param(name, marks=pytest.mark.thorough) for name in MORE_TRAVERSALS)],
)
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
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)
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
        assert_problem(upload_file(service, "a.csv", b"text\na\n", name=name), 422, "body.name")
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
