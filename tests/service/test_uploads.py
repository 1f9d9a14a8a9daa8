"""Uploads that are no corpora, and those that are."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import zipfile
from collections.abc import Iterator

import pytest
import torch

from tests.service.asking import EXPLAIN, TEXT, assert_problem, files_of, send, upload_file
from tests.service.running import Running


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
    "empty": ("a.csv", lambda: b"", "the file is empty"),
    "header alone": ("a.csv", lambda: b"text\n", "no rows"),
    "blank lines": ("a.txt", lambda: b"\n\n \n", "no rows"),
    "other columns": ("a.csv", lambda: b"review,label\ngood,1\n", "no column `text`"),
    "more fields": ("a.csv", lambda: b"text,label\ngood,1,2\n", "line 2"),
    "open quote": ("a.csv", lambda: b'text\n"good\n', "the file"),
    "swallowed rows": (
        "a.csv",
        lambda: b'text,label\n" one,1\ntwo,0\nthree ",1\n',
        "closes in line 4, and each line between reads as a row",
    ),
    "swallowed pairs": (
        "a.csv",
        lambda: b'negated,unnegated\n" not a,a\nno b,b\nno c ",c\n',
        "closes in line 4",
    ),
    "one name": ("a.csv", lambda: b"text,Text\na,b\n", "'text' and 'Text' are one name"),
    "long text": (
        "a.csv",
        lambda: b"text\n" + b"x " * 70_000,
        "line 2: the text has 70,000",
    ),
    "empty texts": ("a.csv", lambda: b"text,label\n,1\n ,0\n", "has no text"),
    "long label": ("a.csv", lambda: b"text,label\ngood," + b"x" * 101 + b"\n", "line 2"),
    "no object": ("a.jsonl", lambda: b'["text"]\n', "line 1"),
    "an object and none": ("a.jsonl", lambda: b'{"text": "a"}\n[1]\n', "line 2"),
    "pairs and none": ("a.jsonl", lambda: b'{"negated": "a", "unnegated": "b"}\n[1]\n', "objects"),
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
    before = files_of(service)
    answer = upload_file(service, filename, content())
    problem = assert_problem(answer, 422, words)
    assert str(service.data) not in json.dumps(problem)
    assert files_of(service) == before
    assert_problem(service.client.get("/v1/corpora/up"), 404)


def test_rows_with_quotation_marks_are_all_there(service: Running) -> None:
    for name, content in {
        "marks.tsv": b'text\tlabel\n" one\t1\ntwo\t0\nthree "\t1\n',
        "names.csv": b"text, Label\none, 1\ntwo, 0\nthree, 1\n",
    }.items():
        answer = upload_file(service, name, content, name="marks")
        assert answer.status_code == 201
        assert (answer.json()["rows"], answer.json()["labelled"]) == (3, 3)
        assert service.client.delete("/v1/corpora/marks").status_code == 204


def test_uploads_that_are_too_large(service: Running) -> None:
    before = files_of(service)
    assert_problem(upload_file(service, "a.txt", b"good\n" * 6_500_000), 413, "32,010,000 bytes")
    boundary = b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

    def pieces() -> Iterator[bytes]:
        yield boundary
        for _ in range(40):
            yield b"good\n" * 200_000

    kind = {"Content-Type": "multipart/form-data; boundary=a"}
    answer = service.client.post("/v1/corpora", content=pieces(), headers=kind)
    assert_problem(answer, 413, "bytes")
    assert files_of(service) == before


def test_a_file_of_the_largest_size_is_taken(service: Running) -> None:
    row = b"g" * 998 + b"\n"
    content = row * (32_000_000 // len(row))
    answer = upload_file(
        service, "a.txt", content + b"g" * (32_000_000 - len(content)), name="largest"
    )
    assert answer.status_code == 201
    assert answer.json()["bytes"] == 32_000_000
    assert service.client.delete("/v1/corpora/largest").status_code == 204
    assert_problem(upload_file(service, "a.txt", content + row, name="largest"), 413)


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
    assert upload_file(service, "../../a.csv", content, name="formulas").status_code == 201
    kept = [path for path in files_of(service) if path.endswith(".csv")]
    assert all(re.fullmatch(r"corpora/[0-9a-f]{32}\.csv", path) for path in kept)
    job = service.client.post("/v1/analyses", json={"corpus": "formulas"}).json()
    assert service.finish(job["id"])["state"] in ("succeeded", "failed")
    assert service.client.delete("/v1/corpora/formulas").status_code == 204


def test_names_of_corpora_are_taken_once(service: Running) -> None:
    assert upload_file(service, "a.csv", b"text\na\n", name="once").status_code == 201
    before = files_of(service)
    for name in ("once", "imdb", "IMDB", "sst", "minimal-pairs"):
        assert_problem(upload_file(service, "a.csv", b"text\nb\n", name=name), 409, name)
    assert files_of(service) == before
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
