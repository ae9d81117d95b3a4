"""The interaction of two treatments: the fit by hand with the plain product, and worlds in which it is known."""

import numpy as np
import pytest
from tests.checks.worlds import PERIODS, START, UNITS, panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import interaction
from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.kernels import poisson
from balanza.kernels.jackknife import jackknife

AFTER = np.arange(PERIODS) >= START


def doses(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(0.2, 2.0, (UNITS, 1)) * AFTER for _ in range(2))


def world(crossed: float, family: str = "poisson", seed: int = 0) -> tuple[Study, Panel]:
    """Two doses with effects -.2 and -.1 at zero of the other, and an effect of their product."""
    rng = np.random.default_rng(seed + 100)
    first, second = doses(seed)
    log_rate = 4 + rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(1, PERIODS))
    log_rate = log_rate - 0.2 * first - 0.1 * second + crossed * first * second
    outcome = rng.poisson(np.exp(log_rate)).astype(float) if family == "poisson" else log_rate
    if family == "gaussian":
        outcome = outcome + 0.05 * rng.normal(size=outcome.shape)
    study = make_study([treatment("dose", "guard"), treatment("dose", "prevention")], family)
    return study, panel_of(outcome, {"guard": first, "prevention": second}, family)


def run(study: Study, panel: Panel) -> CheckResult:
    return interaction.check(study, panel, {}, np.random.default_rng(0))


def test_it_is_the_fit_with_the_plain_product_read_elsewhere() -> None:
    study, panel = world(0.3)
    outcome, exposure = panel.matrix("outcome"), panel.matrix("exposure")
    first, second = panel.matrix("d_guard"), panel.matrix("d_prevention")
    regressors = np.stack([first, second, first * second])
    fit = poisson.fit(outcome, exposure, regressors)
    influence = jackknife(outcome, fit, regressors, np.arange(UNITS))
    assert influence is not None
    table = run(study, panel).table.set_index(["effect_of", "level"])
    crossed = run(study, panel).table.iloc[0]
    assert crossed["value"] == pytest.approx(fit.coefficients[2], rel=1e-7)
    assert crossed["standard_error"] == pytest.approx(np.linalg.norm(influence[:, 2]), rel=1e-5)
    low = np.quantile(second[:, START:], 0.25)
    row = table.loc["guard", "lower quartile"]
    assert row["at"] == pytest.approx(low)
    assert row["value"] == pytest.approx(fit.coefficients[0] + low * fit.coefficients[2], rel=1e-6)
    assert row["standard_error"] == pytest.approx(np.linalg.norm(influence[:, 0] + low * influence[:, 2]), rel=1e-5)
    assert table.loc["guard", "mean"]["at"] == pytest.approx(second[:, -1].mean())


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_strong_interaction_is_found_and_said(family: str) -> None:
    result = run(*world(0.3, family))
    assert result.passed is None
    assert result.table["value"].iloc[0] == pytest.approx(0.3, abs=0.06)
    assert "guard" not in result.sentence.split(",")[0] and "the difference is told from none" in result.sentence
    assert "prevention is at its lower quartile" in result.sentence


def test_without_one_it_is_found_at_its_level() -> None:
    refused = [run(*world(0.0, "gaussian", seed)).table["p_value"].iloc[0] <= 0.05 for seed in range(100)]
    assert sum(refused) <= 12  # binomial(100, .05): more than 12 in 1 of 700 tries


def test_switched_treatments_are_read_off_and_on() -> None:
    rng = np.random.default_rng(1)
    first, second = np.where(np.arange(UNITS) % 2, START, -1), np.where(np.arange(UNITS) % 3, START, -1)
    panel = panel_of(rng.normal(size=(UNITS, PERIODS)), {"guard": first, "prevention": second})
    study = make_study([treatment("binary", "guard"), treatment("binary", "prevention")])
    result = run(study, panel)
    assert list(result.table["level"].dropna().unique()) == ["off", "mean", "on"]
    assert "where prevention is off" in result.sentence
    share = result.table.set_index(["effect_of", "level"]).loc[("guard", "mean"), "at"]
    assert share == pytest.approx(np.mean(second >= 0))


def test_one_treatment_and_a_product_without_variation_are_refused() -> None:
    study, panel = world(0.0)
    alone = make_study([treatment("dose")], "poisson")
    with pytest.raises(Unsupported, match="compares treatments, and the study has one"):
        run(alone, panel)
    flat = panel.frame.assign(d_prevention=1.0 * (panel.frame["period"] >= START))
    flat.loc[flat["unit"] == 0, "d_prevention"] = 0.0
    flat.loc[flat["unit"] == 0, "d_guard"] = 0.0
    with pytest.raises(Unsupported, match="has no variation of its own beside"):
        run(study, Panel(**{**panel.__dict__, "frame": flat}))
