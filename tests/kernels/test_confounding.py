"""Sensitivity to a hidden cause: published figures, and regressions in which the hidden cause is known."""

import numpy as np
import pytest

from balanza.kernels.confounding import (
    Selection,
    adjusted,
    benchmark,
    e_value,
    e_value_of_limit,
    equal_selection_bound,
    partial_r2,
    robustness_value,
    selection_ratio,
    with_reliable_proxy,
)

# Darfur, Cinelli and Hazlett (2020), Table 1, to more digits in the tests of their package sensemakr (test-02-darfur)
ESTIMATE, ERROR, FREEDOM = 0.09731582, 0.02325654, 783
CRITICAL = 1.963000  # t quantile .975 with 782 degrees of freedom


def test_darfur() -> None:
    t = ESTIMATE / ERROR
    assert t == pytest.approx(4.18, abs=0.005)
    assert partial_r2(t, FREEDOM) == pytest.approx(0.02187309, abs=1e-7)
    assert robustness_value(t, FREEDOM) == pytest.approx(0.1387764, abs=1e-6)
    assert robustness_value(t, FREEDOM, CRITICAL) == pytest.approx(0.07625797, abs=1e-5)


def test_darfur_with_causes_as_strong_as_gender() -> None:
    shares = np.array([0.00916428667504862, 0.0183285733500972, 0.0274928600251459])
    outcome = np.array([0.12464092303637, 0.249324064199975, 0.374050471038094])
    estimates, errors = adjusted(ESTIMATE, ERROR, FREEDOM, shares, outcome)
    np.testing.assert_allclose(estimates, [0.0752202712, 0.0529151724, 0.0303960235], atol=1e-8)
    np.testing.assert_allclose(errors, [0.0218733277, 0.0203500621, 0.0186700648], atol=1e-8)
    # The strength of gender itself follows from the line of k = 1; those of k = 2 and 3 must then agree.
    r2 = shares[0] / (1 + shares[0])
    scale = (1 + np.sqrt(r2**2 / (1 - r2) ** 2)) ** 2 / (1 - r2**2 / (1 - r2) ** 2)
    gender = outcome[0] / scale / (1 + outcome[0] / scale)
    for k in (1, 2, 3):
        assert benchmark(r2, gender, k) == pytest.approx((shares[k - 1], outcome[k - 1]), rel=1e-9)


def test_robustness_value_has_no_answer_to_nothing() -> None:
    assert robustness_value(1.5, 100, 1.98) == 0.0
    assert robustness_value(0.0, 100) == 0.0


def test_robustness_value_is_the_strength_that_brings_the_estimate_to_zero() -> None:
    value = robustness_value(4.0, 50)
    assert adjusted(2.0, 0.5, 50, np.array(value), np.array(value))[0] == pytest.approx(0, abs=1e-12)


def test_extreme_t_needs_the_other_formula() -> None:
    # sensemakr: where f > 1/f*, the hidden cause need not be equally strong with both: (f^2 - f*^2) / (1 + f^2)
    f, bar = 30 / np.sqrt(5), 2.776445 / np.sqrt(4)
    assert robustness_value(30.0, 5, 2.776445) == pytest.approx((f**2 - bar**2) / (1 + f**2))


def test_the_bias_of_a_known_hidden_cause_is_exact() -> None:
    rng = np.random.default_rng(5)
    n = 60
    hidden, x = rng.normal(size=n), rng.normal(size=n)
    d = 0.5 * x + 0.7 * hidden + rng.normal(size=n)
    y = 1.5 * d + x + 0.8 * hidden + rng.normal(size=n)
    base = np.column_stack([np.ones(n), x])

    def left(target: np.ndarray, *terms: np.ndarray) -> np.ndarray:
        design = np.column_stack([base, *terms])
        return target - design @ np.linalg.lstsq(design, target, rcond=None)[0]

    def share(target: np.ndarray, term: np.ndarray, *others: np.ndarray) -> float:
        return 1 - (left(target, term, *others) ** 2).sum() / (left(target, *others) ** 2).sum()

    def slope(*terms: np.ndarray) -> tuple[float, float, int]:
        design = np.column_stack([d, base, *terms])
        beta = np.linalg.lstsq(design, y, rcond=None)[0]
        freedom = n - design.shape[1]
        variance = ((y - design @ beta) ** 2).sum() / freedom * np.linalg.inv(design.T @ design)[0, 0]
        return float(beta[0]), float(np.sqrt(variance)), freedom

    estimate, error, freedom = slope()
    found = adjusted(estimate, error, freedom, np.array(share(d, hidden)), np.array(share(y, hidden, d)))
    assert found == pytest.approx(slope(hidden)[:2], rel=1e-9)


def test_published_e_values() -> None:
    # VanderWeele and Ding (2017): 3.9 (1.8, 8.7) gives 7.26 and 3.0; Hammond and Horn's 10.73 (8.02, 14.36) gives 20.95
    # and 15.52 (vignette of the R package EValue)
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value_of_limit(1.8, 8.7) == pytest.approx(3.0, abs=1e-9)
    assert e_value(10.73) == pytest.approx(20.94777, abs=1e-5)
    assert e_value_of_limit(8.02, 14.36) == pytest.approx(15.52336, abs=1e-5)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_limit(1 / 8.7, 1 / 1.8) == pytest.approx(3.0)
    assert e_value_of_limit(0.8, 1.3) == 1.0


