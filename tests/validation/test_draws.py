"""Drawn worlds are those that the whole pipeline makes of raw files, row by row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT

from balanza.acquire.catalogue import load
from balanza.acquire.synthetic import (
    layouts_guard,
    layouts_money,
    layouts_places,
    layouts_sesnsp,
    layouts_violence,
)
from balanza.acquire.synthetic.simulate import simulate
from balanza.acquire.synthetic.world import Settings
from balanza.acquire.synthetic.write import TRUTH
from balanza.config import RunConfig, load_study
from balanza.contract import Study
from balanza.errors import Unsupported
from balanza.panel.build import Panels, build
from balanza.panel.quality import Quality
from balanza.panel.tables import Tables
from balanza.preparation import prepare
from balanza.provenance import read_json, write_json
from balanza.validation.draws import draw, drawn_study, recorded
from balanza.verbs import tidy

SETTINGS = Settings("displacement", "dip", 11, 0.05)
READERS = (
    "homicides_month",
    "population",
    "municipality_catalogue",
    "guard",
    "jcf_state_year",
    "federal_accounts",
    "consumer_prices",
    "joint_operations",
    "sesnsp_victims_state",
)


def study(name: str) -> Study:
    return load_study(ROOT / "config" / "studies" / f"{name}.yaml")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, world = tmp_path_factory.mktemp("raw"), simulate(SETTINGS)
    for layouts in (layouts_violence, layouts_sesnsp, layouts_guard, layouts_money, layouts_places):
        layouts.write(world, folder)
    write_json(folder / TRUTH, world.truth)
    return folder


@pytest.fixture(scope="module")
def panels(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Panels:
    folder = tmp_path_factory.mktemp("tidy")
    files: dict[str, dict[str, Path]] = {"deployment": {"deployment": raw / "deployment.csv"}}
    for source in load(ROOT / "data" / "sources.csv").values():
        if source.reader in READERS:
            files.setdefault(source.reader, {})[source.id] = raw / source.file
    for reader, found in files.items():
        tidy.run(reader, found, folder / f"{reader}.parquet")
    notes = Quality()
    return build(Tables(sorted(folder.glob("*.parquet")), notes), RunConfig(), notes, ROOT / "data")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def without_places(asked: Study) -> Study:
    """The study without the places of its municipalities, for which drawn worlds take another point inside each."""
    return replace(asked, options={})


@pytest.mark.parametrize("name", ["guard", "surges", "guard_municipalities", "operations", "guard_regions"])
def test_a_drawn_world_is_the_panel_made_of_its_raw_files(name: str, panels: Panels) -> None:
    asked = without_places(drawn_study(study(name)))
    whole = prepare(asked, getattr(panels, asked.rows))
    drawn = prepare(asked, draw(asked, SETTINGS).table)
    assert len(drawn.frame) > 2000
    pd.testing.assert_frame_equal(drawn.frame, whole.frame, check_exact=True)
    assert list(drawn.unit_labels) == list(whole.unit_labels)


def test_money_is_the_panels_to_what_raw_files_round(panels: Panels) -> None:
    asked = drawn_study(study("versus"))
    drawn, whole = prepare(asked, draw(asked, SETTINGS).table), prepare(asked, panels.state_month)
    assert drawn.frame["d_prevention"].max() > 0.01
    np.testing.assert_allclose(drawn.frame["d_prevention"], whole.frame["d_prevention"], rtol=1e-6)
    np.testing.assert_array_equal(drawn.frame["outcome"], whole.frame["outcome"])


def test_what_prosecutors_record_is_the_panels_and_lacks_what_was_not_reported(panels: Panels) -> None:
    asked = recorded(drawn_study(study("guard")))
    assert asked is not None
    drawn, whole = prepare(asked, draw(asked, SETTINGS).table), prepare(asked, panels.state_month)
    assert drawn.dropped["sesnsp_homicide_victims missing"] == 9
    pd.testing.assert_frame_equal(drawn.frame, whole.frame, check_exact=True)


def test_where_recording_follows_the_guard_the_record_falls_and_deaths_do_not() -> None:
    asked = drawn_study(study("guard"))
    files = recorded(asked)
    assert files is not None
    after = np.arange(79) >= 54
    sums = {}
    for flavour in ("null", "reporting"):
        settings = Settings(flavour, "none", 11, 0.05)
        deaths = prepare(asked, draw(asked, settings).table).matrix("outcome")
        known = draw(files, settings)
        assert known.truth["treatment"]["value"] == 0
        assert known.truth["treatment"]["parallel_trends"] is (flavour == "null")
        sums[flavour] = deaths, prepare(files, known.table).matrix("outcome")
    np.testing.assert_array_equal(sums["null"][0], sums["reporting"][0])
    np.testing.assert_array_equal(sums["null"][1][:, ~after], sums["reporting"][1][:, ~after])
    # The Guard takes .15 log points of 100 elements per 100,000 people; the mean dose is some 75.
    fall = sums["reporting"][1][:, after].sum() / sums["null"][1][:, after].sum()
    assert 0.8 < fall < 0.97


def test_only_homicides_by_state_have_a_record_of_their_own() -> None:
    assert recorded(drawn_study(study("operations"))) is None


@pytest.mark.parametrize("name", ["guard", "versus", "operations", "guard_regions"])
def test_the_truth_is_that_of_the_world(name: str, raw: Path) -> None:
    known = draw(drawn_study(study(name)), SETTINGS).truth
    stored = read_json(raw / TRUTH)[name]
    assert {arm: known[arm]["value"] for arm in known} == {arm: stored[arm]["value"] for arm in stored}
    assert all(item["parallel_trends"] is (arm == "prevention") for arm, item in known.items())


def test_places_lie_in_the_state_that_they_belong_to() -> None:
    asked = drawn_study(study("operations"))
    table = draw(asked, SETTINGS).table.drop_duplicates("cvegeo")
    assert table["latitude"].between(14, 33).all()
    assert table["longitude"].between(-118, -86).all()
    spread = table.groupby("state")[["latitude", "longitude"]].std().mean()
    assert (spread < 0.7 * table[["latitude", "longitude"]].std()).all()


def test_worlds_of_a_seed_share_their_violence_and_differ_by_effect_and_assignment() -> None:
    asked = drawn_study(study("guard"))
    tables = {
        (flavour, selection): draw(asked, Settings(flavour, selection, 5, 0.05)).table
        for flavour, selection in (("null", "none"), ("beneficial", "none"), ("null", "level"))
    }
    plain, treated, elsewhere = tables.values()
    before = plain["period"] < "2019-01-01"
    assert plain.loc[before, "homicides"].sum() > 100
    pd.testing.assert_series_equal(plain["guard_per_100k"], treated["guard_per_100k"])
    assert (plain["guard_per_100k"] != elsewhere["guard_per_100k"]).any()
    pd.testing.assert_series_equal(plain["homicides"], elsewhere["homicides"])
    assert (plain["homicides"] != treated["homicides"]).any()
    other = draw(asked, Settings("null", "none", 6, 0.05)).table
    assert (other["homicides"] != plain["homicides"]).any()


@pytest.mark.parametrize(
    ("name", "lacks"), [("transfers", "security_transfers_per_capita"), ("prevention_adjusted", "needs covariates")]
)
def test_a_study_that_needs_what_is_not_drawn_is_refused(name: str, lacks: str) -> None:
    with pytest.raises(Unsupported, match=lacks):
        drawn_study(study(name))
