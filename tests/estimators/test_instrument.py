"""Instruments through the contract: dummies written out, cross-sections, weak and absorbed instruments, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.contract.panels import PERIODS, UNITS, make_panel, make_study, treatment

from balanza.contract import Estimate, Treatment
from balanza.errors import Unsupported
from balanza.estimators import instrument
from balanza.provenance import read_json
from balanza.registry import reason_against
from balanza.results import KEYS, read_estimate, write_estimate

DOSE = Treatment("guard", "dose", column="guard", unit="element")


def world(strength: float = 1.0, effect: float = 2.0, seed: int = 0) -> dict[str, np.ndarray]:
    """A hidden cause of dose and outcome, and a push that reaches the outcome through the dose alone."""
    rng = np.random.default_rng(seed)
    push, hidden, moving = rng.normal(size=(3, UNITS, PERIODS))
    dose = 5 + strength * push + hidden + 0.3 * moving + rng.normal(size=(UNITS, 1))
    noise = 0.3 * rng.normal(size=(UNITS, PERIODS))
    outcome = 50 + effect * dose - 3 * hidden + moving + rng.normal(size=(UNITS, 1)) + np.arange(PERIODS) + noise
    return {"outcome": outcome, "guard": dose, "push": push, "moving": moving}


def run(columns: dict[str, np.ndarray], instruments=("push",), covariates=("moving",), panel=None, **study) -> Estimate:
    others = {name: values for name, values in columns.items() if name not in ("outcome", "guard")}
    made = make_panel(columns["outcome"], {"guard": columns["guard"]}, covariates=others, **(panel or {}))
    asked = make_study([DOSE], covariates=covariates, instruments=instruments, **study)
    return instrument.estimate(asked, made, np.random.default_rng(0))


def dummies(columns: dict[str, np.ndarray], weight: np.ndarray) -> tuple[float, float]:
    """Two stages with a dummy for each unit and period, and the clustered sandwich, written out."""
    unit, period = (codes.ravel() for codes in np.indices((UNITS, PERIODS)))
    root = np.sqrt(weight.ravel())
    fixed = np.column_stack([np.eye(UNITS)[unit], np.eye(PERIODS)[period][:, 1:], columns["moving"].ravel()])
    y, d, z, x = (
        root[:, None] * v for v in (*(columns[n].reshape(-1, 1) for n in ("outcome", "guard", "push")), fixed)
    )
    first, second = np.hstack([z, x]), np.hstack([d, x])
    fitted = first @ np.linalg.lstsq(first, second, rcond=None)[0]
    bread = np.linalg.inv(fitted.T @ fitted)
    slopes = bread @ fitted.T @ y
    scores = fitted * (y - second @ slopes)
    sums = np.array([scores[unit == code].sum(axis=0) for code in range(UNITS)])
    n, k = len(y), 1 + 1 + PERIODS
    size = UNITS / (UNITS - 1) * (n - 1) / (n - k)
    return float(slopes[0, 0]), float(np.sqrt(size * (bread @ sums.T @ sums @ bread)[0, 0]))


@pytest.mark.parametrize("weighted", [False, True])
def test_two_stages_with_dummies_give_the_same(weighted: bool) -> None:
    columns = world()
    weight = 1.0 + np.random.default_rng(4).random((UNITS, PERIODS)) if weighted else np.ones((UNITS, PERIODS))
    kept = {"panel": {"weight": weight}, "weights": "weight"} if weighted else {}
    found, (value, error) = run(columns, **kept), dummies(columns, weight)
    assert found.value == pytest.approx(value) and found.standard_error == pytest.approx(error)
    assert found.interval[0] < 2 < found.interval[1] and found.p_value < 0.001
    assert "not weak" in found.warnings[0] and len(found.warnings) == 1


def test_least_squares_is_wrong_there() -> None:
    from balanza.estimators import twfe

    columns = world()
    made = make_panel(columns["outcome"], {"guard": columns["guard"]})
    biased = twfe.estimate(make_study([DOSE]), made, np.random.default_rng(0))
    assert isinstance(biased, Estimate) and biased.interval[1] < 2


def test_weak_instruments_give_an_unbounded_interval_that_can_be_written(tmp_path: Path) -> None:
    found = run(world(strength=0.0, seed=2))
    assert found.interval == (-np.inf, np.inf) and found.percent_change is None and found.rate_change is None
    assert "are weak" in found.warnings[0] and "unbounded" in found.warnings[1]
    write_estimate(tmp_path, "instrument", found, dict.fromkeys(KEYS))
    assert read_json(tmp_path / "instrument.json")["interval"] == [None, None]
    back = read_estimate(tmp_path, "instrument")
    assert back is not None and np.isnan(back.interval).all() and back.value == found.value


def test_instruments_that_contradict_each_other_give_an_empty_interval() -> None:
    columns = world()
    wrong = np.random.default_rng(7).normal(size=(UNITS, PERIODS))
    columns["guard"] = columns["guard"] + wrong
    found = run({**columns, "wrong": wrong, "outcome": columns["outcome"] - 5 * wrong}, ("push", "wrong"))
    assert np.isnan(found.interval).all() and "is empty" in found.warnings[1] and found.percent_change is None


def test_coverage_of_weak_and_strong_instruments() -> None:
    """200 worlds each, 24 clusters: a 95 % interval must cover between 90 and 99 % of the time."""
    for strength in (0.05, 1.0):
        hits = 0
        for seed in range(200):
            found = run(world(strength, seed=100 + seed))
            rejected = [warning for warning in found.warnings if "and from" in warning]
            low, high = found.interval
            hits += _covers(rejected[0], 2.0) if rejected else low <= 2 <= high
        assert 180 <= hits <= 198, strength


@pytest.mark.parametrize("reach", ["skewed", "three clusters"])
def test_size_with_few_clusters_and_an_instrument_that_few_of_them_share(reach: str) -> None:
    """300 worlds of 32 clusters without effect: no more rejections at 5 % than chance allows in one of 1,000 tests.

    A Wald test of the reduced form, whose variance is that of residuals on the instrument, rejects 14 and 18 % here.
    """
    from scipy.stats import binom

    n, span, worlds = 32, 24, 300
    late, rejected = np.arange(span) >= span // 2, 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        hidden, own = 0.3 * (rng.normal(size=(2, n, span)).cumsum(axis=2) + rng.normal(size=(2, n, span)))
        push = (np.exp(rng.normal(size=n)) if reach == "skewed" else np.arange(n) < 3)[:, None] * late
        dose = push + hidden + rng.normal(size=(n, 1))
        rejected += run({"outcome": hidden + own, "guard": dose, "push": push * 1.0}, covariates=()).p_value < 0.05
    assert rejected <= binom.ppf(0.999, worlds, 0.05), rejected / worlds


def _covers(sentence: str, value: float) -> bool:
    """From a sentence such as `unbounded: up to -1.2 and from 3.4 on`."""
    words = sentence.split()
    return value <= float(words[words.index("to") + 1]) or value >= float(words[len(words) - 2])


def test_an_instrument_constant_in_time_is_refused_with_the_cure() -> None:
    columns = {**world(), "base": np.arange(UNITS, dtype=float)}
    with pytest.raises(Unsupported, match=r"base has no variation of its own.*times something that moves"):
        run(columns, ("base",))
    found = run({**columns, "base": columns["push"]}, ("base",))
    assert found.value == pytest.approx(run(columns).value)


def test_refusals_come_before_any_work() -> None:
    columns = world()
    with pytest.raises(Unsupported, match="names no instruments"):
        run(columns, ())
    with pytest.raises(Unsupported, match="repeats the others"):
        run({**columns, "twin": 2 * columns["push"]}, ("push", "twin"))
    with pytest.raises(Unsupported, match="2 instruments and only 3 clusters"):
        run({**columns, "other": columns["moving"]}, ("push", "other"), panel={"cluster": np.arange(UNITS) // 8})
    two = make_study([treatment("dose"), treatment("dose", "prevention")], instruments=("push",))
    assert "one treatment, not 2" in str(reason_against(instrument.SPEC, two))


def test_baseline_covariates_enter_times_period() -> None:
    columns, trait = world(), np.random.default_rng(3).normal(size=UNITS)
    path = trait[:, None] * np.sin(np.arange(PERIODS))
    changed = {**columns, "trait": trait, "outcome": columns["outcome"] + 7 * path, "push": columns["push"] + path}
    found = run(changed, covariates=("moving", "trait"))
    plain_world = run({**columns, "trait": trait}, covariates=("moving", "trait"))
    assert found.value == pytest.approx(plain_world.value) and found.standard_error == pytest.approx(
        plain_world.standard_error
    )


def test_a_single_period_is_a_cross_section() -> None:
    columns = {name: values[:, :1] for name, values in world().items()}
    found = run(columns)
    x = np.column_stack([np.ones(UNITS), columns["moving"]])
    first, second = np.column_stack([columns["push"], x]), np.column_stack([columns["guard"], x])
    slopes = np.linalg.solve(first.T @ second, first.T @ columns["outcome"][:, 0])
    assert found.value == pytest.approx(slopes[0]) and found.n_observations == UNITS
