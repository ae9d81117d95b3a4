"""The permuted partial correlations, against projections written out in full."""

import numpy as np
import pytest
from scipy import stats

from balanza.kernels import conditional_independence as kernel
from balanza.kernels.within import Degenerate

GROUPS = np.array([0, 0, 1, 1, 1, 0, 2, 2, 1, 2, 2, 2])
CASES = [(None, 4, 2), (None, 1, 2), (None, 5, 0), (GROUPS, 4, 2), (GROUPS, 1, 1)]


def in_full(
    left: np.ndarray, right: np.ndarray, controls: np.ndarray, order: np.ndarray, groups: np.ndarray | None
) -> float:
    """The statistic of one exchange, with a dummy for every effect and the whole projection matrix."""
    n_units, n_periods = left.shape
    unit, period = np.divmod(np.arange(left.size), n_periods)
    of_unit = np.zeros(n_units, dtype=int) if groups is None else groups
    columns = [controls.reshape(len(controls), left.size).T]
    if n_periods > 1:
        columns.append(np.eye(n_units)[unit])
    columns.append(np.eye((of_unit.max() + 1) * n_periods)[of_unit[unit] * n_periods + period])
    fixed = np.hstack(columns)
    maker = np.eye(left.size) - fixed @ np.linalg.pinv(fixed)
    permuted = (maker @ right.ravel()).reshape(left.shape)[order]
    products = ((maker @ left.ravel()) * (maker @ permuted.ravel())).reshape(left.shape).sum(axis=1)
    scores = np.bincount(np.arange(n_units) if groups is None else groups, products)
    return float(scores.sum() / np.sqrt((scores**2).sum()))


@pytest.mark.parametrize(("groups", "n_periods", "n_controls"), CASES)
def test_statistics_are_those_of_projections_written_out(
    groups: np.ndarray | None, n_periods: int, n_controls: int
) -> None:
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(2, 12, n_periods))
    controls = rng.normal(size=(n_controls, 12, n_periods))
    drawn = kernel.orders(19, 12, rng, groups)
    found = kernel.permutation_test(left, right, controls, drawn, groups)
    observed = in_full(left, right, controls, np.arange(12), groups)
    permuted = np.array([in_full(left, right, controls, order, groups) for order in drawn])
    assert found.statistic == pytest.approx(observed, abs=1e-10)
    assert found.p_value == (1 + np.sum(np.abs(permuted) >= abs(observed))) / 20
    assert found.n_clusters == (12 if groups is None else 3)


def test_without_effects_to_take_out_but_the_mean_it_is_the_textbook_partial_correlation() -> None:
    rng = np.random.default_rng(5)
    left, right, control = rng.normal(size=(3, 30, 1))
    found = kernel.permutation_test(left, right, control[None], kernel.orders(9, 30, rng))
    r = np.corrcoef(np.hstack([left, right, control]).T)
    textbook = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert found.correlation == pytest.approx(textbook, abs=1e-12)


def test_exchanges_stay_within_groups() -> None:
    drawn = kernel.orders(50, len(GROUPS), np.random.default_rng(0), GROUPS)
    assert (GROUPS[drawn] == GROUPS).all()
    assert (np.sort(drawn, axis=1) == np.arange(len(GROUPS))).all()
    assert len(np.unique(drawn, axis=0)) > 40


def test_collinear_controls_count_once() -> None:
    rng = np.random.default_rng(8)
    left, right, control = rng.normal(size=(3, 20, 3))
    drawn = kernel.orders(99, 20, rng)
    once = kernel.permutation_test(left, right, control[None], drawn)
    twice = kernel.permutation_test(left, right, np.stack([control, 5 - 1000 * control]), drawn)
    assert twice.statistic == pytest.approx(once.statistic, abs=1e-9)
    assert twice.p_value == once.p_value


@pytest.mark.parametrize("side", [0, 1])
def test_a_variable_of_which_nothing_is_left_makes_no_number(side: int) -> None:
    rng = np.random.default_rng(2)
    sides = list(rng.normal(size=(2, 20, 3)))
    sides[side] = np.broadcast_to(rng.normal(size=(20, 1)), (20, 3)) + np.arange(3)
    with pytest.raises(Degenerate) as caught:
        kernel.permutation_test(*sides, np.empty((0, 20, 3)), kernel.orders(9, 20, rng))
    assert (caught.value.reason, caught.value.index) == ("collinear", side)


def test_unequal_variances_that_go_together_raise_no_false_alarm() -> None:
    """Two uncorrelated variables that are large in the same units, where a test that is not studentised cries wolf."""
    rng = np.random.default_rng(11)
    alarms = plain_alarms = 0
    for _ in range(400):
        left, right = rng.lognormal(0, 0.8, (40, 1)) * rng.normal(size=(2, 40, 3))
        drawn = kernel.orders(99, 40, rng)
        alarms += kernel.permutation_test(left, right, np.empty((0, 40, 3)), drawn).p_value <= 0.05
        one, other = kernel.within(left), kernel.within(right)
        plain = np.array([(one * other[order]).sum() for order in (np.arange(40), *drawn)])
        plain_alarms += np.mean(np.abs(plain) >= np.abs(plain[0])) <= 0.05
    most = stats.binom.ppf(0.995, 400, 0.05)
    assert alarms <= most < plain_alarms


def test_dependence_within_groups_costs_no_validity() -> None:
    """32 states of three regions of four like municipalities: a test that is not studentised takes them for twelve."""
    rng = np.random.default_rng(3)
    state, region = np.repeat(np.arange(32), 12), np.repeat(np.arange(96), 4)
    alarms = plain_alarms = 0
    for _ in range(200):
        left, right = rng.normal(size=(2, 96, 2))[:, region] + 0.3 * rng.normal(size=(2, 384, 2))
        drawn = kernel.orders(99, 384, rng, state)
        alarms += kernel.permutation_test(left, right, np.empty((0, 384, 2)), drawn, state).p_value <= 0.05
        one, other = kernel.within(left, state), kernel.within(right, state)
        plain = np.array([(one * other[order]).sum() for order in (np.arange(384), *drawn)])
        plain_alarms += np.mean(np.abs(plain) >= np.abs(plain[0])) <= 0.05
    most = stats.binom.ppf(0.995, 200, 0.05)
    assert alarms <= most < plain_alarms
