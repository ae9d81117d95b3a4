"""The joint test: its refits against the estimators themselves, its figures by hand, and its size over seeds."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from tests.curve import worlds

from balanza.contract import Outcome, Panel, Study, Treatment
from balanza.curve.joint import Reassignments, joint_test, p_value, reassignments, refits
from balanza.errors import Unsupported
from balanza.preparation import prepare
from balanza.registry import find

DOSE = Treatment("treatment", "dose", "money", start=2014, dose="mean_post")


def study(**changes: Any) -> Study:
    values: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "question": "?",
        "outcome": Outcome("deaths", "poisson", "people"),
        "treatments": (DOSE,),
        "cluster": "state",
        "unit": "place",
        "period": "year",
    }
    return Study(**{**values, **changes})


def handed(panel: Panel, order: np.ndarray) -> Panel:
    """The panel with the paths of the treatment handed to other clusters, row by row."""
    frame = panel.frame
    path = dict(frame.groupby(["cluster", "period"])["d_treatment"].first().items())
    pairs = zip(order[frame["cluster"]], frame["period"], strict=True)
    return dataclasses.replace(panel, frame=frame.assign(d_treatment=[path[pair] for pair in pairs]))


@pytest.mark.parametrize("covariates", [(), ("poverty",)])
@pytest.mark.parametrize("outcome", [Outcome("deaths", "poisson", "people"), Outcome("deaths")])
def test_least_squares_refits_are_those_of_the_estimator_under_each_assignment(
    outcome: Outcome, covariates: tuple[str, ...]
) -> None:
    asked = study(outcome=outcome, covariates=covariates)
    panel = prepare(asked, worlds.table(effect=0.3))
    assigned = reassignments(asked, panel, 6, seed=2)
    percent, _ = refits(asked, panel, "twfe", assigned)["treatment"]
    for order, found in zip(assigned.orders, percent, strict=True):
        refit = find("estimators", "twfe").function(asked, handed(panel, order), np.random.default_rng(0))
        assert found == pytest.approx(refit.percent_change[0], rel=1e-8)


def test_the_path_of_a_steady_dose_is_handed_on_from_a_cluster_without_rows_in_some_periods() -> None:
    asked = study(outcome=Outcome("deaths"))
    table = worlds.table(effect=0.3)
    panel = prepare(asked, table[(table["state"] != "s03") | ~table["year"].isin([2009, 2016])])
    size = panel.frame.groupby("cluster")["d_treatment"].max().to_numpy()
    after = panel.frame["period"] >= panel.start["treatment"]
    assigned = reassignments(asked, panel, 6, seed=2)
    percent, _ = refits(asked, panel, "twfe", assigned)["treatment"]
    for order, found in zip(assigned.orders, percent, strict=True):
        handed_on = panel.frame.assign(d_treatment=size[order[panel.frame["cluster"]]] * after)
        given = dataclasses.replace(panel, frame=handed_on)
        refit = find("estimators", "twfe").function(asked, given, np.random.default_rng(0))
        assert found == pytest.approx(refit.percent_change[0], rel=1e-8)


def test_poisson_refits_are_one_newton_step_from_the_fit_without_the_treatment() -> None:
    asked = study()
    panel = prepare(asked, worlds.table())
    assigned = reassignments(asked, panel, 4, seed=2)
    percent, statistic = refits(asked, panel, "poisson", assigned)["treatment"]
    frame = panel.frame
    effects = np.column_stack([np.eye(panel.n_units)[frame["unit"]], np.eye(panel.n_periods)[frame["period"]][:, 1:]])
    null = sm.GLM(frame["outcome"], effects, sm.families.Poisson(), exposure=frame["exposure"]).fit(tol=1e-12)
    root, residual = np.sqrt(null.mu), (frame["outcome"] - null.mu).to_numpy()
    for order, value, studentised in zip(assigned.orders, percent, statistic, strict=True):
        dose = handed(panel, order).frame["d_treatment"].to_numpy()
        slopes = np.linalg.lstsq(root[:, None] * effects, root * dose, rcond=None)[0]
        net = dose - effects @ slopes
        scores = np.bincount(frame["cluster"], net * residual)
        assert value == pytest.approx(100 * np.expm1(scores.sum() / (null.mu * net**2).sum()), rel=1e-6)
        assert studentised == pytest.approx(scores.sum() / np.sqrt((scores**2).sum()), rel=1e-6)


def test_poisson_refits_are_near_those_of_the_estimator() -> None:
    asked = study()
    panel = prepare(asked, worlds.table())
    assigned = reassignments(asked, panel, 20, seed=2)
    percent, _ = refits(asked, panel, "poisson", assigned)["treatment"]
    estimator = find("estimators", "poisson").function
    full = [
        estimator(asked, handed(panel, order), np.random.default_rng(0)).percent_change[0] for order in assigned.orders
    ]
    # A Newton step from zero misses a share of the order of the effect itself.
    assert np.abs(percent - full).max() < 0.1 * np.abs(full).max()
    assert np.corrcoef(percent, full)[0, 1] > 0.999


def test_several_treatments_are_reassigned_one_at_a_time() -> None:
    second = Treatment("other", "dose", "files", dose="current")
    frame = worlds.table()
    frame["files"] = frame.groupby(["state", "year"])["poverty"].transform("mean") * (frame["year"] % 5)
    asked = study(treatments=(DOSE, second))
    panel = prepare(asked, frame)
    assigned = reassignments(asked, panel, 5, seed=2)
    found = refits(asked, panel, "twfe", assigned)
    assert list(found) == ["treatment", "other"]
    for order, value in zip(assigned.orders, found["treatment"][0], strict=True):
        refit = find("estimators", "twfe").function(asked, handed(panel, order), np.random.default_rng(0))
        assert value == pytest.approx(refit["treatment"].percent_change[0], rel=1e-8)


def test_an_outcome_that_can_be_negative_has_no_reading_in_per_cent() -> None:
    asked = study(outcome=Outcome("balance"))
    frame = worlds.table()
    panel = prepare(asked, frame.assign(balance=frame["deaths"] - frame["deaths"].mean()))
    percent, statistic = refits(asked, panel, "twfe", reassignments(asked, panel, 5, seed=2))["treatment"]
    assert np.isnan(percent).all()
    assert np.isfinite(statistic).all()


def test_variants_that_the_assignments_do_not_fit_are_refused() -> None:
    asked = study()
    panel = prepare(asked, worlds.table())
    with pytest.raises(Unsupported, match="its clusters are not those"):
        refits(asked, panel, "twfe", Reassignments(np.arange(12)[None], ("elsewhere",) * 12))
    by_place = prepare(study(treatments=(dataclasses.replace(DOSE, column="poverty"),)), worlds.table())
    with pytest.raises(Unsupported, match="differs within a cluster"):
        refits(asked, by_place, "twfe", reassignments(asked, by_place, 3, seed=1))


def test_paths_stay_within_the_strata_of_the_check_of_reassignments() -> None:
    asked = study(options={"randomization": {"strata": 3}})
    panel = prepare(asked, worlds.table())
    assigned = reassignments(asked, panel, 50, seed=2)
    told = find("checks", "randomization").function(asked, panel, {}, np.random.default_rng(0))
    assert assigned.strata == told.values["n_strata"] == 3
    givers = [set(assigned.orders[:, receiver]) for receiver in range(panel.n_clusters)]
    strata = {frozenset(map(int, others)) for others in givers}
    assert sorted(cluster for stratum in strata for cluster in stratum) == list(range(panel.n_clusters))
    assert len(strata) == 3


def test_figures_of_a_curve_by_hand() -> None:
    # Three variants, the observed assignment and four draws. t(30 - 1) at 0.95 is 2.045.
    percent = np.array([[-10.0, 4.0, -1.0, 2.0, -12.0], [-8.0, 5.0, 1.0, -2.0, -9.0], [3.0, 6.0, -2.0, 3.0, -1.0]])
    statistic = np.array([[-2.1, 1.0, -0.1, 0.2, -2.5], [-2.0, 2.1, 0.1, -0.3, -2.2], [2.5, 2.2, -0.2, 0.4, -0.1]])
    found = joint_test(percent, statistic, 0.95, 30)
    assert (found["draws"], found["n_variants"], found["sign"]) == (4, 3, -1)
    assert found["median"] == -8.0
    assert found["p_median"] == 2 / 5  # the draw with a median of -9
    assert found["share_sign"] == pytest.approx(2 / 3)
    assert found["p_share_sign"] == 1.0
    assert found["share_significant"] == pytest.approx(1 / 3)  # one of the falls; the rise does not count
    assert found["p_share_significant"] == 3 / 5
    assert found["median_range"] == pytest.approx(np.quantile([5.0, -1.0, 2.0, -9.0], [0.025, 0.975]).tolist())


def test_the_observed_assignment_is_one_of_the_draws() -> None:
    assert p_value(np.array([2.0, 1.0, 1.0, 1.0])) == 1 / 4
    assert p_value(np.array([1.0, 1.0, 2.0, 0.5])) == 3 / 4


@pytest.mark.slow
def test_the_joint_test_has_its_size_where_the_treatment_changes_nothing() -> None:
    """At 5 % over 400 worlds: at most 5 % rejections (less where figures are discrete), up to 2.5 standard errors."""
    worlds_drawn, level = 400, 0.05
    rejected = dict.fromkeys(("p_median", "p_share_sign", "p_share_significant"), 0)
    variants = [(study(), "poisson"), (study(), "twfe"), (study(window=(2011, 2019)), "poisson")]
    variants += [(study(outcome=Outcome("deaths")), "twfe"), (study(covariates=("poverty",)), "twfe")]
    for seed in range(worlds_drawn):
        found = curve(seed, 0.0, variants)
        for name in rejected:
            rejected[name] += found[name] <= level
    limit = level + 2.5 * np.sqrt(level * (1 - level) / worlds_drawn)
    assert max(rejected.values()) / worlds_drawn <= limit
    # The median is continuous, so that its p-value is exact: 19 draws allow 1/20.
    assert rejected["p_median"] / worlds_drawn >= level - 2.5 * np.sqrt(level * (1 - level) / worlds_drawn)


def test_a_strong_effect_is_found() -> None:
    variants = [(study(), "poisson"), (study(), "twfe"), (study(window=(2011, 2019)), "poisson")]
    found = curve(3, -0.5, variants, draws=39)
    assert found["p_median"] == found["p_share_significant"] == 1 / 40
    assert found["sign"] == -1


def curve(seed: int, effect: float, variants: list[tuple[Study, str]], draws: int = 19) -> dict[str, Any]:
    frame = worlds.table(seed, effect)
    panels = [prepare(asked, frame) for asked, _ in variants]
    assigned = reassignments(variants[0][0], panels[0], draws, seed=1000 + seed)
    pairs = [
        refits(asked, panel, name, assigned)["treatment"] for (asked, name), panel in zip(variants, panels, strict=True)
    ]
    percent, statistic = (np.array([pair[index] for pair in pairs]) for index in (0, 1))
    return joint_test(percent, statistic, 0.95, panels[0].n_clusters)
