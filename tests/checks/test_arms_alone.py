"""Each treatment alone beside the joint fit: equal to the estimator's two fits, and worlds in which joining matters."""

import numpy as np
import pytest
from tests.checks.test_interaction import AFTER, world
from tests.checks.worlds import PERIODS, UNITS, panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import arms_alone
from balanza.contract import CheckResult, Panel, Study
from balanza.estimators import poisson
from balanza.kernels import poisson as kernel

RNG = np.random.default_rng(0)


def run(study: Study, panel: Panel) -> CheckResult:
    return arms_alone.check(study, panel, {}, RNG)


def test_both_fits_are_those_of_the_estimator() -> None:
    study, panel = world(0.0)
    joint = poisson.estimate(study, panel, RNG)
    table = run(study, panel).table.set_index("treatment")
    for item in study.treatments:
        alone = poisson.estimate(make_study([item], "poisson"), panel, RNG)
        row = table.loc[item.name]
        assert (row["alone"], row["alone_error"]) == pytest.approx((alone.value, alone.standard_error), rel=1e-6)
        both = joint[item.name]
        assert (row["joint"], row["joint_error"]) == pytest.approx((both.value, both.standard_error), rel=1e-6)


def test_the_error_of_the_difference_is_that_of_refits_without_each_cluster() -> None:
    """One Newton step a cluster stands for the refit, which is close where no cluster rules."""
    study, panel = world(0.0)
    outcome, exposure = panel.matrix("outcome"), panel.matrix("exposure")
    doses = np.stack([panel.matrix("d_guard"), panel.matrix("d_prevention")])

    def difference(kept: np.ndarray) -> float:
        fits = [kernel.fit(outcome[kept], exposure[kept], part[:, kept]) for part in (doses[:1], doses)]
        return fits[0].coefficients[0] - fits[1].coefficients[0]

    units = np.arange(UNITS)
    changes = np.array([difference(units != unit) for unit in units]) - difference(units >= 0)
    row = run(study, panel).table.iloc[0]
    assert row["difference_error"] == pytest.approx(np.sqrt((UNITS - 1) / UNITS * (changes**2).sum()), rel=0.02)


@pytest.mark.parametrize(("together", "verdict"), [(0.9, "is told from none"), (0.0, "cannot be told from none")])
def test_joining_matters_where_doses_go_together(together: float, verdict: str) -> None:
    rng = np.random.default_rng(4)
    # net of its mean and of the other, so that the second goes with the first exactly as told
    parts = np.linalg.qr(np.column_stack([np.ones(UNITS), rng.normal(size=(UNITS, 2))]))[0][:, 1:]
    first, second = 2 + parts[:, 0], 2 + together * parts[:, 0] + np.sqrt(1 - together**2) * parts[:, 1]
    outcome = rng.normal(size=(UNITS, 1)) - 1.0 * second[:, None] * AFTER + 0.05 * rng.normal(size=(UNITS, PERIODS))
    study = make_study([treatment("dose", "guard"), treatment("dose", "prevention")])
    result = run(study, panel_of(outcome, {"guard": first[:, None] * AFTER, "prevention": second[:, None] * AFTER}))
    assert result.values["correlation_guard_prevention"] == pytest.approx(together, abs=1e-9)
    guard = result.table.set_index("treatment").loc["guard"]
    assert guard["alone"] == pytest.approx(-together, abs=0.1)
    assert guard["joint"] == pytest.approx(0.0, abs=0.1)
    assert verdict in result.sentence.split(". ")[0]
