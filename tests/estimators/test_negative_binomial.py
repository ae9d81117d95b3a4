"""The negative binomial baseline: its effects, units, weights, event study and refusals."""

import dataclasses

import numpy as np
import pytest
from tests.contract.panels import FIRST, PERIODS, START, UNITS, make_panel, make_study, treated, treatment

from balanza.contract import Outcome
from balanza.errors import Unsupported
from balanza.estimators import negative_binomial, poisson
from balanza.kernels import jackknife as jackknife_kernel

PEOPLE = np.linspace(2e5, 9e5, UNITS)[:, None] * np.linspace(1, 1.1, PERIODS)
CLUSTER = np.arange(UNITS) // 2
ON = (FIRST >= 0)[:, None] & (np.arange(PERIODS) >= FIRST[:, None])


def counts(seed: int = 0, effect: float = 0.3, dispersion: float = 0.3, spread: float = 0.0) -> np.ndarray:
    """Counts with a Gamma factor for each row and, with `spread`, levels that differ within clusters."""
    rng = np.random.default_rng(seed)
    rate = np.exp(3 + 0.3 * rng.normal(size=UNITS)[CLUSTER] + spread * rng.normal(size=UNITS))[:, None]
    mean = rate * PEOPLE / 1e5 / 12 * np.exp(0.1 * np.sin(np.arange(PERIODS)) + effect * ON)
    return rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, ON.shape)).astype(float)


def run(y, kind="binary", estimator=negative_binomial, study=None, panel=None, **options):
    panel, study = dict(panel or {}), dict(study or {})
    study.setdefault("covariates", tuple(panel.get("covariates", ())))
    if "weight" in panel:
        study["weights"] = "weight"
    asked = make_study([treatment(kind)], "poisson", options={estimator.SPEC.name: options}, **study)
    start = {"guard": START} if kind == "dose" else None
    given = {"exposure": PEOPLE, "cluster": CLUSTER, **panel}
    return estimator.estimate(
        asked, make_panel(y, {"guard": treated(kind)}, start=start, **given), np.random.default_rng(0)
    )


def test_the_effect_is_found_and_read_in_per_cent_and_as_a_rate() -> None:
    y = counts()
    found = run(y)
    low, high = found.interval
    assert low < 0.3 < high and found.scale == "log" and "dispersion" in found.standard_error_type
    assert found.percent_change == pytest.approx(tuple(100 * np.expm1([found.value, low, high])))
    observed = y[ON].sum() / PEOPLE[ON].sum() * 1e5 * 12
    assert found.rate_change == pytest.approx(tuple(observed * -np.expm1(-np.array([found.value, low, high]))))
    assert (found.n_treated, found.n_units, found.n_clusters) == (12, UNITS, UNITS // 2)


def test_effects_are_those_of_clusters_unless_units_are_asked_for() -> None:
    """Levels that differ between treated and other units of a cluster are taken for effects by the first only."""
    y = counts(spread=1.0, dispersion=0.01)
    wide = np.tile(np.arange(4), 6)
    by_state, by_unit = (run(y, panel={"cluster": wide}, effects=effects) for effects in ("cluster", "unit"))
    assert abs(by_unit.value - 0.3) < 0.15 < abs(by_state.value - 0.3)
    assert by_unit.n_clusters == by_state.n_clusters == 4


def test_without_excess_variance_it_is_the_fixed_effects_poisson() -> None:
    mean = np.outer(np.linspace(20, 60, UNITS), np.linspace(1, 1.3, PERIODS)) * np.exp(0.2 * ON)
    y = np.round(mean * (1 + 0.02 * np.random.default_rng(0).normal(size=mean.shape)))
    for errors in ("sandwich", "jackknife"):
        ours, theirs = (
            run(y, estimator=estimator, standard_errors=errors, **options)
            for estimator, options in ((negative_binomial, {"effects": "unit"}), (poisson, {}))
        )
        assert ours.value == pytest.approx(theirs.value, abs=1e-8)
        assert ours.standard_error == pytest.approx(theirs.standard_error, rel=1e-6)
        assert errors in ours.standard_error_type
    np.testing.assert_allclose(ours.rows["value"], theirs.rows["value"], atol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "dose", "reversible"])
def test_event_studies_are_those_of_the_kind(kind) -> None:
    found = run(counts(), kind)
    if kind == "reversible":
        assert found.rows is None
    else:
        assert -3 not in set(found.rows["event_time"]) and (found.rows["kind"] == "event_time").all()


def test_few_clusters_are_left_out_in_turn_and_many_are_not(monkeypatch) -> None:
    y = counts()
    jackknife, sandwich = (run(y, standard_errors=errors) for errors in ("jackknife", "sandwich"))
    assert run(y).standard_error == jackknife.standard_error > sandwich.standard_error
    monkeypatch.setattr(jackknife_kernel, "FEW", UNITS // 2 - 1)
    assert run(y).standard_error == sandwich.standard_error


def test_too_fine_event_studies_are_refused() -> None:
    found = run(counts(), study={"event_bins": 1})
    assert found.rows is None
    assert any("free coefficients and only 12 clusters" in text for text in found.warnings)


def test_a_weight_of_two_is_a_unit_twice() -> None:
    weight, y = 1.0 + np.arange(UNITS) % 2, counts()
    copies = np.repeat(np.arange(UNITS), weight.astype(int))
    panel = make_panel(y[copies], {"guard": FIRST[copies]}, exposure=PEOPLE[copies], cluster=CLUSTER[copies])
    copied = negative_binomial.estimate(make_study([treatment("binary")], "poisson"), panel, np.random.default_rng(0))
    assert run(y, panel={"weight": weight}).value == pytest.approx(copied.value, abs=1e-9)


def test_covariates_have_one_slope_each() -> None:
    """A level that differs within clusters, told by a covariate, is no longer taken for an effect."""
    level = np.where(FIRST >= 0, 1.0, 0.0) + np.linspace(-1, 1, UNITS)
    y = np.round(PEOPLE / 1e3 * np.exp(level[:, None] + 0.3 * ON))
    found = run(y, panel={"cluster": np.tile(np.arange(4), 6), "covariates": {"level": level}})
    assert found.value == pytest.approx(0.3, abs=0.01)
    with pytest.raises(Unsupported, match="level has no variation of its own"):
        run(y, panel={"covariates": {"level": CLUSTER.astype(float)}})


def test_without_exposure_and_without_events() -> None:
    y = counts()
    y[:2] = 0
    y[:, 3] = 0
    found = run(y)
    assert found.n_units == UNITS - 2 and found.n_observations == (UNITS - 2) * (PERIODS - 1)
    assert any("2 of 24 units lie in groups without any homicides" in text for text in found.warnings)
    assert any("1 of 12 periods have no homicides" in text for text in found.warnings)
    asked = make_study([treatment("binary")], "poisson")
    asked = dataclasses.replace(asked, outcome=Outcome("homicides", "poisson"))
    panel = make_panel(counts(), {"guard": FIRST}, cluster=CLUSTER)
    assert negative_binomial.estimate(asked, panel, np.random.default_rng(0)).rate_change is None


def test_what_runs_to_infinity_is_refused() -> None:
    with pytest.raises(Unsupported, match="guard runs to infinity"):
        run(np.where(ON, 0.0, counts()))
    with pytest.raises(Unsupported, match="only one cluster has any event"):
        run(np.where(CLUSTER[:, None] == 0, counts(), 0.0))
    with pytest.raises(Unsupported, match="effects"):
        run(counts(), effects="state")
