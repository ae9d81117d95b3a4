"""Batched refuters against refits in loops: exact for least squares; for Poisson the step's error is measured."""

import numpy as np
import pytest
from tests.kernels.test_cluster_moments import CLUSTER, CLUSTERS, PERIODS, UNITS, dense

from balanza.kernels import poisson
from balanza.kernels.cluster_moments import Moments, collect, refitted
from balanza.kernels.refuters import common_cause, dummy_outcome, placebo_treatment

DRAWS = 12


def panel(family: str = "gaussian", rank: str = "dose") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    mass = rng.gamma(3, 1, (UNITS, PERIODS))
    mass[2, 3] = mass[5, 0] = 0
    size = rng.random((CLUSTERS, 1))
    after = np.arange(PERIODS) >= 3
    paths = {
        "dose": size * after,
        "staggered": (np.arange(PERIODS) >= np.array([2, 2, 4, 4, 9, 9, 9])[:, None]).astype(float),
        "moving": rng.random((CLUSTERS, PERIODS)) * after,
    }[rank]
    return {
        "y": rng.normal(size=(UNITS, PERIODS)),
        "mass": mass,
        "paths": paths,
        "other": rng.normal(size=(UNITS, PERIODS)),
        "z": rng.normal(size=(UNITS, 1)),
        "orders": rng.permuted(np.tile(np.arange(CLUSTERS), (DRAWS, 1)), axis=1),
        "signs": rng.choice([-1.0, 1.0], (DRAWS, CLUSTERS)),
        "causes": rng.normal(size=(DRAWS, CLUSTERS, PERIODS)).cumsum(axis=2),
    }


def moments(given: dict[str, np.ndarray]) -> Moments:
    x = np.stack([given["paths"][CLUSTER], given["other"]])
    return collect(given["y"], given["mass"], x, CLUSTER, given["z"])


