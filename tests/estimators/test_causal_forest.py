"""Causal forests through the contract: average effects, kinds of units, calibration, names, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import Estimate, Treatment
from balanza.errors import Unsupported
from balanza.estimators import _collapsed, _crossfit, causal_forest
from balanza.estimators.causal_forest import kinds_of

UNITS, PERIODS, FROM = 600, 8, 4


def world(seed: int = 0, kind: str = "binary", differ: bool = True, units: int = UNITS) -> tuple[dict, float]:
    """Poor places get more treatment and rise anyway; the effect is -3 where gangs are and -1 elsewhere.

    The columns, and the mean effect on the treated.
    """
    rng = np.random.default_rng(seed)
    poverty, size = rng.normal(size=(2, units))
    gangs = (rng.random(units) < 0.4).astype(float)
    cluster = np.arange(units) // 6
    shared = rng.normal(size=(units // 6, PERIODS))[cluster]
    late = np.arange(PERIODS) >= FROM
    strength = np.abs(poverty) - 0.8 + 0.5 * gangs
    effect = np.where(gangs, -3.0, -1.0) if differ else np.full(units, -2.0)
    if kind == "binary":
        given = np.where(rng.random(units) < 1 / (1 + np.exp(-1.5 * strength)), FROM, -1)
        amount, mean = (given >= 0) * 1.0, effect[given >= 0].mean()
    else:
        amount = 2 + strength + rng.normal(size=units)
        given, mean = amount[:, None] * late, effect.mean()
    rise = late * (2 * np.abs(poverty) + gangs)[:, None]
    y = 30 + 2 * rng.normal(size=(units, 1)) + shared + rng.normal(size=(units, PERIODS)) + rise
    y = y + (effect * amount)[:, None] * late
    return {"y": y, "given": given, "cluster": cluster, "poverty": poverty, "size": size, "gangs": gangs}, float(mean)


def run(columns: dict, kind: str = "binary", moderators=("gangs", "size"), seed: int = 0, **options) -> Estimate:
    traits = {name: columns[name] for name in ("poverty", "size", "gangs")}
    starts = {"guard": FROM} if kind == "dose" else None
    panel = make_panel(
        columns["y"], {"guard": columns["given"]}, cluster=columns["cluster"], covariates=traits, start=starts
    )
    chosen = {"trees": 100, "learner": "boosting", **options}
    study = make_study(
        [treatment(kind)], covariates=tuple(traits), moderators=moderators, options={"causal_forest": chosen}
    )
    return causal_forest.estimate(study, panel, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def found() -> tuple[Estimate, float]:
    columns, mean = world()
    return run(columns), mean


def test_average_effect_on_the_treated(found) -> None:
    estimate, mean = found
    assert abs(estimate.value - mean) < 3 * estimate.standard_error and estimate.standard_error < 0.2
    assert "econml" in estimate.engine and "boosted" in estimate.engine and "5 folds" in estimate.standard_error_type


def test_effects_by_kind_of_unit(found) -> None:
    rows = found[0].rows.set_index("group")
    assert list(rows.index[:2]) == ["gangs = 0", "gangs = 1"]
    assert [label.split()[1] for label in rows.index[2:]] == ["up", "above", "above"]
    assert (rows["kind"] == "group").all()
    for label, effect in {"gangs = 0": -1, "gangs = 1": -3}.items():
        assert abs(rows["value"][label] - effect) < 3 * rows["standard_error"][label]
    assert rows["high"]["gangs = 1"] < rows["low"]["gangs = 0"]
    covariance = found[0].covariance.to_numpy()
    assert covariance.shape == (5, 5) and np.abs(covariance[0, 1]) < 0.5 * covariance[0, 0]


def test_calibration_sees_differences_and_does_not_invent_them(found) -> None:
    assert "effects differ as the forest says" in found[0].warnings[-1]
    alike = run(world(differ=False)[0])
    assert "effects are not shown to differ" in alike.warnings[-1]


def test_a_dose_is_residual_on_residual() -> None:
    columns, mean = world(kind="dose")
    estimate = run(columns, "dose")
    assert abs(estimate.value - mean) < 4 * estimate.standard_error and "one unit" in estimate.estimand
    rows = estimate.rows.set_index("group")
    assert abs(rows["value"]["gangs = 1"] + 3) < 4 * rows["standard_error"]["gangs = 1"]


def test_units_that_lack_rows_are_refused_or_left_out_and_flat_covariates_named() -> None:
    columns, _ = world()
    columns["poverty"] = np.zeros_like(columns["poverty"])
    columns["y"][:6, -1] = np.nan  # a whole cluster, so that the draws of folds are the same
    with pytest.raises(Unsupported, match=f"takes balanced panels, and 6 of {len(columns['y'])} units lack rows"):
        run(columns)
    dropped = run(columns, trees=8, unbalanced="drop")
    kept = run({name: values[6:] for name, values in columns.items()}, trees=8)
    assert dropped.value == kept.value and dropped.n_units == kept.n_units == len(columns["y"]) - 6
    assert dropped.warnings[0] == f"6 of {len(columns['y'])} units lack rows and are left out"
    assert any("poverty is the same in all units before treatment" in warning for warning in dropped.warnings)


def test_what_is_predicted_for_a_cluster_does_not_depend_on_its_own_outcomes() -> None:
    """A change to one cluster's outcomes leaves its own expectations as they were, and moves those of others."""
    columns, _ = world()
    panel = make_panel(columns["y"], {"guard": columns["given"]}, cluster=columns["cluster"])
    study = make_study([treatment("binary")])
    data = _collapsed.collapse(causal_forest.SPEC, study, panel, "refuse")
    fold = _crossfit.folds(causal_forest.SPEC, study, data.cluster, 5, np.random.default_rng(0))
    features = np.column_stack([columns["poverty"], columns["size"]])
    model = _crossfit.learner("boosting", np.random.default_rng(1))
    first = _crossfit.predicted(model, features, data.change, fold)
    own = data.cluster == 7
    second = _crossfit.predicted(model, features, data.change + 5 * own, fold)
    assert np.array_equal(first[own], second[own]) and not np.array_equal(first[~own], second[~own])


