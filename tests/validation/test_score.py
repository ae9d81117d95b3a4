"""Trials and scores: figures by hand, what is judged, and results that hang on no batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT
from tests.validation.test_plasmode import guard_rows

from balanza.config import load_study
from balanza.provenance import read_json
from balanza.validation.plan import BATCH, SMALL_DRAWS, contenders, plan
from balanza.validation.score import advice, binomial_interval, score
from balanza.validation.trial import COLUMNS, Clock, Known, quick, trial
from balanza.verbs import score as score_verb
from balanza.verbs import validate

GUARD = ROOT / "config" / "studies" / "guard.yaml"


def table(value: list[float], truth: float, half: float, **changes: Any) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"value": value, "low": np.subtract(value, half), "high": np.add(value, half), "draw": range(len(value))}
    )
    said = {
        "kind": "world",
        "flavour": "beneficial",
        "selection": "none",
        "study": "guard",
        "estimator": "poisson",
        "treatment": "treatment",
        "status": "ran",
        "reason": "",
        "measure": "log points",
        "truth": truth,
        "p_value": 0.5,
        "judged": True,
    }
    return rows.assign(**(said | changes))[list(COLUMNS)]


def test_scores_are_those_by_hand() -> None:
    """Off by .1, -.1, .3, .5: bias .2, sd .2582, error .1291; of half-width .25 two cover 1 and none leaves 0 in."""
    row = score([table([1.1, 0.9, 1.3, 1.5], 1.0, 0.25)], 0.95).iloc[0]
    assert row["n"] == 4
    assert row["bias"] == pytest.approx(0.2)
    assert row["bias_error"] == pytest.approx(0.2582 / 2, abs=1e-4)
    assert row["bias_median"] == pytest.approx(0.2)
    assert row["rmse"] == pytest.approx(0.3)
    assert row["coverage"] == 0.5
    assert (row["power"], row["wrong_sign"]) == (1.0, 0.0)
    assert row["false_positives"] is None or np.isnan(row["false_positives"])
    assert row["judged"]
    assert row["passed"] is None
    assert "off by +0.2 log points on average (Monte Carlo error 0.129)" in row["sentence"]
    assert "in 50 % of them" in row["sentence"]


def test_leaving_out_zero_is_a_false_positive_where_the_truth_is_zero_and_may_have_the_wrong_sign() -> None:
    null = score([table([0.1, 0.5, -0.5, 0.0], 0.0, 0.25, flavour="null")], 0.95).iloc[0]
    assert null["false_positives"] == 0.5
    assert null["excludes_zero_error"] == pytest.approx(0.25)
    wrong = score([table([0.1, 0.5, -0.5, 0.0], -0.2, 0.25)], 0.95).iloc[0]
    assert (wrong["power"], wrong["wrong_sign"]) == (0.5, 0.25)
    assert wrong["sentence"].endswith("leave out zero, an effect found, in 50 % (25 % on the wrong side).")


def test_binomial_interval_is_that_of_clopper_and_pearson() -> None:
    """0 of 10 at 95 %: 1 - .025 ** (1 / 10) above; 5 of 10: .1871 and .8129 (their 1934 chart, to its width)."""
    assert binomial_interval(0, 10, 0.95) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert binomial_interval(10, 10, 0.95) == (pytest.approx(0.025 ** (1 / 10)), 1.0)
    assert binomial_interval(5, 10, 0.95) == (pytest.approx(0.1871, abs=1e-4), pytest.approx(0.8129, abs=1e-4))


@pytest.mark.parametrize(("short", "passed"), [(3, True), (30, False)])
def test_coverage_passes_unless_it_is_shown_to_be_short(short: int, passed: bool) -> None:
    values = [5.0] * short + [0.0] * (100 - short)
    found = score([table(values, 0.0, 1.0)], 0.95)
    assert found.iloc[0]["passed"] is passed
    item = advice(found)[0]
    assert (item["held"] == ["poisson"]) is passed
    assert (item["short"] == ["poisson"]) is not passed


def test_nothing_is_judged_where_trends_are_not_parallel() -> None:
    found = score([table([9.0, 9.5] * 50, 0.0, 1.0, judged=False, selection="dip")], 0.95)
    assert found.iloc[0]["passed"] is None
    item = advice(found)[0]
    assert item["not_asked"] == ["poisson"]
    assert item["biased"] == [{"estimator": "poisson", "bias": 9.25, "measure": "log points"}]
    assert "they hold the truth in 0 % of draws" in item["sentence"]
    assert "Off by more than chance: poisson by +9.2 log points." in item["sentence"]


def test_unbounded_intervals_cover_and_empty_ones_do_not() -> None:
    rows = table([0.0, 0.0], 0.3, 0.1)
    rows.loc[0, ["low", "high"]] = [-np.inf, np.inf]
    rows.loc[1, ["low", "high"]] = np.nan
    row = score([rows], 0.95).iloc[0]
    assert row["coverage"] == 0.5
    assert row["power"] == 0.0


def test_estimators_without_a_number_are_counted_with_their_reason() -> None:
    declined = table([np.nan] * 3, 0.0, 1.0, status="declined", reason="needs covariates", estimator="backdoor")
    failed = table([np.nan] * 1, 0.0, 1.0, status="failed", reason="ValueError: no", estimator="etwfe")
    found = score([declined, failed, table([0.1], 0.0, 1.0)], 0.95).set_index("estimator")
    assert list(found.index) == ["backdoor", "etwfe", "poisson"]
    assert found.loc["backdoor", ["n", "n_none", "n_failed"]].tolist() == [0, 3, 0]
    assert found.loc["etwfe", "n_failed"] == 1
    assert found.loc["backdoor", "sentence"] == "It gave no number: needs covariates"


def test_rows_stand_in_the_order_of_names_and_not_of_scores() -> None:
    batches = [table([value] * 3, 0.0, 1.0, estimator=name) for name, value in (("b", 0.0), ("c", 9.0), ("a", 5.0))]
    assert score(batches, 0.95)["estimator"].tolist() == ["a", "b", "c"]


def test_a_draw_in_two_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one batch"):
        score([table([0.0], 0.0, 1.0), table([0.0], 0.0, 1.0)], 0.95)


def known(selection: str, **truth: Any) -> Known:
    rows = guard_rows()
    rows = rows[rows["period"] <= "2021-07-01"]
    facts = {"value": -0.2, "parallel_trends": True, "interference": False}
    return Known("world", "beneficial", selection, 0, rows, {"treatment": facts | truth})


@pytest.mark.parametrize(
    ("selection", "truth", "judged"),
    [
        ("none", {"value": 0.0}, {"poisson", "twfe"}),
        ("none", {}, {"poisson"}),  # a line's slope is not exp(-.2) - 1 where the effect is log-linear in the dose
        ("level", {"value": 0.0}, {"poisson"}),
        ("dip", {"parallel_trends": False}, set()),
        ("none", {"value": 0.0, "interference": True}, set()),
    ],
)
def test_coverage_is_asked_for_where_trends_are_parallel_on_the_scale(
    selection: str, truth: dict[str, Any], judged: set[str]
) -> None:
    study, names = load_study(GUARD), ("poisson", "twfe", "backdoor")
    rows = trial(quick(study, names), known(selection, **truth), names, 1, Clock()).set_index("estimator")
    assert set(rows.index[rows["judged"].astype(bool)]) == judged
    value = truth.get("value", -0.2)
    assert rows.loc["poisson", ["measure", "truth"]].tolist() == ["log points", value]
    assert rows.loc["twfe", "measure"] == "share"
    assert rows.loc["twfe", "truth"] == pytest.approx(np.exp(value) - 1)
    assert rows.loc["backdoor", "status"] == "declined"


def test_rates_are_held_against_the_true_change_in_rates() -> None:
    study = load_study(GUARD)
    rows = trial(study, known("none", rate={"value": -3.0}), ("twfe",), 1, Clock())
    assert rows.loc[0, ["measure", "truth"]].tolist() == ["homicides per 100,000 a year", -3.0]


def run(folder: Path, first: int, last: int, rows: Path) -> pd.DataFrame:
    out = folder / f"{first}-{last}.parquet"
    validate.run(GUARD, out, range(first, last + 1), ["null", "beneficial"], ["none"], rows, ("twfe", "poisson"), 3)
    return pd.read_parquet(out)


def test_draws_hang_on_no_batch_and_scores_on_no_order(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    guard_rows().to_parquet(rows)
    whole = run(tmp_path, 0, 2, rows)
    parts = [run(tmp_path, 0, 0, rows), run(tmp_path, 1, 2, rows)]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))
    assert len(whole) == 3 * 2 * 2
    assert whole.groupby("estimator")["value"].nunique().min() == 6
    score_verb.run([tmp_path / "0-0.parquet", tmp_path / "1-2.parquet"], tmp_path / "one", "synthetic")
    score_verb.run([tmp_path / "1-2.parquet", tmp_path / "0-0.parquet"], tmp_path / "two", "synthetic")
    for name in ("scores.json", "scores.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    found = read_json(tmp_path / "one" / "scores.json")
    assert [row["n"] for row in found["rows"]] == [3] * 4


def test_worlds_are_drawn_for_every_flavour_and_selection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out.parquet"
    validate.run(GUARD, out, range(4, 6), ["null", "adverse"], ["none", "dip"], None, ("twfe",), 3, 0.05)
    found = pd.read_parquet(out)
    assert len(found) == 2 * 2 * 2
    assert set(found["draw"]) == {4, 5}
    assert found["value"].nunique() == 8


def test_a_study_of_which_no_worlds_are_drawn_says_so_and_stops_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    validate.run(ROOT / "config/studies/transfers.yaml", out, range(1), ["null"], ["none"], None, ("twfe",))
    found = pd.read_parquet(out)
    assert found["status"].tolist() == ["declined"]
    assert "security_transfers_per_capita" in found["reason"][0]


def test_more_draws_add_batches_and_leave_the_others() -> None:
    studies = {name: load_study(GUARD.with_name(f"{name}.yaml")) for name in ("guard", "operations")}
    few, many = (plan("full", studies, draws, 1.0) for draws in (20, 45))
    assert few[0].batches == ["0000-0009", "0010-0019"]
    assert many[0].batches == [*few[0].batches, "0020-0029", "0030-0039", "0040-0044"]
    assert [(item.kind, item.study) for item in many] == [
        ("world", "guard"),
        ("world", "operations"),
        ("plasmode", "guard"),
        ("plasmode", "operations"),
    ]
    assert [item.size for item in many] == [1.0, 0.25, 1.0, 0.25]


def test_the_small_version_is_small_whatever_is_asked() -> None:
    studies = {name: load_study(GUARD.with_name(f"{name}.yaml")) for name in ("guard", "operations")}
    small = plan("small", studies, 5000, 1.0)
    assert {item.study for item in small} == {"guard"}
    assert {item.draws for item in small} == {SMALL_DRAWS}
    assert SMALL_DRAWS <= BATCH
    assert plan("small", {"operations": studies["operations"]}, 10, 1.0) == []
    assert "synthetic_did" not in contenders(studies["operations"])
