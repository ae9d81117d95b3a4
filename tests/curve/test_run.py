"""The verbs `curve` and `curve-test`, from a study file and a table to the curve's files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.curve import worlds
from typer.testing import CliRunner

from balanza.__main__ import app
from balanza.contract import Outcome
from balanza.curve import sentences
from balanza.curve.expand import expand
from balanza.curve.run import DRAWS, lightened
from balanza.curve.scales import on_scale
from balanza.errors import Unsupported
from balanza.preparation import prepare
from balanza.provenance import read_json
from balanza.registry import Entry, Registry, registry
from balanza.verbs import curve, curve_test, estimate

FEW = {"draws": 19, "most": 12}


def curve_of(path: Path, out: Path, batches: int = 1) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All batches of a toy study's curve, merged and tested."""
    for number in range(1, batches + 1):
        curve.run(path, out / "curve", None, number, batches, **FEW)
    files = [out / "curve" / f"{number}of{batches}.parquet" for number in range(1, batches + 1)]
    curve_test.run(path, files, out, most=FEW["most"])
    return pd.read_parquet(out / "curve.parquet"), read_json(out / "curve.json")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("toy")
    path = worlds.write(folder)
    return path, *curve_of(path, folder / "whole")


def test_the_studys_own_variant_is_the_estimate_of_the_workflow(toy: Any) -> None:
    path, rows, _ = toy
    estimate.run(path, "poisson", path.parent / "estimates")
    written = read_json(path.parent / "estimates" / "poisson.json")
    own = rows[rows["distance"] == 0].iloc[0]
    assert [own["percent"], own["low"], own["high"]] == written["percent_change"]
    assert [own["value"], own["p_value"], own["n_observations"]] == [
        written[key] for key in ("value", "p_value", "n_observations")
    ]


def test_each_variant_is_what_its_study_would_give_alone(toy: Any) -> None:
    path, _, _ = toy
    late = worlds.write(path.parent, window=[2010, 2019], covariates=["poverty"], cluster="place", headline="twfe")
    estimate.run(late, "twfe", path.parent / "late")
    worlds.write(path.parent)
    assert path == late
    same = {"window": "late", "covariates": "poverty", "cluster": "place", "estimator": "twfe", "scale": "rate"}
    same |= {"outcome": "deaths", "treatment": "money, mean post"}
    every = expand(worlds.load_study(path), path).variants
    position = next(n for n, item in enumerate(every) if same.items() <= item.labels.items())
    found, _ = curve.run_variants([every[position]], [position], worlds.table(), 20190701, assigned(path))
    assert found["percent"].iloc[0] == read_json(path.parent / "late" / "twfe.json")["percent_change"][0]


def assigned(path: Path) -> Any:
    asked = worlds.load_study(path)
    return curve.reassignments(asked, prepare(asked, worlds.table()), 19, 1)


def test_batches_give_the_same_curve_as_one(toy: Any, tmp_path: Path) -> None:
    path, rows, facts = toy
    parted, told = curve_of(path, tmp_path, batches=5)
    pd.testing.assert_frame_equal(parted, rows)
    assert told == facts
    assert told["n_shown"] == 12 == rows["variant"].nunique()
    assert told["n_possible"] == 96


def test_variants_with_other_clusters_or_gaps_are_told_apart(toy: Any) -> None:
    _, rows, facts = toy
    other = rows[rows["cluster"] == "place"]
    assert len(other) > 0
    assert set(other["left_out"]) == {"its clusters are not those of the study's own choices"}
    tested = rows[rows["left_out"] == ""]
    assert facts["effects"][0]["test"]["n_variants"] == len(tested) < len(rows)
    files = rows[(rows["outcome"] == "files") & (rows["window"] == "all periods")]
    assert set(files["n_observations"]) == {(len(worlds.YEARS) - 1) * worlds.PLACES}


def test_a_definition_may_leave_out_a_period(tmp_path: Path) -> None:
    table = worlds.table()
    known = table["money"].where(table["year"] != 2016)
    path = worlds.write(tmp_path, variants={"treatment": {"without 2016": {"column": "known"}}})
    table.assign(known=known).to_csv(tmp_path / "toy.csv", index=False)
    rows, _ = curve_of(path, tmp_path)
    by = rows.set_index("treatment")
    assert set(by["status"]) == {"ran"}
    assert by.loc["without 2016", "n_observations"] == (len(worlds.YEARS) - 1) * worlds.PLACES


def test_a_variant_that_cannot_run_keeps_its_row_and_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    known = registry("estimators")
    entries = known.entries | {"twfe": Entry(known.entries["twfe"].spec, broken, "balanza.estimators.twfe")}
    monkeypatch.setattr("balanza.registry.registry", lambda what: Registry(entries))
    path = worlds.write(tmp_path, variants={"estimator": ["twfe"], "window": {"after": [2015, 2019]}})
    rows, facts = curve_of(path, tmp_path)
    status = {(row.window, row.estimator): (row.status, row.reason) for row in rows.itertuples()}
    assert status["all periods", "poisson"] == ("ran", "")
    assert status["all periods", "twfe"] == ("failed", "ZeroDivisionError: oh")
    declined, reason = status["after", "poisson"]
    assert declined == "declined"
    assert "leaves no period before or after it" in reason
    assert facts["effects"][0]["n_shown"] == 1
    assert sum(item["n"] for item in facts["effects"][0]["not_run"]) == 3


