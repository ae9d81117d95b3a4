"""What a page gives: values under pointer and keyboard, pictures as SVG and PNG, tables as the results have them."""

import shutil
import struct
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page
from tests.browser.test_pages import Quiet


@pytest.fixture
def quiet(browser: Browser) -> Quiet:
    return Quiet(browser, viewport={"width": 1100, "height": 900})


def saved(tab: Page, selector: str) -> tuple[str, Path]:
    with tab.expect_download() as waiting:
        tab.locator(selector).click()
    return waiting.value.suggested_filename, waiting.value.path()


def figure_of(tab: Page) -> str:
    """The first picture of the study that has values and stands open."""
    return "#" + tab.evaluate(
        "[...document.querySelectorAll('figure')].find(item => item.querySelector('[data-value]')"
        " && !item.closest('details') && !item.classList.contains('graph')).id"
    )


def test_values_show_under_the_pointer_and_by_arrow_keys(quiet: Quiet, results: Path) -> None:
    tab = quiet.open(results / "toy.html")
    figure = figure_of(tab)
    mark = tab.locator(f"{figure} [data-value]").last
    value = mark.get_attribute("data-value")
    assert value and any(sign.isdigit() for sign in value)
    mark.hover(force=True)
    assert tab.locator(".value").inner_text().split() == value.split()
    svg = tab.locator(f"{figure} svg")
    svg.focus()
    tab.keyboard.press("Home")
    first = tab.locator(f"{figure} [data-value]").first.get_attribute("data-value")
    assert tab.locator(".value").inner_text().split() == first.split()
    tab.keyboard.press("End")
    assert tab.locator(".value").inner_text().split() == value.split()
    tab.keyboard.press("Escape")
    assert tab.locator(".value").is_hidden()
    assert quiet.noise == []


def test_a_picture_is_saved_as_svg_and_as_png_of_twice_its_size(quiet: Quiet, results: Path) -> None:
    tab = quiet.open(results / "toy.html")
    figure = figure_of(tab)
    name, path = saved(tab, f"{figure} .tools .svg")
    root = ET.parse(path).getroot()  # noqa: S314 - of our own making
    assert name == f"toy-{figure[1:]}.svg"
    assert root[0].get("fill") == "#ffffff" and root[0].get("width") == root.get("width")
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == tab.locator(f"{figure} [data-value]").count() > 0
    name, path = saved(tab, f"{figure} .tools .png")
    size = struct.unpack(">II", path.read_bytes()[16:24])
    assert name == f"toy-{figure[1:]}.png"
    assert size == tuple(2 * float(root.get(side)) for side in ("width", "height"))
    assert quiet.noise == []


@pytest.mark.parametrize("folder", ["", "es/"])
def test_every_table_is_saved_as_it_lies_beside_the_page(quiet: Quiet, results: Path, folder: str) -> None:
    for name in ("toy", "graph", "quality", "validation"):
        tab = quiet.open(results / folder / f"{name}.html")
        tab.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
        tables = tab.locator("a[data-table]")
        assert tables.count() == tab.locator("table").count() > 0, name
        for table in tables.evaluate_all("links => links.map(link => link.dataset.table)"):
            called, path = saved(tab, f'a[data-table="{table}"]')
            beside = results / folder / "tables" / name
            assert called == f"{name}-{table}.csv"
            assert path.read_bytes() == (beside / f"{table}.csv").read_bytes()
            columnar, text = pd.read_parquet(beside / f"{table}.parquet"), pd.read_csv(path)
            assert list(columnar) == list(text) and len(columnar) == len(text)
            for column in columnar.select_dtypes("number"):
                assert columnar[column].dropna().tolist() == text[column].dropna().tolist()
        assert quiet.noise == []


def test_parquet_comes_from_the_file_beside_the_page(quiet: Quiet, results: Path) -> None:
    tab = quiet.open(results / "toy.html")
    _, path = saved(tab, '#table-estimates a[href$=".parquet"]')
    assert path.read_bytes() == (results / "tables/toy/estimates.parquet").read_bytes()


def test_a_page_that_was_mailed_alone_still_gives_its_tables(quiet: Quiet, results: Path, tmp_path: Path) -> None:
    shutil.copy(results / "toy.html", tmp_path)
    _, path = saved(quiet.open(tmp_path / "toy.html"), '#table-estimates a[href$=".csv"]')
    assert path.read_bytes() == (results / "tables/toy/estimates.csv").read_bytes()


def test_without_scripts_all_is_there_to_read_and_tables_are_files(browser: Browser, results: Path) -> None:
    quiet = Quiet(browser, java_script_enabled=False)
    tab = quiet.open(results / "toy.html")
    assert tab.locator("figure svg").count() > 0
    assert tab.locator(".tools").count() == 0
    href = tab.locator('#table-estimates a[href$=".csv"]').get_attribute("href")
    assert (results / href).is_file()
