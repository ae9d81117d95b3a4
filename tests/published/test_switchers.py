"""Published figures of the switchers estimator on mpdta: de Chaisemartin and D'Haultfoeuille's did_multiplegt_dyn.

Three effects and two placebos, to the six digits that are printed (1e-6, standard errors too). The placebos are those
that the authors' package for Python, 0.1.9, prints for the same call.
"""

import numpy as np
import pytest
from tests.published import sets

from balanza.estimators.switchers import estimate


def test_mpdta(reference) -> None:
    study, panel = sets.counties(reference, "switchers", effects=3, placebos=2)
    found = estimate(study, panel, np.random.default_rng(0))
    assert found.value == pytest.approx(-0.035258, abs=1e-6)
    assert found.standard_error == pytest.approx(0.011337, abs=1e-6)
    rows = found.rows
    assert rows["event_time"].tolist() == [-3, -2, 0, 1, 2]
    np.testing.assert_allclose(rows["value"], [-0.003769, 0.024269, -0.018922, -0.053589, -0.136274], atol=1e-6)
    errors = [0.031703, 0.014487, 0.012068, 0.017040, 0.036226]
    np.testing.assert_allclose(rows["standard_error"], errors, atol=1e-6)
    assert (found.n_units, found.n_treated, found.n_clusters, found.n_observations) == (500, 191, 500, 2500)
