"""Local projections against pyfixest's lpdid and diff-diff's LPDiD on the minimum-wage data, to 1e-9."""

import warnings

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.lp_did import estimate


def run(reference, **options):
    return estimate(*sets.counties(reference, "lp_did", **options), np.random.default_rng(0))


@pytest.mark.parametrize("horizon", [0, 1, 2])
def test_agrees_with_pyfixest(reference, horizon) -> None:
    pyfixest = pytest.importorskip("pyfixest")

    def theirs(pooled: bool):
        call = {"yname": "lemp", "idname": "countyreal", "tname": "year", "gname": "first", "att": pooled}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pyfixest.lpdid(sets.mpdta(reference), **call, post_window=horizon if pooled else None).tidy()

    found, pooled = run(reference, horizon=horizon), theirs(True).iloc[0]
    assert found.value == pytest.approx(pooled["Estimate"], abs=1e-9)
    assert found.standard_error == pytest.approx(pooled["Std. Error"], abs=1e-9)
    events = theirs(False)
    assert list(found.rows["event_time"]) == [int(name.split("::")[1]) for name in events.index]
    np.testing.assert_allclose(found.rows["value"], events["Estimate"].astype(float), atol=1e-9)
    np.testing.assert_allclose(found.rows["standard_error"], events["Std. Error"].astype(float), atol=1e-9)


@pytest.mark.parametrize("weighting", ["variance", "equal"])
@pytest.mark.parametrize("base", ["last", "all"])
@pytest.mark.parametrize("control", ["not_yet", "never"])
def test_variants_agree_with_diff_diff(reference, weighting, base, control) -> None:
    """Reweighted or not, against the last period or all earlier ones, with clean or never-treated controls."""
    diff_diff = pytest.importorskip("diff_diff")
    table = sets.mpdta(reference)
    table["treated"] = ((table["first"] > 0) & (table["year"] >= table["first"])).astype(int)
    model = diff_diff.LPDiD(
        pre_window=3,
        post_window=2,
        reweight=weighting == "equal",
        pmd="max" if base == "all" else None,
        control_group={"not_yet": "clean", "never": "never_treated"}[control],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = model.fit(table, "lemp", "countyreal", "year", "treated")
    found = run(reference, horizon=2, weighting=weighting, base=base, control=control)
    pooled = theirs.pooled.set_index("window").loc["post"]
    assert (found.value, found.standard_error) == pytest.approx((pooled["coefficient"], pooled["se"]), abs=1e-9)
    rows, events = found.rows.set_index("event_time"), theirs.event_study.set_index("horizon")
    for time in (-3, -2, 0, 1, 2):
        expected = events.loc[time, ["coefficient", "se"]].astype(float)
        np.testing.assert_allclose(rows.loc[time, ["value", "standard_error"]].astype(float), expected, atol=1e-9)
