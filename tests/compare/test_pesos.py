"""Pesos: hand calculations, and over many worlds the level of the intervals and the rate of the unbounded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student
from tests.compare import worlds

from balanza.compare import pesos
from balanza.compare.joint import joint_effects
from balanza.compare.pesos import Effects, Places
from balanza.contract import Estimate
from balanza.estimators import poisson
from balanza.verbs.weigh import places_of

ROOT = Path(__file__).resolve().parents[2]
PRICES = np.array([268_460 * 100 / 100_000, 1000.0])  # pesos of a stated unit for one person
NAMES = ("guard", "prevention")
PLACES = Places(np.array([300.0, 100.0]), np.array([2e6, 1e6]), np.array([[0.5, 1.1], [0.1, 0.4]]))
EFFECTS = Effects(np.array([-0.2, -0.4]), np.array([[0.0025, 0.001], [0.001, 0.04]]), 31)
T31 = 2.0395  # Student's t(31) at .975, Abramowitz and Stegun's table interpolated


def test_pesos_for_each_person_by_hand() -> None:
    doses = pesos.added(PLACES, PRICES, 3e6, "people")  # one peso a person
    assert doses == pytest.approx(np.array([[1 / 268.46] * 2, [0.001] * 2]))
    slope = pesos.slopes(PLACES, doses)
    assert slope == pytest.approx([400 / 268.46, 0.4])
    found = pesos.weigh(EFFECTS, slope, 3e6, 0.95, np.array([0.5, 1.0]))
    value, low, high = found["arms"][0]["avoided"]
    assert value == pytest.approx(0.2 * 400 / 268.46)
    half = T31 * 0.05 * 400 / 268.46
    assert (low, high) == pytest.approx((value - half, value + half), rel=1e-3)
    assert found["arms"][0]["pesos_each"]["low"] == pytest.approx(3e6 / high)
    assert found["arms"][0]["pesos_each"]["high"] == pytest.approx(3e6 / low)
    assert found["arms"][1]["pesos_each"] == {"word": "unbounded", "value": None, "low": None, "high": None}
    contrast = found["contrast"]
    variance = slope[0] ** 2 * 0.0025 + slope[1] ** 2 * 0.04 - 2 * slope[0] * slope[1] * 0.001
    assert contrast["value"] == pytest.approx(0.16 - value)
    assert contrast["standard_error"] == pytest.approx(np.sqrt(variance))
    assert contrast["p_one_sided"] == pytest.approx(student.sf(contrast["value"] / np.sqrt(variance), 31))
    assert not contrast["told"]


def test_effects_on_the_rate_avoid_by_head() -> None:
    doses = pesos.added(PLACES, PRICES, 3e6, "people")
    slope = pesos.slopes(PLACES, doses, "rate")
    assert slope == pytest.approx([30 / 268.46, 30 * 0.001])  # three million people are thirty times 100,000
    found = pesos.bought(replace(EFFECTS, scale="rate"), slope, 3e6, 0.95)
    assert found["arms"][0]["avoided"][0] == pytest.approx(0.2 * 30 / 268.46)
    assert found["contrast"]["value"] == pytest.approx(0.4 * 0.03 - 0.2 * 30 / 268.46)


def test_estimates_on_other_scales_have_no_pesos() -> None:
    study = worlds.study(ROOT)
    found = fitted(1, {"guard": 0.0, "prevention": 0.0})
    levels = {name: replace(item, scale="level", rate_change=None) for name, item in found.items()}
    assert "neither proportional nor on the rate" in str(joint_effects(study, levels, NAMES))
    rates = {name: replace(item, scale="level") for name, item in found.items()}
    joint = joint_effects(study, rates, NAMES)
    assert isinstance(joint, Effects) and joint.scale == "rate"


def test_pesos_where_the_doses_are_by_hand() -> None:
    doses = pesos.added(PLACES, PRICES, 3e6, "as_spent")
    shares = np.array([1.0, 1.1]) / 2.1  # of elements: .5 x 2 million, 1.1 x 1 million
    assert doses[0] == pytest.approx(3e6 * shares / np.array([2e6, 1e6]) / 268.46)
    assert (doses * PLACES.people).sum(axis=1) * PRICES == pytest.approx([3e6, 3e6])


def test_both_arms_buy_the_same_at_the_price_and_at_the_effect_that_turn_the_choice() -> None:
    slope = pesos.slopes(PLACES, pesos.added(PLACES, PRICES, 3e6, "people"))
    turning = pesos.flips(EFFECTS, slope, 268_460, 0.95)
    at_price = PRICES * [turning["price"]["value"] / 268_460, 1]
    same = pesos.slopes(PLACES, pesos.added(PLACES, at_price, 3e6, "people"))
    assert same[0] * EFFECTS.value[0] == pytest.approx(same[1] * EFFECTS.value[1])
    effect = turning["effect"]
    assert effect["value"] * slope[0] == pytest.approx(slope[1] * EFFECTS.value[1])
    assert effect["errors_away"] == pytest.approx(abs(effect["value"] + 0.2) / 0.05)


@pytest.mark.parametrize(
    ("effects", "reason"),
    [
        ((0.2, -0.4), "the second arm avoids events and the first does not"),
        ((-0.2, 0.4), "the first arm avoids events and the second does not"),
        ((0.2, 0.4), "neither arm avoids events"),
    ],
)
def test_no_price_turns_a_choice_between_signs(effects: tuple[float, float], reason: str) -> None:
    found = pesos.flips(replace(EFFECTS, value=np.array(effects)), np.ones(2), 1.0, 0.95)["price"]
    assert found["value"] is None and found["reason"].startswith(reason)


def test_the_margin_is_the_start_of_the_line() -> None:
    doses = pesos.added(PLACES, PRICES, 3.0, "people")
    value, low, high = pesos.line(EFFECTS, PLACES, doses[0], 0, 0.95)
    margin = pesos.weigh(EFFECTS, pesos.slopes(PLACES, doses), 3.0, 0.95, np.ones(2))["arms"][0]["avoided"]
    assert (value, low, high) == pytest.approx(margin, rel=1e-6)
    doubled = pesos.line(EFFECTS, PLACES, np.full(2, np.log(2) / 0.2), 0, 0.95)[0]
    assert doubled == pytest.approx(200.0)  # exp(-.2 d) = 1/2


def test_a_missing_covariance_is_told() -> None:
    study = worlds.study(ROOT)
    found = fitted(1, {"guard": 0.0, "prevention": 0.0})
    bare = {name: replace(item, covariance=None) for name, item in found.items()}
    assert "no joint covariance" in str(joint_effects(study, bare, NAMES))
    joint = joint_effects(study, found, NAMES)
    assert isinstance(joint, Effects)
    errors = [found[item.name].standard_error for item in study.treatments]
    assert np.sqrt(np.diag(joint.covariance)) == pytest.approx(errors)


def fitted(seed: int, effects: dict[str, float]) -> dict[str, Estimate]:
    # bins as wide as the window: the event study is not looked at here
    study = replace(worlds.study(ROOT), event_bins=48, options={"poisson": {"draws": 1}})
    found = poisson.estimate(study, worlds.panel(seed, effects), np.random.default_rng(0))
    assert not isinstance(found, Estimate)
    return dict(found)


def weighed(seed: int, effects: dict[str, float]) -> tuple[dict, float]:
    """What a world's weighing finds, and the true contrast."""
    places = places_of(worlds.panel(seed, effects), NAMES)
    slope = pesos.slopes(places, pesos.added(places, PRICES, 1e9, "people"))
    joint = joint_effects(worlds.study(ROOT), fitted(seed, effects), NAMES)
    assert isinstance(joint, Effects)
    known = {name: {"value": value} for name, value in effects.items()}
    truth = pesos.truth_of(known, slope, NAMES)["contrast"]
    return pesos.weigh(joint, slope, 1e9, 0.95, 0.3 / places.mean_doses), truth


@pytest.mark.slow
@pytest.mark.parametrize("effects", [(0.0, 0.0), (-0.2, -0.4), (0.2, 0.4), (-0.2, 0.4)])
def test_the_contrast_covers_the_truth_at_its_level(effects: tuple[float, float]) -> None:
    """Binomial(100, .95): fewer than 89 in 1 of 230 tries."""
    found = [weighed(seed, dict(zip(NAMES, effects, strict=True))) for seed in range(100)]
    covered = [low <= truth <= high for item, truth in found for low, high in [item["contrast"]["interval"]]]
    assert sum(covered) >= 89
    if effects == (0.0, 0.0):
        p_values = np.array([item["contrast"]["p_one_sided"] for item, _ in found])
        assert (p_values <= 0.05).sum() <= 11  # more in 1 of 87 tries
        assert (p_values >= 0.95).sum() <= 11


@pytest.mark.slow
def test_without_an_effect_pesos_for_each_are_unbounded_at_the_level() -> None:
    found = [weighed(1000 + seed, {"guard": 0.0, "prevention": 0.0})[0] for seed in range(100)]
    for arm in range(2):
        words = [item["arms"][arm]["pesos_each"]["word"] for item in found]
        assert words.count("unbounded") >= 89
