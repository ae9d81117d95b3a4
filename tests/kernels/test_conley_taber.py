"""Conley and Taber's inference against slow twins (dense regressions, one assignment at a time), and its size."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from balanza.kernels import within
from balanza.kernels.conley_taber import placebos, variance_by_size


def design(n_clusters: int, n_periods: int, first: list[int]) -> np.ndarray:
    """The first clusters are treated from these periods on, the others never."""
    start = np.array(first + [n_periods] * (n_clusters - len(first)))
    return (np.arange(n_periods) >= start[:, None]).astype(float)


def naive(outcome: np.ndarray, treatment: np.ndarray, weights: np.ndarray, null: float) -> np.ndarray:
    """Coefficients of y - null d on the treatment handed to all ordered choices of clusters, the observed one first."""
    (n_clusters, n_periods), paths = outcome.shape, treatment[treatment.any(axis=1)]
    unit = np.kron(np.eye(n_clusters), np.ones((n_periods, 1)))
    period = np.kron(np.ones((n_clusters, 1)), np.eye(n_periods))
    root = np.sqrt(np.tile(weights, n_clusters))[:, None]
    left = (outcome - null * treatment).reshape(-1, 1)
    found = []
    for chosen in permutations(range(n_clusters), len(paths)):
        assigned = np.zeros_like(treatment)
        assigned[list(chosen)] = paths
        columns = np.hstack([assigned.reshape(-1, 1), unit, period])
        value = np.linalg.lstsq(root * columns, root * left, rcond=None)[0][0, 0]
        found.insert(0 if (assigned == treatment).all() and chosen == tuple(range(len(paths))) else len(found), value)
    return np.array(found)


def naive_p(outcome: np.ndarray, treatment: np.ndarray, weights: np.ndarray, null: float = 0.0) -> float:
    drawn = np.abs(naive(outcome, treatment, weights, null))
    return float(np.mean(drawn >= drawn[0] * (1 - 1e-9)))


@pytest.mark.parametrize("first", [[3], [2, 4], [3, 3]])
def test_coefficients_and_p_equal_the_slow_twin(first: list[int]) -> None:
    rng = np.random.default_rng(2)
    treatment, weights = design(8, 5, first), rng.uniform(1, 4, 5)
    outcome = rng.normal(size=(8, 5)) + 2 * treatment
    found = placebos(outcome, treatment, weights, 99, rng)
    assert found.exhaustive
    np.testing.assert_allclose(np.sort(found.coefficient), np.sort(naive(outcome, treatment, weights, 0.0)), rtol=1e-9)
    assert found.value == pytest.approx(naive(outcome, treatment, weights, 0.0)[0])
    for null in (-1.0, 0.0, 1.7, 3.0):
        assert found.p_value(null) == pytest.approx(naive_p(outcome, treatment, weights, null))


@pytest.mark.parametrize(("first", "level"), [([3], 0.8), ([2, 4], 0.9), ([3, 3], 0.9)])
def test_the_interval_holds_exactly_the_effects_that_the_test_does_not_refuse(first: list[int], level: float) -> None:
    rng = np.random.default_rng(5)
    treatment, weights = design(9, 6, first), np.ones(6)
    outcome = rng.normal(size=(9, 6)) + treatment
    found = placebos(outcome, treatment, weights, 99, rng)
    low, high = found.interval(level)
    assert low < found.value < high
    for null in (low - 1e-6, high + 1e-6, low - 5, high + 5):
        assert naive_p(outcome, treatment, weights, null) <= 1 - level
    for null in (low + 1e-6, found.value, high - 1e-6, *np.linspace(low, high, 7)[1:-1]):
        assert naive_p(outcome, treatment, weights, null) > 1 - level


def test_one_treated_cluster_gives_the_exact_permutation_p() -> None:
    # Twelve exchangeable clusters: the rank of the treated one's change, centred, among all changes.
    rng = np.random.default_rng(8)
    outcome, treatment = rng.normal(size=(12, 4)), design(12, 4, [2])
    change = outcome[:, 2:].mean(axis=1) - outcome[:, :2].mean(axis=1)
    distance = np.abs(change - change.mean())
    found = placebos(outcome, treatment, np.ones(4), 99, rng)
    assert found.value == pytest.approx(change[0] - change[1:].mean())
    assert found.p_value() == pytest.approx(np.mean(distance >= distance[0] * (1 - 1e-9)))


def test_too_few_clusters_leave_the_interval_open() -> None:
    rng = np.random.default_rng(1)
    outcome, treatment = rng.normal(size=(19, 4)), design(19, 4, [2])
    found = placebos(outcome, treatment, np.ones(4), 99, rng)
    assert found.interval(0.95) == (-np.inf, np.inf)  # p cannot be below 1/19
    assert np.isfinite(found.interval(0.9)).all()


def test_drawn_assignments_come_near_all_of_them() -> None:
    rng = np.random.default_rng(3)
    treatment, weights = design(14, 4, [1, 2, 3]), np.ones(4)
    outcome = rng.normal(size=(14, 4)) + 0.4 * treatment
    found = placebos(outcome, treatment, weights, 1999, rng)
    assert not found.exhaustive and len(found.coefficient) == 2000
    whole = naive_p(outcome, treatment, weights)  # of 14 x 13 x 12 = 2,184
    assert found.p_value() == pytest.approx(whole, abs=4 * np.sqrt(whole * (1 - whole) / 1999))


@pytest.mark.parametrize("first", [[10], [8, 12]])
def test_size_holds_where_the_clustered_t_test_fails(first: list[int]) -> None:
    # 300 worlds of 32 clusters without effect, errors autocorrelated at .6: the share of p <= .05 lies within three
    # binomial standard errors of the nominal size, which is 1/32 for one treated cluster and .05 for two.
    rng, n_clusters, n_periods, worlds = np.random.default_rng(6), 32, 20, 300
    treatment, refused, clustered = design(n_clusters, n_periods, first), 0, 0
    for _ in range(worlds):
        shocks = rng.normal(size=(n_clusters, n_periods))
        for period in range(1, n_periods):
            shocks[:, period] += 0.6 * shocks[:, period - 1]
        refused += placebos(shocks, treatment, np.ones(n_periods), 199, rng).p_value() <= 0.05
        fit = within.fit(shocks, np.ones_like(shocks), treatment[None])
        error = np.linalg.norm(within.influence(fit, np.arange(n_clusters)))
        clustered += 2 * stats.t.sf(abs(fit.coefficients[0]) / error, n_clusters - 1) <= 0.05
    nominal = 1 / 32 if len(first) == 1 else 0.05
    assert abs(refused / worlds - nominal) < 3 * np.sqrt(nominal * (1 - nominal) / worlds)
    assert abs(refused / worlds - 0.05) < 3 * np.sqrt(0.05 * 0.95 / worlds)
    assert clustered / worlds > 0.25


@pytest.mark.parametrize("first", [[1, 1], [1, 2]])
@pytest.mark.parametrize("place", ["smallest", "largest"])
def test_size_holds_for_counts_of_clusters_of_very_unlike_size(first: list[int], place: str) -> None:
    # 300 worlds of 32 states without effect, exposure lognormal(1), Poisson counts: the share of p <= .05 is no more
    # than three binomial standard errors above .05 (.088); as if states were alike it is over .2, or next to none.
    rng, worlds, length = np.random.default_rng(9), 300, np.array([2.0, 1.0, 1.0])
    treatment, alike, rescaled, missed = design(32, 3, first), 0, 0, 0
    for _ in range(worlds):
        exposure = np.sort(300 * np.exp(rng.normal(size=(32, 1))), axis=0)[:: 1 if place == "smallest" else -1]
        log_rate = np.log((rng.poisson(exposure * length) + 0.5) / (exposure * length))
        alike += placebos(log_rate, treatment, length, 199, rng).p_value() <= 0.05
        found = placebos(log_rate, treatment, length, 199, rng, exposure[:, 0])
        low, high = found.interval(0.95)
        rescaled += found.p_value() <= 0.05
        missed += not low <= 0 <= high
    bound = 0.05 + 3 * np.sqrt(0.05 * 0.95 / worlds)
    assert rescaled / worlds <= bound and missed / worlds <= bound
    assert alike / worlds > 0.2 if place == "smallest" else alike / worlds < 0.01


def test_equal_sizes_change_nothing() -> None:
    rng = np.random.default_rng(2)
    treatment, weights = design(9, 5, [2, 4]), rng.uniform(1, 4, 5)
    outcome = rng.normal(size=(9, 5)) + treatment
    plain = placebos(outcome, treatment, weights, 99, rng)
    sized = placebos(outcome, treatment, weights, 99, rng, np.full(9, 7.0))
    np.testing.assert_allclose(sized.coefficient, plain.coefficient, rtol=1e-9, atol=1e-12)
    assert sized.interval(0.9) == pytest.approx(plain.interval(0.9))


def test_the_spread_of_one_treated_cluster_by_hand() -> None:
    # One path: a coefficient is x_j less the mean of all, up to a factor; so its variance is that of the docstring.
    rng = np.random.default_rng(4)
    size = rng.uniform(1, 20, 12)
    outcome, treatment = rng.normal(size=(12, 4)) / np.sqrt(size)[:, None], design(12, 4, [2])
    contrast = (outcome - outcome.mean(axis=1, keepdims=True)) @ treatment[0]
    a, b = variance_by_size(contrast[1:] - contrast[1:].mean(), size[1:])
    own = a + b / size
    spread = np.sqrt([own[j] * (1 - 1 / 12) ** 2 + (own.sum() - own[j]) / 144 for j in range(12)])
    centred = np.abs(contrast - contrast.mean()) / spread
    found = placebos(outcome, treatment, np.ones(4), 99, rng, size)
    assert found.p_value() == pytest.approx(np.mean(centred >= centred[0] * (1 - 1e-9)))


def test_an_effect_outside_the_interval_is_refused() -> None:
    # Rescaled overlaps may exceed one; then the interval may be too wide, never too narrow.
    rng = np.random.default_rng(5)
    size = np.exp(rng.normal(size=20))
    treatment = design(20, 4, [2, 3])
    outcome = rng.normal(size=(20, 4)) / np.sqrt(size)[:, None] + treatment
    found = placebos(outcome, treatment, np.ones(4), 99, rng, size)
    low, high = found.interval(0.9)
    grid = np.linspace(found.value - 20, found.value + 20, 2001)
    kept = np.array([found.p_value(null) > 0.1 for null in grid])
    assert np.isfinite([low, high]).all()
    assert ((grid[kept] >= low) & (grid[kept] <= high)).all()


def test_the_variance_by_size_finds_both_parts() -> None:
    # 4,000 contrasts of variance .5 + 2 / size: parts within some three of their standard errors; zeros give zeros.
    rng = np.random.default_rng(7)
    size = np.exp(rng.normal(size=4000))
    a, b = variance_by_size(rng.normal(size=4000) * np.sqrt(0.5 + 2 / size), size)
    assert a == pytest.approx(0.5, abs=0.15) and b == pytest.approx(2.0, abs=0.2)
    assert variance_by_size(np.zeros(5), np.arange(1.0, 6.0)) == (0.0, 0.0)
