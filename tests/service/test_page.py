"""Explain and Filters in a browser, by pointer and by keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.service.pages import (
    EXAMPLE,
    SEARCH,
    Open,
    column,
    explanation,
    number,
    opened,
)
from tests.service.running import Running

SERVICE = "pages"

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
    page.get_by_label("Side").select_option("negative")
    expect(page.get_by_text(f"{negative} of {len(roles)} filters")).to_be_visible()
    assert set(column(page.get_by_role("group", name="All filters"), 3)) == {"negative"}