def held_jackknife(given: dict[str, np.ndarray], path: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """A dense fit, and its t statistic by leaving out each cluster with all other terms held at their fit."""
    mass, z = given["mass"], given["z"]
    own = path - fitted(mass, given["other"], z, path)
    response = y - fitted(mass, given["other"], z, y)

    def slope(kept: np.ndarray) -> float:
        weight = mass * kept[CLUSTER][:, None]
        return float((weight * own * response).sum() / (weight * own**2).sum())

    value = slope(np.ones(CLUSTERS))
    changes = np.array([slope(np.arange(CLUSTERS) != code) - value for code in range(CLUSTERS)])
    return value, value / np.sqrt((CLUSTERS - 1) / CLUSTERS * (changes**2).sum())


def fitted(mass: np.ndarray, other: np.ndarray, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Dense fit of y on everything but the treatment."""
    unit = np.kron(np.eye(UNITS), np.ones((PERIODS, 1)))
    period = np.kron(np.ones((UNITS, 1)), np.eye(PERIODS))
    design = np.hstack([other.reshape(-1, 1), unit, period, period * np.repeat(z[:, 0], PERIODS)[:, None]])
    root = np.sqrt(mass.ravel())
    return (design @ np.linalg.lstsq(root[:, None] * design, root * y.ravel(), rcond=None)[0]).reshape(y.shape)


@pytest.mark.parametrize("rank", ["dose", "staggered", "moving"])
def test_placebo_treatments_equal_refits(rank: str) -> None:
    given = panel(rank=rank)
    found = placebo_treatment(moments(given), 0, given["paths"], given["orders"])
    for draw, order in enumerate(given["orders"]):
        path = given["paths"][order][CLUSTER]
        value, t = held_jackknife(given, path, given["y"])
        assert found.estimates[draw] == pytest.approx(value, rel=1e-8)
        assert found.t[draw] == pytest.approx(t, rel=1e-8)
        exact = dense(given["y"], given["mass"], np.stack([path, given["other"]]), given["z"])[0][0]
        assert found.estimates[draw] == pytest.approx(exact, rel=1e-8)


def test_dummy_outcomes_equal_refits() -> None:
    given = panel()
    found = dummy_outcome(moments(given), 0, given["signs"])
    path = given["paths"][CLUSTER]
    effect = dense(given["y"], given["mass"], np.stack([path, given["other"]]), given["z"])[0][0]
    explained = fitted(given["mass"], given["other"], given["z"], given["y"] - effect * path)
    for draw, signs in enumerate(given["signs"]):
        noise = explained + signs[CLUSTER][:, None] * (given["y"] - effect * path - explained)
        value, t = held_jackknife(given, path, noise)
        assert found.estimates[draw] == pytest.approx(value, rel=1e-8)
        assert found.t[draw] == pytest.approx(t, rel=1e-7)


def test_dummy_outcomes_do_not_depend_on_the_effect() -> None:
    # The residuals of the whole fit are the same whatever multiple of the treatment is added to the outcome.
    given = panel()
    found = dummy_outcome(moments(given), 0, given["signs"])
    louder = dummy_outcome(moments({**given, "y": given["y"] + 5 * given["paths"][CLUSTER]}), 0, given["signs"])
    np.testing.assert_allclose(louder.estimates, found.estimates, rtol=1e-7)
    np.testing.assert_allclose(louder.t, found.t, rtol=1e-7)


def test_common_causes_equal_refits() -> None:
    given = panel()
    found = common_cause(moments(given), given["causes"])
    for draw, cause in enumerate(given["causes"]):
        x = np.stack([given["paths"][CLUSTER], given["other"], cause[CLUSTER]])
        np.testing.assert_allclose(found[draw], dense(given["y"], given["mass"], x, given["z"])[0][:2], rtol=1e-7)


def test_a_single_treated_cluster_is_called_an_effect_far_too_often() -> None:
    # Conley and Taber (2011): clustered errors fail with one treated cluster; the refuter must show it
    rng = np.random.default_rng(2)
    clusters, periods = 12, 20
    path = ((np.arange(clusters) == 0)[:, None] & (np.arange(periods) >= 10)).astype(float)
    y = rng.normal(size=(clusters, periods)) + rng.normal(size=(clusters, 1)) * (np.arange(periods) >= 10)
    found = collect(y, np.ones_like(y), path[None], np.arange(clusters))
    orders = rng.permuted(np.tile(np.arange(clusters), (400, 1)), axis=1)
    assert np.mean(np.abs(placebo_treatment(found, 0, path, orders).t) > 2.2) > 0.5


def counts(seed: int) -> dict[str, np.ndarray]:
    """A panel of the size and spread of the states': 32 units, 24 periods, some 40 events each, overdispersed."""
    rng = np.random.default_rng(seed)
    shape = (32, 24)
    exposure = rng.gamma(4, 100, (32, 1)) * np.linspace(1, 1.1, 24)
    rate = 0.1 * np.exp(0.5 * rng.normal(size=(32, 1)) + 0.2 * rng.normal(size=shape))
    dose = rng.gamma(6, 1 / 6, (32, 1)) * (np.arange(24) >= 14)
    y = rng.poisson(exposure * rate * np.exp(0.1 * dose)).astype(float)
    return {"y": y, "exposure": exposure, "paths": dose}


def one_step(given: dict[str, np.ndarray], fit: poisson.PoissonFit) -> Moments:
    working = np.log(fit.fitted / given["exposure"]) + (given["y"] - fit.fitted) / fit.fitted
    return collect(working, fit.fitted, given["paths"][None], np.arange(32))


def test_one_poisson_step_is_close_to_the_refits() -> None:
    # The approximation's error, in units of the spread of the refits' estimates: at most 2 % for any of 30 draws
    given, rng = counts(0), np.random.default_rng(1)
    y, exposure, paths = given["y"], given["exposure"], given["paths"]
    null = one_step(given, poisson.fit(y, exposure, np.empty((0, *y.shape))))
    orders = rng.permuted(np.tile(np.arange(32), (30, 1)), axis=1)
    stepped = placebo_treatment(null, 0, paths, orders).estimates
    exact = np.array([poisson.fit(y, exposure, paths[order][None]).coefficients[0] for order in orders])
    assert np.abs(stepped - exact).max() < 0.02 * exact.std()
    full = one_step(given, poisson.fit(y, exposure, paths[None]))
    multiplicity = rng.multinomial(32, np.full(32, 1 / 32), size=30).astype(float)
    stepped = refitted(full, multiplicity)[:, 0]
    chosen = [np.repeat(np.arange(32), m.astype(int)) for m in multiplicity]
    exact = np.array([poisson.fit(y[own], exposure[own], paths[own][None]).coefficients[0] for own in chosen])
    assert np.abs(stepped - exact).max() < 0.02 * exact.std()
