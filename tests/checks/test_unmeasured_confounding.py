"""The check against dense least squares on rows, and against a hidden cause that is put into the fit."""

import dataclasses

import numpy as np
import pytest
from tests.checks.worlds import PERIODS, START, UNITS, dose_world, panel_of
from tests.contract.panels import make_study, treatment
from tests.contract.test_checks import estimates

from balanza.checks import unmeasured_confounding
from balanza.contract import CheckResult, Estimate, Outcome, Panel, Study
from balanza.estimators import poisson
from balanza.kernels import confounding


def run(study: Study, panel: Panel, estimates: dict[str, Estimate] | None = None) -> CheckResult:
    return unmeasured_confounding.check(study, panel, estimates or {}, np.random.default_rng(0))


def rows(result: CheckResult, measure: str) -> list[dict]:
    return result.table[result.table["measure"] == measure].to_dict("records")


def with_covariates(seed: int = 1) -> tuple[Study, Panel, dict[str, np.ndarray]]:
    """A dose, a covariate that changes (`criminal_presence`), one that does not, and gaps nowhere."""
    rng = np.random.default_rng(seed)
    after = np.arange(PERIODS) >= START
    latent, poor = rng.normal(size=(UNITS, PERIODS)), rng.normal(size=UNITS)
    size = np.clip(1 + 0.3 * latent[:, -12:].mean(axis=1) + 0.2 * rng.normal(size=UNITS), 0.1, None)
    dose = size[:, None] * after + 0.2 * latent * after
    proxy = latent + 0.5 * rng.normal(size=latent.shape)
    y = 0.4 * dose + 0.3 * latent + 0.02 * poor[:, None] * np.arange(PERIODS) + 0.5 * rng.normal(size=latent.shape)
    given = {"criminal_presence": proxy, "poverty": poor}
    study = make_study([dataclasses.replace(treatment("dose"), dose="current")], covariates=tuple(given))
    return study, panel_of(y, {"guard": dose}, covariates=given), {**given, "y": y, "dose": dose}


def dense(given: dict[str, np.ndarray], names: list[str], target: str = "y") -> tuple[np.ndarray, float, int]:
    """Least squares of a column on named ones and all dummies: coefficients, squares left, degrees of freedom."""
    unit, period = np.kron(np.eye(UNITS), np.ones((PERIODS, 1))), np.kron(np.ones((UNITS, 1)), np.eye(PERIODS))
    parts = []
    for name in names:
        values = given[name]
        parts.append(values.reshape(-1, 1) if values.ndim == 2 else period * np.repeat(values, PERIODS)[:, None])
    design = np.hstack([*parts, unit, period])
    beta, *_ = np.linalg.lstsq(design, given[target].ravel(), rcond=None)
    left = given[target].ravel() - design @ beta
    return beta, float(left @ left), len(left) - np.linalg.matrix_rank(design)


def test_robustness_and_benchmarks_equal_dense_least_squares() -> None:
    study, panel, given = with_covariates()
    result = run(study, panel)
    names = ["dose", "criminal_presence", "poverty"]
    beta, squares, freedom = dense(given, names)
    _, of_dose, _ = dense(given, names[1:], "dose")
    error = np.sqrt(squares / freedom / of_dose)
    assert result.values["freedom"] == freedom
    assert rows(result, "estimate")[0]["value"] == pytest.approx(beta[0], rel=1e-8)
    assert rows(result, "partial R2")[0]["value"] == pytest.approx(1 - squares / dense(given, names[1:])[1], rel=1e-8)
    whole = confounding.robustness_value(beta[0] / error, freedom)
    assert rows(result, "robustness value")[0]["value"] == pytest.approx(whole, rel=1e-8)
    found = [row for row in rows(result, "benchmark") if row["strength"] == 1]
    for name, other in (("criminal_presence", "poverty"), ("poverty", "criminal_presence")):
        ours = 1 - of_dose / dense(given, [other], "dose")[1]
        theirs = 1 - squares / dense(given, ["dose", other])[1]
        expected = confounding.benchmark(ours, theirs, 1)
        row = next(row for row in found if row["of"] == name)
        assert (row["r2_treatment"], row["r2_outcome"]) == pytest.approx(expected, rel=1e-7)


