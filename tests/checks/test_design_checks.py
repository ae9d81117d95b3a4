"""Checks that refit a study on an altered panel: worlds in which each must fail, and clean ones in which none may."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.checks.worlds import DOSE, PERIODS, START, UNITS, dose_world, panel_of
from tests.contract.panels import make_study, treatment

from balanza import altered
from balanza.checks import _refit
from balanza.checks.leave_one_state_out import SPEC
from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.registry import find

MONTHS = np.array([f"{2017 + code // 12}-{code % 12 + 1:02d}" for code in range(PERIODS)])  # starts in January 2020


def run(name: str, study: Study, panel: Panel) -> CheckResult:
    return find("checks", name).function(study, panel, {}, np.random.default_rng(0))


def world(seed: int, family: str = "gaussian", shock: np.ndarray | float = 0.0, **changes: Any) -> tuple[Study, Panel]:
    """A dose from January 2020 on whose units are alike; `shock` is added to the log of the outcome."""
    rng = np.random.default_rng(seed)
    dose = DOSE[:, None] * (np.arange(PERIODS) >= START)
    rate = 3 + rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(UNITS, PERIODS)) + shock
    outcome = rng.poisson(np.exp(rate)).astype(float) if family == "poisson" else rate
    headline = "poisson" if family == "poisson" else "twfe"
    study = make_study([treatment("dose")], family, draws=99, **{"headline": headline, **changes.pop("study", {})})
    return study, dataclasses.replace(panel_of(outcome, {"guard": dose}, family, **changes), period_labels=MONTHS)


def effect_from(month: int, size: float = 0.4) -> np.ndarray:
    return size * DOSE[:, None] * (np.arange(PERIODS) >= month)


TREND = 0.4 * DOSE[:, None] * np.arange(PERIODS) / PERIODS


class TestPlaceboDate:
    @pytest.mark.parametrize("family", ["gaussian", "poisson"])
    def test_a_trend_that_was_there_before_is_caught(self, family: str) -> None:
        result = run("placebo_date", *world(1, family, 3 * TREND))
        assert result.passed is False
        assert result.values["n_placebos"] == {"guard": 3}  # 12, 18 and 24 months before
        assert "more than chance allows" in result.sentence

    @pytest.mark.parametrize("family", ["gaussian", "poisson"])
    def test_an_effect_that_begins_with_the_treatment_passes(self, family: str) -> None:
        result = run("placebo_date", *world(1, family, effect_from(START)))
        assert result.passed is True
        assert result.values["share_as_large"] == {"guard": 0.0}

    def test_a_placebo_is_the_headline_on_rows_before_the_treatment(self) -> None:
        study, panel = world(2, "poisson")
        rows = panel.frame[panel.frame["period"] < START].copy()
        rows["d_guard"] = DOSE[rows["unit"]] * (rows["period"] >= START - 18)
        earlier = dataclasses.replace(panel, frame=rows, period_labels=MONTHS[:START], start={"guard": START - 18})
        expected = find("estimators", "poisson").function(study, earlier, np.random.default_rng(0))
        found = run("placebo_date", study, panel).table.set_index("case").loc["as if from 2018-07"]
        assert (found["value"], found["low"]) == pytest.approx((expected.value, expected.interval[0]), rel=1e-9)

    def test_cohorts_keep_their_order(self) -> None:
        rng = np.random.default_rng(3)
        cohort = np.where(np.arange(UNITS) < 12, 30 + 6 * (np.arange(UNITS) % 2), -1)
        panel = panel_of(rng.normal(size=(UNITS, PERIODS)), {"guard": cohort})
        result = run("placebo_date", make_study([treatment("binary")]), panel)
        # thirty months before the first cohort: 12 and 18 months earlier leave a year on both sides
        assert result.table["case"].tolist() == ["as it is", "as if from 2016-07", "as if from 2016-01"]

    def test_too_short_a_time_before_is_refused(self) -> None:
        study, panel = world(1)
        short = dataclasses.replace(panel, frame=panel.frame[panel.frame["period"] >= 20].assign())
        short.frame["period"] -= 20
        short = dataclasses.replace(short, period_labels=MONTHS[20:], start={"guard": START - 20})
        with pytest.raises(Unsupported, match="16 periods before the earliest treatment"):
            run("placebo_date", study, short)

    def test_the_p_value_is_that_of_the_middle_placebo_times_two_or_less(self) -> None:
        result = run("placebo_date", *world(1, "gaussian", TREND))
        p_values = sorted(result.table["p_value"][1:])
        assert result.values["p_value"] == {"guard": pytest.approx(min(1, 3 / 2 * p_values[1]))}

    @pytest.mark.slow
    def test_drifting_worlds_seldom_fail(self) -> None:
        """Shocks that stay make placebos alike: 20 of them would count as one."""
        failed = 0
        for seed in range(200):
            drift = 0.1 * np.cumsum(np.random.default_rng(1000 + seed).normal(size=(UNITS, PERIODS)), axis=1)
            failed += run("placebo_date", *world(seed, shock=drift)).passed is False
        assert failed <= 18  # 5 % of 200 are 10; with 2.6 binomial standard deviations

    @pytest.mark.slow
    def test_clean_worlds_seldom_fail(self) -> None:
        failed = sum(run("placebo_date", *world(seed)).passed is False for seed in range(200))
        assert failed <= 18  # 5 % of 200 are 10; with 2.6 binomial standard deviations


class TestLeaveOneStateOut:
    def test_one_unit_that_drives_the_estimate_is_named(self) -> None:
        shock = np.zeros((UNITS, PERIODS))
        shock[-1, START:] = 12.0
        study, panel = world(4, shock=shock + effect_from(START, 0.05))
        result = run("leave_one_state_out", study, panel)
        sizes = result.table.set_index("case")["value"]
        assert sizes.drop("as it is").idxmin() == f"without cluster {UNITS - 1}"
        assert sizes[f"without cluster {UNITS - 1}"] == pytest.approx(0.05, abs=0.05)
        assert f"without cluster {UNITS - 1}" in result.sentence

    def test_an_effect_that_all_share_does_not_hang_on_one(self) -> None:
        result = run("leave_one_state_out", *world(4, "poisson", effect_from(START)))
        assert result.passed is True and result.values["n_refits"] == UNITS

    def test_a_claim_that_a_single_unit_makes_fails(self) -> None:
        rng = np.random.default_rng(9)
        dose = np.append(rng.uniform(0.5, 1.5, UNITS - 1), 10.0)[:, None] * (np.arange(PERIODS) >= START)
        outcome = 0.1 * rng.normal(size=(UNITS, PERIODS))
        outcome[-1] += 0.1 * dose[-1]  # the others' doses do nothing
        study = make_study([treatment("dose")], headline="twfe")
        result = run("leave_one_state_out", study, panel_of(outcome, {"guard": dose}))
        assert result.passed is False
        assert result.values["broken"] == [f"without cluster {UNITS - 1}"]
        assert f"changes without cluster {UNITS - 1} (no clear effect)" in result.sentence

    def test_the_three_states_go_together_by_their_names(self) -> None:
        study, panel = world(5)
        codes = np.array([f"{code + 1:02d}" for code in range(UNITS)])
        world_study = dataclasses.replace(study, rows="state_month", cluster="state")
        result = run("leave_one_state_out", world_study, dataclasses.replace(panel, unit_labels=codes))
        cases = result.table["case"].tolist()
        assert {"without Guanajuato", "without Puebla"} <= set(cases)
        assert cases[-1] == "without Guanajuato, Baja California and Mexico City"

    def test_sums_by_cluster_give_the_refits_of_least_squares(self) -> None:
        study, panel = world(6, shock=effect_from(START))
        fitted = run("leave_one_state_out", study, panel).table
        summed = run("leave_one_state_out", dataclasses.replace(study, headline=None), panel)
        assert "by the two-way fit" in summed.sentence and "Newton" not in summed.sentence
        np.testing.assert_allclose(summed.table["value"], fitted["value"], rtol=1e-8)
        anew = _refit.two_way(SPEC)("", study, altered.keep_units(panel, np.arange(UNITS) != 7))[0]
        assert summed.table.set_index("case").loc["without cluster 7", "low"] == pytest.approx(anew.low, rel=1e-8)

    def test_one_newton_step_comes_close_to_the_poisson_refits(self) -> None:
        study, panel = world(6, "poisson", effect_from(START))
        fitted = run("leave_one_state_out", study, panel).table
        summed = run("leave_one_state_out", dataclasses.replace(study, headline=None), panel)
        assert "one Newton step each" in summed.sentence
        moved = (fitted["value"] - fitted["value"][0]).abs()
        assert (summed.table["value"] - fitted["value"]).abs().max() < 0.1 * moved.max()


class TestRecording:
    def pair(self, reporting: float, effect: float = 0.4) -> tuple[Study, Panel]:
        study, panel = world(7, "poisson", effect_from(START, effect))
        rng = np.random.default_rng(8)
        share = 0.6 * np.exp(reporting * panel.frame["d_guard"].to_numpy())
        files = rng.poisson(panel.frame["outcome"] * share).astype(float)
        study = dataclasses.replace(
            study, variants={"outcome": {"files": {"column": "files", "title": "police files"}}}
        )
        return study, dataclasses.replace(panel, frame=panel.frame.assign(files=files))

    def test_a_change_of_reporting_alone_is_told_from_violence(self) -> None:
        result = run("recording", *self.pair(0.3, effect=0.0))
        ratio = result.table.set_index("case").loc["files per homicides"]
        assert result.passed is False
        assert ratio["low"] < 0.3 < ratio["high"] and ratio["low"] > 0
        assert "more is recorded in the second" in result.sentence and "police files" in result.sentence

    def test_an_effect_on_violence_that_both_record_passes(self) -> None:
        result = run("recording", *self.pair(0.0))
        assert result.passed is True
        assert result.values["recorded_share"] == pytest.approx([0.6], abs=0.02)
        assert result.table["value"].iloc[:2].to_numpy() == pytest.approx([0.4, 0.4], abs=0.1)

    def test_rows_where_the_other_is_not_known_are_left_out_of_both(self) -> None:
        study, panel = self.pair(0.0)
        gone = panel.frame["files"].where(panel.frame["period"] >= 12)
        result = run("recording", study, dataclasses.replace(panel, frame=panel.frame.assign(files=gone)))
        late = panel.frame[panel.frame["period"] >= 12]
        cut = dataclasses.replace(
            panel, frame=late.assign(period=late["period"] - 12), period_labels=MONTHS[12:], start={"guard": START - 12}
        )
        expected = find("estimators", "poisson").function(study, cut, np.random.default_rng(0))
        assert result.table["value"].iloc[0] == pytest.approx(expected.value, rel=1e-8)

    def test_without_another_measure_it_is_refused(self) -> None:
        with pytest.raises(Unsupported, match="no other measure"):
            run("recording", *world(1))


class TestAnticipation:
    @pytest.mark.parametrize("family", ["gaussian", "poisson"])
    def test_an_effect_three_months_early_is_caught(self, family: str) -> None:
        result = run("anticipation", *world(10, family, effect_from(START - 3)))
        table = result.table.set_index("case")
        assert result.passed is False and "moved before the treatment began" in result.sentence
        assert table.loc["in the 3 months before", "value"] == pytest.approx(0.4, abs=0.1)
        assert table.loc["without the 3 months before", "value"] == pytest.approx(0.4, abs=0.1)

    def test_a_prompt_effect_passes(self) -> None:
        assert run("anticipation", *world(10, "poisson", effect_from(START))).passed is True

    def test_cohorts_lose_their_own_last_months(self) -> None:
        rng = np.random.default_rng(3)
        cohort = np.where(np.arange(UNITS) < 12, 30 + 6 * (np.arange(UNITS) % 2), -1)
        early = (cohort >= 0)[:, None] & (np.arange(PERIODS) >= cohort[:, None] - 6)
        panel = panel_of(early + 0.1 * rng.normal(size=(UNITS, PERIODS)), {"guard": cohort})
        table = run("anticipation", make_study([treatment("binary")]), panel).table.set_index("case")
        assert table.loc["without the 6 months before", "value"] == pytest.approx(1.0, abs=0.05)
        assert table.loc["as it is", "value"] < 0.9
        assert table.loc["in the 6 months before", "value"] == pytest.approx(1.0, abs=0.05)

    @pytest.mark.slow
    def test_clean_worlds_seldom_fail(self) -> None:
        # two families of looks, leads and refits, each at 5 %
        failed = sum(run("anticipation", *world(seed)).passed is False for seed in range(200))
        assert failed <= 31  # 10 % of 200 are 20; with 2.6 binomial standard deviations


class TestCovid:
    def test_an_effect_of_the_pandemic_alone_is_caught(self) -> None:
        result = run("covid", *world(11, shock=effect_from(38)))  # March 2020
        table = result.table.set_index("case")["value"]
        assert result.passed is False
        assert table["before the pandemic"] == pytest.approx(0, abs=0.05)
        assert "changes before the pandemic (guard: " not in result.sentence  # one treatment needs no name
        assert "before the pandemic (no clear effect)" in result.sentence

    def test_an_effect_from_the_start_on_stands(self) -> None:
        assert run("covid", *world(11, "poisson", effect_from(START))).passed is True

    def test_a_treatment_that_begins_with_it_cannot_be_told_apart(self) -> None:
        study, panel = world(11)
        dose = DOSE[:, None] * (np.arange(PERIODS) >= 39)
        late = dataclasses.replace(
            panel_of(panel.matrix("outcome"), {"guard": dose}), period_labels=MONTHS, start={"guard": 39}
        )
        result = run("covid", study, late)
        assert result.passed is None and "cannot be told apart from the pandemic" in result.sentence

    def test_a_window_without_it_is_refused(self) -> None:
        with pytest.raises(Unsupported, match="do not hold the spring of 2020"):
            run("covid", *dose_world(1))


class TestScale:
    def test_a_proportional_fall_where_levels_rise_is_a_matter_of_scale(self) -> None:
        rng = np.random.default_rng(12)
        after = np.arange(PERIODS) >= START
        level = np.where(np.arange(UNITS) % 2 == 0, 400.0, 4.0)[:, None]
        dosed = (level > 100) * np.where(np.arange(UNITS) < 20, 1.0, 0.5)[:, None]
        # all grow by half; the violent ones by less in proportion, by far more in number
        rate = level * np.where(after, 1.5 - 0.2 * dosed, 1.0)
        outcome = rng.poisson(rate).astype(float)
        study = make_study([treatment("dose")], "poisson")
        result = run("scale", study, panel_of(outcome, {"guard": dosed * after}, "poisson"))
        assert result.values["signs"]["guard"]["Poisson"] == -1
        assert result.values["signs"]["guard"]["rate"] == 1
        assert result.passed is False and "hangs on the scale" in result.sentence

    def test_a_strong_effect_has_one_sign_on_all_scales(self) -> None:
        result = run("scale", *world(12, "poisson", effect_from(START)))
        assert result.passed is True and set(result.values["signs"]["guard"].values()) == {1}
        assert "on all 7 scales" in result.sentence

    def test_logarithms_with_zeros_hang_on_the_unit(self) -> None:
        # Chen and Roth (2024): where the treatment brings first events, a smaller unit makes any effect
        study, panel = world(12, "poisson", effect_from(START) - 4)
        table = run("scale", study, panel).table.set_index("case")["value"]
        assert table["log1p of the rate times 10"] > 1.2 * table["log1p of the rate"]

    def test_a_logarithm_is_refused(self) -> None:
        study, panel = world(1)
        logged = dataclasses.replace(study, outcome=dataclasses.replace(study.outcome, log=True))
        with pytest.raises(Unsupported, match="is a logarithm already"):
            run("scale", logged, panel)


class TestDoseDefinition:
    def given(self, other: np.ndarray) -> tuple[Study, Panel]:
        study, panel = world(13, "poisson", effect_from(START))
        variants = {"treatment": {"other": {"column": "other", "title": "another count"}}}
        item = dataclasses.replace(study.treatment, start="2020-01")
        frame = panel.frame.assign(other=np.broadcast_to(other, (UNITS, PERIODS)).ravel())
        return dataclasses.replace(study, variants=variants, treatments=(item,)), dataclasses.replace(
            panel, frame=frame
        )

    def test_a_definition_in_other_units_only_agrees(self) -> None:
        result = run("dose_definition", *self.given(1.2 * DOSE[:, None] * (np.arange(PERIODS) >= START)))
        values = result.table["value"].to_numpy()
        assert result.passed is True and values[0] == pytest.approx(1.2 * values[1], rel=1e-6)

    def test_a_definition_that_turns_the_claim_fails(self) -> None:
        result = run("dose_definition", *self.given(DOSE[::-1, None] * (np.arange(PERIODS) >= START)))
        assert result.passed is False
        assert "The other definition has the other sign" in result.sentence and "another count" in result.sentence


class TestComposition:
    def test_units_without_events_are_counted_with_their_people(self) -> None:
        study, panel = world(14, "poisson", effect_from(START))
        frame = panel.frame.assign(outcome=panel.frame["outcome"].where(panel.frame["unit"] >= 3, 0.0))
        result = run("composition", study, dataclasses.replace(panel, frame=frame))
        assert result.passed is None
        assert (result.values["n_empty"], result.values["people_empty"]) == (3, 3e5)
        assert "3 of 30 units with 300,000 people (10.0 % of all) have no homicides" in result.sentence
        found = result.table.set_index("case")
        assert len(found) == 4 and found.loc["Poisson", "n_units"] == UNITS - 3

    def test_one_unit_is_told_in_the_singular(self) -> None:
        study, panel = world(14, "poisson")
        frame = panel.frame.assign(outcome=panel.frame["outcome"].where(panel.frame["unit"] >= 1, 0.0))
        sentence = run("composition", study, dataclasses.replace(panel, frame=frame)).sentence
        assert "has no homicides in any period, and a proportional effect says nothing of it" in sentence


class TestContaminatedControls:
    def near(self, spill: float) -> tuple[Study, Panel]:
        rng = np.random.default_rng(15)
        cohort = np.where(np.arange(UNITS) < 10, START, -1)
        after = np.arange(PERIODS) >= START
        moved = np.where(np.arange(UNITS) < 10, 1.0, np.where(np.arange(UNITS) < 20, spill, 0.0))
        outcome = moved[:, None] * after + 0.3 * rng.normal(size=(UNITS, PERIODS))
        places = {
            # each treated unit has a neighbour 11 km north of it; the others lie 1,000 km away
            "latitude": np.where(np.arange(UNITS) < 20, 20 + 0.1 * (np.arange(UNITS) // 10), 30.0),
            "longitude": np.where(np.arange(UNITS) < 20, -100.0 + (np.arange(UNITS) % 10), -90.0),
        }
        options = {"spillover": {"latitude_column": "latitude", "longitude_column": "longitude", "rings": [5, 25]}}
        study = make_study([treatment("binary")], headline="imputation", options=options)
        return study, panel_of(outcome, {"guard": cohort}, covariates=places)

    def test_neighbours_that_moved_too_are_caught(self) -> None:
        result = run("contaminated_controls", *self.near(0.5))
        assert result.values["n_left_out"] == [0, 10] and result.passed is False
        table = result.table.set_index("case")["value"]
        # ten of twenty controls rise by half: .75 with them, 1 without
        assert table["as it is"] == pytest.approx(0.75, abs=0.05)
        assert table["without controls within 25 km"] == pytest.approx(1.0, abs=0.05)

    def test_neighbours_that_did_not_move_pass(self) -> None:
        assert run("contaminated_controls", *self.near(0.0)).passed is True

    def test_without_places_it_is_refused(self) -> None:
        study, panel = self.near(0.0)
        with pytest.raises(Unsupported, match="where its units lie"):
            run("contaminated_controls", dataclasses.replace(study, options={}), panel)


class TestRegressionToTheMean:
    def picked(self, effect: float, selected: bool) -> tuple[Study, Panel]:
        """Violence that forgets within a year; treated are the highest of the last year before, or any."""
        rng = np.random.default_rng(16)
        yearly = 0.6 * rng.normal(size=(60, PERIODS // 12))
        rate = 0.05 * rng.normal(size=(60, PERIODS)) + np.repeat(yearly, 12, axis=1) + 2
        last = rate[:, START - 12 : START].mean(axis=1)
        chosen = last >= np.sort(last)[-15] if selected else rng.permutation(60) < 15
        cohort = np.where(chosen, START, -1)
        rate = rate + effect * chosen[:, None] * (np.arange(PERIODS) >= START)
        return make_study([treatment("binary")]), panel_of(rate, {"guard": cohort})

    def test_a_fall_that_picking_the_highest_makes_is_caught(self) -> None:
        study, panel = self.picked(0.0, selected=True)
        result = run("placebo_top_n", study, panel)
        assert result.values["overlap"]["guard"]["level"] == 15
        assert result.values["placebo_effect"]["guard"]["level"] < -0.2
        assert result.passed is False and "would have moved so by themselves" in result.sentence

    def test_a_rise_of_units_picked_otherwise_is_not_explained_by_it(self) -> None:
        result = run("placebo_top_n", *self.picked(1.5, selected=False))
        assert result.passed is True and "does not account for" in result.sentence

    def test_without_a_claim_nothing_is_judged(self) -> None:
        assert run("placebo_top_n", *world(17)).passed is None
