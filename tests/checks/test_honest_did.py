"""Honest intervals as a check: read off the right coefficients, judged by the stated rule, refused with a reason."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from tests.checks.worlds import dose_world
from tests.contract.event_studies import event_study
from tests.contract.panels import make_panel, make_study, treatment
from tests.estimators.absorbing import noisy

from balanza.checks import honest_did
from balanza.contract import CheckResult, Estimate, Outcome, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import callaway_santanna, poisson, sun_abraham, twfe
from balanza.kernels.honest import EventStudy, relative_magnitudes
from balanza.kernels.smoothness import smoothness
from balanza.provenance import plain

UNITS, PERIODS, START = 24, 12, 6
TIME = [-4, -3, -2, 0, 1]
APART = 0.01 * (0.5 * np.eye(5) + 0.5)
CLAIMED = {"scale": "level", "interval": (0.2, 0.9)}


def world(kind: str = "dose", headline: str | None = "twfe", **changes) -> tuple[Study, Panel]:
    size = np.linspace(0.2, 2, UNITS)
    first = changes.pop("first", size[:, None] * (np.arange(PERIODS) >= START))
    outcome = np.random.default_rng(0).normal(size=(UNITS, PERIODS))
    panel = make_panel(outcome, {"guard": first}, start={"guard": START} if kind == "dose" else None)
    return make_study([treatment(kind)], headline=headline, **{"event_bins": 1, **changes}), panel


def run(estimates: dict[str, Estimate], study: Study | None = None, panel: Panel | None = None) -> CheckResult:
    default = world()
    return honest_did.check(study or default[0], panel or default[1], estimates, np.random.default_rng(0))


def interval(result: CheckResult, target: str, bound: float, restriction: str = "relative magnitudes") -> tuple:
    table = result.table
    row = table[(table["target"] == target) & (table["restriction"] == restriction) & (table["bound"] == bound)]
    assert len(row) == 1
    return row["low"].iloc[0], row["high"].iloc[0]


def test_intervals_are_the_kernels_of_mean_and_first_effect() -> None:
    value = [0.03, -0.02, 0.01, 0.5, 0.7]
    result = run({"twfe": event_study(TIME, value, APART, scale="level")})
    given = EventStudy(np.array(value), APART, 3)
    for mbar in (0.0, 0.5, 1.0, 1.5, 2.0):
        for target, weights in (("average", [0.5, 0.5]), ("first", [1.0, 0.0])):
            expected = relative_magnitudes(given, np.array(weights), mbar, 0.95)
            assert interval(result, target, mbar) == pytest.approx(expected, rel=1e-9)
    bend = 0.08  # 0.01 - 2 x -0.02 + 0.03, beside -0.04 of -0.02, 0.01 and the reference's 0
    for multiple in (0.0, 0.5, 1.0, 1.5, 2.0):
        expected = smoothness(given, np.full(2, 0.5), multiple * bend, 0.95)
        rows = result.table[(result.table["target"] == "average") & (result.table["restriction"] == "smoothness")]
        row = rows.iloc[[0.0, 0.5, 1.0, 1.5, 2.0].index(multiple)]
        assert row["bound"] == pytest.approx(multiple * bend)
        assert (row["low"], row["high"]) == pytest.approx(expected, rel=1e-9)
    assert list(result.figure.columns) == ["treatment", "estimate", "target", "mbar", "low", "high"]
    assert len(result.figure) == 10


def test_a_claim_passes_where_trends_may_part_as_much_as_before() -> None:
    result = run({"twfe": event_study(TIME, [0.02, -0.03, -0.01, 0.9, 0.9], APART / 4, **CLAIMED)})
    assert result.passed is True
    value = result.values["breakdown"]["twfe"]
    assert value >= 1
    assert interval(result, "average", 1.0)[0] > 0
    assert f"by no more than {np.floor(100 * value) / 100:.2f} times the largest of its 3 changes" in result.sentence


def test_a_claim_that_needs_more_parallel_trends_does_not_pass() -> None:
    result = run({"twfe": event_study(TIME, [-0.4, 0.3, -0.1, 0.5, 0.5], APART / 4, **CLAIMED)})
    assert result.passed is False
    assert 0 < result.values["breakdown"]["twfe"] < 1
    assert interval(result, "average", 1.0)[0] < 0


def test_a_claim_whose_event_times_do_not_bear_it_out_does_not_pass() -> None:
    result = run({"twfe": event_study(TIME, [0.0, 0.0, 0.1, 0.02, 0.01], APART, **CLAIMED)})
    assert result.passed is False
    assert result.values["breakdown"] == {"twfe": None}
    assert "does not exclude zero even if trends never parted" in result.sentence


def test_without_a_claim_it_says_what_is_excluded_and_judges_nothing() -> None:
    study, panel = world(headline="poisson")
    result = run({"poisson": event_study(TIME, [0.0, 0.1, 0.0, 0.05, 0.05], APART)}, study, panel)
    assert result.passed is None
    low, high = interval(result, "average", 1.0)
    assert f"{100 * np.expm1(low):+.1f} % to {100 * np.expm1(high):+.1f} % for 1;" in result.sentence
    assert "no effect per unit is claimed" in result.sentence
    row = result.table.iloc[2]
    assert (row["low_percent"], row["high_percent"]) == pytest.approx((100 * np.expm1(low), 100 * np.expm1(high)))


def test_an_outcome_in_logarithms_is_told_in_per_cent_too() -> None:
    study, panel = world()
    study = dataclasses.replace(study, outcome=Outcome("homicides", log=True))
    result = run({"twfe": event_study(TIME, [0.0, 0.1, 0.0, 0.05, 0.05], APART, scale="level")}, study, panel)
    low, high = interval(result, "average", 2.0)
    assert f"{100 * np.expm1(low):+.1f} % to {100 * np.expm1(high):+.1f} % for 2 times." in result.sentence


def test_an_effect_beyond_doubt_is_searched_up_to_ten_times() -> None:
    result = run({"twfe": event_study(TIME, [0.0, 0.0, 0.0, 900.0, 900.0], APART, **CLAIMED)})
    assert result.passed is True
    assert result.values["breakdown"]["twfe"] == 10
    assert "even where the trend changes by 10 times the largest of its 3 changes" in result.sentence


@pytest.mark.parametrize(("family", "estimator"), [("gaussian", twfe), ("poisson", poisson)])
def test_without_any_departure_an_event_time_has_the_interval_of_its_row(family: str, estimator) -> None:
    study, panel = dose_world(1, effect=0.2, family=family)
    study = dataclasses.replace(study, event_bins=6, headline=estimator.SPEC.name)
    estimate = estimator.estimate(study, panel, np.random.default_rng(0))
    result = run({estimator.SPEC.name: estimate}, study, panel)
    first = estimate.rows[estimate.rows["event_time"] == 0].iloc[0]
    assert interval(result, "first", 0.0) == pytest.approx((first["low"], first["high"]), rel=1e-6)
    assert "from one event time (6 periods) to the next" in result.sentence
    assert "the largest of its 5 changes before treatment" in result.sentence


def test_student_rows_widen_the_intervals() -> None:
    value = [0.0, 0.0, 0.1, 0.5, 0.5]
    result = run({"twfe": event_study(TIME, value, APART, freedom=23, scale="level")})
    ratio = student.ppf(0.975, 23) / norm.ppf(0.975)
    expected = relative_magnitudes(EventStudy(np.array(value), APART * ratio**2, 3), np.full(2, 0.5), 1.0, 0.95)
    assert interval(result, "average", 1.0) == pytest.approx(expected, rel=1e-6)


def test_event_times_of_anticipation_are_no_part_of_the_effect() -> None:
    value = [0.03, -0.02, 0.2, 0.5, 0.7]
    study, panel = world(headline="sun_abraham", options={"sun_abraham": {"anticipation": 1}})
    estimates = {"sun_abraham": event_study([-4, -3, -1, 0, 1], value, APART, scale="level")}
    result = run(estimates, study, panel)
    given = EventStudy(np.array(value), APART, 2)
    expected = relative_magnitudes(given, np.array([0, 0.5, 0.5]), 1.0, 0.95)
    assert interval(result, "average", 1.0) == pytest.approx(expected, rel=1e-9)
    expected = relative_magnitudes(given, np.array([0.0, 1.0, 0.0]), 1.0, 0.95)
    assert interval(result, "first", 1.0) == pytest.approx(expected, rel=1e-9)
    odd = dataclasses.replace(study, event_bins=2)
    with pytest.raises(Unsupported, match="1 periods of anticipation are no multiple of 2"):
        run(estimates, odd, panel)


def test_a_varying_base_gives_the_intervals_of_the_universal_one() -> None:
    first = np.repeat([5, -1], 12)
    panel = make_panel(noisy(3, first=first), {"guard": first})
    results = {}
    for base in ("varying", "universal"):
        study = make_study(
            [treatment("binary")],
            event_bins=1,
            headline="callaway_santanna",
            options={"callaway_santanna": {"base": base, "draws": 9}},
        )
        estimate = callaway_santanna.estimate(study, panel, np.random.default_rng(0))
        results[base] = run({"callaway_santanna": estimate}, study, panel).table
    for column in ("low", "high", "bound"):
        np.testing.assert_allclose(results["varying"][column], results["universal"][column], rtol=1e-6, atol=1e-9)


def test_event_times_that_few_clusters_reach_are_left_out() -> None:
    first = np.full(UNITS, -1)
    first[:9] = [5, 5, 5, 5, 5, 5, 5, 8, 9]
    panel = make_panel(noisy(3, first=first), {"guard": first})
    study = make_study(
        [treatment("binary")], event_bins=1, headline="sun_abraham", options={"sun_abraham": {"draws": 9}}
    )
    estimate = sun_abraham.estimate(study, panel, np.random.default_rng(0))
    rows = estimate.rows[estimate.rows["kind"] == "event_time"]
    assert list(rows["event_time"]) == [-9, -8, -7, -6, -5, -4, -3, -2, 0, 1, 2, 3, 4, 5, 6]
    result = run({"sun_abraham": estimate}, study, panel)
    assert "the largest of its 4 changes before treatment" in result.sentence
    assert "mean effect of 7 event times" in result.sentence
    assert "4 more event times are left out, which too few clusters reach" in result.sentence


def test_where_few_clusters_change_treatment_nothing_is_judged() -> None:
    study, panel = world("binary", first=np.r_[np.repeat(START, 4), np.repeat(-1, UNITS - 4)])
    result = run({"twfe": event_study(TIME, [0.0, 0.0, 0.0, 0.9, 0.9], APART / 16, **CLAIMED)}, study, panel)
    assert result.passed is None
    assert "Nothing is judged: guard changes in 4 clusters only" in result.sentence


def test_several_treatments_are_read_from_their_joint_covariance_and_one_failure_fails() -> None:
    study, panel = world()
    wide = panel.frame.assign(d_spending=panel.frame["d_guard"])
    panel = dataclasses.replace(panel, frame=wide, start={"guard": START, "spending": START})
    study = dataclasses.replace(study, treatments=(treatment("dose"), treatment("dose", "spending")))
    good, bad = [0.01, 0.0, -0.01, 0.9, 0.9], [-0.4, 0.3, -0.1, 0.5, 0.5]
    names = [f"{name}:{row}" for name in ("guard", "spending") for row in ("headline", *range(5))]
    joint = np.eye(12)
    joint[1:6, 1:6], joint[7:, 7:] = APART / 16, APART / 4
    alone = event_study(TIME, good, APART / 16, **CLAIMED), event_study(TIME, bad, APART / 4, **CLAIMED)
    covariance = event_study([0] * 12, [0.0] * 12, joint, labels=names).covariance
    estimates = {
        "twfe.guard": dataclasses.replace(alone[0], covariance=covariance),
        "twfe.spending": dataclasses.replace(alone[1], covariance=covariance, treatment="spending"),
    }
    result = run(estimates, study, panel)
    assert result.passed is False
    alone_study = dataclasses.replace(study, treatments=study.treatments[:1])
    assert (
        result.values["breakdown"]["twfe.guard"]
        == run({"twfe": alone[0]}, alone_study, panel).values["breakdown"]["twfe"]
    )
    assert result.values["breakdown"]["twfe.spending"] < 1


def test_the_headline_without_an_event_study_is_not_judged_by_another() -> None:
    study, panel = world(headline="imputation")
    good = event_study(TIME, [0.01, 0.0, -0.01, 0.9, 0.9], APART / 16, **CLAIMED)
    result = run({"imputation": good, "twfe": good, "lp_did": good}, study, panel)
    assert result.passed is None
    assert result.sentence.startswith("The headline, imputation, cannot be judged: its event times after treatment")
    assert "By twfe, an effect per unit is claimed" in result.sentence
    assert set(result.table["estimate"]) == {"lp_did", "twfe"}
    json.dumps(plain(dict(result.values)), allow_nan=False)


def test_without_a_headline_nothing_is_judged() -> None:
    study, panel = world(headline=None)
    result = run({"twfe": event_study(TIME, [0.02, -0.03, -0.01, 0.9, 0.9], APART / 4, **CLAIMED)}, study, panel)
    assert result.passed is None
    assert result.sentence.startswith("No headline is named. By twfe, an effect per unit is claimed")


GOOD = event_study(TIME, [0.0, 0.0, 0.1, 0.5, 0.5], APART)
SINGULAR = 0.01 * np.ones((5, 5))
REFUSED = {
    "no estimator ran": {},
    "it has no event study": {"twfe": dataclasses.replace(GOOD, rows=None)},
    "its event study has no covariance": {"twfe": dataclasses.replace(GOOD, covariance=None)},
    "it has no event time before the reference": {"twfe": event_study([0, 1], [0.5, 0.5], APART[:2, :2])},
    "the covariance of its event study is singular": {"twfe": event_study(TIME, [0.0] * 5, SINGULAR)},
    "coefficients that are no numbers": {"twfe": event_study(TIME, [0.0, np.nan, 0.0, 0.5, 0.5], APART)},
    "measured against a single period while": {"switchers": event_study([-2, -1, 0, 1, 2], [0.0] * 5, APART)},
    "do not lead from the reference to treatment": {"twfe": event_study([-4, -3, -2, 1, 2], [0.0] * 5, APART)},
    "what its weights were fitted to": {"synthetic_did": GOOD},
    "residuals of the fit that it starts from": {"two_stage": GOOD},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_bounded_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        run(REFUSED[reason])


def test_wide_bins_of_a_varying_base_and_of_a_base_of_all_periods_are_refused() -> None:
    study, panel = world(headline="callaway_santanna", event_bins=3)
    with pytest.raises(Unsupported, match="changes from period to period, which wide bins average"):
        run({"callaway_santanna": event_study([-6, -3, 0], [0.0] * 3, APART[:3, :3])}, study, panel)
    study, panel = world(headline="lp_did", options={"lp_did": {"base": "all"}})
    with pytest.raises(Unsupported, match="measured against all earlier ones"):
        run({"lp_did": GOOD}, study, panel)


def test_one_event_time_before_treatment_makes_one_change_and_a_straight_line() -> None:
    result = run({"twfe": event_study([-2, 0], [0.1, 0.5], APART[:2, :2], scale="level")})
    assert "its one change before it, the effect of the one event time lies" in result.sentence
    assert list(result.table[result.table["restriction"] == "smoothness"]["bound"]) == [0.0, 0.0]
