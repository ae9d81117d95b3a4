"""Published figures of two-way fixed effects, through the contract: R fixest 0.12.2 on mpdta and on castle.

Estimates and standard errors to the six digits that are printed.
"""

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.twfe import estimate


@pytest.mark.parametrize(
    ("case", "value", "error", "sizes"),
    [
        ("mpdta", -0.036549, 0.013265, (500, 191, 2500, 500)),
        ("castle", 0.069398, 0.055860, (50, 21, 550, 50)),
        ("castle by population", 0.075533, 0.033194, (50, 21, 550, 50)),
    ],
)
def test_figures(reference, case, value, error, sizes) -> None:
    if case == "mpdta":
        asked = sets.counties(reference, "twfe")
    else:
        asked = sets.states(reference, "twfe", "popwt" if "population" in case else None)
    found = estimate(*asked, np.random.default_rng(0))
    assert found.value == pytest.approx(value, abs=1e-6)
    assert found.standard_error == pytest.approx(error, abs=1e-6)
    assert (found.n_units, found.n_treated, found.n_observations, found.n_clusters) == sizes
