"""The bootstrap check: what it says of known worlds, what it judges, and its size with few clusters."""

import dataclasses

import numpy as np
import pytest
import statsmodels.formula.api as smf
from tests.checks.worlds import START, dose_world, panel_of
from tests.contract.panels import make_study, treatment

from balanza.checks import _twoway
from balanza.checks.bootstrap import SPEC
from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import _summary
from balanza.registry import find


def run(study: Study, panel: Panel, seed: int = 0) -> CheckResult:
    return find("checks", "bootstrap").function(study, panel, {}, np.random.default_rng(seed))


def small(seed: int, clusters: int, effect: float = 0.0) -> tuple[Study, Panel]:
    """One unit a cluster with a dose from the middle on, and errors of very unlike spread."""
    rng = np.random.default_rng(seed)
    dose = rng.lognormal(0, 1, (clusters, 1)) * (np.arange(8) >= 4)
    # Errors of a cluster hang together, and grow with its dose: clustered errors are too small.
    after = (np.arange(8) >= 4) * rng.normal(size=(clusters, 1)) * (0.2 + dose.max(axis=1, keepdims=True))
    panel = panel_of(effect * dose + after + 0.2 * rng.normal(size=(clusters, 8)), {"guard": dose})
    return make_study([treatment("dose")], draws=99), dataclasses.replace(panel, start={"guard": 4})


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_true_effect_is_found_and_covered(family: str) -> None:
    study, panel = dose_world(3, effect=0.3, family=family)
    found = run(study, panel)
    assert found.passed is True
    assert found.values["p_value"] <= 0.01
    assert found.values["low"] < 0.3 < found.values["high"]
    assert "turned at random 1,999 times" in found.sentence
    kind = "restricted wild" if family == "gaussian" else "score"
    assert f"({kind} cluster bootstrap of the two-way fit)" in found.sentence


def test_the_interval_has_the_effects_whose_p_is_above_the_level() -> None:
    study, panel = dose_world(3, effect=0.1)
    found = run(study, panel)
    for end, outside in ((found.values["low"], -1e-4), (found.values["high"], 1e-4)):
        for tau, refused in ((end + outside, True), (end - outside, False)):
            shifted = panel.frame.assign(outcome=panel.frame["outcome"] - tau * panel.frame["d_guard"])
            p = run(study, dataclasses.replace(panel, frame=shifted)).values["p_value"]
            assert (p <= 0.05) is refused


def test_each_treatment_is_tested_with_the_others_and_all_together() -> None:
    study, panel = dose_world(5, effect=0.3)
    other = np.random.default_rng(1).random((30, 1)) * (np.arange(48) >= START)
    frame = panel.frame.assign(d_prevention=other.ravel())
    both = dataclasses.replace(study, treatments=(treatment("dose"), treatment("dose", "prevention")))
    found = run(both, dataclasses.replace(panel, frame=frame, start={"guard": START, "prevention": START}))
    slow = smf.ols("outcome ~ d_guard + d_prevention + C(unit) + C(period)", frame).fit()
    assert found.table["treatment"].tolist() == ["guard", "prevention", "all together"]
    np.testing.assert_allclose(found.table["value"][:2], slow.params[["d_guard", "d_prevention"]])
    guard, prevention, joint = found.table["p_value"]
    assert max(guard, joint) <= 0.01 < prevention
    assert found.sentence.endswith("; all together p < 0.001.")


def test_few_clusters_take_all_signs_once() -> None:
    study, panel = small(0, 8)
    first, second = run(study, panel, 0), run(study, panel, 1)
    assert first.values["exhaustive"] and first.values["draws"] == 256
    assert first.values["p_value"] == second.values["p_value"]
    assert "With all 256 ways to turn the signs of 8 clusters' residuals" in first.sentence


def test_where_students_t_finds_what_the_bootstrap_does_not_it_fails() -> None:
    failed = [found for found in (run(*small(seed, 9)) for seed in range(30)) if found.passed is False]
    assert failed  # t refuses the true null of no effect too often here
    for found in failed:
        row = found.table.iloc[0]
        assert row["t_p_value"] <= 0.05 < row["p_value"]
        assert row["low"] < 0 < row["high"] and not row["t_low"] < 0 < row["t_high"]
        assert "What Student's t finds of guard the bootstrap does not." in found.sentence


def test_five_clusters_judge_nothing() -> None:
    found = run(*small(1, 5))
    assert found.passed is None
    assert "Not judged: with 5 clusters p cannot fall below 0.062." in found.sentence
    assert "interval no bound to no bound" in found.sentence
    assert found.values["low"] is None


def test_few_treated_clusters_judge_nothing() -> None:
    rng = np.random.default_rng(0)
    panel = panel_of(rng.normal(size=(30, 12)), {"guard": np.array([4, 6, 6] + [-1] * 27)})
    found = run(make_study([treatment("binary")], draws=99), panel)
    assert found.passed is None
    assert "Not judged: guard changes in 3 clusters only" in found.sentence


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_many_clusters_have_the_sandwich_of_the_two_way_fit(family: str) -> None:
    rng = np.random.default_rng(4)
    dose = rng.random((120, 1)) * (np.arange(6) >= 3)
    panel = panel_of(rng.poisson(9, dose.shape).astype(float), {"guard": dose}, family, cluster=np.arange(120))
    study = make_study([treatment("dose")], family, draws=99)
    row = run(study, dataclasses.replace(panel, start={"guard": 3})).table.iloc[0]
    _, (effect,) = _twoway.fit(_twoway.read(SPEC, study, panel))
    low, high = _summary.interval(effect.value, effect.error, 0.95, 119)
    assert row["errors"] == effect.error_type == "clustered sandwich"
    assert row[["value", "t_low", "t_high"]].tolist() == pytest.approx([effect.value, low, high], rel=1e-6)


@pytest.mark.parametrize("draws", [10, 2.5, "many"])
def test_an_illegal_number_of_draws_is_refused(draws: object) -> None:
    study, panel = small(0, 8)
    asked = dataclasses.replace(study, options={"bootstrap": {"draws": draws}})
    with pytest.raises(Unsupported, match="option draws is"):
        run(asked, panel)


@pytest.mark.slow
@pytest.mark.parametrize("unlike", [False, True])
def test_size_with_ten_clusters(unlike: bool) -> None:
    """1,500 worlds without effect, errors shared within clusters; a share above four binomial errors over 5 % fails."""
    refused = 0
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        after = np.arange(8) >= 4
        spread = rng.lognormal(0, 1, (10, 1)) if unlike else 1.0
        shared = spread * rng.normal(size=(10, 1)) * after
        dose = rng.uniform(0.2, 2, (10, 1)) * after
        panel = panel_of(shared + 0.2 * rng.normal(size=(10, 8)), {"guard": dose})
        found = run(make_study([treatment("dose")], draws=99), dataclasses.replace(panel, start={"guard": 4}))
        refused += found.values["p_value"] <= 0.05
    assert refused / 1500 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1500)
