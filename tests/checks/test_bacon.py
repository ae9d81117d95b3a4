"""The decomposition as a check: it gives back the linear two-way estimate, and refuses what it cannot take apart."""

import dataclasses

import numpy as np
import pytest
from tests.contract.panels import make_panel, make_study, treatment

from balanza.checks import bacon
from balanza.contract import CheckResult, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import twfe

UNITS, PERIODS = 24, 12
FIRST = np.repeat([4, 7, -1, 40], 6)


def world(family: str = "gaussian", first: np.ndarray = FIRST, **changes) -> tuple[Study, Panel]:
    rng = np.random.default_rng(3)
    outcome = rng.poisson(20, size=(UNITS, PERIODS)).astype(float)
    exposure = rng.uniform(1e4, 9e4, size=outcome.shape) if family == "poisson" else None
    panel = make_panel(outcome, {"guard": first}, exposure=exposure, **changes)
    return make_study([treatment("binary")], family), panel


def run(study: Study, panel: Panel) -> CheckResult:
    return bacon.check(study, panel, {}, np.random.default_rng(0))


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("weights", [None, "people"])
def test_weights_and_comparisons_give_back_the_two_way_estimate(family: str, weights: str | None) -> None:
    given = np.random.default_rng(1).uniform(1, 3, UNITS) if weights else None
    study, panel = world(family, weight=given)
    study = dataclasses.replace(study, weights=weights)
    result = run(study, panel)
    estimate = twfe.estimate(study, panel, np.random.default_rng(0)).value
    assert result.passed is None
    assert float(result.table["weight"] @ result.table["value"]) == pytest.approx(estimate, rel=1e-9)
    assert sum(result.values["weights"].values()) == pytest.approx(1)
    assert f"{estimate:.4g}, is the mean of 4 comparisons" in result.sentence


def test_cohorts_go_by_their_periods_and_those_after_the_window_are_never_treated() -> None:
    table = run(*world()).table
    assert list(zip(table["sort"], table["treated"], table["control"], strict=True)) == [
        ("treated against never treated", "2015-05", "never"),
        ("treated against never treated", "2015-08", "never"),
        ("earlier against later", "2015-05", "2015-08"),
        ("later against earlier", "2015-08", "2015-05"),
    ]


def test_weights_by_hand() -> None:
    # n = 1/4, 1/4, 1/2 of units; D = 8/12, 5/12, 0. In 1/(16 144) each: 2 x 8 x 4, 2 x 5 x 7, 3 x 4 and 3 x 5
    assert run(*world()).table["weight"].to_numpy() == pytest.approx(np.array([64, 70, 12, 15]) / 161)


def test_one_cohort_is_one_comparison() -> None:
    result = run(*world(first=np.repeat([5, -1], 12)))
    assert "is one comparison, of treated with never treated units." in result.sentence
    assert "None of the 7 effects by cohort and period has a negative weight" in result.sentence
    assert result.values["forbidden"] == 0


def test_growing_effects_of_early_units_turn_the_sign_and_it_says_so() -> None:
    first = np.repeat([1, 9], 12)
    since = np.maximum(np.arange(PERIODS) - first[:, None] + 1, 0)
    study, panel = make_study([treatment("binary")]), make_panel(since**2.0, {"guard": first})
    result = run(study, panel)
    assert result.values["coefficient"] < 0
    assert result.values["n_negative"] == 3  # those of the early cohort in the three periods in which all are treated
    assert "without these comparisons the mean is" in result.sentence
    assert "Of 14 effects by cohort and period, 3 have a negative weight, together -" in result.sentence


def test_only_always_treated_controls() -> None:
    result = run(*world(first=np.repeat([0, 6], 12)))
    assert result.values["forbidden"] == 1
    assert "All controls are already treated units" in result.sentence


def test_what_it_cannot_take_apart_is_refused() -> None:
    study, panel = world()
    lacking = dataclasses.replace(panel, frame=panel.frame.iloc[1:])
    with pytest.raises(Unsupported, match="a row of each unit in each period"):
        run(study, lacking)
    weighted = dataclasses.replace(panel, frame=panel.frame.assign(weight=np.arange(len(panel.frame)) + 1.0))
    with pytest.raises(Unsupported, match="people changes"):
        run(dataclasses.replace(study, weights="people"), weighted)
    with pytest.raises(Unsupported, match="no covariates"):
        run(dataclasses.replace(study, covariates=("poverty",)), panel)
    with pytest.raises(Unsupported, match="one treatment"):
        run(dataclasses.replace(study, treatments=(treatment("binary"), treatment("binary", "other"))), panel)
    with pytest.raises(Unsupported, match="treated from the first period on"):
        run(*world(first=np.repeat([0, -1], 12)))
