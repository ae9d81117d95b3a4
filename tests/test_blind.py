"""The blind switch: whose treatment moves, what stays, and that no one can overlook it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.curve import worlds
from tests.report.test_causes import RULES, Page, surroundings
from typer.testing import CliRunner

from balanza import blind
from balanza.__main__ import app
from balanza.config import load_study
from balanza.contract import Study
from balanza.errors import PanelError
from balanza.preparation import prepare, read_panel
from balanza.provenance import read_json
from balanza.verbs import compare, describe, estimate, grade, report
from balanza.verbs import prepare as verb

SEED = 20190701
TREATED = ["money"]


def toy(folder: Path, **changes: Any) -> Study:
    return load_study(worlds.write(folder, **{"variants": None, **changes}))


def paths(frame: pd.DataFrame, holder: str, column: str) -> dict[Any, tuple[Any, ...]]:
    """The treatment of each cluster or unit by year."""
    wide = frame.drop_duplicates([holder, "year"]).set_index([holder, "year"])[column].unstack()  # noqa: PD010
    return {str(name): tuple(row) for name, row in zip(wide.index, wide.to_numpy(), strict=True)}


def test_whole_paths_go_to_other_clusters_and_all_else_stays(tmp_path: Path) -> None:
    frame = worlds.table()
    found = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    pd.testing.assert_frame_equal(found.drop(columns=[*TREATED, blind.MARK]), frame.drop(columns=TREATED))
    assert set(found[blind.MARK]) == {"clusters"}
    before, after = paths(frame, "state", "money"), paths(found, "state", "money")
    assert sorted(after.values()) == sorted(before.values())
    assert sum(after[name] != before[name] for name in before) > len(before) / 2
    assert found.groupby(["state", "year"])["money"].nunique().max() == 1


def test_the_marginal_distribution_of_doses_is_kept_in_every_year(tmp_path: Path) -> None:
    frame = worlds.table()
    found = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    for _, rows in frame.groupby("year"):
        assert sorted(found.loc[rows.index, "money"]) == sorted(rows["money"])


def test_the_same_seed_gives_the_same_assignment_and_another_one_another(tmp_path: Path) -> None:
    study, frame = toy(tmp_path), worlds.table()
    one = blind.reassigned(study, frame, SEED, "toy")["money"]
    pd.testing.assert_series_equal(blind.reassigned(study, frame, SEED, "toy")["money"], one)
    assert (blind.reassigned(study, frame, SEED + 1, "toy")["money"] != one).any()
    shuffled = frame.sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(blind.reassigned(study, shuffled, SEED, "toy")["money"].sort_index(), one)


def test_studies_with_the_same_clusters_agree_on_who_gets_what(tmp_path: Path) -> None:
    """The state's rows and those of its places are two studies of one treatment."""
    frame = worlds.table()
    by_state = frame.groupby(["state", "year"], as_index=False)[["deaths", "people"]].sum()
    by_state["money"] = frame.groupby(["state", "year"])["money"].first().to_numpy()
    places = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    wider = toy(tmp_path, panel={"file": "toy.csv", "unit": "state", "period": "year"})
    states = blind.reassigned(wider, by_state, SEED, "toy")
    assert paths(places, "state", "money") == paths(states, "state", "money")


