"""Two-stage least squares and weak-instrument inference against formulas written out, statsmodels and brute force."""

import numpy as np
import pytest
from scipy.stats import chi2

from balanza.kernels import instrument as kernel
from balanza.kernels.within import Degenerate

N, GROUPS = 240, 30
CLUSTER = np.arange(N) % GROUPS


def data(strength: float = 0.5, k: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(N, k)) + 0.5 * rng.normal(size=(GROUPS, k))[CLUSTER]
    hidden = rng.normal(size=N) + rng.normal(size=GROUPS)[CLUSTER]
    d = strength * z.sum(axis=1) + hidden + rng.normal(size=N)
    y = 1.5 * d - 2 * hidden + rng.normal(size=N)
    return tuple(column - column.mean(axis=0) for column in (y, d, z))


def sums(values: np.ndarray) -> np.ndarray:
    return np.array([values[g == CLUSTER].sum(axis=0) for g in range(GROUPS)])


@pytest.mark.parametrize("k", [1, 3])
def test_value_is_that_of_statsmodels_and_error_the_sandwich_written_out(k: int) -> None:
    from statsmodels.sandbox.regression.gmm import IV2SLS

    y, d, z = data(k=k)
    found = kernel.two_stage(y, d, z, CLUSTER, 1.0)
    assert found.value == pytest.approx(IV2SLS(y, d[:, None], z).fit().params[0])
    fitted = z @ np.linalg.lstsq(z, d, rcond=None)[0]
    error = np.sqrt((sums(fitted * (y - found.value * d)) ** 2).sum()) / (fitted @ fitted)
    assert np.linalg.norm(found.influence) == pytest.approx(error)


@pytest.mark.parametrize("k", [1, 3])
def test_first_stage_statistics_written_out(k: int) -> None:
    y, d, z = data(k=k)
    found = kernel.two_stage(y, d, z, CLUSTER, 1.0)
    bread = np.linalg.inv(z.T @ z)
    slopes = bread @ z.T @ d
    scores = sums(z * (d - z @ slopes)[:, None])
    covariance = bread @ scores.T @ scores @ bread
    assert found.f_robust == pytest.approx(slopes @ np.linalg.inv(covariance) @ slopes / k)
    # Montiel Olea and Pflueger (2013), equation (3): first-stage sum of squares over the trace of its covariance
    effective = d @ z @ bread @ z.T @ d / np.trace(scores.T @ scores @ bread)
    assert found.f_effective == pytest.approx(effective)
    if k == 1:
        assert found.f_effective == pytest.approx(found.f_robust)


@pytest.mark.parametrize(("bias", "critical"), [(0.05, 37.42), (0.10, 23.11), (0.20, 15.06), (0.30, 12.05)])
def test_critical_values_of_one_instrument(bias: float, critical: float) -> None:
    """Montiel Olea and Pflueger (2013), table 1, one effective degree of freedom."""
    assert kernel.effective_critical(np.array([[2.7]]), bias) == pytest.approx(critical, abs=0.01)


def test_one_strong_instrument_among_equals_has_as_many_degrees_as_instruments() -> None:
    """With equal and independent slopes the effective degrees of freedom are their number; with one alone, one."""
    from scipy.stats import ncx2

    assert kernel.effective_critical(np.eye(3)) == pytest.approx(ncx2.ppf(0.95, 3, 30) / 3)
    assert kernel.effective_critical(np.diag([1.0, 0, 0])) == pytest.approx(kernel.effective_critical(np.eye(1)))


def brute(y: np.ndarray, d: np.ndarray, z: np.ndarray, value: float) -> float:
    """Stock and Wright's (2000) S: the mean score over its clustered variance at the value, written out."""
    scores = sums(z * (y - value * d)[:, None])
    total = scores.sum(axis=0)
    return float(total @ np.linalg.inv(scores.T @ scores) @ total)


@pytest.mark.parametrize(("k", "strength"), [(1, 0.5), (1, 0.02), (2, 0.3), (3, 0.02)])
def test_statistic_and_confidence_set_by_brute_force(k: int, strength: float) -> None:
    y, d, z = data(strength, k)
    fit = kernel.two_stage(y, d, z, CLUSTER, 1.0)
    moments = kernel.anderson_rubin(y, d, z, CLUSTER)
    for value in (-3.0, 0.0, 1.5):
        assert kernel.statistic(moments, value) == pytest.approx(brute(y, d, z, value))
    critical = chi2.ppf(0.95, k)
    found = kernel.confidence_set(moments, critical, fit.value, float(np.linalg.norm(fit.influence)))
    for value in [*np.linspace(-20, 20, 401), -1e6, 1e6]:
        inside = any(low <= value <= high for low, high in found.pieces)
        assert inside == (brute(y, d, z, value) <= critical), value
    for end in np.ravel(found.pieces):
        if np.isfinite(end):
            assert brute(y, d, z, end) == pytest.approx(critical, rel=1e-6)


def test_shapes_of_the_confidence_set() -> None:
    """Strong: an interval around the estimate. Weak: unbounded. Instruments that contradict each other: empty."""

    def made(y: np.ndarray, d: np.ndarray, z: np.ndarray) -> kernel.ConfidenceSet:
        fit = kernel.two_stage(y, d, z, CLUSTER, 1.0)
        moments = kernel.anderson_rubin(y, d, z, CLUSTER)
        return kernel.confidence_set(moments, chi2.ppf(0.95, z.shape[1]), fit.value, 1.0)

    strong = made(*data(0.8))
    assert strong.bounded and len(strong.pieces) == 1
    weak = made(*data(0.0, seed=3))
    assert not weak.bounded and np.isinf(weak.pieces[0][0]) and np.isinf(weak.pieces[-1][1])
    y, d, z = data(1.0, 2)
    assert made(y + 5 * z[:, 0] - 5 * z[:, 1], d, z).pieces == ()


def test_collinear_and_irrelevant_instruments_are_refused() -> None:
    y, d, z = data(k=2)
    with pytest.raises(Degenerate) as problem:
        kernel.two_stage(y, d, np.column_stack([z, z[:, 0] - z[:, 1]]), CLUSTER, 1.0)
    assert problem.value.index == 2
    apart = d - z @ np.linalg.lstsq(z, d, rcond=None)[0]
    with pytest.raises(Degenerate):
        kernel.two_stage(y, apart, z, CLUSTER, 1.0)