def test_outcome_before_treatment_is_a_benchmark_in_a_fit_that_holds_it() -> None:
    study, panel, given = with_covariates()
    given["before"] = given["y"][:, :START].mean(axis=1)
    names = ["dose", "criminal_presence", "poverty", "before"]
    found = [row for row in rows(run(study, panel), "benchmark") if row["of"] == "homicides before treatment"]
    assert [row["strength"] for row in found] == [0, 1, 2, 3]
    beta, squares, _ = dense(given, names)
    assert found[0]["value"] == pytest.approx(beta[0], rel=1e-6)
    ours = 1 - dense(given, names[1:], "dose")[1] / dense(given, names[1:3], "dose")[1]
    theirs = 1 - squares / dense(given, names[:3])[1]
    assert (found[1]["r2_treatment"], found[1]["r2_outcome"]) == pytest.approx(
        confounding.benchmark(ours, theirs, 1), rel=1e-6
    )


def test_oster_from_dense_fits() -> None:
    study, panel, given = with_covariates()
    names = ["dose", "criminal_presence", "poverty"]
    short, squares_short, _ = dense(given, ["dose"])
    long, squares_long, _ = dense(given, names)
    none, raw, left = dense(given, [])[1], dense(given, [], "dose")[1], dense(given, names[1:], "dose")[1]
    r2 = 1 - squares_long / none
    selection = confounding.Selection(short[0], long[0], 1 - squares_short / none, r2, none, raw, left)
    ratio, bound = rows(run(study, panel), "Oster (2019)")
    assert ratio["value"] == pytest.approx(confounding.selection_ratio(selection, min(1, 1.3 * r2)), rel=1e-6)
    assert bound["value"] == pytest.approx(confounding.equal_selection_bound(selection, min(1, 1.3 * r2)), rel=1e-6)


