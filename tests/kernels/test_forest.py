"""Scores of a causal forest: double robustness, formulas written out, and the calibration regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from balanza.kernels import forest as kernel
from balanza.kernels.forest import Nuisances

N = 4000


def data(kind: str = "binary", seed: int = 0) -> tuple[Nuisances, np.ndarray]:
    """What is true of each unit, and its own effect."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N)
    chance, effect, level = 1 / (1 + np.exp(-x)), 1 + x, 2 * x
    treatment = (rng.random(N) < chance) * 1.0 if kind == "binary" else chance + rng.normal(size=N)
    outcome = level + effect * treatment + rng.normal(size=N)
    return Nuisances(outcome, treatment, level + effect * chance, chance, effect), effect


def test_effect_on_the_treated_is_right_if_outcome_or_chance_is() -> None:
    truth, effect = data()
    everyone = np.ones(N, bool)
    target = effect[truth.treatment == 1].mean()
    wrong_chance = np.full(N, 0.5)
    cases = {
        "both right": truth,
        "wrong outcome": replace(truth, expected=np.zeros(N), effect=np.zeros(N)),
        # without the true chance the expected outcome of the untreated is still level = expected - chance x effect
        "wrong chance": replace(truth, chance=wrong_chance, expected=truth.expected + (0.5 - truth.chance) * effect),
    }
    for name, case in cases.items():
        value, influence = kernel.effect_on_treated(case, everyone)
        assert abs(value - target) < 4 * np.linalg.norm(influence), name
    both_wrong = replace(cases["wrong outcome"], chance=wrong_chance)
    value, influence = kernel.effect_on_treated(both_wrong, everyone)
    assert abs(value - target) > 8 * np.linalg.norm(influence)


def test_influence_is_the_spread_over_samples() -> None:
    found = [kernel.effect_on_treated(data(seed=seed)[0], np.ones(N, bool)) for seed in range(200)]
    error = np.mean([np.linalg.norm(influence) for _, influence in found])
    assert np.std([value for value, _ in found]) == pytest.approx(error, rel=0.2)  # 5 % is the error of 200 draws


def test_partial_effect_is_residual_on_residual() -> None:
    truth, _ = data("dose")
    some = np.arange(N) % 3 == 0
    value, influence = kernel.partial_effect(truth, some)
    fit = sm.OLS((truth.outcome - truth.expected)[some], (truth.treatment - truth.chance)[some]).fit(cov_type="HC0")
    assert value == pytest.approx(fit.params[0]) and np.linalg.norm(influence) == pytest.approx(fit.bse[0])
    assert not influence[~some].any()


def test_groups_add_up_to_the_whole() -> None:
    truth, _ = data()
    left = truth.effect < 1
    parts = [kernel.effect_on_treated(replace(truth, chance=np.full(N, 0.5)), rows)[0] for rows in (left, ~left)]
    whole = kernel.effect_on_treated(replace(truth, chance=np.full(N, 0.5)), np.ones(N, bool))[0]
    assert min(parts) < whole < max(parts)


def test_rows_of_one_arm_have_no_effect() -> None:
    truth, _ = data()
    assert np.isnan(kernel.effect_on_treated(truth, truth.treatment == 1)[0])
    assert np.isnan(kernel.partial_effect(replace(truth, chance=truth.treatment), np.ones(N, bool))[0])


def test_calibration_tells_right_from_exaggerated_and_from_noise() -> None:
    truth, effect = data()
    fit = kernel.calibrate(truth)
    errors = np.linalg.norm(fit.influence, axis=0)
    assert np.all(np.abs(fit.coefficients - 1) < 4 * errors)
    doubled = kernel.calibrate(replace(truth, effect=effect.mean() + 2 * (effect - effect.mean())))
    assert doubled.coefficients[1] == pytest.approx(fit.coefficients[1] / 2)
    noise = kernel.calibrate(replace(truth, effect=effect.mean() + np.random.default_rng(1).normal(size=N)))
    assert abs(noise.coefficients[1]) < 4 * np.linalg.norm(noise.influence[:, 1])
    flat = kernel.calibrate(replace(truth, effect=np.full(N, effect.mean())))
    assert np.isnan(flat.coefficients[1]) and flat.coefficients[0] == pytest.approx(1, abs=0.2)
