"""Models and jobs in a browser, every view in general, and the reference."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.pages import (
    EXAMPLE,
    OPEN_ALL,
    REVIEWS,
    SEARCH,
    Open,
    opened,
)
from tests.service.running import Running, make_key, running

SERVICE = "pages"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service in which nothing was done yet."""
    with running(tmp_path_factory.mktemp("bare") / "data", threads=1) as started:
        yield started


# Models and jobs


def test_upload_train_follow_cancel_and_delete(
    browser: Browser, service: Running, tmp_path: Path
) -> None:
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    with opened(browser, service, refusals=True) as go:
        page = go("#jobs", "table")
        page.get_by_text("Upload a corpus").click()
        upload = page.locator("form", has=page.get_by_label("File"))
        upload.get_by_label("Name").fill("page-reviews")
        upload.get_by_label("File").set_input_files(tmp_path / "reviews.csv")
        upload.get_by_role("button", name="Upload").click()
        expect(upload.get_by_role("status")).to_have_text("page-reviews: 80 rows, 80 labelled.")
        page.get_by_text("Train a model").click()
        train = page.locator("form", has=page.get_by_role("button", name="Train"))
        train.get_by_label("Name").fill("sst")
        train.get_by_role("button", name="Train").click()
        expect(train.get_by_role("alert")).to_contain_text("There is a model 'sst'")
        train.get_by_label("Name").fill("page-long")
        train.get_by_label("Epochs").fill("1000")
        train.get_by_role("button", name="Train").click()
        job = page.locator(".job").first
        expect(job.locator(".state")).to_have_text("running")
        expect(job).to_contain_text(re.compile(r"\d+ of [\d,]+"))
        job.get_by_role("button", name="Cancel").click()
        expect(job.locator(".state")).to_have_text("cancelled")
        train.get_by_label("Name").fill("page-small")
        train.get_by_label("Epochs").fill("1")
        train.get_by_label("Corpus").select_option("page-reviews")
        train.get_by_role("button", name="Train").click()
        models = page.get_by_role("region", name="Models")
        expect(models.get_by_role("link", name="page-small")).to_be_visible()
        models.get_by_role("button", name="Metrics of page-small").click()
        metrics = page.get_by_role("region", name="Metrics of page-small")
        expect(metrics).to_contain_text("positive, negative")
        models.get_by_role("link", name="page-small").click()
        expect(page.get_by_label("Model", exact=True)).to_have_value("page-small")
        page.get_by_role("link", name="Models and jobs").click()
        for what in ("the model page-small", "the corpus page-reviews"):
            button = page.get_by_role("button", name=f"Delete {what}")
            button.click()
            expect(button).to_have_text("Really delete")
            button.click()
            expect(button).to_have_count(0)
    names = [model["name"] for model in service.client.get("/v1/models").json()["items"]]
    assert names == ["sst"]


# A service in which nothing was done, and one with keys


def test_empty_views_say_so_and_offer_a_start(browser: Browser, bare: Running) -> None:
    with opened(browser, bare, refusals=True) as go:
        for view in ("#division", "#negation", "#rules", "#filters"):
            page = go(view, ".start")
            expect(page.get_by_role("button", name="Start the analysis")).to_be_visible()
        expect(go("#jobs").get_by_text("No job was started yet.")).to_be_visible()
        page = go(EXAMPLE, ".heat")
        page.locator(".heat thead button").first.click()
        said = bare.client.get("/v1/models/sst/filters/0").json()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("alert")).to_contain_text(said["detail"])
        dialog.get_by_label("Split").select_option("dev")
        dialog.get_by_role("button", name="Start the analysis").click()
        expect(dialog.get_by_role("progressbar")).to_be_visible()
        expect(dialog.locator("mark").first).to_be_visible()  # the card, once it can be shown


def test_a_key_is_asked_for_and_kept(browser: Browser, bare: Running) -> None:
    key = make_key(bare.data, "read")
    with opened(browser, bare, refusals=True) as go:
        page = go("", "dialog")
        dialog = page.get_by_role("dialog", name="An API key is needed")
        expect(dialog).to_contain_text("Send a key")
        page.keyboard.type("tc_wrong_key")
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("not valid")
        page.get_by_role("textbox", name="API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Model", exact=True)).to_have_value("sst")
        page.reload()
        expect(page.get_by_label("Model", exact=True)).to_have_value("sst")
        page.goto("/#jobs")
        expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        expect(page.get_by_text("Loading…")).to_have_count(0)  # which moves what is below it
        page.get_by_text("Train a model").click()
        page.get_by_label("Name").first.fill("refused")
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("does not have the scope 'run'")


