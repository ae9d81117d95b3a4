"""The joint test before treatment against simulation: its size, its power, and the bias of passing it."""

import numpy as np
import pytest
from scipy.stats import f as fisher

from balanza.kernels.honest import EventStudy
from balanza.kernels.pretrend import bias, effective_clusters, joint_test, pretest, slope_missed, usual_test

LEVEL = 0.95
TIME = np.array([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
WEIGHTS = np.full(3, 1 / 3)


def covariance() -> np.ndarray:
    root = np.random.default_rng(3).normal(size=(7, 7)) * 0.4 + np.eye(7) + 0.5
    return 0.01 * root @ root.T


@pytest.mark.parametrize("clusters", [40.0, 9.5, 4.0])
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_slope_and_bias_equal_roths_quantities_by_simulation(clusters: float, power: float) -> None:
    # Roth (2022): draw coefficients around a straight trend, keep those that pass, and look at those after treatment
    given, test = EventStudy(np.zeros(7), covariance(), 4), pretest(4, clusters, LEVEL)
    slope = slope_missed(given, TIME, test, power)
    drawn = np.random.default_rng(8).multivariate_normal(slope * TIME, given.covariance, size=400_000)
    tested = drawn[:, :4] @ test.contrasts.T
    spread = test.contrasts @ given.covariance[:4, :4] @ test.contrasts.T
    passed = np.einsum("ni,ij,nj->n", tested, np.linalg.inv(spread), tested) <= test.limit
    assert 1 - passed.mean() == pytest.approx(power, abs=0.004)
    plain, passing = bias(given, TIME, WEIGHTS, slope, test)
    after = drawn[:, 4:] @ WEIGHTS
    assert plain == pytest.approx(slope * 2)
    assert passing == pytest.approx(after[passed].mean(), abs=4 * after.std() / np.sqrt(passed.sum()))


def test_with_many_clusters_all_coefficients_are_tested_by_the_usual_f() -> None:
    value = np.array([0.1, -0.2, 0.05, 0.15, 1.0, 1.0, 1.0])
    given, test = EventStudy(value, covariance(), 4), pretest(4, 1e7, LEVEL)
    wald = value[:4] @ np.linalg.inv(given.covariance[:4, :4]) @ value[:4]
    statistic, p = joint_test(given, test)
    assert statistic == pytest.approx(wald / 4, rel=1e-5)
    assert p == pytest.approx(fisher.sf(wald / 4, 4, 1e7), rel=1e-4)
    assert usual_test(given, 31) == pytest.approx(fisher.sf(wald / 4, 4, 31))
    assert (test.contrasts == np.eye(4)).all()


def test_few_clusters_test_the_trend_only_and_a_trend_of_two_coefficients_is_tested_whole() -> None:
    rng = np.random.default_rng(0)
    given = EventStudy(rng.normal(size=7), covariance(), 4)
    line = pretest(4, 5.9, LEVEL)
    np.testing.assert_allclose(line.contrasts, [[-1, -0.75, -0.5, -0.25]])
    statistic, p = joint_test(given, line)
    contrast = line.contrasts @ given.value[:4] / np.sqrt(line.contrasts @ covariance()[:4, :4] @ line.contrasts.T)[0]
    assert statistic == pytest.approx(float(contrast[0] ** 2))
    assert p == pytest.approx(fisher.sf(statistic, 1, 4.9))
    assert len(pretest(2, 6.0, LEVEL).contrasts) == 2


def test_hotelling_keeps_its_size_where_the_covariance_is_that_of_few_clusters() -> None:
    # m clusters' own coefficients, their mean and its covariance: the textbook case, where T-squared is exact
    rng, m, draws = np.random.default_rng(5), 12, 4000
    rejected, usual = 0, 0
    for _ in range(draws):
        own = rng.normal(size=(m, 5))
        left = own - own.mean(axis=0)
        given = EventStudy(own.mean(axis=0), left.T @ left / m / (m - 1), 4)
        rejected += joint_test(given, pretest(4, float(m), LEVEL))[1] < 1 - LEVEL
        wald = given.value[:4] @ np.linalg.solve(given.covariance[:4, :4], given.value[:4])
        usual += fisher.sf(wald / 4, 4, m - 1) < 1 - LEVEL
    error = np.sqrt(0.05 * 0.95 / draws)
    assert abs(rejected / draws - 0.05) < 3 * error
    assert usual / draws > 0.10


def test_effective_clusters_by_hand() -> None:
    assert effective_clusters(np.ones(7)) == 7
    assert effective_clusters(np.array([4.0, 1.0, 1.0, 0.0])) == pytest.approx(36 / 18)
    assert effective_clusters(np.zeros(3)) == 0
