"""The kernel of event-time bins against the kernels that take each bin as a regressor, written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels import poisson, within
from balanza.kernels.patterned import Degenerate, Pattern, PatternFit, fit

PERIODS, STARTS = 10, np.array([4, 6, 99])


def panel(seed: int = 0, n: int = 36, counts: bool = False, holes: bool = True):
    """Outcome, weights (or exposure), cohorts, clusters, a regressor and a baseline covariate."""
    rng = np.random.default_rng(seed)
    cohort = np.arange(n) % 3
    z, x = rng.normal(size=(n, 1)), rng.normal(size=(1, n, PERIODS))
    linear = rng.normal(size=(n, 1)) + 0.1 * np.arange(PERIODS) + 0.2 * x[0] + 0.02 * z * np.arange(PERIODS)
    weight = rng.uniform(5, 20, linear.shape)
    y = rng.poisson(weight * np.exp(0.5 * linear)).astype(float) if counts else linear + rng.normal(size=linear.shape)
    if holes:
        y[rng.random(y.shape) < 0.15] = np.nan
    return y, weight, cohort, np.arange(n) // 2, x, z


def around(starts: np.ndarray, width: int = 2) -> np.ndarray:
    """Bins around the starts, the last one before as reference; none for starts beyond the periods."""
    bins = np.where(starts[:, None] < PERIODS, (np.arange(PERIODS) - starts[:, None]) // width, -1)
    free = np.setdiff1d(bins, -1)
    return np.where(bins == -1, -1, np.searchsorted(free, bins))


def dense(patterns: list[Pattern], cohort: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [item.size[:, None] * (item.key[cohort] == np.arange(item.key.max() + 1)[:, None, None]) for item in patterns]
    )


def cases() -> list[tuple[str, list[Pattern]]]:
    dose = np.where(np.arange(36) % 5 == 0, 0.0, np.linspace(0.1, 2, 36))
    binary = Pattern(np.ones(36), around(STARTS))
    common = Pattern(dose, around(np.array([5, 5, 5]), 1))
    return [("binary", [binary]), ("dose", [common]), ("both", [binary, common])]


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("with_covariates", [False, True])
@pytest.mark.parametrize(("name", "patterns"), cases())
def test_agrees_with_bins_as_regressors(family, with_covariates, name, patterns) -> None:
    y, weight, cohort, cluster, x, z = panel(1, counts=family == "poisson")
    x, z = (x, z) if with_covariates else (x[:0], z[:, :0])
    found = fit(y, weight, cohort, cluster, patterns, x, z, family)
    regressors = np.concatenate([dense(patterns, cohort), x])
    n, groups, bins = int((~np.isnan(y)).sum()), 18, len(found.coefficients)
    if family == "gaussian":
        other = within.fit(y, weight, regressors, z)
        influence, counted = within.influence(other, cluster), found.n_coefficients + PERIODS
    else:
        peer = poisson.fit(y, weight, regressors, z)
        other, influence, counted = peer, poisson.influence(peer, cluster), found.n_coefficients
    assert (found.n_rows, counted) == (other.n_rows, other.n_coefficients)
    np.testing.assert_allclose(found.coefficients, other.coefficients[:bins], atol=1e-9)
    scaled = within.small_sample(groups, n, counted) * found.influence
    np.testing.assert_allclose(scaled, influence[:, :bins], atol=1e-9 * np.abs(influence).max())


@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e5), size=st.floats(1e-4, 1e4), counts=st.booleans())
@settings(max_examples=10, deadline=None)
def test_invariances(seed: int, scale: float, size: float, counts: bool) -> None:
    """Order of units and cohorts, and units of outcome, weights and covariates."""
    y, weight, cohort, cluster, x, z = panel(seed % 5, counts=counts)
    pattern, family = Pattern(np.ones(36), around(STARTS)), "poisson" if counts else "gaussian"
    found = fit(y, weight, cohort, cluster, [pattern], x, z, family)
    order, swap = np.random.default_rng(seed).permutation(36), np.array([2, 0, 1])
    moved: PatternFit = fit(
        y[order] * scale,
        weight[order] * size,
        np.argsort(swap)[cohort[order]],
        cluster[order],
        [Pattern(np.ones(36), pattern.key[swap])],
        x[:, order] * 5 + 2,
        z[order] * 9 - 4,
        family,
    )
    unit = 1.0 if counts else scale
    np.testing.assert_allclose(moved.coefficients, found.coefficients * unit, atol=1e-7 * unit)
    np.testing.assert_allclose(moved.influence, found.influence * unit, atol=1e-7 * unit)


def test_bins_that_the_data_do_not_pin_down_are_named() -> None:
    y, weight, cohort, cluster, x, z = panel(2, counts=True, holes=False)
    everywhere = Pattern(np.ones(36), np.where(np.arange(PERIODS) > 4, 0, np.full((3, 1), -1)))
    for family in ("gaussian", "poisson"):
        with pytest.raises(Degenerate) as problem:
            fit(y, weight, cohort, cluster, [everywhere], x, z, family)
        assert (problem.value.reason, problem.value.index) == ("collinear", 0)
        with pytest.raises(Degenerate, match="collinear"):
            fit(y, weight, cohort, cluster, [Pattern(np.ones(36), around(STARTS % 90, 1))], x[:0], z[:, :0], family)
    y[(cohort == 0), 8:] = 0
    y[(cohort == 1), 9] = 0
    wide = Pattern(np.ones(36), np.where((np.arange(PERIODS) >= 8) & (np.arange(3)[:, None] == 0), 0, -1))
    with pytest.raises(Degenerate) as problem:
        fit(y, weight, cohort, cluster, [wide], x, z, "poisson")
    assert (problem.value.reason, problem.value.index) == ("separated", 0)
