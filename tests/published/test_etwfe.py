"""Linear extended two-way fixed effects on mpdta: unit and cohort effects agree, and so does Sun and Abraham."""

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


def test_unit_effects_give_the_same_estimates_on_a_balanced_panel(reference) -> None:
    by_unit, by_cohort = county(reference), county(reference, effects="cohort")
    np.testing.assert_allclose(by_unit.rows["value"], by_cohort.rows["value"], atol=1e-10)
    assert by_unit.standard_error == pytest.approx(by_cohort.standard_error, rel=0.01)


def test_without_covariates_and_with_never_treated_controls_it_is_sun_abraham(reference) -> None:
    found = county(reference, (), control="never")
    other = sun_abraham.estimate(*sets.counties(reference, "sun_abraham"), np.random.default_rng(0))
    pd.testing.assert_frame_equal(found.rows, other.rows)
    pd.testing.assert_frame_equal(found.covariance, other.covariance)
