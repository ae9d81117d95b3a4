"""The stacked estimator against diff-diff's, which follows the authors' R code, on the reference sets, to 1e-9.

Their regression has one effect for each event time; ours, with its own in each sub-experiment, has the same estimates.
"""

import warnings

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.stacked import estimate


@pytest.mark.parametrize(
    ("which", "before", "after"), [("mpdta", 1, 1), ("mpdta", 3, 0), ("castle", 4, 1), ("castle", 2, 3)]
)
def test_agrees_with_diff_diff(reference, which, before, after) -> None:
    diff_diff = pytest.importorskip("diff_diff")
    cases = {"mpdta": (sets.mpdta, sets.counties, "lemp"), "castle": (sets.castle, sets.states, "l_homicide")}
    table, case, outcome = cases[which]
    asked, panel = case(reference, "stacked", before=before, after=after, effects="event_time")
    found = estimate(asked, panel, np.random.default_rng(0))
    own = estimate(*case(reference, "stacked", before=before, after=after), np.random.default_rng(0))
    assert own.value == pytest.approx(found.value, abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = diff_diff.StackedDiD(kappa_pre=before, kappa_post=after)
        theirs = model.fit(table(reference), outcome, asked.unit, "year", "first")
        events = theirs.aggregate("event_study").to_dataframe()
    assert found.value == pytest.approx(theirs.overall_att, abs=1e-9)
    assert found.standard_error == pytest.approx(theirs.overall_se, abs=1e-9)
    expected = events[events["se"].notna()]
    assert list(found.rows["event_time"]) == list(expected["event_time"])
    np.testing.assert_allclose(found.rows["value"], expected["att"], atol=1e-9)
    np.testing.assert_allclose(found.rows["standard_error"], expected["se"], atol=1e-9)
