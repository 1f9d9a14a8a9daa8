"""Division of labour and Rules in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.service.pages import (
    Open,
    column,
    number,
)
from tests.service.running import Running

SERVICE = "pages"

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
    expect(page).to_have_url(re.compile("set="))
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
    page.get_by_label("For", exact=True).select_option("negative")
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
    page.get_by_label("Find negation filters by").select_option("rotten-tomatoes")
    page.get_by_label("Support").fill("2")
    page.get_by_role("button", name="Extract rules").click()
    expect(page).to_have_url(re.compile("set="))
    expect(page.get_by_role("heading", name="Rules from negation filters")).to_be_visible()
    job = service.client.get("/v1/jobs", params={"kind": "rules"}).json()["items"][0]
    assert job["request"]["pairs"] == "rotten-tomatoes"
    assert job["request"]["support"] == 2
    assert "negat" in page.get_by_role("group", name="Rules").inner_text()
