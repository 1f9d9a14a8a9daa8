"""A service that has no model yet: it starts, says so, and can train one."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from textcond_service.app import make_app
from textcond_service.settings import Settings
from textcond_service.storage.database import Database

from textcond.model import checkpoint


def test_it_starts_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "model_folders", lambda shelf=None: [])
    settings = Settings(data=tmp_path / "data")
    database = Database(settings)
    database.migrate()
    database.close()
    with TestClient(make_app(settings), base_url="http://127.0.0.1:8000") as client:
        assert client.get("/v1/models").json()["items"] == []
        assert client.get("/readyz").json()["parts"]["model"]
        answer = client.post("/v1/models/sst/explain", json={"text": "not good"})
        assert answer.status_code == 404
        assert "'sst'" in answer.json()["detail"]
