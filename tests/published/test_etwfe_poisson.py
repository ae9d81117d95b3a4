"""Poisson extended two-way fixed effects on mpdta: both scales by hand, and against diff-diff to 1e-7.

That is how far apart they are here and there; against a slow twin with exact derivatives the kernel is tested to 1e-9.
"""

import numpy as np
import pytest
from tests.published import sets

from balanza.contract import Estimate, Outcome, Study
from balanza.estimators import etwfe_poisson
from balanza.preparation import prepare


def county(folder, covariates: tuple[str, ...] = ("lpop",), **options) -> Estimate:
    plain = sets.study("countyreal", "emp", "etwfe_poisson", **options)
    study = Study(**{**plain.__dict__, "covariates": covariates, "outcome": Outcome("emp", "poisson")})
    table = sets.mpdta(folder)
    panel = prepare(study, table.assign(emp=np.exp(table["lemp"])))
    return etwfe_poisson.estimate(study, panel, np.random.default_rng(0))


def test_the_logarithm_is_that_of_the_same_sums(reference) -> None:
    """By hand: treated rows' employment is known, so that the mean difference gives the ratio."""
    level, log = county(reference, scale="level"), county(reference)
    table = sets.mpdta(reference)
    treated = table[(table["first"] > 0) & (table["year"] >= table["first"])]
    observed = np.exp(treated["lemp"]).mean()
    assert log.value == pytest.approx(np.log(observed / (observed - level.value)), abs=1e-10)
    assert log.percent_change[0] == pytest.approx(100 * level.value / (observed - level.value), abs=1e-8)
    assert level.percent_change == pytest.approx(log.percent_change)


def test_mpdta_agrees_with_diff_diff(reference) -> None:
    """diff-diff 3.13 without covariates, cohort effects: overall effect on the outcome, and its error."""
    diff_diff = pytest.importorskip("diff_diff")
    table = sets.mpdta(reference)
    model = diff_diff.WooldridgeDiD(method="poisson", control_group="not_yet_treated")
    peer = model.fit(
        table.assign(emp=np.exp(table["lemp"])), outcome="emp", unit="countyreal", time="year", first_treat="first"
    )
    found = county(reference, (), scale="level")
    assert found.value == pytest.approx(peer.overall_att, rel=1e-7)
    assert found.standard_error == pytest.approx(peer.overall_se, rel=1e-7)
