"""The page in a real browser against the real service: every view, by pointer and by keys."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.service.running import Running, create_key, running

EXAMPLE = "#explain?text=this+is+not+good"
SEARCH = "#filters?text=this+is+not+good&pattern=not+good"
REFUSED = "Failed to load resource: the server responded with a status of 4"
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
REVIEWS = "text,label\n" + "\n".join(
    f"{text} {number},{label}"
    for number in range(40)
    for text, label in (("a warm and funny film", "positive"), ("a dull mess", "negative"))
)

OPEN_ALL = "document.querySelectorAll('details').forEach((closed) => { closed.open = true; })"

expect.set_options(timeout=30_000)
Open = Callable[..., Page]


@contextmanager
def opened(
    browser: Browser, service: Running, *, refusals: bool = False, **options: Any
) -> Iterator[Open]:
    """A way to open the page; whatever is done with it, nothing may go wrong inside."""
    wrong: list[str] = []

    def hear(message: Any) -> None:
        if not (refusals and message.text.startswith(REFUSED)):
            wrong.append(f"{message.type}: {message.text}")

    def is_own(url: str) -> bool:
        return url.startswith((f"{service.url}/", f"blob:{service.url}/", "about:blank"))

    options = {"viewport": {"width": 1280, "height": 900}, **options}
    with browser.new_context(base_url=service.url, accept_downloads=True, **options) as context:
        context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda request: None if is_own(request.url) else wrong.append(request.url)
        )

        def go(view: str = "", ready: str = "h1") -> Page:
            page.goto("about:blank")
            page.goto(f"/{view}")
            page.locator(ready).first.wait_for()
            if ready != "dialog":
                expect(page.get_by_text("Loading…")).to_have_count(0)
            return page

        yield go
    assert not wrong


@pytest.fixture
def go(browser: Browser, service: Running) -> Iterator[Open]:
    with opened(browser, service) as go:
        yield go


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service in which nothing was done yet."""
    with running(tmp_path_factory.mktemp("bare") / "data", threads=1) as started:
        yield started


