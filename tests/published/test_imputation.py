"""Imputation against diff-diff's on mpdta and castle, to 1e-9: both variances, and the pre-trend regression."""

import warnings

import numpy as np
import pandas as pd
import pytest
from tests.published import sets

from balanza.estimators.imputation import estimate


def run(case) -> object:
    return estimate(*case, np.random.default_rng(0))


@pytest.mark.parametrize("which", ["mpdta", "castle"])
@pytest.mark.parametrize("residuals", ["pooled", "leave_one_out"])
def test_event_study_agrees_with_diff_diff(reference, which, residuals) -> None:
    diff_diff = pytest.importorskip("diff_diff")
    if which == "mpdta":
        table, unit, outcome = sets.mpdta(reference), "countyreal", "lemp"
        found = run(sets.counties(reference, "imputation", residuals=residuals))
    else:
        table, unit, outcome = sets.castle(reference), "sid", "l_homicide"
        found = run(sets.states(reference, "imputation", residuals=residuals))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = diff_diff.ImputationDiD(pretrends=True, leave_one_out=residuals == "leave_one_out")
        theirs = model.fit(table, outcome, unit, "year", "first")
        events = theirs.aggregate("event_study").to_dataframe()
    expected = events[events["se"].notna()].sort_values("event_time")
    assert found.value == pytest.approx(theirs.overall_att, abs=1e-9)
    assert found.standard_error == pytest.approx(theirs.overall_se, abs=1e-9)
    pd.testing.assert_index_equal(pd.Index(found.rows["event_time"]), pd.Index(expected["event_time"].astype(float)))
    np.testing.assert_allclose(found.rows["value"], expected["att"], atol=1e-9)
    np.testing.assert_allclose(found.rows["standard_error"], expected["se"], atol=1e-9)
