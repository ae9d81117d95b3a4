"""A published figure of two-stage least squares in a cross-section: Card's returns to schooling.

Cunningham (2021), Causal Inference: The Mixtape, chapter 7, on Card (1995): a year of schooling, instrumented by a
college in the county, raises log wages by 0.124 with standard error 0.050.
"""

import numpy as np
import pytest

from balanza.contract import Outcome, Study, Treatment
from balanza.estimators.instrument import estimate
from balanza.preparation import prepare

causaldata = pytest.importorskip("causaldata", reason="the data set lies in the package causaldata")


def test_returns_to_schooling() -> None:
    table = causaldata.close_college.load_pandas().data
    study = Study(
        name="published",
        title="Published",
        question="Does it reproduce the published figure?",
        outcome=Outcome("lwage", log=True),
        treatments=(Treatment("educ", "dose", column="educ"),),
        cluster="person",
        unit="person",
        period="year",
        covariates=("exper", "black", "south", "married", "smsa"),
        instruments=("nearc4",),
        missing="drop",
    )
    found = estimate(study, prepare(study, table.assign(person=range(len(table)), year=1976)), np.random.default_rng(0))
    assert found.value == pytest.approx(0.124, abs=0.0005)
    assert found.standard_error == pytest.approx(0.050, abs=0.001)  # ours is robust, .0492
    assert found.n_observations == 3003
