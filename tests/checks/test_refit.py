"""Refits through the registry: who makes them, and when a claim counts as broken."""

import dataclasses

import numpy as np
import pytest
from tests.checks.worlds import UNITS, dose_world

from balanza import altered
from balanza.checks import _refit, _twoway, leave_one_state_out
from balanza.checks._refit import Line
from balanza.estimators import poisson
from balanza.kernels import cluster_moments

SPEC = leave_one_state_out.SPEC


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_headline_refits_itself_exactly() -> None:
    study, panel = dose_world(1, effect=0.3, family="poisson")
    study = dataclasses.replace(study, headline="poisson")
    fitter = _refit.refitter(SPEC, study, panel, rng(), 2)
    expected = poisson.estimate(study, panel, rng())
    assert _refit.numbers(fitter.base[0]) == (expected.value, *expected.interval)
    assert (fitter.engine, fitter.scale) == ("by poisson, the headline", "log")


@pytest.mark.parametrize(
    ("headline", "refits", "why"),
    [
        (None, 2, "the study names no headline"),
        ("synthetic_did", 2, "takes too long to refit"),
        ("poisson", 10_000_000, "takes too long for 10000000 refits"),
        ("callaway_santanna", 2, "cannot be fitted here"),
    ],
)
def test_the_two_way_fit_stands_in_and_says_why(headline: str | None, refits: int, why: str) -> None:
    study, panel = dose_world(1, effect=0.3, family="poisson")
    fitter = _refit.refitter(SPEC, dataclasses.replace(study, headline=headline), panel, rng(), refits)
    assert why in fitter.engine and fitter.engine.startswith("by the two-way fit")
    assert fitter.base[0].value == pytest.approx(poisson.estimate(study, panel, rng()).value, rel=1e-8)


def line(low: float, high: float, p: float) -> Line:
    return Line("case", "guard", (low + high) / 2, 1.0, low, high, p)


def test_a_claim_breaks_by_sign_or_zero_and_none_by_a_clear_effect_among_many() -> None:
    rise, fall, nothing, blurred = line(1, 3, 0.001), line(-3, -1, 0.001), line(-1, 2, 0.4), line(0.1, 3, 0.04)
    assert _refit.broken_claims(rise, [rise, fall, nothing], 0.95) == [fall, nothing]
    # of two looks each has half of 5 %: .04 is no claim, .001 is one
    assert _refit.broken_claims(nothing, [blurred, fall], 0.95) == [fall]
    assert _refit.broken_claims(nothing, [blurred], 0.95) == [blurred]


def test_the_error_of_a_difference_leaves_clusters_out_of_both_fits() -> None:
    study, panel = dose_world(3, effect=0.3)
    other = panel.frame["outcome"] * 1.5 + np.random.default_rng(1).normal(size=len(panel.frame))
    second = dataclasses.replace(panel, frame=panel.frame.assign(outcome=other))
    found = [_twoway.fit(_twoway.read(SPEC, study, item))[0] for item in (panel, second)]
    effect = _refit.difference(found[1], found[0], 0)
    changes = []
    for out in range(UNITS):  # slowly: one unit at a time, each fit anew
        values = []
        for item in (panel, second):
            design = _twoway.read(SPEC, study, altered.keep_units(item, np.arange(UNITS) != out))
            values.append(_twoway.fit(design)[1][0].value)
        changes.append(values[1] - values[0] - effect.value)
    expected = np.sqrt((UNITS - 1) / UNITS * np.sum(np.square(changes)))
    assert effect.error == pytest.approx(expected, rel=1e-6)
    same = _refit.difference(found[0], found[0], 0)
    assert (same.value, same.error) == (0, 0)
    assert cluster_moments.SANDWICH not in effect.error_type