def explanation(service: Running, text: str, **options: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/models/sst/explain", json={"text": text, **options})
    return dict(answer.raise_for_status().json())


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").removesuffix(" %").replace(",", ""))


def column(table: Locator, place: int) -> list[str]:
    return table.locator(f"tbody td:nth-child({place})").all_inner_texts()


# Explain


@pytest.mark.usefixtures("analysis")
def test_explain_by_keys_alone(go: Open) -> None:
    page = go()
    focused = page.locator(":focus")
    for _ in range(12):
        page.keyboard.press("Tab")
        if focused.get_attribute("name") == "text":
            break
    page.keyboard.type("this is not good")
    page.keyboard.press("Enter")
    expect(page.locator(".heads")).to_contain_text("77.6 %")
    expect(page.get_by_role("status").first).to_have_text("this is not good: negative")
    assert focused.get_attribute("name") == "text", "an answer takes nobody's focus"
    for _ in range(12):
        page.keyboard.press("Tab")
        if (focused.get_attribute("aria-label") or "").startswith("Card of filter"):
            break
    shown = focused.inner_text()
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading").first).to_contain_text(shown)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused.inner_text() == shown, "the focus is back where the card was opened"


def test_explain_shows_what_the_api_answers(go: Open, service: Running) -> None:
    answer = explanation(service, "this is not good", top=10)
    page = go(EXAMPLE, ".heat")
    words = page.locator(".sentence span")
    titles = [word.get_attribute("title") for word in words.all()]
    values = zip(answer["tokens"], answer["token_attributions"], strict=True)
    assert titles == [f"{token}: {value}" for token, value in values]
    for word, value in zip(words.all(), answer["token_attributions"], strict=True):
        red, _, blue = rgb(word)
        assert (blue > red) == (value > 0), "blue raises, red lowers"
    columns = page.locator(".heat thead button").all_inner_texts()
    assert columns == [str(row["filter"]) for row in answer["filters"]]
    for place, row in enumerate(answer["filters"]):
        cells = page.locator(f".heat tbody td:nth-child({place + 2})").all()
        shown = [float((cell.get_attribute("title") or "").rsplit(": ")[1]) for cell in cells]
        assert shown == pytest.approx(row["tokens"], abs=1e-15)


def rgb(element: Locator) -> tuple[int, int, int]:
    colour = element.evaluate("element => getComputedStyle(element).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return red, green, blue


def test_two_sentences_side_by_side(go: Open, service: Running) -> None:
    page = go()
    page.get_by_role("button", name="“this is good” against “this is not good”").click()
    sides = page.locator(".sides section")
    expect(sides).to_have_count(2)
    script = "side => [side.getBoundingClientRect().x, side.getBoundingClientRect().y]"
    (left, top), (right, level) = (side.evaluate(script) for side in sides.all())
    assert left < right
    assert top == level
    first, second = (explanation(service, f"this is {s}", top=0) for s in ("good", "not good"))
    before, after = (
        {row["filter"]: row["conductance"] for row in answer["filters"]}
        for answer in (first, second)
    )
    expected = sorted(before, key=lambda one: -abs(after[one] - before[one]))[:10]
    table = page.get_by_role("group", name="Differences")
    assert [int(text) for text in column(table, 1)] == expected
    assert [number(text) for text in column(table, 4)] == [
        pytest.approx(after[filter] - before[filter], abs=6e-4) for filter in expected
    ]


def test_target_and_output_are_explained(go: Open, service: Running) -> None:
    page = go(EXAMPLE, ".heat")
    page.get_by_label("Explain", exact=True).select_option("positive alone")
    page.get_by_label("As").select_option("probability")
    page.get_by_label("Filters shown").select_option("5")
    page.get_by_role("button", name="Explain").click()
    score = explanation(service, "this is not good", target="positive", output="probability")
    expect(page.locator(f"[title='{score['score']}']")).to_have_text(f"{score['score']:.2f}")
    expect(page.locator(".heat thead button")).to_have_count(5)
    page.reload()
    expect(page.get_by_label("Explain", exact=True)).to_have_value("positive")
    expect(page.locator(".heat thead button")).to_have_count(5)
    page.go_back()
    expect(page.locator(".heat thead button")).to_have_count(10)


def test_text_is_text_and_no_markup(go: Open, service: Running) -> None:
    text = "<b>bold</b> <img src=x onerror=alert(1)> & good"
    page = go()
    page.get_by_label("Sentence").fill(text)
    page.get_by_role("button", name="Explain").click()
    tokens = explanation(service, text)["tokens"]
    expect(page.locator(".sentence")).to_have_text(" ".join(tokens))
    assert page.locator("main b").count() == 1  # what the sentence is called


def test_errors_are_shown_as_the_service_says_them(browser: Browser, service: Running) -> None:
    with opened(browser, service, refusals=True) as go:
        page = go()
        page.get_by_label("Sentence").fill("     ")
        page.get_by_role("button", name="Explain").click()
        said = service.client.post("/v1/models/sst/explain", json={"text": "     "}).json()
        expect(page.get_by_role("alert")).to_contain_text(said["detail"])
        page = go(f"#rules/{'0' * 32}")
        said = service.client.get(f"/v1/analyses/{'0' * 32}").json()
        expect(page.get_by_role("alert")).to_contain_text(said["detail"])
        page = go(f"#division/{'0' * 32}")
        said = service.client.get(f"/v1/analyses/{'0' * 32}/division").json()
        expect(page.get_by_role("alert")).to_contain_text(said["detail"])


# Filters


@pytest.mark.usefixtures("analysis")
def test_filters_by_phrase(go: Open, service: Running) -> None:
    page = go("#filters")
    page.get_by_label("Sentence").fill("this is not good")
    page.get_by_label("Phrase in it").fill("not good")
    page.keyboard.press("Enter")
    table = page.get_by_role("group", name="Filters that respond")
    body = {"text": "this is not good", "pattern": "not good", "top": 0}
    rows = service.client.post("/v1/models/sst/filters/query", json=body).json()["filters"]
    expect(table.locator("tbody tr")).to_have_count(len(rows))
    assert [int(text) for text in column(table, 1)] == [row["filter"] for row in rows]
    assert [number(text) for text in column(table, 3)] == [
        pytest.approx(row["pattern_conductance"], abs=6e-4) for row in rows
    ]
    table.get_by_role("button", name="Width").click()
    widths = [int(text) for text in column(table, 2)]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) > 1


@pytest.mark.usefixtures("analysis")
def test_cards(go: Open, service: Running) -> None:
    card = service.client.get("/v1/models/sst/filters/191").json()
    page = go(SEARCH, "table")
    page.get_by_role("button", name="Card of filter 191").first.click()
    dialog = page.get_by_role("dialog", name=f"Filter 191: {card['name']}")
    expect(dialog.locator(".figures")).to_contain_text(f"{100 * card['purity']:.1f} %")
    marked = card["sentences"][0]
    ngram = " ".join(marked["tokens"][slice(*marked["window"])])
    expect(dialog.locator("mark").first).to_have_text(ngram)
    other = card["similar"][0][0]
    dialog.get_by_role("button", name=f"filter {other}", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("heading").first).to_contain_text(f"{other}: ")
    page.get_by_role("link", name="A page of its own").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("region", name="Card").get_by_role("heading").first).to_contain_text(
        f"Filter {other}: "
    )
    assert page.url.endswith(f"#filters/{other}?model=sst")


