"""Honest intervals against slow twins: the hybrid test with its dual programme searched by brute force, vertex by
vertex, and the shortest interval by a general search; and their coverage where the trend is known."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.stats import norm, truncnorm

from balanza.kernels.honest import EventStudy, breakdown, relative_magnitudes
from balanza.kernels.smoothness import folded_quantile, smoothness

LEVEL = 0.95


def study(seed: int, n_before: int, n_after: int, effect: float = 0.3, spread: float = 0.1) -> EventStudy:
    rng = np.random.default_rng(seed)
    n = n_before + n_after
    root = rng.normal(size=(n, n)) * 0.5 + np.eye(n) + 0.7
    covariance = spread**2 * root @ root.T / n
    value = rng.multivariate_normal(np.r_[np.zeros(n_before), np.full(n_after, effect)], covariance)
    return EventStudy(value, covariance, n_before)


def inequalities(n_before: int, n_after: int, mbar: float, s: int, sign: int) -> np.ndarray:
    """Rows a of a'delta <= 0: each change after the reference, and minus it, less mbar times one change before."""
    changes = np.zeros((n_before + n_after, n_before + n_after + 1))
    for row in range(len(changes)):
        changes[row, row], changes[row, row + 1] = -1, 1
    changes = np.delete(changes, n_before, axis=1)
    most = mbar * sign * changes[s]
    return np.vstack([changes[n_before:] - most, -changes[n_before:] - most])