# Every view


@pytest.fixture(scope="module")
def views(service: Running, analysis: str) -> dict[str, str]:
    """The address of each view with something in it, and what shows that it is there."""
    body = {"filters": "exemplar", "text": "this is not good", "pattern": "not good"}
    job = service.client.post(f"/v1/analyses/{analysis}/rules", json=body).json()
    service.finish(job["id"])
    wanted = {"pairs": "minimal-pairs", "draws": 10}
    negation = service.client.post(f"/v1/analyses/{analysis}/negation", json=wanted).json()
    service.finish(negation["id"])
    return {
        "": "form",
        EXAMPLE: ".heat",
        f"{EXAMPLE}&other=this+is+good&top=20": ".sides",
        SEARCH: "table",
        "#filters/191?model=sst": "mark",
        f"#division/{analysis}": "canvas",
        f"#negation/{analysis}?set={negation['id']}": ".figures",
        f"#rules/{analysis}?set={job['id']}": "table",
        "#jobs": ".job",
        "docs": "pre",
    }


def test_axe_finds_nothing_serious(
    browser: Browser, service: Running, views: dict[str, str]
) -> None:
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("the package axe-playwright-python is not installed")
    axe = Path(found.origin).with_name("axe.min.js").read_text()
    wrong = []
    with opened(browser, service) as go:
        for view, ready in views.items():
            page = go(view, ready)
            page.evaluate(OPEN_ALL)
            if view == EXAMPLE:
                page.locator(".heat thead button").first.click()
                page.get_by_role("dialog").locator("mark").first.wait_for()
            page.evaluate(axe)
            wrong += [f"{view}: {one}" for one in serious(page, {})]
            page.emulate_media(color_scheme="dark")
            wrong += [
                f"{view}, dark: {one}" for one in serious(page, {"runOnly": "color-contrast"})
            ]
            page.emulate_media(color_scheme="light")
    assert not wrong, "\n".join(wrong)


def serious(page: Page, options: dict[str, Any]) -> list[str]:
    result = page.evaluate("options => axe.run({resultTypes: ['violations'], ...options})", options)
    assert result["passes"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in result["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_a_telephone_scrolls_one_way_only(
    browser: Browser, service: Running, views: dict[str, str]
) -> None:
    with opened(browser, service, viewport={"width": 390, "height": 844}) as go:
        for view, ready in views.items():
            page = go(view, ready)
            page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") == 390, view


def test_views_are_named_and_linked(go: Open) -> None:
    page = go()
    for name in ("Filters", "Division of labour", "Rules", "Models and jobs", "Explain"):
        link = page.get_by_role("navigation").get_by_role("link", name=name)
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page).to_have_title(f"{name} – textcond")
        expect(link).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The API")


# The reference


def test_the_reference_has_every_path_without_scripts(browser: Browser, service: Running) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    expected = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    with opened(browser, service, java_script_enabled=False) as go:
        page = go("docs")
        headings = page.locator(".operation h3").all_inner_texts()
        for link in page.locator("main a[href^='#']").all():
            assert page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']").count() == 1
    assert {" ".join(heading.split()) for heading in headings} == expected
    assert len(headings) == len(expected)


def test_the_examples_of_the_reference_work(go: Open, service: Running) -> None:
    page = go("docs")
    for path, wanted in (
        ("POST /v1/models/{model}/explain", '"token_attributions"'),
        ("POST /v1/models/{model}/filters/query", '"pattern_conductance"'),
        ("GET /v1/models/{model}/explain", '"token_attributions"'),
        ("GET /v1/models", '"dev_accuracy"'),
    ):
        heading = page.get_by_role("heading", name=path, exact=True)
        section = page.locator(".operation").filter(has=heading)
        command = section.locator("pre").last.inner_text()
        done = subprocess.run(
            ["bash", "-c", f"{command} --silent"], capture_output=True, text=True, check=True
        )
        assert wanted in done.stdout, command