def test_all_filters_by_polarity(go: Open, service: Running, analysis: str) -> None:
    roles = service.client.get(f"/v1/analyses/{analysis}/division").json()["roles"]
    negative = sum(role["polarity"] == "negative" for role in roles)
    page = go("#filters", "table")
    page.get_by_label("Polarity").select_option("negative")
    expect(page.get_by_text(f"{negative} of {len(roles)} filters")).to_be_visible()
    assert set(column(page.get_by_role("group", name="All filters"), 3)) == {"negative"}


# Division of labour


def test_the_map_tells_the_signs(go: Open, service: Running, analysis: str) -> None:
    division = service.client.get(f"/v1/analyses/{analysis}/division").json()
    content = service.client.get(f"/v1/analyses/{analysis}/signs").content
    signs = np.frombuffer(content, np.int8).reshape(len(division["rows"]), -1)
    texts = service.client.get(f"/v1/analyses/{analysis}/rows").json()["items"]
    page = go(f"#division/{analysis}", "canvas")
    colours = {1: (43, 95, 179), -1: (194, 59, 59), 0: (185, 223, 181)}
    canvas, readout = page.locator("canvas"), page.locator(".readout")
    zoom_in = page.get_by_role("button", name="Zoom in")
    for _ in range(12):
        zoom_in.click()
    said = {1: "raises the score", -1: "lowers the score", 0: "does next to nothing"}
    seen = set()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    for step in range(24):
        x, y = 80 + 43 * step, 60 + (97 * step) % 500
        page.mouse.move(box["x"] + x, box["y"] + y)
        expect(readout).to_contain_text("of sentence")
        told = readout.inner_text()
        found = re.match(r"Filter (\d+) .*? of sentence (\d+) \(", told)
        assert found, told
        filter, row = int(found[1]), int(found[2])
        sign = int(signs[division["rows"].index(row), filter])
        assert said[sign] in told
        assert texts[row]["text"] in told
        page.wait_for_function("() => new Promise((done) => requestAnimationFrame(() => done(1)))")
        assert pixel(canvas, x, y) == colours[sign]
        seen.add(sign)
    assert len(seen) > 1


def pixel(canvas: Locator, x: float, y: float) -> tuple[int, ...]:
    script = """(canvas, [x, y]) => {
        const pen = new OffscreenCanvas(1, 1).getContext("2d");
        pen.drawImage(canvas, -x, -y);
        return [...pen.getImageData(0, 0, 1, 1).data];
    }"""
    return tuple(canvas.evaluate(script, [x, y])[:3])


def test_the_map_zooms_moves_and_takes_keys(go: Open, analysis: str) -> None:
    page = go(f"#division/{analysis}", "canvas")
    canvas, readout = page.locator("canvas"), page.locator(".readout")
    whole = canvas.evaluate("canvas => canvas.toDataURL()")
    canvas.scroll_into_view_if_needed()
    canvas.hover(position={"x": 300, "y": 300})
    page.mouse.wheel(0, -600)
    near = changed(canvas, whole)
    page.mouse.down()
    page.mouse.move(500, 400, steps=3)
    page.mouse.up()
    changed(canvas, near)
    expect(page.get_by_role("dialog")).to_have_count(0)  # a drag is no click
    page.get_by_role("button", name="Show all").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Picture (PNG)").focus()
    page.keyboard.press("Tab")
    told = [readout.inner_text()]
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        told.append(readout.inner_text())
    assert len(set(told)) == len(told)
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("+")
    changed(canvas, before)
    page.keyboard.press("Enter")
    filter = re.match(r"Filter \d+", told[-1])
    assert filter
    expect(page.get_by_role("dialog").get_by_role("heading").first).to_contain_text(filter[0])
    expect(page.get_by_role("dialog").locator("mark").first).to_be_visible()


