"""HTML in a text, as scraped reviews have it: tags become blanks, entities are read."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5

from textcond.text.edits import Edit, apply

_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*) ?;")
"""With its semicolon, before which some corpora set a blank: "good&not bad" holds no entity."""
_ELEMENTS = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink "
    "blockquote body br button canvas caption center cite code col colgroup data datalist dd del "
    "details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form frame "
    "frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label "
    "legend li link main map mark marquee menu meta meter nav nobr noframes noscript object ol "
    "optgroup option output p param picture pre progress q rp rt ruby s samp script search "
    "section select slot small source span strike strong style sub summary sup table tbody td "
    "template textarea tfoot th thead time title tr track tt u ul var video wbr"
)
"""The names of HTML's elements, also of those that are obsolete."""
_TAG = re.compile(
    rf"""</?(?:{_ELEMENTS.replace(" ", "|")})"""
    r"""(?:\s+[a-z][\w:-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))*\s*/?>""",
    re.IGNORECASE,
)
"""Every attribute has a value: `a <b and c> d` holds no tag."""


def read_markup(text: str) -> str:
    """The text with its entities read and a blank in place of each tag."""
    return apply(text, (find_entities, find_tags))


def find_entities(text: str) -> Iterator[Edit]:
    """Every entity that HTML knows, in whatever case its name stands."""
    if "&" in text:
        for found in _ENTITY.finditer(text):
            reading = _entity_reading(found.group(1))
            if reading is not None:
                yield Edit.of(found, reading)


def find_tags(text: str) -> Iterator[Edit]:
    """Every tag of an element that HTML knows; `<3` and `3 < 5` are none."""
    if "<" in text:
        yield from (Edit.of(found, " ") for found in _TAG.finditer(text))


def _entity_reading(name: str) -> str | None:
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    return html5.get(f"{name};", html5.get(f"{name.lower()};"))