def proportional(ratio: float, effect: float) -> tuple[Selection, float]:
    """Regressions on data in which selection on the unobserved is exactly `ratio` times that on the observed."""
    rng = np.random.default_rng(9)
    basis = np.linalg.qr(np.column_stack([np.ones(80), rng.normal(size=(80, 4))]))[0][:, 1:]
    seen, unseen, noise, error = basis.T * np.array([[2.0], [1.5], [1.0], [1.2]])
    d = 0.6 * seen + 0.6 * ratio * unseen + noise
    y = effect * d + seen + unseen + error

    def regress(*terms: np.ndarray) -> tuple[float, float]:
        design = np.column_stack(terms)
        beta = np.linalg.lstsq(design, y, rcond=None)[0]
        return float(beta[0]), float(1 - ((y - design @ beta) ** 2).sum() / (y @ y))

    (short, r2_short), (long, r2_long), (_, r2_max) = regress(d), regress(d, seen), regress(d, seen, unseen)
    left = d - seen * (seen @ d) / (seen @ seen)
    return Selection(short, long, r2_short, r2_long, float(y @ y), float(d @ d), float(left @ left)), r2_max


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("effect", [0.0, -0.4])
def test_proportional_selection_is_found_back(ratio: float, effect: float) -> None:
    given, r2_max = proportional(ratio, effect)
    assert selection_ratio(given, r2_max, effect) == pytest.approx(ratio, rel=1e-8)


def test_the_bound_of_equal_selection_is_the_effect() -> None:
    given, r2_max = proportional(1.0, -0.4)
    assert equal_selection_bound(given, r2_max) == pytest.approx(-0.4, rel=1e-8)


def regressions(y: np.ndarray, d: np.ndarray, controls: np.ndarray) -> tuple[Selection, np.ndarray]:
    """Both regressions of columns with mean zero, and the part of the outcome that goes to the controls."""
    both = np.column_stack([d, controls])
    short, long = (d @ y) / (d @ d), np.linalg.lstsq(both, y, rcond=None)[0]
    left = d - controls @ np.linalg.lstsq(controls, d, rcond=None)[0]
    shares = [1 - (gap @ gap) / (y @ y) for gap in (y - short * d, y - both @ long)]
    given = Selection(float(short), float(long[0]), *map(float, shares), *(float(v @ v) for v in (y, d, left)))
    return given, controls @ long[1:]


@pytest.mark.parametrize("n_controls", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_the_bound_is_the_only_root_that_keeps_the_sign_of_observed_selection(seed: int, n_controls: int) -> None:
    """Ratio 1, and the controls' part of the outcome, less the gap's share, moves with the treatment as estimated.

    With one control the quadratic's other root has the ratio 0/0, and may be nearer to the estimate: 1.04 where the
    controls bring the estimate down to .49 and the answer is -.23.
    """
    rng = np.random.default_rng(seed)
    controls = rng.normal(size=(500, n_controls))
    controls -= controls.mean(axis=0)
    d = controls @ rng.uniform(0.1, 1, n_controls) + rng.normal(size=500)
    y = 0.5 * d + controls @ rng.uniform(0.1, 1, n_controls) + rng.normal(size=500)
    given, index = regressions(y - y.mean(), d - d.mean(), controls)
    r2_max = min(1.0, 1.3 * given.r2_controlled)
    bound = equal_selection_bound(given, r2_max)
    assert selection_ratio(given, r2_max, bound) == pytest.approx(1.0, rel=1e-6)
    explained = controls @ np.linalg.lstsq(controls, d, rcond=None)[0]
    true_index = index + (given.controlled - bound) * explained  # what the unobserved part took from it is given back
    assert (index @ d) * (true_index @ d) > 0
    assert (given.uncontrolled - given.controlled) * (given.controlled - bound) > 0


def test_controls_that_move_nothing_leave_the_estimate() -> None:
    given = Selection(0.5, 0.5, 0.2, 0.4, 100.0, 50.0, 40.0)
    assert equal_selection_bound(given, 0.52) == pytest.approx(0.5)


def test_a_noisy_proxy_is_mended_exactly_where_its_error_is_known() -> None:
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.normal(size=(50, 4)))[0].T
    latent, noise = 2 * basis[0], 1.5 * basis[1]
    d, proxy = 0.8 * latent + basis[2], latent + noise
    y = 0.5 * d + latent + basis[3]
    measured = np.column_stack([d, proxy])
    gram, moment = measured.T @ measured, measured.T @ y
    truth = np.linalg.lstsq(np.column_stack([d, latent]), y, rcond=None)[0]
    error = np.diag([0.0, noise @ noise])
    np.testing.assert_allclose(with_reliable_proxy(gram, moment, error), truth, rtol=1e-9)
    assert with_reliable_proxy(gram, moment, np.diag([0.0, 0.99 * proxy @ proxy])) is None