def test_a_broken_file_is_told_and_stops_no_other_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry("estimators")
    entries = {name: entry for name, entry in known.entries.items() if name != "poisson"}
    for place in ("registry", "curve.expand"):
        monkeypatch.setattr(f"balanza.{place}.registry", lambda what: Registry(entries, {"poisson": "SyntaxError: no"}))
    path = worlds.write(tmp_path, variants={"estimator": ["twfe"]})
    rows, facts = curve_of(path, tmp_path)
    assert list(rows["estimator"]) == ["twfe"]
    assert facts["impossible"] == [{"reason": "the file of poisson is broken: SyntaxError: no", "n": 1}]
    assert facts["effects"][0]["own"] is None


def test_an_effect_without_a_reading_in_per_cent_is_told_and_not_drawn(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["deaths"] = frame["deaths"] - 500.0
    path = worlds.write(
        tmp_path, frame, outcome={"column": "deaths"}, headline="twfe", variants={"window": {"late": [2010, 2019]}}
    )
    rows, facts = curve_of(path, tmp_path)
    assert set(rows["status"]) == {"ran"}
    assert rows["percent"].isna().all()
    assert rows["reason"].str.contains("no reading in per cent").all()
    (effect,) = facts["effects"]
    assert (effect["without_percent"], effect["test"], effect["median"]) == (2, None, None)
    assert "No variant has an estimate in per cent" in effect["sentence"]


def test_a_study_with_several_treatments_has_a_curve_for_each(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["grants"] = frame.groupby(["state", "year"])["poverty"].transform("mean") * (frame["year"] % 5)
    treatments = {
        "money": worlds.STUDY["treatment"],
        "grants": {"column": "grants", "kind": "dose"},
    }
    path = worlds.write(tmp_path, frame, treatment=None, treatments=treatments, variants={"estimator": ["twfe"]})
    rows, facts = curve_of(path, tmp_path)
    assert [item["treatment"] for item in facts["effects"]] == ["money", "grants"]
    assert list(rows["arm"]) == ["money", "grants"] * 2
    assert [item["test"]["n_variants"] for item in facts["effects"]] == [2, 2]


def test_the_command_line_says_what_the_curve_says(toy: Any, tmp_path: Path) -> None:
    path, _, _ = toy
    words = ["--study", str(path), "--most", "12"]
    run = CliRunner().invoke(app, ["curve", *words, "--draws", "19", "--out", str(tmp_path / "curve")])
    assert run.exit_code == 0, run.output
    batch = str(tmp_path / "curve" / "1of1.parquet")
    run = CliRunner().invoke(app, ["curve-test", batch, *words, "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "12 of 96 variants" in run.output
    assert "had the same treatment been handed to the clusters at random" in run.output.lower()


def test_event_studies_and_bands_are_left_out_without_touching_the_effect(tmp_path: Path) -> None:
    own, twfe = expand(*worlds.load(tmp_path, variants={"estimator": ["twfe"]})).variants
    assert lightened(own).event_bins == 0
    assert lightened(own).options == {}
    assert lightened(twfe).options == {"twfe": {"draws": DRAWS}}


@pytest.mark.parametrize(("scale", "function"), [("log1p", np.log1p), ("asinh", np.arcsinh)])
def test_transformed_scales_are_of_the_rate_per_100000_a_year(tmp_path: Path, scale: str, function: Any) -> None:
    study, _ = worlds.load(tmp_path)
    frame = worlds.table().sort_values(["place", "year"], ignore_index=True)
    changed, panel = on_scale(study, prepare(study, frame), scale)
    rate = 1e5 * frame["deaths"] / frame["people"]
    np.testing.assert_allclose(panel.frame["outcome"], function(rate), rtol=1e-12)
    assert changed.outcome == Outcome("deaths", "gaussian", None, log=True)
    same, untouched = on_scale(study, prepare(study, frame), "poisson")
    assert same is study
    np.testing.assert_array_equal(untouched.frame["outcome"], frame["deaths"])


def test_a_negative_outcome_has_no_logarithm(tmp_path: Path) -> None:
    study, _ = worlds.load(tmp_path, outcome={"column": "poverty"}, headline="twfe", variants={})
    with pytest.raises(Unsupported, match="negative in places"):
        on_scale(study, prepare(study, worlds.table()), "log1p")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "3 variants run from -5.0 % to +2.0 %, with a median of -1.0 %. 2 of them lie below zero, and the interval"
             " of 1 of these leaves out zero. The study's own choices give -1.0 %."),
        ({"share_sign": 1.0, "share_significant": 0.0}, "All lie below zero, and none of these has an interval that"),
        ({"share_significant": 2 / 3, "own": None}, "2 of them lie below zero, and their intervals leave out zero."),
        ({"share_sign": 1 / 3, "share_significant": 0.0}, "1 of them lies below zero, and"),
        ({"n_shown": 1}, "One variant only has an estimate in per cent: -1.0 %."),
    ],
)  # fmt: skip
def test_sentences_count_what_they_say(changes: dict[str, Any], said: str) -> None:
    effect = {"n_shown": 3, "sign": -1, "share_sign": 2 / 3, "share_significant": 1 / 3, "own": -1.0}
    effect |= {"lowest": -5.0, "highest": 2.0, "median": -1.0}
    assert said in sentences.curve(effect | changes)


def test_the_sentence_of_the_joint_test_names_its_strata() -> None:
    test = {"draws": 99, "n_variants": 3, "level": 0.95, "median": -9.0, "p_median": 0.2, "median_range": [-5.0, 6.0]}
    test |= {"share_sign": 1.0, "p_share_sign": 0.5, "share_significant": 0.0, "p_share_significant": 1.0}
    for strata, said in ((1, "at random (which"), (4, "at random, within 4 strata of like past outcomes (which")):
        assert said in sentences.tested({"test": test | {"n_strata": strata}})
