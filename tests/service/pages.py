"""The page in a real browser, in which nothing may go wrong unheard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.service.running import SECONDS, Running

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

expect.set_options(timeout=1_000 * SECONDS)
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
        page.set_default_timeout(1_000 * SECONDS)
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


def explanation(service: Running, text: str, **options: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/models/sst/explain", json={"text": text, **options})
    return dict(answer.raise_for_status().json())


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").removesuffix(" %").replace(",", ""))


def column(table: Locator, place: int) -> list[str]:
    return table.locator(f"tbody td:nth-child({place})").all_inner_texts()