def test_everything_that_says_who_was_treated_moves_together(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["first"] = frame["state"].map({"s00": 2013, "s01": 2015}).fillna(0)
    frame["lottery"] = frame["state"].str[1:].astype(int)
    frame["elsewhere"] = 100 + frame["lottery"]
    study = toy(
        tmp_path,
        treatment={"first_treated": "first", "kind": "binary"},
        instruments=["lottery"],
        variants={"treatment": {"elsewhere": {"first_treated": "elsewhere"}}},
        headline=None,
    )
    found = blind.reassigned(study, frame, SEED, "toy")
    columns = ["first", "lottery", "elsewhere"]
    assert (found["lottery"] != frame["lottery"]).any()
    assert set(found[columns].itertuples(index=False)) == set(frame[columns].itertuples(index=False))


def test_a_treatment_that_differs_within_clusters_goes_from_unit_to_unit(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["money"] = frame["money"] * (1 + frame["place"].str[1:].astype(int))
    found = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    assert set(found[blind.MARK]) == {"units"}
    before, after = paths(frame, "place", "money"), paths(found, "place", "money")
    assert before != after
    assert sorted(after.values()) == sorted(before.values())


def test_only_clusters_seen_in_the_same_years_exchange_their_treatment(tmp_path: Path) -> None:
    frame = worlds.table()
    late = frame["state"].isin(["s00", "s01", "s02"])
    frame = frame[~late | (frame["year"] >= 2012)]
    found = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    assert found["money"].notna().all()
    for some in (late[frame.index], ~late[frame.index]):
        assert sorted(set(found.loc[some, "money"])) == sorted(set(frame.loc[some, "money"]))


def test_rows_without_a_cluster_keep_what_they_have(tmp_path: Path) -> None:
    frame = worlds.table()
    frame.loc[frame["state"] == "s03", "state"] = None
    found = blind.reassigned(toy(tmp_path), frame, SEED, "toy")
    lost = frame["state"].isna()
    pd.testing.assert_series_equal(found.loc[lost, "money"], frame.loc[lost, "money"])
    assert (found["money"] != frame["money"]).any()


def test_a_treatment_that_all_share_cannot_be_reassigned(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["money"] = (frame["year"] >= 2014).astype(float)
    with pytest.raises(PanelError, match="no other assignment of the treatment is possible"):
        blind.reassigned(toy(tmp_path), frame, SEED, "toy")


DATES = {"p00": 2012, "p01": 2012, "p05": 2015}


def test_dates_of_the_study_file_are_handed_on_too(tmp_path: Path) -> None:
    study = toy(tmp_path, treatment={"first_treated": DATES, "kind": "binary"}, cluster="place", headline=None)
    found = blind.reassigned(study, worlds.table(), SEED, "toy")
    panel = prepare(study, found, "toy")
    cohorts = dict(zip(panel.unit_labels, panel.by_unit("g_treatment"), strict=True))
    treated = {name: 2008 + int(code) for name, code in cohorts.items() if code >= 0}
    assert sorted(treated.values()) == [2012, 2012, 2015]
    assert treated != DATES
    assert panel.warnings == (blind.WARNING.format(whom="clusters"),)


def test_blind_rows_are_not_used_with_other_dates(tmp_path: Path) -> None:
    def dated(dates: dict[str, int]) -> Study:
        return toy(tmp_path, treatment={"first_treated": dates, "kind": "binary"}, cluster="place", headline=None)

    found = blind.reassigned(dated(DATES), worlds.table(), SEED, "toy")
    with pytest.raises(PanelError, match="were not made for the dates of treatment"):
        prepare(dated(DATES | {"p05": 2016}), found, "toy")


def test_the_command_line_makes_blind_rows_of_ones_own_panel(tmp_path: Path) -> None:
    path = worlds.write(tmp_path, variants=None)
    out, design = tmp_path / "rows.parquet", tmp_path / "design.json"
    words = ["prepare", "--study", str(path), "--panel", str(tmp_path), "--out", str(out), "--design", str(design)]
    run = CliRunner().invoke(app, [*words, "--blind"])
    assert run.exit_code == 0, run.output
    assert read_json(design)["blind"] is True
    estimate.run(path, "twfe", tmp_path / "estimates", out)
    estimate.run(path, "twfe", tmp_path / "real")
    hidden, real = (read_json(tmp_path / folder / "twfe.json") for folder in ("estimates", "real"))
    assert any(warning.startswith("BLIND") for warning in hidden["warnings"])
    assert not any(warning.startswith("BLIND") for warning in real["warnings"])
    assert hidden["value"] != real["value"]
    assert hidden["n_observations"] == real["n_observations"]


def test_a_blind_run_refuses_what_the_real_one_would(tmp_path: Path) -> None:
    dates = DATES | {"nowhere": 2012}
    path = worlds.write(
        tmp_path,
        variants=None,
        treatment={"first_treated": dates, "kind": "binary"},
        cluster="place",
        headline=None,
    )
    with pytest.raises(PanelError, match="there is no unit 'nowhere'"):
        verb.run(path, tmp_path, tmp_path / "rows.parquet", tmp_path / "design.json", blind=True)


@pytest.mark.parametrize(("in_config", "in_rows"), [(True, True), (False, True), (False, False)])
def test_every_page_of_a_blind_run_is_stamped(tmp_path: Path, in_config: bool, in_rows: bool) -> None:
    results = tmp_path / "results"
    own = results / "studies" / "toy"
    path = worlds.write(tmp_path, variants=None, estimators=["poisson"], checks=[])
    verb.run(path, tmp_path, own / "rows.parquet", own / "design.json", blind=in_rows)
    estimate.run(path, "poisson", own / "estimates", own / "rows.parquet")
    compare.run(path, own / "estimates", own / "comparison.json")
    describe.run(path, own / "rows.parquet", own)
    grade.run(path, own / "comparison.json", own / "checks", RULES, own / "claim.json")
    world = {"world": "synthetic", "flavour": "null", "selection": "none", "blind": in_config}
    surroundings(results, world)
    report.run(results, [path])
    pages = sorted(results.glob("*.html"))
    assert len(pages) == 6
    for page in pages:
        assert ("BLIND: the treatment was handed to other" in Page(page).words) == in_rows


def test_the_blind_rows_are_what_estimators_see(tmp_path: Path) -> None:
    path = worlds.write(tmp_path, variants=None)
    verb.run(path, tmp_path, tmp_path / "rows.parquet", tmp_path / "design.json", blind=True)
    study = load_study(path)
    real, hidden = read_panel(path, study, None), read_panel(path, study, tmp_path / "rows.parquet")
    np.testing.assert_array_equal(hidden.frame["outcome"], real.frame["outcome"])
    assert (hidden.frame["d_treatment"] != real.frame["d_treatment"]).any()
    assert sorted(hidden.by_unit("d_treatment")) == sorted(real.by_unit("d_treatment"))
