"""The specification curve on the page of a study, from files to HTML."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.curve import worlds
from tests.report.test_causes import RULES, Page, surroundings

from balanza.report import curve as section
from balanza.verbs import compare, curve, curve_test, describe, estimate, grade, prepare, report

HOSTILE = "<script>alert(1)</script>"


def page(folder: Path, **changes: Any) -> tuple[Page, str]:
    """The toy's page, after its curve was run."""
    own = folder / "results" / "studies" / "toy"
    path = worlds.write(folder, estimators=["poisson", "twfe"], checks=[], **changes)
    prepare.run(path, folder, own / "rows.parquet", own / "design.json")
    for name in ("poisson", "twfe"):
        estimate.run(path, name, own / "estimates", own / "rows.parquet")
    compare.run(path, own / "estimates", own / "comparison.json")
    describe.run(path, own / "rows.parquet", own)
    grade.run(path, own / "comparison.json", own / "checks", RULES, own / "claim.json")
    curve.run(path, own / "curve", own / "rows.parquet", most=12, draws=19)
    curve_test.run(path, [own / "curve" / "1of1.parquet"], own, most=12)
    surroundings(folder / "results", {"world": "mexico"})
    report.run(folder / "results", [path])
    written = folder / "results" / "toy.html"
    return Page(written), written.read_text()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, str]:
    variants = worlds.VARIANTS | {"window": {HOSTILE: [2010, 2019]}}
    return page(tmp_path_factory.mktemp("toy"), variants=variants)


def test_the_page_draws_the_curve_with_the_choices_beneath(toy: tuple[Page, str]) -> None:
    words, text = toy[0].words, toy[1]
    assert "In every defensible way" in words
    assert "12 variants run from" in words
    assert "Had the same treatment been handed to the clusters at random (which it was not), 19 times over" in words
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    for choice in ("poverty", "last dose", "files", "log1p", "twfe", "place", "covariates", "window"):
        assert choice in drawn
    assert "the study&#39;s own choices" in text or "the study's own choices" in drawn


def test_who_is_left_out_is_listed_with_the_reason(toy: tuple[Page, str]) -> None:
    words = toy[0].words
    assert "12 of 96 possible variants." in words
    assert "its clusters are not those of the study's own choices" in words


def test_labels_of_the_study_file_are_escaped(toy: tuple[Page, str]) -> None:
    assert HOSTILE not in toy[1]
    assert "alert(1)" in toy[1]


def test_a_study_without_variants_has_no_section(tmp_path: Path) -> None:
    own = tmp_path / "results" / "studies" / "toy"
    path = worlds.write(tmp_path, estimators=["poisson"], checks=[], variants=None)
    prepare.run(path, tmp_path, own / "rows.parquet", own / "design.json")
    estimate.run(path, "poisson", own / "estimates", own / "rows.parquet")
    compare.run(path, own / "estimates", own / "comparison.json")
    describe.run(path, own / "rows.parquet", own)
    grade.run(path, own / "comparison.json", own / "checks", RULES, own / "claim.json")
    surroundings(tmp_path / "results", {"world": "mexico"})
    report.run(tmp_path / "results", [path])
    assert "In every defensible way" not in Page(tmp_path / "results" / "toy.html").words


def test_the_frame_holds_all_estimates_and_cuts_intervals_that_would_flatten_them() -> None:
    rows = pd.DataFrame({"percent": [-20.0, 10.0], "low": [-30.0, -60.0], "high": [-5.0, 5000.0]})
    low, high = section.frame(rows, None)
    assert low == pytest.approx(-60 - 0.03 * 130)
    assert high == pytest.approx(10 + section.FRAME / 2 * 30 + 0.03 * 130)
    low, high = section.frame(rows, 40.0)
    assert high > 40
    tight = pd.DataFrame({"percent": [5.0, 6.0], "low": [4.0, 5.0], "high": [6.0, 7.0]})
    low, high = section.frame(tight, None)
    assert low < 0
    assert high > 7


def test_a_curve_of_hundreds_is_drawn_without_overlapping_marks() -> None:
    n = 400
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"variant": range(n), "percent": rng.normal(size=n), "distance": [0] + [2] * (n - 1)})
    rows = rows.assign(low=rows["percent"] - 2, high=rows["percent"] + 2)
    axes: dict[str, list[str]] = {axis: ["a", "b"] for axis in section.AXIS_WORDS}
    for axis, labels in axes.items():
        rows[axis] = rng.choice(labels, n)
    text = str(section.chart(rows, axes, None))
    widths = [float(found) for found in re.findall(r'd="M[^"]*?h([0-9.]+)v', text)]
    ticks = [width for width in widths if width < 5]
    assert len(ticks) >= n
    assert max(ticks) < (section.WIDTH - section.LEFT) / n