def test_seeds_and_no_others_move_the_forest() -> None:
    columns, _ = world()
    first, again, other = (run(columns, trees=40, seed=seed) for seed in (0, 0, 1))
    assert first.value == again.value and first.value != other.value
    assert abs(first.value - other.value) < first.standard_error


def test_kinds() -> None:
    assert kinds_of("flat", np.ones(9)) == {}
    assert list(kinds_of("party", np.array([1.0, 2, 2, 4]))) == ["party = 1", "party = 2", "party = 4"]
    thirds = kinds_of("size", np.arange(9.0))
    assert [list(np.flatnonzero(rows)) for rows in thirds.values()] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert list(thirds) == ["size up to 2", "size above 2, up to 5", "size above 5"]
    ties = kinds_of("groups", np.array([0.0] * 7 + [1.0, 2.0, 3.0, 4.0]))
    assert [(label, int(rows.sum())) for label, rows in ties.items()] == [("groups up to 0", 7), ("groups above 0", 4)]
    mostly_zero = kinds_of("gangs", np.array([0.0] * 8 + [1, 2, 3, 4]))
    assert sum(rows.sum() for rows in mostly_zero.values()) == 12


def test_kinds_with_a_single_treated_cluster_are_left_out_by_name() -> None:
    columns, _ = world()
    columns["gangs"] = (columns["cluster"] == 3) * 1.0
    estimate = run(columns, trees=40)
    assert "gangs = 1" not in set(estimate.rows["group"])
    assert any("No effect is told for gangs = 1: too few clusters" in warning for warning in estimate.warnings)


def test_without_moderators_there_are_no_rows() -> None:
    estimate = run(world()[0], moderators=(), trees=40)
    assert estimate.rows is None and estimate.covariance is None


def test_refusals() -> None:
    columns, _ = world()
    panel = make_panel(columns["y"], {"guard": columns["given"]}, covariates={"gangs": columns["gangs"]})
    plain = make_study([treatment("binary")])
    with pytest.raises(Unsupported, match=r"neither covariates nor moderators.*Add `covariates` or `moderators`"):
        causal_forest.estimate(plain, panel, np.random.default_rng(0))
    current = make_study([Treatment("guard", "dose", column="guard")], covariates=("gangs",))
    with pytest.raises(Unsupported, match="a dose with a common start"):
        causal_forest.estimate(current, panel, np.random.default_rng(0))
    weighted = make_study([treatment("binary")], covariates=("gangs",), weights="weight")
    with pytest.raises(Unsupported, match="takes no weights"):
        causal_forest.estimate(weighted, panel, np.random.default_rng(0))
    with pytest.raises(Unsupported, match="option trees is 2"):
        run(columns, trees=2)


def test_few_units_are_announced(found) -> None:
    """In worlds such as these 600 units leave a bias of half a standard error and more (see the slow test)."""
    assert any(warning.startswith("Only 600 units") for warning in found[0].warnings)


@pytest.mark.slow
def test_coverage() -> None:
    """30 worlds of 2,400 units in 400 clusters, the size of the country: 26 intervals must cover, the mean be near."""
    cases = [(seed, *world(seed, units=2400)) for seed in range(30)]
    told = [(run(columns, seed=seed, trees=60), mean) for seed, columns, mean in cases]
    assert sum(item.interval[0] <= mean <= item.interval[1] for item, mean in told) >= 26
    assert abs(np.mean([item.value - mean for item, mean in told])) < 0.1
    assert not any("Only" in warning for warning in told[0][0].warnings)
