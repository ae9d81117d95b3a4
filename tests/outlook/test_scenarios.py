"""The arithmetic of scenarios by hand: courses, doses within limits, displacement, effects as sets, and their files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.stats import norm

from balanza.errors import ConfigError, PanelError
from balanza.outlook import settings
from balanza.outlook.doses import Country, felt, plan, progress, response
from balanza.outlook.effects import EffectSet, correlations, resolve
from balanza.outlook.scenario_file import Course, Effect, Scenario, load
from balanza.outlook.scenarios import World, _shares, displaced, lay, typical_path, weights
from balanza.provenance import write_parquet

SETTINGS = settings.load(Path("config/outlook.yaml"))
NORMAL = {"sd": 0.3, "source": "a prior"}
COUNTRY = Country(
    states=("01", "02", "03"),
    people=np.array([1e6, 2e6, 1e6]),
    elements=np.array([1000.0, 2000.0, 500.0]),
    pesos=np.array([1e8, 2e8, 1e8]),
    rate=np.array([5.0, 50.0, 20.0]),
)


def course(**keys: Any) -> Course:
    return Course.model_validate(keys)


def scenario(*interventions: dict[str, Any], **keys: Any) -> Scenario:
    base = {"name": "toy", "title": "Toy", "question": "?", "start": "2026-01"}
    return Scenario.model_validate(base | {"interventions": list(interventions)} | keys)


def cut(change: float, months: int = 1, **keys: Any) -> dict[str, Any]:
    return {"arm": "guard", "change": change, "months": months, "effect": {"per": 100, "normal": NORMAL}} | keys


SPEND = {"arm": "prevention", "money": "freed", "effect": {"per": 1000, "normal": NORMAL}}


def test_an_effect_waits_rises_and_decays() -> None:
    found = response(7, course(delay=2, ramp=2, half_life=1))
    assert found == pytest.approx([0, 0, 0.5, 1, 0.5, 0.25, 0.125])
    assert response(4, course()) == pytest.approx([1, 1, 1, 1])


def test_a_plan_is_carried_out_in_even_steps() -> None:
    assert progress(5, 1, 2) == pytest.approx([0, 0.5, 1, 1, 1])


def test_each_step_of_a_dose_has_its_own_course() -> None:
    dose = np.array([[0.0], [4.0], [8.0], [8.0]])
    # Steps of 4 in months 1 and 2, each felt half at once and in full a month later.
    assert felt(dose, course(ramp=2))[:, 0] == pytest.approx([0, 2, 6, 8])
    # With a half-life of a month, each step is halved in each month after its first.
    assert felt(dose, course(half_life=1))[:, 0] == pytest.approx([0, 4, 6, 3])


def test_a_smaller_guard_frees_money_that_the_programme_spends_by_head() -> None:
    found = plan(scenario(cut(-0.2), SPEND), COUNTRY, SETTINGS, 3, 1, cost=300_000)
    # A fifth of 3,500 elements at 300,000 pesos is 210 million, over 4 million people: 52.5 pesos a head.
    assert found.elements == pytest.approx(-700)
    assert (found.freed, found.spent) == pytest.approx((210e6, 210e6))
    assert found.doses["guard"][2] == pytest.approx([-20, -20, -10])  # per 100,000: a fifth of 100, 100 and 50
    assert found.doses["prevention"][:, 0] == pytest.approx([0, 52.5, 52.5])
    assert found.limited == []


def test_the_programme_cannot_spend_more_than_its_limit() -> None:
    tight = SETTINGS.model_copy(update={"prevention": SETTINGS.prevention.model_copy(update={"most": 500.0})})
    found = plan(scenario(cut(-0.2), SPEND), COUNTRY, tight, 3, 1, cost=300_000)
    # It spends 400 million already, so that 100 million are left of 500: 25 pesos a head.
    assert found.spent == pytest.approx(100e6)
    assert found.doses["prevention"][2] == pytest.approx([25, 25, 25])
    assert "110 million of what is freed are not spent" in found.limited[0]


def test_the_guard_cannot_be_hired_faster_than_its_limit() -> None:
    slow = SETTINGS.model_copy(update={"guard": SETTINGS.guard.model_copy(update={"hired_a_year": 120.0})})
    prevention = {"arm": "prevention", "change": -0.5, "effect": {"per": 1000, "normal": NORMAL}}
    guard = {"arm": "guard", "money": "freed", "effect": {"per": 100, "normal": NORMAL}}
    found = plan(scenario(prevention, guard), COUNTRY, slow, 4, 1, cost=1e6)
    # Half of 400 million pays 200 elements; ten a month are hired, from month 1 on.
    assert found.doses["guard"][:, 0] * 4e6 / 1e5 == pytest.approx([0, 10, 20, 30])
    assert (found.elements, found.spent) == pytest.approx((30, 30e6))
    assert "the plan lags for 3 months, and ends 170 short" in found.limited[0]


def test_moving_elements_keeps_their_number() -> None:
    move = {"arm": "guard", "move": {"share": 0.5, "from": "low", "to": "high"}, "effect": {"normal": NORMAL}}
    found = plan(scenario(move), COUNTRY, SETTINGS, 2, 0, cost=1e6)
    moved = found.doses["guard"][-1] * COUNTRY.people / 1e5
    assert moved == pytest.approx([-500, 500, 0])  # half of the 1,000 of state 01, to 02, where the rate is highest


def test_displacement_keeps_the_total_and_stays_next_door() -> None:
    touching = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
    near = weights(touching, np.array([10.0, 30.0, 20.0]))
    assert near[1] == pytest.approx([1 / 3, 0, 2 / 3])
    paths, change = np.array([100.0, 300.0, 200.0]), np.array([0.0, -30.0, 0.0])
    all_of_it = displaced(paths, change, np.array(1.0), near)
    assert all_of_it == pytest.approx([110, 270, 220])
    assert all_of_it.sum() == pytest.approx(paths.sum())
    assert displaced(paths, change, np.array(0.0), near) == pytest.approx([100, 270, 200])
    assert displaced(paths, change, np.array(-0.5), near) == pytest.approx([95, 270, 190])  # they move alike


def test_a_scenario_with_a_known_effect_by_hand() -> None:
    paths = np.tile([100.0, 300.0, 200.0], (20, 3, 1))
    world = World(paths, COUNTRY, np.zeros((3, 3)), SETTINGS)
    effects = {"guard": EffectSet("interval", -0.5, -0.5, "", "")}
    laid = lay(scenario(cut(-0.2)), effects, world, 1, np.random.default_rng(1))
    # Doses of -0.2, -0.2 and -0.1 units, each with -0.5 on the log: more victims, since less of a good thing.
    after = 100 * np.exp(0.1) + 300 * np.exp(0.1) + 200 * np.exp(0.05)
    for layer in ("all", "noise", "effect", "displacement", "cost"):
        assert laid.country[layer] == pytest.approx(np.tile([600, after, after], (20, 1)))
    assert laid.ends[:, -1] == pytest.approx(np.full(len(laid.ends), after))


def test_sources_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    paths = rng.poisson(200, (400, 2, 3)).astype(float)
    near = weights(~np.eye(3, dtype=bool), np.ones(3))
    given = {"low": -0.4, "high": 0.5, "source": "s"}
    found = scenario(cut(-0.2), displacement=given)
    effects = {"guard": resolve(Effect.model_validate({"per": 100, "normal": NORMAL}), None)}
    laid = lay(found, effects, World(paths, COUNTRY, near, SETTINGS), 0, rng)
    spread = {layer: float(values[:, -1].std()) for layer, values in laid.country.items()}
    assert spread["noise"] == pytest.approx(paths[:, -1].sum(axis=1).std(), rel=0.01)
    assert spread["cost"] == pytest.approx(0, abs=1e-9)  # no money changes hands
    assert spread["all"] > max(spread["noise"], spread["effect"]) > 0
    # The corners of the set hold 95 per cent of what the effect's draws give.
    low, high = np.quantile(laid.country["effect"][:, -1], [0.03, 0.97])
    assert laid.ends[:, -1].min() <= low < high <= laid.ends[:, -1].max()


def test_the_typical_path_has_the_median_of_the_sum() -> None:
    paths = np.random.default_rng(1).lognormal(3, 1, (500, 2, 4))
    assert typical_path(paths).sum(axis=1) == pytest.approx(np.median(paths.sum(axis=2), axis=0))


def test_priors_have_the_quantiles_that_they_state() -> None:
    normal = resolve(Effect.model_validate({"normal": {"mean": 0.1, "sd": 0.3, "source": "s"}}), None)
    assert normal.quantile(np.array([0.025, 0.5])) == pytest.approx([0.1 - 0.3 * norm.ppf(0.975), 0.1])
    assert normal.above == pytest.approx(0.4)
    signs = resolve(Effect.model_validate({"signed": {"fewer": 3, "more": 1, "sd": 0.2, "source": "s"}}), None)
    draws = signs.quantile(np.random.default_rng(1).uniform(size=100_000))
    assert (draws < 0).mean() == pytest.approx(0.75, abs=0.005)
    # Each side is half a normal, of which the mean distance from zero is sd sqrt(2 / pi).
    for side in (draws[draws < 0], draws[draws > 0]):
        assert np.abs(side).mean() == pytest.approx(0.2 * np.sqrt(2 / np.pi), rel=0.03)


def results(folder: Path, *, identified: bool = True, interval: Any = (-0.5, -0.1), honest: Any = None) -> Path:
    own = folder / "versus"
    (own / "checks").mkdir(parents=True)
    row = {"stem": "poisson.guard", "treatment": "guard", "estimator": "poisson", "title": "Poisson", "status": "ran"}
    row |= {"scale": "log", "interval": list(interval)}
    (own / "comparison.json").write_text(json.dumps({"headline": "poisson", "rows": [row]}))
    arm = {"treatment": "guard", "identified_here": identified, "reason": "A path stays open."}
    (own / "identification.json").write_text(json.dumps({"arms": [arm]}))
    if honest:
        table = {"estimate": "poisson.guard", "target": "average", "restriction": "relative magnitudes", "bound": 1}
        table |= {"low": honest[0], "high": honest[1]}
        (own / "checks" / "honest_did.json").write_text(json.dumps({"table": [table]}))
    return folder


EFFECT = Effect.model_validate({"study": "versus", "treatment": "guard", "per": 100, "normal": NORMAL})


def test_an_identified_effect_that_leaves_zero_out_is_claimed(tmp_path: Path) -> None:
    found = resolve(EFFECT, results(tmp_path))
    assert (found.kind, found.claimed, found.low, found.high) == ("interval", True, -0.5, -0.1)
    assert found.middle == pytest.approx(-0.3)


def test_the_honest_interval_rules_where_there_is_one(tmp_path: Path) -> None:
    found = resolve(EFFECT, results(tmp_path, honest=(-0.9, -0.05)))
    assert (found.kind, found.low, found.high) == ("honest interval", -0.9, -0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identified": False}, "does not identify it: A path stays open."),
        ({"interval": (-0.5, 0.1)}, "contains zero"),
        ({"interval": (None, None)}, "unbounded"),
        ({"honest": (-0.9, 0.2)}, "honest interval of the study versus is unbounded or contains zero"),
    ],
)
def test_else_there_is_no_claim_and_the_prior_is_used(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = resolve(EFFECT, results(tmp_path, **changes))
    assert (found.kind, found.claimed) == ("prior", False)
    assert words in found.reason
    assert found.low == pytest.approx(-0.588, abs=1e-3)


def test_the_scenarios_that_come_along_are_legal_and_spend_what_they_free() -> None:
    found = {path.stem: load(path) for path in Path("config/scenarios").glob("*.yaml")}
    assert {"status_quo", "guard_to_prevention", "tiers", "coordination", "us_shock"} <= set(found)
    assert found["status_quo"].interventions == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"intervention": []}, "unknown key 'intervention'. Did you mean 'interventions'"),
        ({"interventions": [cut(-0.2) | {"delays": 3}]}, "delays"),
        ({"interventions": [SPEND]}, "spends what no other arm frees"),
        ({"interventions": [cut(0.2)]}, "less than 0"),
        ({"interventions": [{"arm": "shock", "change": -0.1, "effect": {"normal": NORMAL}}]}, "takes none of"),
        ({"interventions": [{"arm": "guard", "change": -0.1, "effect": {}}]}, "give one prior"),
        ({"start": "soon"}, "start"),
        ({"name": "other"}, "Call it 'toy'"),
    ],
)
def test_a_scenario_that_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    base = {"name": "toy", "title": "Toy", "question": "?", "start": "2026-01"}
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(base | changes))
    with pytest.raises(ConfigError) as error:
        load(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)


def joint(folder: Path, *, labels: Any = ("guard:headline", "prevention:headline")) -> dict[str, EffectSet]:
    """Two arms of one study, both claimed, whose estimates correlate by -.6: covariance -.012 of errors .1 and .2."""
    import pandas as pd

    own = results(folder) / "versus"
    row = json.loads((own / "comparison.json").read_text())["rows"][0]
    other = row | {"stem": "poisson.prevention", "treatment": "prevention"}
    (own / "comparison.json").write_text(json.dumps({"headline": "poisson", "rows": [row, other]}))
    arms = [{"treatment": name, "identified_here": True, "reason": ""} for name in ("guard", "prevention")]
    (own / "identification.json").write_text(json.dumps({"arms": arms}))
    (own / "estimates").mkdir()
    matrix = pd.DataFrame([[0.01, -0.012], [-0.012, 0.04]], columns=list(labels))
    for name in ("guard", "prevention"):
        write_parquet(own / "estimates" / f"poisson.{name}.covariance.parquet", matrix)
    effects = {name: {"study": "versus", "treatment": name, "normal": NORMAL} for name in ("guard", "prevention")}
    return {name: resolve(Effect.model_validate(keys), folder) for name, keys in effects.items()}


def test_arms_that_one_study_estimates_jointly_are_drawn_together(tmp_path: Path) -> None:
    sets = joint(tmp_path)
    assert all(item.claimed for item in sets.values())
    found = correlations(list(sets.values()))
    assert found == pytest.approx(np.array([[1.0, -0.6], [-0.6, 1.0]]))
    shares = _shares(200_000, found, np.random.default_rng(0))
    # of uniforms joined as normals of correlation r: 6 / pi asin(r / 2), Kruskal (1958), JASA 53(284)
    assert np.corrcoef(shares.T)[0, 1] == pytest.approx(6 / np.pi * np.arcsin(-0.3), abs=0.01)
    assert np.quantile(shares[:, 1], [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.005)


def test_effects_of_opposite_draws_offset_each_other(tmp_path: Path) -> None:
    """A cut of one arm pays for the other: where both effects are low together, the country moves less."""
    sets, world = joint(tmp_path), World(np.full((4000, 2, 3), 100.0), COUNTRY, np.zeros((3, 3)), SETTINGS)
    asked = scenario(cut(-0.2), SPEND)
    spread = {}
    for name, correlation in {"joint": correlations(list(sets.values())), "apart": None}.items():
        laid = lay(asked, sets, world, 0, np.random.default_rng(0), correlation)
        spread[name] = laid.country["effect"][:, -1].std()
    assert spread["joint"] > 1.1 * spread["apart"]  # the doses have opposite signs, and so have the draws


def test_priors_and_other_studies_are_independent(tmp_path: Path) -> None:
    sets = joint(tmp_path)
    prior = resolve(Effect.model_validate({"normal": NORMAL}), None)
    assert correlations([sets["guard"], prior, prior]).tolist() == np.eye(3).tolist()
    assert correlations([]).shape == (0, 0)


def test_a_claim_on_both_arms_without_their_covariance_is_refused(tmp_path: Path) -> None:
    sets = joint(tmp_path, labels=("0", "1"))
    with pytest.raises(PanelError, match="holds no joint covariance of guard and prevention"):
        correlations(list(sets.values()))
