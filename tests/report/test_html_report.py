"""The report in a real browser: all of it shows, its controls work, and it asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Dataset
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.service.running import SECONDS
from textcond.analysis.store.corpus import CorpusConductance
from textcond.commands.local_places import LocalPlaces
from textcond.corpora.dataset_columns import NO_LABEL, polar_dataset
from textcond.corpora.loading import load_corpus
from textcond.model.model import Model
from textcond.progress import nobody
from textcond.report.explained_figures import MEANINGS
from textcond.report.html_report import Study, render
from textcond.workflows.places import Subject
from textcond.workflows.report import ReportRequest, run

HOSTILE = ["<script>alert(1)</script>", "<b>", "does", "n't", "quite", "work", "a" * 300]
TEXT_COLUMNS = ("Rule", "Example")
NUMBER_COLUMNS = ("Weight", "Support", "Fidelity", "Precision", "Coverage")


@dataclass(frozen=True, slots=True)
class Report:
    study: Study
    path: Path

    @property
    def address(self) -> str:
        return self.path.as_uri()


@pytest.fixture(scope="module")
def report(sst: Model, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of some 400 sentences, one of them hostile; every other one is labelled."""
    folder = tmp_path_factory.mktemp("report")
    sentences = load_corpus("rotten-tomatoes", "train")
    parts = []
    for place, name in enumerate(("<i>one</i>", "other")):
        rows = sentences.select(range(place, 4800, 12))
        tokens = [HOSTILE, *rows["tokens"]]
        labels = [label if row % 2 else NO_LABEL for row, label in enumerate(rows["positive"])]
        dataset = polar_dataset([" ".join(words) for words in tokens], tokens, [NO_LABEL, *labels])
        parts.append(CorpusConductance.compute(sst, dataset, folder / str(place), data=name))
    analysis, held_out = parts
    result = study(sst, analysis, held_out)
    path = folder / "report.html"
    path.write_text(render(result), encoding="utf-8")
    return Report(result, path)


def study(model: Model, analysis: CorpusConductance, held_out: CorpusConductance) -> Study:
    request = ReportRequest(pairs="minimal-pairs", held_out=str(held_out.folder))
    return run(request, Subject(analysis, LocalPlaces(), model), nobody)


@pytest.fixture
def page(browser: Browser, report: Report) -> Iterator[Page]:
    """The report, opened; whatever a test does with it, nothing may go wrong inside."""
    wrong: list[str] = []

    def close(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(1_000 * SECONDS)
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", close)
        page.goto(report.address)
        yield page
    assert not wrong


@pytest.fixture
def without_scripts(browser: Browser, report: Report) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(report.address)
        yield page


# What is there


def test_it_asks_for_nothing_but_itself(browser: Browser, report: Report) -> None:
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.address, wait_until="networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [report.address]


def test_every_part_is_there(page: Page, report: Report) -> None:
    headings = page.locator("h2").all_inner_texts()
    assert headings == ["Division of labour", "Negation", "Rules", "Filters"]
    assert page.locator("nav a").all_inner_texts() == headings
    assert page.locator("article").count() == len(report.study.cards)
    for side in ("Negation of positive words", "Negation of negative words"):
        assert page.get_by_role("heading", name=side).is_visible()
    assert page.get_by_role("heading", name="The rules on other text: other").is_visible()
    assert page.locator("#rules-table tbody tr").count() == len(report.study.rules.rules)


def test_every_image_is_decoded(page: Page) -> None:
    widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) == 4
    assert all(width > 0 for width in widths)
    assert all(page.locator("img").evaluate_all("images => images.map(image => image.alt)"))


def test_figures_are_rounded_and_explained(page: Page, report: Report) -> None:
    figures = dict(
        zip(
            [name.lower() for name in page.locator("dt").all_text_contents()],
            page.locator("dd").all_text_contents(),
            strict=True,
        )
    )
    assert set(MEANINGS) <= set(figures), "a figure has another name by now"
    purity = report.study.division.summary()["mean_purity"]
    assert figures["mean purity"] == f"{100 * purity:.1f} % {MEANINGS['mean purity']}"


def test_text_is_text_and_no_markup(page: Page) -> None:
    shown = " ".join(HOSTILE[:2])
    assert page.locator("td", has_text=shown).count() > 1
    assert page.locator("p", has_text="sentences of <i>one</i>").is_visible()
    assert page.title() == "textcond: sst on <i>one</i>"
    assert page.locator("script").count() == 1
    assert page.locator("b, i").count() == 0


# The table of rules


def test_clicks_sort(page: Page) -> None:
    for column in NUMBER_COLUMNS + TEXT_COLUMNS:
        before = column_of(page, column)
        for descending in (column in NUMBER_COLUMNS, column in TEXT_COLUMNS):
            page.get_by_role("button", name=column, exact=True).click()
            after = column_of(page, column)
            assert after == in_order(before, column, descending=descending), column
            assert sorted_by(page) == {column: "descending" if descending else "ascending"}
            assert len(set(after)) > 5, f"{column} has too few values to tell"


