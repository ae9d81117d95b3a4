"""The map of home and the page of a municipality, in a browser, in a small country whose numbers are known."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.conftest import HOSTILE
from tests.municipal import country

from balanza.verbs import report, summarise

NAMES = {"01001": HOSTILE, "01002": "Mérida de los Ñandúes", "02001": "Benito Juárez", "01003": "Benito Juárez"}
RATE = "homicides per 100,000 people"
Opener = Callable[[str], Page]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("country")
    made = folder / "results"
    summarise.run(country.write(folder / "panel", NAMES), made / "summary")
    world = {"world": "mexico", "seed": 1, "level": 0.95, "draws": 99}
    (made / "config.yaml").write_text(yaml.safe_dump(world))
    (made / "quality.json").write_text(json.dumps({"sections": []}))
    report.run(made, [])
    return made


@pytest.fixture
def visit(browser: Browser, results: Path) -> Iterator[Opener]:
    """Opens a page, and in the end holds against it whatever it logged, asked for or threw."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, accept_downloads=True)
    complaints: list[str] = []
    asked: list[str] = []

    def visit(address: str) -> Page:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{results}/{address}")
        if "index" in address:
            page.wait_for_selector("#map[data-live]")
        return page

    yield visit
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def choose(page: Page, text: str) -> None:
    page.get_by_role("combobox", name="Find a municipality").fill(text)
    page.keyboard.press("Enter")


def areas(page: Page) -> Locator:
    """The areas of the map, in the order of their codes."""
    return page.locator("#map .live .mark-shape").first.locator("path")


def middle(page: Page, number: int) -> tuple[float, float]:
    """The middle of an area on the screen."""
    drawn = areas(page).nth(number)
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def colours(page: Page) -> list[str | None]:
    return [areas(page).nth(number).get_attribute("fill") for number in range(areas(page).count())]


def test_hover_says_name_state_rate_homicides_and_people(visit: Opener) -> None:
    page = visit("index.html")
    page.mouse.move(*middle(page, 1))  # 01002: one homicide a month among 2,000 people
    note = page.locator("div.value:visible")
    told = f"Mérida de los Ñandúes, Aguascalientes, 2020: 600.0 {RATE} (homicides: 12; people: 2,000)."
    expect(note).to_have_text(told)
    page.mouse.move(2, 2)
    expect(note).to_have_count(0)


@pytest.mark.parametrize("text", ["merida de los nandues", "MÉRIDA", "Ñandúes"])
def test_search_minds_neither_accents_nor_case(visit: Opener, text: str) -> None:
    page = visit("index.html")
    choose(page, text)
    expect(page.locator(".readout")).to_contain_text("Mérida de los Ñandúes, Aguascalientes, 2020: 600.0")
    page.get_by_role("link", name="Open its page").click()
    expect(page.locator("h1")).to_have_text("Mérida de los Ñandúes, Aguascalientes")
    assert page.url.endswith("municipality.html#01002")


def test_namesakes_are_listed_with_their_states_and_a_stranger_is_nobody(visit: Opener) -> None:
    page = visit("index.html")
    field = page.get_by_role("combobox", name="Find a municipality")
    field.fill("benito")
    expect(page.locator(".find li")).to_have_text(["Benito Juárez, Aguascalientes", "Benito Juárez, Baja California"])
    page.get_by_role("button", name="Benito Juárez, Baja California").press("Enter")
    expect(page.locator(".readout")).to_contain_text("Benito Juárez, Baja California, 2020: 0.0")
    field.fill("atlantis")
    expect(page.locator(".find [role=status]")).to_have_text("No municipality is called “atlantis”.")


def test_the_slider_moves_by_keyboard_and_an_unknown_year_is_said_and_grey(visit: Opener) -> None:
    page = visit("index.html")
    choose(page, "place 01004")  # of March 2016 nothing is known
    before = colours(page)
    slider = page.get_by_role("slider", name="Year")
    slider.focus()
    for _year in range(4):
        page.keyboard.press("ArrowLeft")
    told = f"Place 01004, Aguascalientes, 2016: unknown {RATE} (homicides: unknown; people: 4,000)."
    expect(page.locator(".readout")).to_contain_text(told)
    expect(slider).to_have_attribute("aria-valuetext", "2016")
    expect(areas(page).nth(3)).to_have_attribute("fill", "#e3e3e3")
    after = colours(page)
    assert before[3] != after[3]
    assert before[:3] + before[4:] == after[:3] + after[4:]  # all others are the same in every year


def test_the_switch_shows_states_and_search_leads_back(visit: Opener) -> None:
    page = visit("index.html")
    expect(areas(page)).to_have_count(len(country.CODES))
    page.get_by_role("radio", name="States").focus()
    page.keyboard.press("Space")
    expect(areas(page)).to_have_count(len(country.STATES))
    page.mouse.move(*middle(page, 1))
    told = f"Baja California, 2020: 720.0 {RATE} (homicides: 72; people: 10,000)."
    expect(page.locator("div.value:visible")).to_have_text(told)
    choose(page, "merida")
    expect(page.get_by_role("radio", name="Municipalities")).to_be_checked()
    expect(page.locator(".readout")).to_contain_text("Mérida")