def test_a_proxy_of_known_reliability_gives_the_estimate_of_the_thing_itself() -> None:
    # An error of measurement that is orthogonal to all else in these very rows, so that the correction is exact
    study, panel, given = with_covariates()
    study = dataclasses.replace(study, covariates=("criminal_presence",))
    rng = np.random.default_rng(3)

    def net(values: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
        columns = {str(place): other for place, other in enumerate(others)} | {"own": values}
        unit, period = np.kron(np.eye(UNITS), np.ones((PERIODS, 1))), np.kron(np.ones((UNITS, 1)), np.eye(PERIODS))
        design = np.hstack([*(columns[str(place)].reshape(-1, 1) for place in range(len(others))), unit, period])
        own = values.ravel()
        return (own - design @ np.linalg.lstsq(design, own, rcond=None)[0]).reshape(values.shape)

    latent = given["criminal_presence"]
    signal = (net(latent, []) ** 2).sum()
    noise = net(rng.normal(size=latent.shape), [latent, given["dose"], given["y"]])
    noise *= np.sqrt(0.25 * signal / (noise**2).sum())  # reliability .8: signal / (signal + .25 signal)
    wide = panel.frame.assign(criminal_presence=(latent + noise).ravel())
    found = rows(run(study, dataclasses.replace(panel, frame=wide)), "proxy")
    by_reliability = {row["strength"]: row["value"] for row in found}
    truth = dense(given, ["dose", "criminal_presence"])[0][0]
    assert by_reliability[0.8] == pytest.approx(truth, rel=1e-7)
    assert abs(by_reliability[1.0] - truth) > 1e-3


def test_a_proxy_that_does_not_change_has_slopes_and_is_mended_too() -> None:
    study, panel, given = with_covariates()
    constant = panel.frame.assign(criminal_presence=np.repeat(given["poverty"], PERIODS))
    study = dataclasses.replace(study, covariates=("criminal_presence",))
    found = rows(run(study, dataclasses.replace(panel, frame=constant)), "proxy")
    own = rows(run(study, dataclasses.replace(panel, frame=constant)), "estimate")[0]["value"]
    assert found[0]["value"] == pytest.approx(own, rel=1e-8)  # reliability 1 is the fit itself


def test_poisson_enters_as_weighted_least_squares() -> None:
    study, panel = dose_world(2, effect=0.3, family="poisson")
    result = run(study, panel)
    expected = poisson.estimate(study, panel, np.random.default_rng(0))
    own = rows(result, "estimate")[0]
    assert own["value"] == pytest.approx(expected.value, rel=1e-8)
    assert (own["low"], own["high"]) == pytest.approx(expected.interval, rel=1e-6)
    assert "weighted least squares" in own["note"]


def test_e_values_are_of_the_headline() -> None:
    study, panel = dose_world(2, effect=0.3, family="poisson")
    study = dataclasses.replace(study, headline="poisson")
    low, value, high = np.log([1.8, 3.9, 8.7])  # VanderWeele and Ding (2017)
    made = dataclasses.replace(estimates()["poisson"], value=value, interval=(low, high))
    point, limit = rows(run(study, panel, {"poisson": made}), "E-value")
    assert point["value"] == pytest.approx(7.26, abs=0.005) and limit["value"] == pytest.approx(3.0)


def test_what_is_not_possible_is_said() -> None:
    result = run(*dose_world(1))
    notes = {row["measure"]: row["note"] for row in result.table.to_dict("records")}
    assert notes["E-value"].startswith("not possible: needs a rate ratio")
    assert notes["Oster (2019)"].startswith("not possible: needs covariates")
    assert "criminal_presence" in notes["proxy"] and notes["proxy"].startswith("not possible")
    study, panel = dose_world(1)
    logs = dataclasses.replace(study, outcome=Outcome("homicides", "gaussian", log=True))
    assert len(rows(run(logs, panel), "E-value")) == 2


@pytest.mark.parametrize(("effect", "hidden", "verdict"), [(0.5, 0.0, True), (0.0, 0.0, None)])
def test_verdicts(effect: float, hidden: float, verdict: bool | None) -> None:
    study, panel = dose_world(3, effect=effect, hidden=hidden)
    poor = np.repeat(np.random.default_rng(1).normal(size=UNITS), PERIODS)
    study = dataclasses.replace(study, covariates=("poverty",))
    panel = dataclasses.replace(panel, frame=panel.frame.assign(poverty=poor))
    assert run(study, panel).passed is verdict


@pytest.mark.parametrize(("noise", "effect", "peer"), [(0.4, 0.3, False), (3.0, 0.1, True)])
def test_an_estimate_that_a_benchmark_explains_away_does_not_pass(noise: float, effect: float, peer: bool) -> None:
    rng = np.random.default_rng(6)
    after = np.arange(PERIODS) >= START
    strength = rng.normal(size=(UNITS, 1)) + np.zeros((UNITS, PERIODS))
    cause = np.where(after, strength, 0) + 0.01 * rng.normal(size=(UNITS, PERIODS))
    dose = np.where(after, strength + 6 + noise * rng.normal(size=(UNITS, 1)), 0.0)
    y = effect * dose + 2.0 * cause + 0.2 * rng.normal(size=(UNITS, PERIODS))
    study = make_study([treatment("dose")], covariates=("cause",))
    result = run(study, panel_of(y, {"guard": dose}, covariates={"cause": cause}))
    first = next(row for row in rows(result, "benchmark") if row["of"] == "cause" and row["strength"] == 1)
    assert np.isfinite(first["value"]) == peer
    assert result.passed is False
    assert "one as strong as cause" in result.sentence


def test_the_figure_holds_the_contour() -> None:
    result = run(*dose_world(3, effect=0.5))
    corner = result.figure[(result.figure["r2_treatment"] == 0) & (result.figure["r2_outcome"] == 0)].iloc[0]
    assert corner["estimate"] == pytest.approx(rows(result, "estimate")[0]["value"])
    value = rows(result, "robustness value")[0]["value"]
    beyond = result.figure[(result.figure["r2_treatment"] > value) & (result.figure["r2_outcome"] > value)]
    assert len(beyond) and (beyond["estimate"] < 0).all()


def test_a_study_without_a_measured_covariate_is_not_judged_but_told_its_robustness() -> None:
    result = run(*dose_world(3, effect=0.5))
    assert result.passed is None and "no measured covariate" in result.sentence
    assert rows(result, "robustness value")[0]["value"] > 0.5
    assert len([row for row in rows(result, "benchmark") if row["strength"] == 1]) == 1


def test_few_treated_clusters_are_not_judged() -> None:
    rng = np.random.default_rng(5)
    cohort = np.where(np.arange(UNITS) < 2, START, -1)
    on = (cohort >= 0)[:, None] & (np.arange(PERIODS) >= START)
    poor = rng.normal(size=UNITS)
    panel = panel_of(5 * on + rng.normal(size=on.shape), {"guard": cohort}, covariates={"poverty": poor})
    result = run(make_study([treatment("binary")], covariates=("poverty",)), panel)
    assert result.passed is None
    assert "changes in 2 clusters only" in result.sentence and "`conley_taber`" in result.sentence
