"""Published figures of the linear extended two-way fixed effects, through the contract.

R `etwfe` on mpdta with log population as covariate, clustered by county: the values that its own tests hold
(inst/tinytest/test_emfx.R), which have all digits. Estimates are compared to 1e-9; standard errors to 1e-8, because
marginaleffects takes its derivatives numerically. Without covariates the estimates are those of imputation (Borusyak,
Jaravel and Spiess), published for mpdta and castle, and those of Sun and Abraham with never-treated controls.
"""

import numpy as np
import pandas as pd
import pytest
from tests.published import sets

from balanza.contract import Estimate, Study
from balanza.estimators import etwfe, sun_abraham
from balanza.preparation import prepare


def asked(study: Study, **changes) -> Study:
    return Study(**{**study.__dict__, **changes})


def county(folder, covariates: tuple[str, ...] = ("lpop",), **options) -> Estimate:
    study = asked(sets.study("countyreal", "lemp", "etwfe", **options), covariates=covariates)
    return etwfe.estimate(study, prepare(study, sets.mpdta(folder)), np.random.default_rng(0))


def figures(rows: pd.DataFrame, kind: str) -> np.ndarray:
    return rows.loc[rows["kind"] == kind, ["value", "standard_error"]].to_numpy()


KNOWN = {
    "event_time": (
        (-0.0332122037837542, 0.0133659635774059),
        (-0.0573456479257483, 0.0171496442892364),
        (-0.137870386660852, 0.0307883597041053),
        (-0.10953945536511, 0.0323152785480507),
    ),
    "group": (
        (-0.0876269608795944, 0.0230474099815232),
        (-0.0212783329358987, 0.0185912208081438),
        (-0.0459545277368072, 0.0179714452432232),
    ),
    "calendar": (
        (-0.0212480022225509, 0.0217240109737018),
        (-0.0818499992698648, 0.0273693827216135),
        (-0.0442655912990223, 0.0173733625406716),
        (-0.0524323095862384, 0.015015825012757),
    ),
}
NEVER = (  # event times -2, 0, 1, 2, 3 with never-treated controls
    (0.0234649547538384, 0.0145314904277398),
    (-0.0211467366918433, 0.0113935648352396),
    (-0.0533558653415615, 0.0157744281621729),
    (-0.141080104628566, 0.0322891808795742),
    (-0.107544274673025, 0.0329231688783015),
)


def test_mpdta_with_a_covariate(reference) -> None:
    found = county(reference, effects="cohort")
    assert found.value == pytest.approx(-0.0506270331228907, abs=1e-9)
    assert found.standard_error == pytest.approx(0.0124972546529842, abs=1e-8)
    for kind, known in KNOWN.items():
        np.testing.assert_allclose(figures(found.rows, kind)[:, 0], np.array(known)[:, 0], atol=1e-9, err_msg=kind)
        np.testing.assert_allclose(figures(found.rows, kind)[:, 1], np.array(known)[:, 1], atol=1e-8, err_msg=kind)


def test_mpdta_with_a_covariate_and_never_treated_controls(reference) -> None:
    found = county(reference, effects="cohort", control="never")
    rows = figures(found.rows[~(found.rows["event_time"] < -2)], "event_time")
    np.testing.assert_allclose(rows[:, 0], np.array(NEVER)[:, 0], atol=1e-9)
    np.testing.assert_allclose(rows[:, 1], np.array(NEVER)[:, 1], atol=1e-8)


def test_unit_effects_give_the_same_estimates_on_a_balanced_panel(reference) -> None:
    by_unit, by_cohort = county(reference), county(reference, effects="cohort")
    np.testing.assert_allclose(by_unit.rows["value"], by_cohort.rows["value"], atol=1e-10)
    assert by_unit.standard_error == pytest.approx(by_cohort.standard_error, rel=0.01)


def test_without_covariates_it_imputes(reference) -> None:
    assert county(reference, ()).value == pytest.approx(-0.047710, abs=1e-6)
    castle = etwfe.estimate(*sets.states(reference, "etwfe"), np.random.default_rng(0))
    assert castle.value == pytest.approx(0.066900, abs=1e-6)


def test_without_covariates_and_with_never_treated_controls_it_is_sun_abraham(reference) -> None:
    found = county(reference, (), control="never")
    other = sun_abraham.estimate(*sets.counties(reference, "sun_abraham"), np.random.default_rng(0))
    assert found.standard_error == pytest.approx(0.011796, abs=1e-6)
    pd.testing.assert_frame_equal(found.rows, other.rows)
    pd.testing.assert_frame_equal(found.covariance, other.covariance)
