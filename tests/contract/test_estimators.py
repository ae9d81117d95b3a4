"""One suite for every estimator that the registry finds, and for the template."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.contract import formulas
from tests.contract.panels import PERIODS, UNITS, make_panel, make_study, path, treated, treatment

from balanza.contract import ROW_COLUMNS, Estimate, Panel, Study
from balanza.errors import BalanzaError
from balanza.estimators import _template
from balanza.registry import Entry, registry

ENTRIES = {**registry("estimators").entries, "_template": Entry(_template.SPEC, _template.estimate, "_template")}
CASES = [
    pytest.param(entry, kind, family, id=f"{name}-{kind}-{family}")
    for name, entry in ENTRIES.items()
    for kind in sorted(entry.spec.treatments)
    for family in sorted(entry.spec.families)
]
cases = pytest.mark.parametrize(("entry", "kind", "family"), CASES)
BINARY = [
    pytest.param(entry, family, id=f"{name}-{family}")
    for name, entry in ENTRIES.items()
    if "binary" in entry.spec.treatments
    for family in sorted(entry.spec.families)
]
# Units treated from the start stay in these.
STILL_COMPARED = {"poisson", "twfe", "negative_binomial", "spillover", "double_ml", "instrument"}
CLUSTER = np.arange(UNITS) // 2
# What some estimators cannot do without: who is eligible and where, places, effects as fine as the panels differ.
ELIGIBLE = (np.arange(UNITS) < 12) | ((np.arange(UNITS) >= 18) & (np.arange(UNITS) < 21))
AREA = np.select([np.isin(np.arange(UNITS), [*range(6), 12, 13, 14]), np.arange(UNITS) < 18], [0, 1], 2)
OPTIONS = {
    "triple_difference": {"group_column": "eligible", "area_column": "area"},
    "negative_binomial": {"effects": "unit"},
    "spillover": {"latitude_column": "latitude", "longitude_column": "longitude"},
    "double_ml": {"folds": 2, "repetitions": 1},
    "causal_forest": {"folds": 2, "trees": 40, "learner": "lasso"},
}
# What some studies must name: covariates, moderators, instruments.
NEEDS = {
    "backdoor": {"covariates": ("moving",)},
    "double_ml": {"covariates": ("moving",)},
    "causal_forest": {"covariates": ("trait",), "moderators": ("size",)},
    "instrument": {"instruments": ("push",)},
}
TRAIT, MOVING = np.random.default_rng(8).normal(size=UNITS), np.random.default_rng(9).normal(size=(UNITS, PERIODS))
LATITUDE = np.where(np.arange(UNITS) < 16, 16 + 0.2 * np.arange(UNITS), 30.0)  # 22 km apart, the last eight far away
POPULATION = np.linspace(2e4, 9e4, UNITS)[:, None] * np.linspace(1, 1.1, PERIODS)
PER_MONTH = 1e5 * 12


def build(kind: str, family: str, rate: np.ndarray, **changes) -> tuple[Study, Panel]:
    """A study and its panel, from the outcome or, for counts, from the rate per 100,000 a year."""
    counts = family == "poisson"
    others = {
        "eligible": ELIGIBLE,
        "area": AREA,
        "latitude": LATITUDE,
        "longitude": np.full(UNITS, -100.0),
        "trait": TRAIT,
        "size": np.roll(TRAIT, 1) < TRAIT,
        "moving": MOVING,
        "push": path(kind) + 0.5 * MOVING,
    }
    panel = make_panel(
        rate * POPULATION / PER_MONTH if counts else rate,
        {"guard": treated(kind)},
        exposure=POPULATION if counts else None,
        cluster=CLUSTER,
        covariates=others,
        start={"guard": 6} if kind == "dose" else None,
    )
    return make_study([treatment(kind)], family, **{"options": OPTIONS, **changes}), panel


def smooth() -> np.ndarray:
    """A rate that moves in time and is the same everywhere: parallel in levels and in logs."""
    return np.broadcast_to(20 + 3 * np.sin(np.arange(PERIODS)), (UNITS, PERIODS)).copy()


def noisy(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(3 + 0.3 * rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(UNITS, PERIODS)))


def with_effect(rate: np.ndarray, kind: str, scale: str, effect: float) -> np.ndarray:
    return rate * np.exp(effect * path(kind)) if scale == "log" else rate + effect * path(kind)


def run(entry: Entry, study: Study, panel: Panel, seed: int = 0) -> Estimate:
    study = dataclasses.replace(study, **NEEDS.get(entry.spec.name, {}))
    found = entry.function(study, panel, np.random.default_rng(seed))
    return found if isinstance(found, Estimate) else found[study.treatment.name]


def same(first: Estimate, second: Estimate, tolerance: float = 0.0, bands: bool = True) -> None:
    left, right = dataclasses.asdict(first), dataclasses.asdict(second)
    for key in left:
        if isinstance(left[key], pd.DataFrame):
            columns = [c for c in left[key].columns if bands or not str(c).endswith("_uniform")]
            a, b = left[key][columns], right[key][columns]
            pd.testing.assert_frame_equal(a, b, check_exact=not tolerance, rtol=tolerance, atol=tolerance)
        elif isinstance(left[key], float | tuple) and not any(
            isinstance(item, str) for item in np.atleast_1d(left[key])
        ):
            np.testing.assert_allclose(right[key], left[key], rtol=tolerance, atol=tolerance, err_msg=key)
        else:
            assert left[key] == right[key], key


@pytest.mark.parametrize("name", sorted({*ENTRIES, *registry("estimators").broken}))
def test_the_file_can_be_imported(name: str) -> None:
    assert registry("estimators").broken.get(name) is None


@pytest.mark.parametrize("name", ENTRIES)
def test_the_spec_says_what_it_does(name: str) -> None:
    spec = ENTRIES[name].spec
    assert spec.name == name
    for text in (spec.title, spec.estimand, spec.reference, spec.standard_errors, *spec.assumptions):
        assert text.strip() == text and len(text) > 5, text
    assert spec.treatments and spec.families and spec.assumptions
    assert re.fullmatch(r"(\d+\.\d+\.\d+)?", spec.since)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_spec_has_what_its_page_needs(name: str) -> None:
    spec = ENTRIES[name].spec
    assert formulas.check(spec.equation), "SPEC.equation needs a formula in a ```math fence"
    assert spec.edge_cases, "SPEC.edge_cases must say what is refused or left out"
    for text in spec.edge_cases:
        assert text.strip() == text and len(text) > 5 and not text.endswith("."), text
        formulas.check(text)
    assert list(spec.option_notes) == list(spec.options), "SPEC.option_notes must explain each option, in their order"
    assert all(spec.option_notes.values())


def test_no_name_is_shared_with_a_check() -> None:
    assert not set(registry("estimators").entries) & set(registry("checks").entries)


@cases
def test_result_is_filled_in(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(kind, family, noisy())
    found = run(entry, study, panel)
    numbers = (found.value, found.standard_error, *found.interval, found.p_value)
    assert all(type(number) is float and np.isfinite(number) for number in numbers)
    assert found.treatment == "guard" and found.scale in ("level", "log")
    assert found.standard_error > 0
    assert found.interval[0] < found.value < found.interval[1]
    assert 0 <= found.p_value <= 1
    assert found.n_observations == UNITS * PERIODS and found.n_units == UNITS
    assert found.n_treated == path(kind).any(axis=1).sum()
    assert found.n_clusters == UNITS // 2
    assert found.standard_error_type and found.engine and found.estimand
    for triple in (found.percent_change, found.rate_change):
        assert triple is None or (triple[1] < triple[0] < triple[2] and np.sign(triple[0]) == np.sign(found.value))
    assert (found.rate_change is not None) == (family == "poisson")


@cases
def test_rows_and_covariance_agree(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(kind, family, noisy())
    found = run(entry, study, panel)
    if found.rows is None:
        assert found.covariance is None
        return
    rows = found.rows
    assert tuple(rows.columns) == ROW_COLUMNS and list(rows.index) == list(range(len(rows)))
    assert rows["kind"].isin(["event_time", "group_time", "calendar", "dose", "group"]).all()
    assert np.isfinite(rows[["value", "standard_error", "low", "high"]]).all(axis=None)
    assert (rows["low"] <= rows["value"]).all() and (rows["value"] <= rows["high"]).all()
    banded = rows.dropna(subset=["low_uniform"])
    assert (banded["low_uniform"] <= banded["low"]).all() and (banded["high"] <= banded["high_uniform"]).all()
    assert not rows.duplicated(["kind", "group", "period", "event_time", "dose"]).any()
    covariance = found.covariance
    assert covariance is not None and list(covariance.index) == list(covariance.columns)
    kept = rows.loc[[int(label) for label in covariance.index], "standard_error"]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), kept, rtol=1e-9)


@cases
def test_same_again_and_inputs_untouched(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(kind, family, noisy())
    before = panel.frame.copy(deep=True)
    first, second = run(entry, study, panel), run(entry, study, panel)
    same(first, second)
    pd.testing.assert_frame_equal(panel.frame, before)


@cases
def test_order_of_rows_is_irrelevant(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(kind, family, noisy())
    shuffled = panel.frame.sample(frac=1, random_state=3, ignore_index=True)
    same(run(entry, study, panel), run(entry, study, dataclasses.replace(panel, frame=shuffled)), 1e-9)


@cases
def test_names_of_units_are_irrelevant(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(kind, family, noisy())
    units, clusters = (np.random.default_rng(5).permutation(size) for size in (UNITS, UNITS // 2))
    frame = panel.frame.assign(unit=units[panel.frame["unit"]], cluster=clusters[panel.frame["cluster"]])
    renamed = dataclasses.replace(panel, frame=frame.sort_values(["unit", "period"], ignore_index=True))
    same(run(entry, study, panel), run(entry, study, renamed), 1e-9, bands=False)


@cases
def test_no_effect_is_found_where_there_is_none(entry: Entry, kind: str, family: str) -> None:
    levels = np.linspace(10, 40, UNITS)[np.arange(UNITS) * 7 % UNITS, None] + np.zeros(PERIODS)
    for rate in (smooth(), levels):
        found = run(entry, *build(kind, family, rate))
        assert abs(found.value) < 1e-10 * (1 if found.scale == "log" else rate.mean())


@cases
@pytest.mark.parametrize("effect", [-0.5, 0.25])
def test_known_effect_is_recovered(entry: Entry, kind: str, family: str, effect: float) -> None:
    scale = run(entry, *build(kind, family, noisy())).scale
    found = run(entry, *build(kind, family, with_effect(smooth(), kind, scale, effect)))
    assert found.value == pytest.approx(effect, abs=1e-9)
    if found.rate_change is not None and kind != "dose":
        d = path(kind) > 0
        plus = with_effect(smooth(), kind, scale, effect)
        counterfactual = (smooth() * POPULATION)[d].sum() / POPULATION[d].sum()
        observed = (plus * POPULATION)[d].sum() / POPULATION[d].sum()
        assert found.rate_change[0] == pytest.approx(observed - counterfactual, rel=1e-8)


@cases
def test_estimate_grows_with_the_effect(entry: Entry, kind: str, family: str) -> None:
    scale = run(entry, *build(kind, family, noisy())).scale
    rates = [with_effect(noisy(), kind, scale, effect) for effect in (-0.3, 0.0, 0.4)]
    values = [run(entry, *build(kind, family, rate)).value for rate in rates]
    assert values[0] < values[1] < values[2]


@cases
@pytest.mark.parametrize("problem", ["no treated unit", "all treated at first", "one cluster", "constant outcome"])
def test_refusals_are_clear(entry: Entry, kind: str, family: str, problem: str) -> None:
    study, panel = build(kind, family, noisy())
    frame = panel.frame.copy()
    if problem == "no treated unit":
        frame["d_guard"] = 0.0
        frame = frame.assign(g_guard=-1) if kind == "binary" else frame
    elif problem == "all treated at first":
        frame["d_guard"] = 1.0
        frame = frame.assign(g_guard=0) if kind == "binary" else frame
    elif problem == "constant outcome":
        frame["outcome"] = 4.0
    panel = dataclasses.replace(panel, frame=frame)
    if problem == "one cluster":
        panel = dataclasses.replace(panel, frame=frame.assign(cluster=0), cluster_labels=panel.cluster_labels[:1])
    with pytest.raises(BalanzaError) as refusal:
        run(entry, study, panel)
    assert entry.spec.name in str(refusal.value.where)
    assert refusal.value.cure


@pytest.mark.parametrize(("entry", "family"), BINARY)
def test_units_treated_from_the_start_are_counted(entry: Entry, family: str) -> None:
    study, panel = build("binary", family, noisy())
    early = (panel.frame["unit"] // 6 == 1).to_numpy()  # the second cohort
    frame = panel.frame.assign(
        g_guard=np.where(early, 0, panel.frame["g_guard"]), d_guard=np.where(early, 1.0, panel.frame["d_guard"])
    )
    found = run(entry, study, dataclasses.replace(panel, frame=frame))
    warnings = [text for text in found.warnings if "from the first period on" in text]
    # A triple difference counts all units where the policy has started, eligible or not: a whole area.
    count = 9 if entry.spec.name == "triple_difference" else 6
    assert len(warnings) == 1 and warnings[0].startswith(f"{count} units are treated (guard)")
    assert not any("from the first period on" in text for text in run(entry, study, panel).warnings)
    if entry.spec.name not in STILL_COMPARED:
        area = frame["area"] == 1 if entry.spec.name == "triple_difference" else early
        without = run(entry, study, reduced(dataclasses.replace(panel, frame=frame[~area])))
        assert found.value == pytest.approx(without.value, rel=1e-9)
        assert found.standard_error == pytest.approx(without.standard_error, rel=1e-9)


def reduced(panel: Panel) -> Panel:
    """The panel with the codes of the units and clusters that are left."""
    unit, units = pd.factorize(panel.frame["unit"], sort=True)
    cluster, clusters = pd.factorize(panel.frame["cluster"], sort=True)
    frame = panel.frame.assign(unit=unit, cluster=cluster).reset_index(drop=True)
    return dataclasses.replace(
        panel, frame=frame, unit_labels=panel.unit_labels[units], cluster_labels=panel.cluster_labels[clusters]
    )


@cases
def test_unknown_option_is_refused(entry: Entry, kind: str, family: str) -> None:
    study, panel = build(
        kind, family, noisy(), options={entry.spec.name: {**OPTIONS.get(entry.spec.name, {}), "no_such_option": 1}}
    )
    with pytest.raises(BalanzaError, match="no_such_option"):
        run(entry, study, panel)


@pytest.mark.parametrize("name", ENTRIES)
def test_studies_that_the_spec_rules_out_are_refused(name: str) -> None:
    entry = ENTRIES[name]
    others = [(k, f) for k in ("binary", "reversible", "dose") for f in ("gaussian", "poisson")]
    others = [(k, f) for k, f in others if not (k in entry.spec.treatments and f in entry.spec.families)]
    for kind, family in others:
        with pytest.raises(BalanzaError, match=name):
            run(entry, *build(kind, family, noisy()))


@pytest.mark.parametrize(
    "name", [name for name, entry in ENTRIES.items() if entry.spec.several_treatments and name not in NEEDS]
)
def test_several_treatments_are_told_apart(name: str) -> None:
    entry, effects = ENTRIES[name], {"guard": -0.2, "prevention": 0.3}
    family = sorted(entry.spec.families)[-1]
    paths = {
        "guard": path("dose"),
        "prevention": np.roll(path("dose"), 7, axis=0) * (np.arange(UNITS) % 2)[:, None],
    }
    linear = sum(effects[item] * paths[item] for item in effects)
    study = make_study([treatment("dose", item) for item in effects], family)
    scale = run(entry, *build("dose", family, noisy())).scale
    rate = smooth() * np.exp(linear) if scale == "log" else smooth() + linear
    panel = make_panel(
        rate * POPULATION / PER_MONTH,
        paths,
        exposure=POPULATION,
        cluster=np.arange(UNITS),
        start=dict.fromkeys(effects, 6),
    )
    found = entry.function(study, panel, np.random.default_rng(0))
    assert {item: found[item].value for item in found} == pytest.approx(effects, abs=1e-9)
    assert [found[item].treatment for item in found] == list(effects)
    rng = np.random.default_rng(1)
    frame = panel.frame.assign(outcome=panel.frame["outcome"] * rng.uniform(0.7, 1.3, len(panel.frame)))
    found = entry.function(study, dataclasses.replace(panel, frame=frame), np.random.default_rng(0))
    covariance = found["guard"].covariance
    expected = [f"{item}:{row}" for item in effects for row in ["headline", *range(len(found[item].rows))]]
    assert list(covariance.index) == list(covariance.columns) == expected
    for item in effects:
        assert covariance.loc[f"{item}:headline", f"{item}:headline"] == pytest.approx(found[item].standard_error ** 2)
    assert covariance.loc["guard:headline", "prevention:headline"] != 0


SCRIPT = """
import json
import numpy as np
from tests.contract.test_estimators import CASES, build, noisy, run
found = {}
for case in CASES:
    entry, kind, family = case.values
    result = run(entry, *build(kind, family, noisy()))
    rows = [] if result.rows is None else result.rows.drop(columns=["kind", "group", "period"]).fillna(0).to_numpy()
    found[case.id] = [result.value, result.standard_error, *result.interval, *np.ravel(rows)]
print(json.dumps(found))
"""


def test_hash_seed_and_threads_are_irrelevant() -> None:
    def outcome(hash_seed: str, threads: str) -> dict[str, list[float]]:
        variables = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], threads)
        folder = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, **variables, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": folder}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True, text=True
        )
        return json.loads(done.stdout)

    first, second = outcome("1", "1"), outcome("2", "2")
    assert first.keys() == second.keys()
    for name, numbers in first.items():
        np.testing.assert_allclose(second[name], numbers, rtol=1e-10, atol=1e-12, err_msg=name)
