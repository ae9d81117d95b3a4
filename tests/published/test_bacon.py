"""The decomposition on the reference sets: it gives back their published two-way estimates."""

from pathlib import Path

import numpy as np
import pytest
from tests.published import sets

from balanza.checks import bacon

# R fixest 0.12.2; the castle laws weighted by population have weights that change within states, and are refused
TWO_WAY = {"mpdta": (sets.counties, -0.036549), "castle": (sets.states, 0.069398)}


@pytest.mark.parametrize("name", TWO_WAY)
def test_comparisons_sum_to_the_published_two_way_estimate(reference: Path, name: str) -> None:
    read, published = TWO_WAY[name]
    result = bacon.check(*read(reference, "twfe"), {}, np.random.default_rng(0))
    assert float(result.table["weight"] @ result.table["value"]) == pytest.approx(published, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", TWO_WAY)
def test_each_comparison_is_that_of_diff_diff(reference: Path, name: str) -> None:
    from diff_diff import BaconDecomposition

    study, panel = TWO_WAY[name][0](reference, "twfe")
    found = bacon.check(study, panel, {}, np.random.default_rng(0))
    table = panel.frame.assign(
        time=panel.period_labels[panel.frame["period"]].astype(int),
        first=[0 if code < 0 else int(panel.period_labels[code]) for code in panel.frame["g_policy"]],
    )
    theirs = BaconDecomposition(weights="exact").fit(
        table, outcome="outcome", unit="unit", time="time", first_treat="first"
    )
    expected = sorted((item.estimate, item.weight) for item in theirs.comparisons)
    ours = sorted(zip(found.table["value"], found.table["weight"], strict=True))
    np.testing.assert_allclose(ours, expected, atol=1e-9)
