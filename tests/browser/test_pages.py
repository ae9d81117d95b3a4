"""Every page in a real browser: quiet, alone, no wider than a phone, accessible, with links that lead somewhere."""

import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import GIVEN, HOSTILE

ELSEWHERE = {"weighing.html", "outlook.html"}
"""Pages that a run of the workflow has, and the small run of these tests has not."""
KINDS = {"index", "municipality", "toy", "validation"}
"""Pages that differ in kind: colours are chosen for kinds, so that these alone are seen in the dark."""
PATIENCE = 180_000
"""Milliseconds, so that a machine that is busy with other things does not fail a test."""
TALLEST = 16_000
"""Pixels: a longer page than chromium draws in one picture is shown as far as the window goes."""
WIDE = "[...document.querySelectorAll('body *')].filter(item => item.getBoundingClientRect().right > innerWidth + 1"
WIDE += " && !item.closest('.scroll, figure, pre, template')).map(item => item.outerHTML.slice(0, 200))"
CHOOSE = "location.hash = JSON.parse(document.getElementById('municipality-data').textContent).codes[0]"


def pages(results: Path) -> list[Path]:
    found = sorted([*results.glob("*.html"), *results.glob("es/*.html")])
    assert len(found) >= 10
    return found


class Quiet:
    """A tab that notes whatever a page should not do."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **options)
        self.tab: Page = self.context.new_page()
        self.tab.set_default_timeout(PATIENCE)
        self.noise: list[str] = []
        self.tab.on("console", lambda message: self.noise.append(f"{message.type}: {message.text}"))
        self.tab.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        self.tab.on("dialog", lambda dialog: (self.noise.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.asked: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path) -> Page:
        self.asked.clear()
        self.noise.clear()
        self.tab.goto(path.as_uri())
        return self.tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_quiet_asks_for_nothing_and_is_accessible(browser: Browser, results: Path, scheme: str) -> None:
    """With BALANZA_SCREENSHOTS, a folder, it also leaves a picture of each."""
    shots = os.environ.get("BALANZA_SCREENSHOTS")
    quiet, axe = Quiet(browser, color_scheme=scheme), Axe()
    few = scheme == "dark" and not GIVEN
    for path in [path for path in pages(results) if not few or (path.stem in KINDS and path.parent == results)]:
        tab = quiet.open(path)
        tab.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        found = axe.run(tab).response["violations"]
        grave = [item for item in found if item["impact"] in ("serious", "critical")]
        assert [(path.name, item["id"], item["nodes"][0]["html"]) for item in grave] == []
        if shots:
            name = path.relative_to(results).with_suffix("").as_posix().replace("/", "-")
            whole = tab.evaluate("document.body.scrollHeight") < TALLEST
            tab.screenshot(path=Path(shots) / f"{name}-{scheme}.png", full_page=whole)
        assert quiet.noise == [], path.name
        assert quiet.asked == [path.as_uri()]


def test_nothing_is_wider_than_a_phone(browser: Browser, results: Path) -> None:
    quiet = Quiet(browser, viewport={"width": 360, "height": 740})
    for path in pages(results):
        tab = quiet.open(path)
        tab.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        assert tab.evaluate(WIDE) == [], path.name
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, path.name


@pytest.mark.skipif(bool(GIVEN), reason="the run that BALANZA_PAGES names has no hostile texts")
def test_hostile_texts_are_shown_as_they_are(browser: Browser, results: Path) -> None:
    quiet = Quiet(browser)
    said = " ".join(HOSTILE.split())
    for name, least in (("toy", 6), ("index", 1), ("quality", 4), ("validation", 1)):
        tab = quiet.open(results / f"{name}.html")
        words = " ".join(tab.evaluate("document.body.textContent").split())
        assert words.count(said) >= least, name
        assert tab.evaluate("[...document.scripts].every(item => !item.textContent.startsWith('alert'))")
        assert quiet.noise == []
    assert quiet.open(results / "toy.html").locator("h1").inner_text() == said


class Addresses(HTMLParser):
    """Where a page leads, and the places within it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.places: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.leads += [value for name in ("href", "src") if (value := given.get(name))]
        self.places += [value] if (value := given.get("id")) else []


def test_links_lead_to_files_and_places_that_exist(results: Path) -> None:
    known = {path.resolve(): Addresses(path) for path in pages(results)}
    for path, page in known.items():
        assert len(page.places) == len(set(page.places)), f"{path.name}: an id occurs twice"
        for address in page.leads:
            parts = urlsplit(address)
            assert not parts.scheme and not parts.netloc, f"{path.name} leads out to {address}"
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.name in ELSEWHERE and not target.exists() and not GIVEN:
                continue
            assert target.is_file(), f"{path.name} leads to {address}, which is not there"
            if parts.fragment:
                assert unquote(parts.fragment) in known[target].places, f"{path.name} leads to {address}"


def test_every_picture_can_be_linked_to(browser: Browser, results: Path) -> None:
    quiet = Quiet(browser)
    for path in pages(results):
        tab = quiet.open(path)
        assert tab.locator("figure:not([id])").count() == 0, path.name
        if path.name == "municipality.html":  # which has a picture once a municipality is named
            tab.evaluate(CHOOSE)
        for figure in tab.locator("figure").all():
            expect(figure.locator(".tools"), path.name).to_have_count(1, timeout=PATIENCE)  # some are drawn by a script


def test_the_menu_leaves_a_phone_its_page_and_opens_by_keyboard(browser: Browser, results: Path) -> None:
    quiet = Quiet(browser, viewport={"width": 360, "height": 740}, java_script_enabled=False)
    for path in pages(results):
        tab = quiet.open(path)
        box = tab.locator("header").bounding_box()
        assert box is not None and box["height"] < 740 / 2, path.name
    tab = quiet.open(results / "index.html")
    studies = tab.locator(".studies a")
    expect(studies.first).to_be_hidden()
    tab.locator(".studies summary").focus()
    tab.keyboard.press("Enter")
    expect(studies.first).to_be_visible()
    tab.keyboard.press("Tab")
    expect(studies.first).to_be_focused()
