"""What is refused before anything is served: one line that names the setting and the remedy."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize("command", [("migrate",), ("serve", "--port", "0"), ("keys", "list")])
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "TEXTCOND_DATABASE begins with 'nonsense'; it can be a postgresql:// address"),
        ("postgres://a/b", "TEXTCOND_DATABASE begins with 'postgres'; it can be a postgresql://"),
        ("postgresql://127.0.0.1:1/x", "The database does not answer ("),
    ],
)
def test_a_database_that_is_none(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    address: str,
    message: str,
) -> None:
    monkeypatch.setenv("TEXTCOND_DATABASE", address)
    code, out, err = run(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_queue_that_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTCOND_QUEUE", "postgresql://127.0.0.1:1/x")
    code, _, err = run("serve")
    assert (code, err.count("\n")) == (2, 1)
    assert "The queue does not answer (" in err


def test_a_port_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, err = run("serve", "--port", str(port))
    assert (code, err.count("\n")) == (2, 1)
    assert f"Port {port} of 127.0.0.1 cannot be served (Address already in use" in err


@pytest.mark.parametrize(
    ("setting", "driver", "command"),
    [
        ("DATABASE", "psycopg", ("migrate",)),
        ("QUEUE", "redis", ("serve", "--only", "worker")),
    ],
)
def test_a_driver_that_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, setting: str, driver: str, command: tuple[str, ...]
) -> None:
    scheme = {"psycopg": "postgresql", "redis": "redis"}[driver]
    monkeypatch.setenv(f"TEXTCOND_{setting}", f"{scheme}://127.0.0.1:1/0")
    monkeypatch.setitem(sys.modules, driver, None)
    code, _, err = run(*command)
    assert (code, err.count("\n")) == (2, 1)
    assert "is missing): `pip install '.[server]'`" in err


def test_treebank_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTCOND_SST", "nowhere")
    code, _, err = run("serve")
    assert (code, err) == (2, "textcond: TEXTCOND_SST is nowhere, which is not there; mend it.\n")


def test_keys_of_no_service(run: Run, tmp_path: Path) -> None:
    for command in (("list",), ("revoke", "x")):
        code, _, err = run("keys", *command, "--data", str(tmp_path / "none"))
        assert (code, err.count("\n")) == (2, 1)
        assert "none; give `--data` as `textcond serve` had it." in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "--scope", "read"), "`name` has 0 characters; give 1 to 100."),
        (("x" * 101,), "`name` has 101 characters; give 1 to 100."),
        (("me", "--scope", "all"), "`scope` is 'all'; it can be read, run, admin."),
    ],
)
def test_a_key_that_is_none(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run("keys", "create", *arguments)
    assert (code, out, err) == (2, "", f"textcond: {message}\n")