def test_keys_sort(page: Page) -> None:
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    for column in ("Rule", *NUMBER_COLUMNS, "Example"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == column
        before = column_of(page, column)
        downwards = column in NUMBER_COLUMNS
        for key, descending in (("Enter", downwards), ("Space", not downwards)):
            page.keyboard.press(key)
            assert column_of(page, column) == in_order(before, column, descending=descending)
            assert sorted_by(page) == {column: "descending" if descending else "ascending"}


def test_rules_without_a_label_come_last(page: Page) -> None:
    assert "-" in column_of(page, "Precision")
    for _ in range(2):
        page.get_by_role("button", name="Precision").click()
        shown = column_of(page, "Precision")
        assert shown[0] != "-"
        assert shown[-1] == "-"


def test_the_rows_stay_whole(page: Page) -> None:
    rows = page.locator("#rules-table tbody tr")
    before = rows.all_text_contents()
    page.get_by_role("button", name="Support").click()
    after = rows.all_text_contents()
    assert before != after
    assert sorted(before) == sorted(after)


def test_the_search_narrows_the_table_and_counts(page: Page) -> None:
    rows, count = page.locator("#rules-table tbody tr"), page.locator("#find .count")
    names = column_of(page, "Rule")
    assert count.inner_text() == f"{len(names)} of {len(names)} rules"
    for wanted in (" n't", "POSITIVE", "in no rule"):
        page.get_by_label("Only rules that contain").fill(wanted)
        fitting = [name for name in names if wanted.strip().lower() in name]
        assert count.inner_text() == f"{len(fitting)} of {len(names)} rules"
        assert rows.locator("visible=true").count() == len(fitting) < len(names)
    page.get_by_label("Only rules that contain").fill("n't")
    page.get_by_role("button", name="Weight").click()
    assert all("n't" in row for row in rows.locator("visible=true").all_text_contents())
    page.get_by_label("Only rules that contain").fill("")
    assert rows.locator("visible=true").count() == len(names)


def column_of(page: Page, column: str) -> list[str]:
    place = ("Rule", *NUMBER_COLUMNS, "Example").index(column) + 1
    return page.locator(f"#rules-table tbody td:nth-child({place})").all_text_contents()


def in_order(cells: list[str], column: str, *, descending: bool) -> list[str]:
    """Numbers by their value and words without regard to case; equal ones as they were."""
    if column in TEXT_COLUMNS:
        return sorted(cells, key=str.lower, reverse=descending)
    known = [cell for cell in cells if cell != "-"]
    known.sort(key=lambda cell: float(cell.removesuffix(" %")), reverse=descending)
    return known + ["-"] * (len(cells) - len(known))


def sorted_by(page: Page) -> dict[str, str | None]:
    heads = page.locator("#rules-table th[aria-sort]").all()
    return {head.inner_text(): head.get_attribute("aria-sort") for head in heads}


# Ways around


def test_links_lead_somewhere(page: Page, report: Report) -> None:
    found = [filter for side in report.study.negation.sides for filter in side.filters.found]
    links = page.locator("#negation ~ p:has-text('Found: ') a")
    assert [int(text) for text in links.all_inner_texts()] == found
    for target in {link.get_attribute("href") for link in page.locator("a").all()}:
        assert page.locator(target or "").count() == 1
    last = links.last
    last.click()
    card = page.locator(f"#filter-{found[-1]}")
    assert card.evaluate("card => Math.abs(card.getBoundingClientRect().top) < innerHeight / 2")


def test_a_page_without_rules(sst: Model, browser: Browser, tmp_path: Path) -> None:
    texts = Dataset.from_dict({"text": ["a warm film", "a dull film"]})
    analysis = CorpusConductance.compute(sst, texts, tmp_path / "few")
    result = study(sst, analysis, analysis)
    assert (result.rules.rules, result.check) == ((), None)
    (tmp_path / "report.html").write_text(render(result), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "report.html").as_uri())
        expect(page.get_by_text("No pattern has a fidelity of 0.8 in 3 sentences")).to_be_visible()
        expect(page.get_by_text("These patterns came nearest to a rule.")).to_be_visible()
        assert not wrong


def test_a_telephone_scrolls_one_way_only(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#full-size").check()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_filters_of_the_heat_map_are_legible_in_full_size(page: Page) -> None:
    page.get_by_label("Full size").check()
    scale = page.locator("figure img").first.evaluate("image => image.width / image.naturalWidth")
    assert scale * 6 * 96 / 72 >= 10  # of 6 points, in pixels
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


# Without scripts


def test_without_scripts_everything_shows(without_scripts: Page) -> None:
    page = without_scripts
    tables, images = page.locator("table"), page.locator("img")
    assert images.count() == images.locator("visible=true").count() == 4
    closed = page.locator("details table")
    assert tables.count() - tables.locator("visible=true").count() == closed.count()
    for summary in page.locator("summary").all():
        summary.click()
    assert tables.count() == tables.locator("visible=true").count() > 20
    assert page.locator("td:visible").count() == page.locator("td").count()


def test_without_scripts_no_control_is_dead(without_scripts: Page) -> None:
    page = without_scripts
    controls = page.locator("button, input, select, textarea").locator("visible=true")
    assert [control.get_attribute("id") for control in controls.all()] == ["full-size"]
    image = page.locator("figure img").first
    width = image.evaluate("image => image.width")
    page.get_by_label("Full size").check()
    assert image.evaluate("image => image.width") > width
    assert not page.get_by_text("A click on a heading sorts.").is_visible()