def changed(canvas: Locator, before: str) -> str:
    canvas.page.wait_for_function(
        "before => document.querySelector('canvas').toDataURL() !== before", arg=before
    )
    return str(canvas.evaluate("canvas => canvas.toDataURL()"))


def test_the_picture_and_the_figures(go: Open, service: Running, analysis: str) -> None:
    division = service.client.get(f"/v1/analyses/{analysis}/division").json()
    page = go(f"#division/{analysis}", "canvas")
    purity = page.locator(f"[title='{division['mean_purity']}']")
    assert purity.inner_text() == f"{100 * division['mean_purity']:.1f} %"
    with page.expect_download() as download:
        page.get_by_role("link", name="Picture (PNG)").click()
    content = service.client.get(f"/v1/analyses/{analysis}/division.png").content
    assert Path(download.value.path()).read_bytes() == content


# Rules


def test_rules_of_an_exemplar(go: Open, service: Running, analysis: str) -> None:
    page = go(f"#rules/{analysis}", "form")
    page.get_by_label("filters that respond to a phrase").check()
    page.get_by_label("Sentence").fill("this is not good")
    page.get_by_label("Phrase in it").fill("not good")
    page.get_by_role("button", name="Extract rules").click()
    page.get_by_role("progressbar", name="Progress of the rules").wait_for()
    expect(page.get_by_role("heading", name="Rules from “not good” in “this")).to_be_visible()
    job = page.url.rsplit("set=")[1]
    rules = service.client.get(f"/v1/rules/{job}").json()["rules"]
    table = page.get_by_role("group", name="Rules")
    assert column(table, 1) == [rule["name"] for rule in rules][:100]
    assert number(column(table, 2)[0]) == pytest.approx(rules[0]["weight"], abs=6e-3)
    page.get_by_role("button", name="Show more rows").click()
    assert len(column(table, 1)) == min(len(rules), 200)
    for _ in range(2):
        table.get_by_role("button", name="Support").click()
    supports = [number(text) for text in column(table, 3)]
    assert supports == sorted(rule["support"] for rule in rules)[: len(supports)]
    page.get_by_label("Only rules that contain").fill("not")
    page.get_by_label("Push the score").select_option("down")
    fitting = [rule for rule in rules if "not" in rule["name"] and rule["sign"] < 0]
    expect(page.get_by_text(f"{len(fitting)} of {len(rules)} rules")).to_be_visible()
    assert sorted(column(table, 1)) == sorted(rule["name"] for rule in fitting)
    for label, form in (("JSON", "json"), ("CSV", "csv"), ("spaCy", "spacy")):
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        wanted = service.client.get(f"/v1/rules/{job}", params={"format": form}).content
        assert Path(download.value.path()).read_bytes() == wanted


def test_rules_of_negation_filters(go: Open, service: Running, analysis: str) -> None:
    page = go(f"#rules/{analysis}", "form")
    page.get_by_text("More options").click()
    page.get_by_label("Find negation filters by").select_option("minimal-pairs")
    page.get_by_label("Support").fill("2")
    page.get_by_role("button", name="Extract rules").click()
    expect(page.get_by_role("heading", name="Rules from negation filters")).to_be_visible()
    job = service.client.get("/v1/jobs", params={"kind": "rules"}).json()["items"][0]
    assert job["request"]["pairs"] == "minimal-pairs"
    assert job["request"]["support"] == 2
    assert "negat" in page.get_by_role("group", name="Rules").inner_text()


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
        expect(page.get_by_label("Model")).to_have_value("page-small")
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
        for view in ("#division", "#rules", "#filters"):
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
    key = create_key(bare.data, "read")
    with opened(browser, bare, refusals=True) as go:
        page = go("", "dialog")
        dialog = page.get_by_role("dialog", name="An API key is needed")
        expect(dialog).to_contain_text("Send a key")
        page.keyboard.type("tc_wrong_key")
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("not valid")
        page.get_by_role("textbox", name="API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Model")).to_have_value("sst")
        page.reload()
        expect(page.get_by_label("Model")).to_have_value("sst")
        page.goto("/#jobs")
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
    return {
        "": "form",
        EXAMPLE: ".heat",
        f"{EXAMPLE}&other=this+is+good&top=20": ".sides",
        SEARCH: "table",
        "#filters/191?model=sst": "mark",
        f"#division/{analysis}": "canvas",
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
