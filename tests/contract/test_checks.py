"""One suite for every check that the registry finds."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from tests.contract import formulas
from tests.contract.event_studies import event_study
from tests.contract.panels import FIRST, PERIODS, UNITS, make_panel, make_study, path, treated, treatment

from balanza.checks import _template
from balanza.contract import CheckResult, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.provenance import plain
from balanza.registry import Entry, find, registry

ENTRIES = {**registry("checks").entries, "_template": Entry(_template.SPEC, _template.check, "_template")}
CASES = [
    pytest.param(entry, kind, family, id=f"{name}-{kind}-{family}")
    for name, entry in ENTRIES.items()
    for kind in sorted(entry.spec.treatments)
    for family in sorted(entry.spec.families)
]
cases = pytest.mark.parametrize(("entry", "kind", "family"), CASES)
FEW = np.where(np.arange(UNITS) % 6 < 3, FIRST, -1)  # six treated clusters, since one check is for few


PLACES = {"latitude_column": "latitude", "longitude_column": "longitude", "rings": [20, 40]}
OTHER = {
    "binary": {"first_treated": {f"unit {unit:03d}": 2018 for unit in range(5)}},
    "reversible": {"column": "other"},
    "dose": {"column": "other"},
}


# Clusters of two units with one treatment, for the check that adds them up.
PAIRED = {"cluster_sums"}
PAIR = np.arange(UNITS) // 2


def build(
    kind: str,
    family: str,
    *,
    shuffle: bool = False,
    several: bool = False,
    paired: bool = False,
    moderated: bool = False,
) -> tuple[Study, Panel]:
    """A yearly panel from 2012 with places, another outcome, and other measures of the outcome and the treatment."""
    rng = np.random.default_rng(5)
    paths = {"guard": FEW if kind == "binary" else treated(kind)}
    paths = {name: values[2 * PAIR] if paired else values for name, values in paths.items()}
    if several:
        paths["prevention"] = np.roll(paths["guard"], 5, axis=0)
    rate = np.exp(3 + 0.3 * rng.normal(size=(UNITS, 1)) + 0.1 * rng.normal(size=(UNITS, PERIODS)))
    others = {
        "latitude": 20 + 0.1 * np.arange(UNITS),
        "longitude": np.full(UNITS, -100.0),
        "kidnappings": np.round(0.2 * rate),
        "files": np.round(0.8 * rate + rng.normal(size=rate.shape)),
        "other": path(kind) * (1 if kind == "reversible" else rng.uniform(0.5, 1.5, (UNITS, 1))),
    }
    panel = make_panel(
        np.round(rate),
        paths,
        exposure=np.full((UNITS, PERIODS), 1000.0) if family == "poisson" else None,
        cluster=PAIR if paired else np.arange(UNITS),
        covariates=others,
        start=dict.fromkeys(paths, 6) if kind == "dose" else None,
        periods_per_year=1.0,
    )
    panel = dataclasses.replace(panel, period_labels=np.arange(2012, 2012 + PERIODS))
    if shuffle:
        panel = dataclasses.replace(panel, frame=panel.frame.sample(frac=1, random_state=2).reset_index(drop=True))
    start = 2018 if kind == "dose" else None
    items = [dataclasses.replace(treatment(kind, name), start=start) for name in paths]
    variants = {"outcome": {"files": {"column": "files"}}, "treatment": {"other": OTHER[kind]}}
    families = {"lethal": ("homicides",), "other": ("kidnappings",)}
    changes = {
        "draws": 49,
        "headline": "poisson",
        "families": families,
        "variants": variants,
        "options": {"spillover": PLACES},
        "moderators": ("latitude",) if moderated else (),
    }
    return make_study(items, family, **changes), panel


def estimates() -> dict[str, Estimate]:
    covariance = 0.04 * (0.5 * np.eye(4) + 0.5)
    return {"poisson": event_study([-9, -6, 0, 3], [0.02, -0.03, 0.1, 0.2], covariance)}


def build_for(entry: Entry, kind: str, family: str, *, shuffle: bool = False) -> tuple[Study, Panel]:
    spec = entry.spec
    own = {"several": spec.needs_several, "paired": spec.name in PAIRED, "moderated": spec.name == "moderators"}
    return build(kind, family, shuffle=shuffle, **own)


def run(entry: Entry, study: Study, panel: Panel, seed: int = 0) -> CheckResult:
    return entry.function(study, panel, estimates(), np.random.default_rng(seed))


@pytest.mark.parametrize("name", sorted({*ENTRIES, *registry("checks").broken}))
def test_the_file_can_be_imported(name: str) -> None:
    assert registry("checks").broken.get(name) is None


@pytest.mark.parametrize("name", ENTRIES)
def test_the_spec_says_what_it_does(name: str) -> None:
    spec = ENTRIES[name].spec
    assert spec.name == name
    for text in (spec.title, spec.question, spec.reference, *spec.edge_cases):
        assert text.strip() == text and len(text) > 5, text
    assert spec.question.endswith("?")
    assert spec.treatments and spec.families
    formulas.check(spec.equation)
    assert list(spec.option_notes) == list(spec.options), "SPEC.option_notes must explain each option, in their order"


@cases
def test_a_result_has_a_sentence_and_can_be_written(entry: Entry, kind: str, family: str) -> None:
    result = run(entry, *build_for(entry, kind, family))
    assert result.name == entry.spec.name
    assert result.passed in (True, False, None)
    assert result.sentence.endswith(".")
    assert "nan" not in result.sentence
    json.dumps(plain(dict(result.values)), allow_nan=False)


@cases
def test_twice_is_the_same_and_inputs_stay(entry: Entry, kind: str, family: str) -> None:
    study, panel = build_for(entry, kind, family)
    before = panel.frame.copy()
    first, second = run(entry, study, panel), run(entry, study, panel)
    assert first.sentence == second.sentence
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(panel.frame, before)


@cases
def test_row_order_does_not_matter(entry: Entry, kind: str, family: str) -> None:
    first = run(entry, *build_for(entry, kind, family))
    second = run(entry, *build_for(entry, kind, family, shuffle=True))
    pd.testing.assert_frame_equal(first.table, second.table, rtol=1e-9)


def test_minimum_detectable_effect_by_hand() -> None:
    # 24 clusters: t(23) quantiles 2.0687 (.975) and 0.8575 (.8), Abramowitz and Stegun's table; times .2
    result = run(find("checks", "minimum_detectable_effect"), *build("dose", "poisson"))
    effect = result.table["effect"].iloc[0]
    assert effect == pytest.approx((2.0687 + 0.8575) * 0.2, abs=1e-4)
    assert result.table["rise"].iloc[0] == pytest.approx(100 * (np.exp(effect) - 1))
    assert "per unit, a rise of less than 79.5 % or a fall of less than 44.3 %" in result.sentence


def test_randomization_finds_a_strong_effect_and_says_that_assignment_is_hypothetical() -> None:
    study, panel = build("dose", "poisson")
    loud = panel.frame.assign(outcome=np.round(panel.frame["outcome"] * np.exp(panel.frame["d_guard"])))
    result = run(find("checks", "randomization"), study, dataclasses.replace(panel, frame=loud))
    assert result.values["p_value"] == pytest.approx(1 / 50)  # 49 draws, none as extreme
    assert "which it was not" in result.sentence


def test_randomization_needs_a_treatment_that_is_the_same_within_clusters() -> None:
    study, panel = build("dose", "poisson")
    wide = panel.frame.assign(cluster=panel.frame["cluster"] // 4)
    shared = dataclasses.replace(panel, frame=wide, cluster_labels=panel.cluster_labels[:6])
    with pytest.raises(Unsupported, match="guard differs within a cluster"):
        run(find("checks", "randomization"), study, shared)
