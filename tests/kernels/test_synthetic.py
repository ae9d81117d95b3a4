"""The synthetic kernel against a port of synthdid that takes one assignment at a time, and its invariances."""

import numpy as np
import pytest

from balanza.kernels.synthetic import fixed, synthetic


def frank_wolfe(y, zeta, intercept, weights, least, steps):
    """`sc.weight.fw` and `fw.step` of synthdid 0.0.9, line by line; the last column of y is the target."""
    y = y - y.mean(axis=0) if intercept else y
    a, b, n = y[:, :-1], y[:, -1], len(y)
    eta, values = n * zeta**2, []
    for step in range(steps):
        if step >= 2 and values[-2] - values[-1] <= least**2:
            break
        fitted = a @ weights
        half = (fitted - b) @ a + eta * weights
        direction = -weights.copy()
        direction[half.argmin()] += 1
        if direction.any():
            moved = a[:, half.argmin()] - fitted
            length = moved @ moved + eta * direction @ direction
            weights = weights + min(1, max(0, -half @ direction / length)) * direction
        values.append(zeta**2 * weights @ weights + ((a @ weights - b) ** 2).sum() / n)
    return weights


def weights_of(y, zeta, intercept, least):
    even = np.full(y.shape[1] - 1, 1 / (y.shape[1] - 1))
    first = frank_wolfe(y, zeta, intercept, even, least, 100)
    first = np.where(first <= first.max() / 4, 0, first)
    return frank_wolfe(y, zeta, intercept, first / first.sum(), least, 10_000)


def twin(controls, treated, before, n_treated, method):
    noise = np.diff(controls[:, :before], axis=1).std(ddof=1)
    eta = (n_treated * (controls.shape[1] - before)) ** 0.25 if method == "did" else 1e-6
    outcome = np.column_stack([controls[:, :before].T, treated[:before]])
    units = weights_of(outcome, eta * noise, method == "did", 1e-5 * noise)
    periods = np.zeros(before)
    if method == "did":
        later = np.column_stack([controls[:, :before], controls[:, before:].mean(axis=1)])
        periods = weights_of(later, 1e-6 * noise, True, 1e-5 * noise)
    gap = treated - units @ controls
    return units, periods, gap[before:].mean() - periods @ gap[:before]


def panel(seed: int = 0, n: int = 25, periods: int = 14):
    rng = np.random.default_rng(seed)
    factor = np.cumsum(rng.normal(size=periods))
    return 10 + rng.normal(size=(n, 1)) * 3 + rng.normal(size=(n, 1)) * factor + rng.normal(size=(n, periods))


@pytest.mark.parametrize("method", ["did", "control"])
@pytest.mark.parametrize(("before", "n_treated"), [(9, 1), (6, 5)])
def test_agrees_with_the_slow_twin(method, before, n_treated) -> None:
    """To the size of the last step: steps end when they gain less than 1e-5 noise, squared."""
    y = panel()
    treated = np.stack([y[:n_treated].mean(axis=0), y[5:7].mean(axis=0)])
    allowed = np.ones((2, 20), bool)
    allowed[1, [0, 1, 7]] = False
    found = synthetic(y[5:], treated, before, n_treated, allowed, method)
    for index in range(2):
        units, periods, effect = twin(y[5:][allowed[index]], treated[index], before, n_treated, method)
        np.testing.assert_allclose(found.units[index, allowed[index]], units, atol=1e-6)
        np.testing.assert_allclose(found.periods[index], periods, atol=1e-6)
        assert found.effect[index] == pytest.approx(effect, abs=1e-6)
        assert not found.units[index, ~allowed[index]].any()


@pytest.mark.parametrize("method", ["did", "control"])
def test_order_scale_and_common_shocks(method) -> None:
    y = panel(1)
    first = synthetic(y[1:], y[:1], 9, method=method)
    order = np.random.default_rng(0).permutation(24)
    np.testing.assert_allclose(synthetic(y[1:][order], y[:1], 9, method=method).units, first.units[:, order], atol=1e-9)
    shock = np.linspace(-5, 30, 14)
    for other, scale in ((2 * y, 2), (y + shock, 1), (y + 1e4, 1)):
        found = synthetic(other[1:], other[:1], 9, method=method)
        np.testing.assert_allclose(found.gap, scale * first.gap, atol=1e-6)


def test_synthetic_did_ignores_levels_of_units() -> None:
    y = panel(2)
    shifted = y + np.arange(25)[:, None]
    np.testing.assert_allclose(synthetic(shifted[1:], shifted[:1], 9).gap, synthetic(y[1:], y[:1], 9).gap, atol=1e-8)


def test_a_mean_of_controls_is_found() -> None:
    """The treated path is .6 and .4 of two controls; Frank and Wolfe's steps stop some hundredths away."""
    y = panel(3, n=12)
    treated = 0.6 * y[3] + 0.4 * y[8]
    found = synthetic(y, treated[None] + (np.arange(14) >= 9), 9, method="control")
    np.testing.assert_allclose(found.units[0, [3, 8]], [0.6, 0.4], atol=0.05)
    assert found.effect[0] == pytest.approx(1, abs=0.05)


def test_weights_are_shares_and_gaps_balance_before() -> None:
    y = panel(4)
    found = synthetic(y[3:], y[:3], 9)
    np.testing.assert_allclose(found.units.sum(axis=1), 1)
    np.testing.assert_allclose(found.periods.sum(axis=1), 1)
    np.testing.assert_allclose((found.periods * found.gap[:, :9]).sum(axis=1), 0, atol=1e-10)
    assert (found.units >= 0).all() and (found.periods >= 0).all()


def test_one_period_before_gives_even_weights() -> None:
    y = panel(5)
    found = synthetic(y[1:], y[:1], 1)
    np.testing.assert_allclose(found.units, 1 / 24)
    np.testing.assert_allclose(found.periods, 1)


def test_fixed_weights_are_made_to_add_up() -> None:
    y = panel(6)
    first = synthetic(y[1:], y[:1], 9)
    again = fixed(y[1:], y[:1], 3 * first.units, first.periods[0])
    np.testing.assert_allclose(again.gap, first.gap, atol=1e-12)
