"""Both arms reassigned together: each draw by dummies in plain least squares, and the level of p over worlds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.compare import worlds
from tests.contract.panels import make_panel, make_study

from balanza.compare import reassigned
from balanza.contract import Panel, Study, Treatment

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("guard", "prevention")
SLOPE = np.array([300.0, 80.0])


def small(seed: int = 0, covariates: tuple[str, ...] = (), **effects: float) -> tuple[Study, Panel]:
    """Ten states and eight months, so that dummies are few."""
    rng = np.random.default_rng(seed)
    late = np.arange(8) >= 4
    doses = {name: rng.uniform(0.2, 1.5, (10, 1)) * late for name in NAMES}
    people = np.exp(rng.normal(12, 0.5, (10, 1))) * np.ones(8)
    moving, trait = rng.normal(size=(10, 8)), rng.normal(size=10)
    log_rate = -8 + 0.1 * moving + sum(effects.get(name, 0.0) * dose for name, dose in doses.items())
    outcome = rng.poisson(people * np.exp(log_rate + 0.1 * rng.normal(size=(10, 8)))).astype(float)
    arms = [Treatment(name, "dose", column=name, start="2015-05", dose="mean_post") for name in NAMES]
    named = {"moving": moving, "trait": trait}
    panel = make_panel(outcome, doses, exposure=people, covariates=named, start=dict.fromkeys(NAMES, 4))
    return make_study(arms, "poisson", draws=30, covariates=covariates), panel


def dummies(panel: Panel, covariates: tuple[str, ...]) -> np.ndarray:
    """Unit and month dummies, and covariates: the one that does not change times each month."""
    unit, month = (panel.frame[name].to_numpy() for name in ("unit", "period"))
    columns = [unit == code for code in range(10)] + [month == code for code in range(1, 8)]
    if "trait" in covariates:
        columns += [panel.frame["trait"] * (month == code) for code in range(1, 8)]
    if "moving" in covariates:
        columns.append(panel.frame["moving"])
    return np.column_stack(columns).astype(float)


def glm(outcome: np.ndarray, exposure: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import statsmodels.api as sm

    found = sm.GLM(outcome, design, family=sm.families.Poisson(), exposure=exposure).fit(tol=1e-13, maxiter=200)
    return found.params, found.mu


@pytest.mark.parametrize("covariates", [(), ("moving", "trait")])
def test_each_draw_is_what_dummies_say(covariates: tuple[str, ...]) -> None:
    study, panel = small(covariates=covariates, guard=0.3)
    given = reassigned.lottery(study, panel, NAMES, np.random.default_rng(1))
    assert not isinstance(given, str)
    found = reassigned._statistics(given, SLOPE)
    frame, fixed = panel.frame, dummies(panel, covariates)
    y, people, unit = (frame[name].to_numpy(float) for name in ("outcome", "exposure", "unit"))
    doses = np.stack([panel.matrix(f"d_{name}") for name in NAMES])
    same = doses[0].ravel() / SLOPE[0] + doses[1].ravel() / SLOPE[1]
    shared = glm(y, people, np.column_stack([same, fixed]))[0][0]
    untreated = y * np.exp(-shared * same)
    mu = glm(untreated, people, fixed)[1]
    for order, statistic in zip(given.orders[:6], found[:6], strict=True):
        drawn = np.column_stack([dose[order].ravel() for dose in doses])
        root = np.sqrt(mu)[:, None]
        net = drawn - fixed @ np.linalg.lstsq(root * fixed, root * drawn, rcond=None)[0]
        bread = np.linalg.inv((mu[:, None] * net).T @ net)
        scores = np.array(
            [((untreated - mu)[unit == code, None] * net[unit == code]).sum(axis=0) for code in range(10)]
        )
        influence = scores @ bread @ np.array([SLOPE[0], -SLOPE[1]])
        assert statistic == pytest.approx(influence.sum() / np.sqrt((influence**2).sum()), rel=1e-5)


def test_p_counts_the_draws_that_favour_the_second_arm_as_much() -> None:
    study, panel = worlds.study(ROOT), worlds.panel(1, {"guard": 1.0, "prevention": -6.0})
    given = reassigned.lottery(replace(study, draws=99), panel, NAMES, np.random.default_rng(1))
    assert not isinstance(given, str)
    found = reassigned.test(given, SLOPE)
    drawn = reassigned._statistics(given, SLOPE)
    assert found["p_one_sided"] == (drawn >= drawn[0] - 1e-8).mean() <= 0.05
    assert (found["draws"], found["reason"]) == (99, None)
    turned = replace(given, paths=given.paths[::-1])
    assert reassigned.test(turned, SLOPE[::-1])["p_one_sided"] >= 0.95


def test_pairs_of_doses_stay_pairs_and_in_their_stratum() -> None:
    study = replace(worlds.study(ROOT), draws=50)
    given = reassigned.lottery(study, worlds.panel(1, dict.fromkeys(NAMES, 0.0)), NAMES, np.random.default_rng(0))
    assert not isinstance(given, str)
    assert given.strata == 4 and given.when == "in 2018"
    assert all(sorted(order) == list(range(worlds.STATES)) for order in given.orders)
    assert len({tuple(order) for order in given.orders}) == 51


def test_without_paths_of_clusters_the_reason_is_said() -> None:
    study, panel = small()
    cluster = panel.frame["unit"] // 2
    wide = replace(panel, frame=panel.frame.assign(cluster=cluster), cluster_labels=panel.cluster_labels[:5])
    assert "differs within a cluster" in str(reassigned.lottery(study, wide, NAMES, np.random.default_rng(0)))


@pytest.mark.slow
@pytest.mark.parametrize("effects", [(0.0, 0.0), (-0.1, -0.375)])
def test_where_both_arms_buy_the_same_p_is_below_five_per_cent_in_five_per_cent(effects: tuple[float, float]) -> None:
    """Binomial(100, .05): more than 11 in 1 of 87 tries, none in 1 of 169; the second pair buys the same at SLOPE."""
    study = replace(worlds.study(ROOT), draws=99)
    found = []
    for seed in range(100):
        panel = worlds.panel(seed, dict(zip(NAMES, effects, strict=True)))
        given = reassigned.lottery(study, panel, NAMES, np.random.default_rng(seed))
        assert not isinstance(given, str)
        found.append(reassigned.test(given, SLOPE)["p_one_sided"])
    for tail in (np.array(found), 1.01 - np.array(found)):  # the other tail counts the observed order, too
        assert 1 <= (tail <= 0.05).sum() <= 11