def test_a_click_opens_the_page_of_the_municipality(visit: Opener) -> None:
    page = visit("index.html")
    page.mouse.click(*middle(page, 6))
    expect(page.locator("h1")).to_have_text("Place 02003, Baja California")


def test_without_script_the_picture_of_the_last_year_shows(browser: Browser, results: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{results}/index.html")
    assert page.locator("#map .still svg").is_visible()
    assert not page.locator(".controls").is_visible()
    assert not page.locator(".find").is_visible()
    page.goto(f"file://{results}/municipality.html")
    assert page.get_by_text("summary/municipal.parquet").is_visible()
    context.close()


def test_the_csv_of_every_municipality_equals_the_results(visit: Opener, results: Path) -> None:
    page = visit("municipality.html#01001")
    on_disk = pd.read_parquet(results / "summary" / "municipal.parquet")
    for code in country.CODES:
        page.evaluate("code => { location.hash = code; }", code)
        expect(page.locator("#code")).to_have_text(code)
        with page.expect_download() as download:
            page.get_by_role("button", name="These rows as csv").click()
        text = Path(download.value.path()).read_text()
        found = pd.read_csv(StringIO(text), dtype={"cvegeo": str, "state": str})
        own = on_disk[on_disk["cvegeo"] == code].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, own, check_dtype=False, check_exact=True)
        assert download.value.suggested_filename == f"balanza-{code}.csv"


def test_the_page_of_a_municipality_shows_its_rows_its_state_and_unknowns(visit: Opener) -> None:
    page = visit("municipality.html#01004")
    row = page.locator("#years tbody tr", has_text="2016")
    expect(row.locator("td")).to_have_text(["4,000", "unknown", "unknown", "720.0"])
    expect(page.locator("#alone")).to_be_visible()  # 2016 is one of the years before
    expect(page.locator("#state tbody tr", has_text="2020").locator("td").first).to_have_text("10.0 (7 months)")
    expect(page.get_by_text("These are figures of the state, never of the municipality.")).to_be_visible()
    gaps = ["January 2013 to December 2014: Kidnapping files (SESNSP)", "March 2016: Homicides (deaths, INEGI)"]
    expect(page.locator("#unknown li")).to_have_text(gaps)


def test_peers_are_shown_with_their_numbers_and_lead_on(visit: Opener) -> None:
    page = visit("municipality.html#01003")
    peers = page.locator("#peers tbody tr")
    expect(peers).to_have_count(6)
    twin = peers.nth(1)
    expect(twin.locator("th, td")).to_have_text(["Place 02003", "Baja California", "3,000", "800.0", "800.0"])
    twin.get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("Place 02003, Baja California")


@pytest.mark.parametrize("code", ["99999", "<img src=x onerror=alert(1)>", "1001", "100%"])
def test_an_unknown_code_is_told(visit: Opener, code: str) -> None:
    page = visit("municipality.html#01001")
    page.evaluate("code => { location.hash = code; }", code)
    told = f"No municipality has the code “{code}”: codes have five digits, such as 01001. Search by name."
    expect(page.locator("#told")).to_have_text(told)
    expect(page.locator("#card")).to_be_hidden()
    expect(page.locator("h1")).to_have_text("Municipalities")


def test_a_municipality_born_since_leads_to_its_parent(visit: Opener) -> None:
    page = visit("municipality.html")
    choose(page, "san felipe")
    told = "San Felipe was created out of Place 02002 (2021-07-02) and is counted there in all years."
    expect(page.locator("#told")).to_have_text(told)
    expect(page.locator("h1")).to_have_text("Place 02002, Baja California")
    assert page.url.endswith("#" + country.BORN["child"])


def test_the_other_language_shows_the_same_municipality(visit: Opener) -> None:
    page = visit("municipality.html")
    choose(page, "merida")
    page.get_by_role("link", name="Español").click()
    expect(page.locator("h1")).to_have_text("Mérida de los Ñandúes, Aguascalientes")
    assert page.url.endswith("es/municipality.html#01002")
    page.get_by_role("link", name="English").click()
    assert page.url.endswith("municipality.html#01002")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_hostile_names_are_text(visit: Opener) -> None:
    page = visit("index.html")
    page.mouse.move(*middle(page, 0))
    expect(page.locator("div.value:visible bdi").first).to_have_text(HOSTILE)
    choose(page, "script")
    expect(page.locator(".readout bdi").first).to_have_text(HOSTILE)
    page.get_by_role("link", name="Open its page").click()
    expect(page.locator("h1 bdi")).to_have_text(HOSTILE)
    assert HOSTILE in page.title()


def test_a_picture_is_saved_as_it_is_shown(visit: Opener) -> None:
    page = visit("index.html")
    page.get_by_role("radio", name="States").check()
    with page.expect_download() as download:
        page.locator("#map").get_by_role("button", name="Save as SVG").click()
    assert download.value.suggested_filename == "balanza-states-2020.svg"
    drawn = download.value.path().read_text()
    assert drawn.startswith("<svg")
    assert "homicides per 100,000 people" in drawn  # its legend


@pytest.mark.parametrize("address", ["index.html", "municipality.html#01003", "es/municipality.html#01004"])
def test_nothing_overflows_at_360_pixels(visit: Opener, address: str) -> None:
    page = visit(address)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
