"""The event study of Sun and Abraham's estimator against diff-diff's on mpdta and castle, to 1e-8."""

import warnings

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.sun_abraham import estimate


@pytest.mark.parametrize("which", ["mpdta", "castle"])
def test_event_study_agrees_with_diff_diff(reference, which) -> None:
    """diff-diff 3.13 has fixest's weights and small-sample factor: estimates and errors to 1e-8."""
    diff_diff = pytest.importorskip("diff_diff")
    unit, outcome = ("countyreal", "lemp") if which == "mpdta" else ("sid", "l_homicide")
    table = sets.mpdta(reference) if which == "mpdta" else sets.castle(reference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = diff_diff.SunAbraham().fit(table, outcome=outcome, unit=unit, time="year", first_treat="first")
    case = sets.counties(reference, "sun_abraham") if which == "mpdta" else sets.states(reference, "sun_abraham")
    found = estimate(*case, np.random.default_rng(0))
    assert found.value == pytest.approx(peer.overall_att, abs=1e-8)
    assert found.standard_error == pytest.approx(peer.overall_se, abs=1e-8)
    rows = found.rows[found.rows["kind"] == "event_time"].set_index("event_time")
    theirs = peer.event_study_effects
    times = [time for time in theirs if time != -1]
    assert sorted(times) == list(rows.index)
    for time in times:
        assert rows.loc[time, "value"] == pytest.approx(theirs[time]["effect"], abs=1e-8)
        assert rows.loc[time, "standard_error"] == pytest.approx(theirs[time]["se"], abs=1e-8)
