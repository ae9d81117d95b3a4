"""From a panel to the page by the verbs: what it says follows from the numbers, and no claim is marked as such."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import yaml
from shapely.geometry import box
from tests.outlook.test_forecast_file import panel
from tests.report.test_causes import Page, surroundings

from balanza.errors import BalanzaError
from balanza.outlook import forecast_file
from balanza.report import outlook as pages
from balanza.strict import read_yaml
from balanza.verbs import outlook, report, scenario

SCENARIOS = [Path("config/scenarios") / f"{name}.yaml" for name in ("status_quo", "guard_to_prevention", "tiers")]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outlook")
    (folder / "panel").mkdir()
    rows = pd.read_parquet(panel(folder / "panel") / "state_month.parquet")
    rows["population"], rows["guard_elements"], rows["jcf_pesos_per_capita"] = 1e6, 500.0, 150.0
    rows.to_parquet(folder / "panel" / "state_month.parquet")
    settings = read_yaml(Path("config/outlook.yaml"))
    settings["forecast"] |= {"draws": 200, "every": 24, "first_origin": "2019-12"}
    settings["guard"]["total"] = 2000
    (folder / "outlook.yaml").write_text(yaml.safe_dump(settings))
    out = folder / "results" / "outlook"
    outlook.run(folder / "panel", folder / "outlook.yaml", out, "own", 1)
    surroundings(folder / "results", {"world": "own"})
    row = gpd.GeoDataFrame(
        {"state": ["01", "02", "03", "04"]}, geometry=[box(x, 0, x + 1, 1) for x in range(4)], crs=4326
    )
    row.to_parquet(folder / "row.parquet")
    forecast = out / "forecast.parquet"
    scenario.run(SCENARIOS, forecast, folder / "panel", folder / "row.parquet", folder / "outlook.yaml", out)
    report.run(folder / "results", [])
    return folder / "results"


def read(results: Path, name: str) -> Any:
    return json.loads((results / "outlook" / f"{name}.json").read_text())


def test_the_country_is_the_sum_of_joint_draws(results: Path) -> None:
    found = forecast_file.read(results / "outlook" / "forecast.parquet")
    fan = pd.read_parquet(results / "outlook" / "fan.parquet")
    country = fan[(fan["state"] == "00") & (fan["kind"] == "outlook")]
    assert country["median"].to_numpy() == pytest.approx(np.median(found.draws.sum(axis=2), axis=0))
    scores = read(results, "scores")
    assert scores["forecast_digest"] == found.digest == read(results, "scenarios")["forecast_digest"]
    year = next(row for row in scores["years"] if row["year"] == 2030)
    assert year["median"] == pytest.approx(np.median(found.draws[:, -12:].sum(axis=(1, 2))))
    names = ["command", "fall of 2025", "missing persons", "RNID"]
    assert set(found.breaks) == {"", *(",".join(names[:count]) for count in range(1, 5))}


def test_the_status_quo_changes_nothing_and_priors_are_no_claim(results: Path) -> None:
    found = {item["name"]: item for item in read(results, "scenarios")["scenarios"]}
    assert found["status_quo"]["claim"] is None
    quo = [row for row in found["status_quo"]["years"] if row["layer"] == "all"]
    assert all(row["change_low_95"] == row["change_high_95"] == 0 for row in quo)
    assert found["guard_to_prevention"]["claim"] is False
    assert found["guard_to_prevention"]["budget"]["elements"] == pytest.approx([-400, -400])
    assert found["tiers"]["budget"] == {"elements": [0, 0], "freed": [0, 0], "spent": [0, 0]}


def test_the_page_says_what_may_be_said(results: Path) -> None:
    words = Page(results / "outlook.html").words
    assert "Outlook to 2030" in words
    assert "no claim" in words
    assert "What is shown is what the stated priors imply, and no finding: in 2030" in words
    assert "The study versus was not run." in words
    assert "January 2026, RNID." in words
    assert str(read(results, "scores")["forecast_digest"]) in words
    assert "outlook.html" in (results / "index.html").read_text()


def test_a_baseline_that_does_not_win_is_said_not_to() -> None:
    row = {"window": "rolling", "scope": "states", "beats_all": False, "best_rival": "drift", "skill": -0.25}
    said = pages._verdict(row)
    assert said["beaten"]
    assert "does not beat drift; its score is 25.0" in said["text"]


def test_a_claimed_effect_is_told_with_its_set() -> None:
    row = {"year": 2030, "change_low_95": -4.0, "change_high_95": -1.0, "change_median": -2.0, "ends": [-5.0, -0.01]}
    said = pages._sentence({"claim": True}, row).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "Over the whole set, chance aside, it is −5.0 % to 0.0 %." in said
    assert "No claim" not in said


def test_a_scenario_outside_the_forecast_or_in_another_unit_is_refused(results: Path, tmp_path: Path) -> None:
    given = yaml.safe_load(SCENARIOS[1].read_text())
    for change, words in (({"start": "2040-01"}, "`start` is 2040-01"), ({"per": 1}, "per 1, that of the study")):
        changed = given | {key: value for key, value in change.items() if key == "start"}
        if "per" in change:
            changed["interventions"][0]["effect"]["per"] = 1
        path = tmp_path / "guard_to_prevention.yaml"
        path.write_text(yaml.safe_dump(changed))
        forecast = results / "outlook" / "forecast.parquet"
        settings = results.parent / "outlook.yaml"
        with pytest.raises(BalanzaError, match=words):
            scenario.run([path], forecast, results.parent / "panel", results.parent / "row.parquet", settings, tmp_path)
