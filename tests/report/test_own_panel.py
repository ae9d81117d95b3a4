"""The page of a study on the user's own panel, as short as the docs' example: it claims nothing that nobody said."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.test_causes import RULES, Page, surroundings
from tests.test_estimate import write_study

from balanza.report import charts, words
from balanza.verbs import compare, describe, estimate, grade, prepare, report

GAUSSIAN = {"column": "deaths", "family": "gaussian"}
TREATMENT = {"first_treated": "first", "kind": "binary"}


def page(folder: Path, world: str = "synthetic", estimators: tuple[str, ...] = ("twfe",), **changes: Any) -> Page:
    """The toy's page in a run of a world, from the estimators given."""
    study = write_study(folder, **{"estimators": list(estimators), "checks": ["refuters"]} | changes)
    results = folder / "results"
    own = results / "studies" / "toy"
    prepare.run(study, folder, own / "rows.parquet", own / "design.json")
    for name in estimators:
        estimate.run(study, name, own / "estimates", own / "rows.parquet")
    compare.run(study, own / "estimates", own / "comparison.json")
    describe.run(study, own / "rows.parquet", own)
    (own / "checks").mkdir()
    check = {"name": "refuters", "title": "Refuters", "status": "ran", "passed": False, "sentence": "It fell."}
    (own / "checks" / "refuters.json").write_text(json.dumps(check))
    grade.run(study, own / "comparison.json", own / "checks", RULES, own / "claim.json")
    surroundings(results, {"world": world, "flavour": "beneficial", "selection": "level"})
    report.run(results, [study])
    assert ("SYNTHETIC" in Page(results / "index.html").words) == (world == "synthetic")
    return Page(results / "toy.html")


def test_a_table_of_ones_own_is_not_called_synthetic(tmp_path: Path) -> None:
    words_of = page(tmp_path).words
    assert "This study runs on a table of your own; its truth is not known." in words_of
    assert "SYNTHETIC" not in words_of


def test_what_the_study_file_leaves_out_is_not_made_up(tmp_path: Path) -> None:
    found = page(tmp_path, outcome=GAUSSIAN, treatment=TREATMENT, headline=None).words
    assert "The study file states no estimand" in found
    assert "names no headline: this is twfe, the first estimator that ran. Outcome" in found
    assert "Per unit of treatment, deaths are estimated to be" in found
    assert "Treatment: first." in found
    for hollow in ("None", "Per ,", "What cannot be said", "deaths in all", "rows without one"):
        assert hollow not in found


def test_refuters_that_fell_say_whose_fit_they_tested(tmp_path: Path) -> None:
    assert (
        "It fell. That fit is the headline, poisson : its estimate"
        in page(tmp_path, estimators=("poisson",), headline="poisson").words
    )
    refuted = {"name": "refuters", "passed": False}
    assert words.consequence(refuted, "gaussian", "etwfe") == (
        "That fit is `twfe`; the headline, `etwfe`, was not tested by these attempts."
    )
    assert words.consequence(refuted | {"passed": True}, "gaussian", "twfe") == ""
    assert words.consequence({"name": "negative_controls", "passed": False}, "gaussian", "twfe") == ""


def test_estimators_left_out_for_one_reason_stand_in_one_row(tmp_path: Path) -> None:
    found = page(tmp_path, outcome=GAUSSIAN)
    assert "two_stage not run the study file does not list it" in found.words.replace(" , ", ", ")
    assert found.words.count("the study file does not list it") == 1
    assert "Two-way fixed effects twfe" in found.words


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("set `a` & <b>", "set <code>a</code> &amp; &lt;b&gt;"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
        ("one ` only", "one ` only"),
        ("`a` and ` b", "<code>a</code> and ` b"),
        (None, ""),
    ],
)
def test_backticks_are_code_and_all_is_escaped(text: str | None, marked: str) -> None:
    assert words.code(text) == marked


def events(times: list[int]) -> pd.DataFrame:
    columns = ("value", "low", "high", "low_uniform", "high_uniform")
    return pd.DataFrame({"event_time": times, **dict.fromkeys(columns, 1.0)})


def test_an_event_study_names_its_lines_and_its_reference(tmp_path: Path) -> None:
    found = page(tmp_path, outcome=GAUSSIAN).words
    assert "pointwise 95 % intervals" in found
    assert "Event time −1 is the reference: left out, and zero by construction." in found


@pytest.mark.parametrize(("times", "legend"), [([0, 1], False), ([-2, 0, 1], True)])
def test_the_legend_says_before_only_where_there_is_a_point_before(times: list[int], legend: bool) -> None:
    assert (">before<" in charts.event_study(events(times), "time", "effect")) == legend


def test_the_claim_stands_with_its_grade_and_what_it_was_asked(tmp_path: Path) -> None:
    text = page(tmp_path, headline="twfe").words
    assert "The claim" in text
    assert "Headline, named in the study file: twfe. Outcome: deaths" in text
    assert "Does the arithmetic find nothing where nothing is? failed It fell." in text
    assert "The study names no causal graph." in text
    assert re.search(
        r"D A (rise|fall) is claimed: fragile\. Of 18 criteria: 1 failed, 1 not possible with the data", text
    )
