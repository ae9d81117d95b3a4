"""The two-stage estimator against pyfixest's did2s, and against diff-diff, on the reference sets.

did2s solves its first stage by alternating projections that stop at 1e-6: its effects are met to 5e-6, its errors to
1e-5. It cannot take mpdta, whose first cohort has one period before treatment.
"""

import warnings

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.two_stage import estimate


@pytest.mark.parametrize("weights", [None, "popwt"])
def test_castle_agrees_with_did2s(reference, weights) -> None:
    pyfixest = pytest.importorskip("pyfixest")
    table = sets.castle(reference)
    treated = (table["first"] > 0) & (table["year"] >= table["first"])
    relative = np.where(table["first"] > 0, table["year"] - table["first"], -1)
    table = table.assign(treated=treated.astype(int), relative=relative)

    def theirs(second: str):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = pyfixest.did2s(
                table,
                yname="l_homicide",
                first_stage="~ 0 | sid + year",
                second_stage=second,
                treatment="treated",
                cluster="sid",
                weights=weights,
            )
        return fit.tidy()

    found = estimate(*sets.states(reference, "two_stage", weights), np.random.default_rng(0))
    overall = theirs("~ i(treated, ref=0)").iloc[0]
    assert found.value == pytest.approx(overall["Estimate"], abs=5e-6)
    assert found.standard_error == pytest.approx(overall["Std. Error"], abs=1e-5)
    events = theirs("~ i(relative, ref=-1)")
    times = [int(name.split("::")[1]) for name in events.index]
    assert list(found.rows["event_time"]) == times
    np.testing.assert_allclose(found.rows["value"], events["Estimate"], atol=5e-6)
    np.testing.assert_allclose(found.rows["standard_error"], events["Std. Error"], atol=1e-5)


def test_mpdta_agrees_with_diff_diff(reference) -> None:
    """The same effect as imputation, with an error of its own."""
    diff_diff = pytest.importorskip("diff_diff")
    found = estimate(*sets.counties(reference, "two_stage"), np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diff_diff.TwoStageDiD().fit(sets.mpdta(reference), "lemp", "countyreal", "year", "first")
    assert found.value == pytest.approx(theirs.overall_att, abs=1e-9)
    assert found.standard_error == pytest.approx(theirs.overall_se, abs=1e-9)
