"""The decomposition of the two-way coefficient against dense least squares, on the whole panel and on each pair."""

import numpy as np
import pytest

from balanza.kernels.bacon import SORTS, cohort_means, decompose, effect_weights

N_PERIODS = 9


def residual(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values net of dummies of units and periods, by weighted least squares on rows."""
    n_units, n_periods = values.shape
    unit, period = np.kron(np.eye(n_units), np.ones((n_periods, 1))), np.kron(np.ones((n_units, 1)), np.eye(n_periods))
    root = np.sqrt(np.repeat(weights, n_periods))[:, None]
    columns = np.hstack([unit, period])
    fitted = columns @ np.linalg.lstsq(root * columns, root * values.reshape(-1, 1), rcond=None)[0]
    return values - fitted.reshape(values.shape)


def two_way(outcome: np.ndarray, cohort: np.ndarray, weights: np.ndarray, n_periods: int, first: int = 0) -> tuple:
    """Coefficient on the treatment in some periods, and the weighted sum of squares that it has of its own."""
    treated = (np.arange(first, n_periods) >= cohort[:, None]).astype(float)
    own = residual(treated, weights)
    total = float(weights @ (own**2).sum(axis=1))
    return float((weights[:, None] * own * outcome[:, first:n_periods]).sum() / total), total


def world(cohorts: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cohort = np.concatenate([cohorts, rng.choice(cohorts, 15)])
    since = np.maximum(np.arange(N_PERIODS) - cohort[:, None] + 1, 0)
    outcome = rng.normal(size=(len(cohort), 1)) + rng.normal(size=N_PERIODS) + 0.3 * since
    return outcome + rng.normal(size=outcome.shape), cohort, rng.uniform(0.5, 2, len(cohort))


CASES = [[2, 4, 7, N_PERIODS], [0, 3, 5, N_PERIODS], [3, 6], [0, 4], [4, N_PERIODS], [1, 2, 3, 8]]


@pytest.mark.parametrize("cohorts", CASES)
def test_comparisons_sum_to_the_two_way_coefficient(cohorts: list[int]) -> None:
    outcome, cohort, weights = world(cohorts)
    found = decompose(*cohort_means(outcome, cohort, weights))
    assert found.coefficient == pytest.approx(two_way(outcome, cohort, weights, N_PERIODS)[0], rel=1e-9)
    assert found.weight.sum() == pytest.approx(1, rel=1e-12)
    assert (found.weight > 0).all()


@pytest.mark.parametrize("cohorts", CASES)
def test_each_comparison_is_the_two_way_fit_of_its_pair_in_its_window(cohorts: list[int]) -> None:
    # Goodman-Bacon (2021), theorem 1: weights go as the squared weight of a pair's rows times the treatment's own
    # variance among them
    outcome, cohort, weights = world(cohorts)
    start, means, share = cohort_means(outcome, cohort, weights)
    found = decompose(start, means, share)
    expected = []
    for treated, control in zip(found.treated, found.control, strict=True):
        pair = np.isin(cohort, start[[treated, control]])
        own, other = start[treated], start[control]
        first, last = (0, other) if other > own else (other, N_PERIODS)
        value, squares = two_way(outcome[pair], cohort[pair], weights[pair], last, first)
        rows = weights[pair].sum() * (last - first)
        expected.append((value, rows**2 * squares / rows))
    values, sizes = np.array(expected).T
    np.testing.assert_allclose(found.value, values, rtol=1e-9)
    np.testing.assert_allclose(found.weight, sizes / sizes.sum(), rtol=1e-9)


def test_sorts_are_what_they_say() -> None:
    start = np.array([0, 3, 5, N_PERIODS])
    found = decompose(start, np.zeros((4, N_PERIODS)), np.full(4, 0.25))
    named = {(SORTS[s], start[t], start[c]) for s, t, c in zip(found.sort, found.treated, found.control, strict=True)}
    assert named == {
        ("treated against never treated", 3, 9),
        ("treated against never treated", 5, 9),
        ("earlier against later", 3, 5),
        ("later against earlier", 5, 3),
        ("later against always", 3, 0),
        ("later against always", 5, 0),
    }


@pytest.mark.parametrize("cohorts", CASES)
def test_effects_weigh_as_residuals_of_the_treatment(cohorts: list[int]) -> None:
    _, cohort, weights = world(cohorts)
    start, _, share = cohort_means(np.zeros((len(cohort), N_PERIODS)), cohort, weights)
    found = effect_weights(start, share, N_PERIODS)
    treated = (np.arange(N_PERIODS) >= cohort[:, None]).astype(float)
    own = weights[:, None] * residual(treated, weights) * treated
    by_cohort = np.stack([own[cohort == code].sum(axis=0) for code in start])
    np.testing.assert_allclose(found, by_cohort / by_cohort.sum(), atol=1e-12)


def test_the_coefficient_is_the_weighted_sum_of_effects_and_can_have_the_wrong_sign() -> None:
    # All effects are positive and grow; the early cohort's late effects have negative weights
    cohort = np.array([1, 6])
    since = np.maximum(np.arange(N_PERIODS) - cohort[:, None] + 1, 0)
    effects = since**2.0
    start, means, share = cohort_means(effects, cohort, np.ones(2))
    weights = effect_weights(start, share, N_PERIODS)
    coefficient = decompose(start, means, share).coefficient
    assert coefficient == pytest.approx(float((weights * effects).sum()))
    assert coefficient < 0
    assert (weights < 0).any()
