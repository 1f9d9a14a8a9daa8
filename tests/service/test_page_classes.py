"""A stranger's classes on the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.service.pages import opened
from tests.service.running import Running
from tests.service.test_own_classes import CONTENT, SMALL, WORDS

SERVICE = "pages"


def test_a_file_of_classes_on_the_page(browser: Browser, service: Running, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(CONTENT)
    with opened(browser, service) as go:
        page = go("#jobs", "table")
        page.get_by_text("Upload a corpus").click()
        upload = page.locator("form", has=page.get_by_label("File"))
        upload.get_by_label("Name").fill("page-kinds")
        upload.get_by_label("Column of texts").fill("Question")
        upload.get_by_label("Column of labels").fill("Kind")
        upload.get_by_label("File").set_input_files(tmp_path / "own.csv")
        upload.get_by_role("button", name="Upload").click()
        expect(upload.get_by_role("status")).to_contain_text("216 rows, 216 labelled.")
        expect(upload.get_by_role("status")).to_contain_text("Labels: 6 classes, animal, colour")
    body = {"name": "page-kinds", "corpus": "page-kinds", **SMALL}
    body |= {"batch_size": 16, "learning_rate": 0.01}
    job = service.finish(service.client.post("/v1/models", json=body).json()["id"])
    assert job["state"] == "succeeded"
    with opened(browser, service) as go:
        page = go("#explain?model=page-kinds")
        expect(page.get_by_label("Explain", exact=True)).to_have_value("margin")
        expect(page.get_by_label("Against")).to_be_hidden()
        page.get_by_label("Explain", exact=True).select_option("food")
        page.get_by_label("Against").select_option("drink")
        page.get_by_label("Sentence").fill("here is the bread")
        page.get_by_role("button", name="Explain").click()
        expect(page.get_by_text("The sentence is called food.")).to_be_visible()
        assert "target=food%3Adrink" in page.url
        expect(page.get_by_label("Against")).to_have_value("drink")
        page = go("#explain?text=qx+zy+the&model=page-kinds&target=food%3Arest")
        expect(
            page.get_by_text("67% of the words are not in the model's vocabulary")
        ).to_be_visible()
        expect(page.get_by_label("Against")).to_have_value("rest")

        page = go("#jobs", "table")
        page.get_by_text("Analyze a corpus").click()
        form = page.locator("form", has=page.get_by_role("button", name="Start the analysis"))
        form.get_by_label("Model").select_option("page-kinds")
        expect(form.get_by_label("Explain")).to_have_value("animal")
        assert form.get_by_label("Explain").locator("option").all_text_contents() == [*WORDS]
        form.get_by_label("Explain").select_option("food")
        form.get_by_label("Corpus").select_option("page-kinds")
        form.get_by_role("button", name="Start the analysis").click()
        job = page.locator(".job", has_text="analysis").filter(has_text="page-kinds")
        expect(job.locator(".state")).to_have_text("succeeded")
        analyses = service.client.get("/v1/analyses").json()["items"]
        analysis = next(one for one in analyses if one["model"] == "page-kinds")
        assert analysis["target"] == "food:rest"

        page = go(f"#division/{analysis['id']}", ".figures")
        expect(page.get_by_text("Filters for not food")).to_be_visible()
        page = go(f"#rules/{analysis['id']}", "form")
        page.get_by_label("all filters").check()
        page.get_by_role("button", name="Extract rules").click()
        expect(page.get_by_role("heading", name="Rules from all filters")).to_be_visible()
        page.get_by_label("For", exact=True).select_option("food")
        for word in WORDS["food"].split():
            expect(page.get_by_role("cell", name=f"{word} → food", exact=True)).to_be_visible()
        page = go(f"#negation/{analysis['id']}", "form")
        page.get_by_role("button", name="Find negation filters").click()
        expect(
            page.get_by_role("heading", name="Negation of words that speak for food")
        ).to_be_visible()
        expect(
            page.get_by_role("heading", name="Negation of words that speak against food")
        ).to_be_visible()
        expect(page.get_by_text("By phrases of page-kinds.")).to_be_visible()
        page = go("#filters?model=page-kinds", "table")
        page.get_by_label("Side").select_option("not food")
        page = go("#filters/3?model=page-kinds", "dl")
        expect(page.get_by_text("what it usually pushes to")).to_be_visible()
    # The page's service is shared.
    assert service.client.delete("/v1/models/page-kinds").status_code == 204
    assert service.client.delete("/v1/corpora/page-kinds").status_code == 204