class Programme:
    """Andrews, Roth and Pakes's test of one set, with all basic solutions of the dual found by trying each."""

    def __init__(self, given: EventStudy, weights: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> None:
        after = rows[:, given.n_before :]
        basis = np.vstack([weights, np.linalg.svd(weights[None, :])[2][1:]])
        moved = after @ np.linalg.inv(basis)
        self.effect, self.free = moved[:, 0], moved[:, 1:]
        self.covariance = rows @ given.covariance @ rows.T
        self.error = np.sqrt(np.diag(self.covariance))
        self.value = rows @ given.value
        equal = np.column_stack([self.error, self.free])
        found = []
        for chosen in combinations(range(len(rows)), equal.shape[1]):
            part = equal[list(chosen)].T
            if abs(np.linalg.det(part)) > 1e-10 * np.abs(part).max():
                solved = np.linalg.solve(part, np.eye(equal.shape[1])[0])
                if (solved > -1e-9).all():
                    vertex = np.zeros(len(rows))
                    vertex[list(chosen)] = solved
                    found.append(vertex)
        self.vertices = np.unique(np.round(found, 12), axis=0)
        drawn = rng.multivariate_normal(np.zeros(len(rows)), self.covariance, size=200_000) @ self.vertices.T
        self.limit = np.quantile(drawn.max(axis=1), 1 - 0.1 * (1 - LEVEL))

    def largest(self, effect: float) -> float:
        """The programme itself: the smallest eta that lets all moments lie below eta times their errors."""
        left = self.value - self.effect * effect
        columns = np.column_stack([-self.error, -self.free])
        cost = np.r_[1.0, np.zeros(self.free.shape[1])]
        return float(linprog(cost, columns, -left, bounds=[(None, None)] * len(cost)).fun)

    def accepts(self, effect: float) -> bool:
        left = self.value - self.effect * effect
        values = self.vertices @ left
        top = self.vertices[values.argmax()]
        if values.max() > self.limit:
            return False
        variance = top @ self.covariance @ top
        along = self.covariance @ top / variance
        rest, slope = self.vertices @ (left - along * values.max()), self.vertices @ along
        low = max((r / (1 - b) for r, b in zip(rest, slope, strict=True) if b < 1 - 1e-9), default=-np.inf)
        high = min([self.limit, *(r / (1 - b) for r, b in zip(rest, slope, strict=True) if b > 1 + 1e-9)])
        size = 0.9 * (1 - LEVEL) / (1 - 0.1 * (1 - LEVEL))
        critical = truncnorm.ppf(1 - size, low / np.sqrt(variance), high / np.sqrt(variance))
        return values.max() / np.sqrt(variance) <= max(0.0, critical)


def programmes(given: EventStudy, weights: np.ndarray, mbar: float) -> list[Programme]:
    rng = np.random.default_rng(3)
    sets = [(s, sign) for s in range(given.n_before) for sign in (1, -1)]
    return [
        Programme(given, weights, inequalities(given.n_before, given.n_after, mbar, s, sign), rng) for s, sign in sets
    ]


CASES = [
    (0, 2, 2, [1.0, 0.0], 0.5),
    (1, 3, 2, [0.5, 0.5], 1.0),
    (2, 2, 3, [0.0, 1.0, 0.0], 1.5),
    (3, 1, 3, [0.0, 0.5, 0.5], 0.3),
    (4, 4, 1, [1.0], 1.0),
    (5, 2, 3, [1.0, -1.0, 0.5], 0.7),
]


@pytest.mark.parametrize(("seed", "n_before", "n_after", "weights", "mbar"), CASES)
def test_the_interval_holds_what_the_brute_force_test_does_not_refuse(
    seed: int, n_before: int, n_after: int, weights: list[float], mbar: float
) -> None:
    given, target = study(seed, n_before, n_after), np.array(weights)
    low, high = relative_magnitudes(given, target, mbar, LEVEL)
    sets = programmes(given, target, mbar)
    error = np.sqrt(target @ given.covariance[n_before:, n_before:] @ target)
    step = 0.02 * error  # the twin's critical value is simulated
    for end, outward in ((low, -1), (high, 1)):
        assert any(item.accepts(end - outward * step) for item in sets)
        assert not any(item.accepts(end + outward * step) for item in sets)
        assert not any(item.accepts(end + outward * reach * error) for item in sets for reach in (0.2, 1, 3))


def test_the_twin_has_all_vertices() -> None:
    given, target = study(6, 2, 3), np.array([1.0, -0.5, 0.25])
    for item in programmes(given, target, 0.8):
        assert len(item.vertices) == 3 + 2
        for effect in (-0.5, 0.0, 0.3, 1.0):
            left = item.value - item.effect * effect
            assert (item.vertices @ left).max() == pytest.approx(item.largest(effect), abs=1e-9)


def test_without_any_change_of_the_trend_it_is_the_usual_interval() -> None:
    given, target = study(1, 3, 2), np.array([0.5, 0.5])
    value = target @ given.value[3:]
    half = norm.ppf(0.975) * np.sqrt(target @ given.covariance[3:, 3:] @ target)
    assert relative_magnitudes(given, target, 0.0, LEVEL) == pytest.approx((value - half, value + half), abs=1e-6)


def test_an_effect_of_the_other_sign_has_the_mirrored_interval_and_units_do_not_matter() -> None:
    given, target = study(2, 3, 3), np.full(3, 1 / 3)
    low, high = relative_magnitudes(given, target, 1.0, LEVEL)
    mirrored = EventStudy(-1000 * given.value, 1e6 * given.covariance, 3)
    assert relative_magnitudes(mirrored, target, 1.0, LEVEL) == pytest.approx((-1000 * high, -1000 * low), rel=1e-6)
    low, high = smoothness(given, target, 0.1, LEVEL)
    assert smoothness(mirrored, target, 100.0, LEVEL) == pytest.approx((-1000 * high, -1000 * low), rel=1e-6)


def test_breakdown_is_where_the_interval_reaches_zero() -> None:
    given, target = study(1, 3, 2, effect=1.0), np.array([1.0, 0.0])
    found = breakdown(given, target, LEVEL, 10.0)
    assert 0 < found < 10
    assert relative_magnitudes(given, target, found, LEVEL)[0] > 0
    assert relative_magnitudes(given, target, found + 2e-3, LEVEL)[0] < 0
    assert np.isnan(breakdown(EventStudy(0 * given.value, given.covariance, 3), target, LEVEL, 10.0))
    assert breakdown(study(1, 3, 2, effect=100.0), target, LEVEL, 10.0) == 10.0


@pytest.mark.parametrize("large", [1.0, 8.0])
def test_coverage_where_the_trend_turns_as_much_as_it_may(large: float) -> None:
    # Before treatment the trend changes by `large` standard errors at most, afterwards upward by that in each period
    rng, n_before, draws = np.random.default_rng(4), 3, 200
    covariance = 0.01 * (0.5 * np.eye(5) + 0.5)
    trend = 0.1 * large * np.array([0.5, 0.0, -1.0, 1.0, 2.0])
    covered = 0
    for value in rng.multivariate_normal(trend, covariance, size=draws):
        low, high = relative_magnitudes(EventStudy(value, covariance, n_before), np.array([0.0, 1.0]), 1.0, LEVEL)
        covered += low <= 0 <= high
    assert covered / draws >= LEVEL - 3 * np.sqrt(LEVEL * (1 - LEVEL) / draws)


def test_folded_quantile_by_simulation() -> None:
    drawn = np.random.default_rng(1).normal(size=2_000_000)
    for ratio in (0.0, 0.4, 2.0, 5.9, 6.1, 50.0):
        assert np.mean(np.abs(drawn + ratio) <= folded_quantile(ratio, LEVEL)) == pytest.approx(LEVEL, abs=6e-4)


def half_length(given: EventStudy, weights: np.ndarray, before: np.ndarray, bound: float) -> float:
    """Of the interval with weights `before` on the coefficients before the reference; the bias by a linear programme
    over all trends whose second differences are within the bound."""
    n_before, n = given.n_before, len(given.value)
    whole = np.r_[before, weights]
    second = np.zeros((n - 1, n + 1))
    for row in range(n - 1):
        second[row, row : row + 3] = 1, -2, 1
    second = np.delete(second, n_before, axis=1)
    limits = np.full(2 * (n - 1), bound)
    worst = linprog(-whole, np.vstack([second, -second]), limits, bounds=[(None, None)] * n)
    if worst.status == 3:  # unbounded: the weights leave a line in
        return np.inf
    error = np.sqrt(whole @ given.covariance @ whole)
    return error * folded_quantile(-worst.fun / error, LEVEL)


@pytest.mark.parametrize("bound", [0.0, 0.01, 0.1, 1.0])
def test_no_other_weights_give_a_shorter_interval(bound: float) -> None:
    given, weights = study(4, 3, 2), np.array([0.25, 0.75])
    low, high = smoothness(given, weights, bound, LEVEL)
    line = np.array([-3.0, -2.0, -1.0])
    base, free = -line * (weights @ [1.0, 2.0]) / (line @ line), np.linalg.svd(line[None, :])[2][1:].T
    starts = [np.zeros(2), *np.random.default_rng(0).normal(size=(1, 2))]
    options = {"xatol": 1e-7, "fatol": 1e-10, "maxiter": 300}
    found = [
        minimize(
            lambda x: half_length(given, weights, base + free @ x, bound), x0, method="Nelder-Mead", options=options
        )
        for x0 in starts[: 2 if bound else 1]
    ]
    assert (high - low) / 2 == pytest.approx(min(item.fun for item in found), rel=2e-5)


def test_one_coefficient_before_treatment_is_continued_as_a_line() -> None:
    given = EventStudy(np.array([-0.2, 1.0]), np.diag([0.01, 0.04]), 1)
    half = norm.ppf(0.975) * np.sqrt(0.05)
    assert smoothness(given, np.ones(1), 0.0, LEVEL) == pytest.approx((0.8 - half, 0.8 + half))
