"""From a study file to its variants: which combinations there are, and which of them are drawn."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from tests.curve import worlds
from tests.graph import toy

from balanza.config import load_study
from balanza.curve.axes import AXES, design_choices
from balanza.curve.expand import Expansion, batch, expand, select
from balanza.errors import ConfigError
from balanza.registry import require_known
from balanza.verbs import identify, prepare


def expanded(folder: Path, **changes: Any) -> Expansion:
    return expand(*worlds.load(folder, **changes))


def test_every_legal_combination_is_there_once_and_the_studys_own_comes_first(tmp_path: Path) -> None:
    found = expanded(tmp_path)
    # Two choices on each of five axes, and for each of these poisson on counts, twfe on the rate and on log1p of it.
    assert len(found.variants) == 2**5 * 3
    assert len({tuple(item.labels.values()) for item in found.variants}) == len(found.variants)
    own = found.variants[0]
    assert own.distance == 0
    assert dict(own.labels) == {
        "outcome": "deaths",
        "treatment": "money, mean post",
        "covariates": "none",
        "window": "all periods",
        "cluster": "state",
        "scale": "poisson",
        "comparison": "each estimator's own",
        "estimator": "poisson",
    }
    assert {(item.scale, item.estimator) for item in found.variants} == {
        ("poisson", "poisson"),
        ("rate", "twfe"),
        ("log1p", "twfe"),
    }


def test_a_choice_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    one = {tuple(item.labels[axis] for axis in AXES[:5]): item.study for item in expanded(tmp_path).variants}
    own = ("deaths", "money, mean post", "none", "all periods", "state")
    changes = {
        ("files", *own[1:]): lambda study: (study.outcome.column, study.outcome.exposure, study.missing),
        (own[0], "last dose", *own[2:]): lambda study: (study.treatment.column, study.treatment.dose),
        (*own[:2], "poverty", *own[3:]): lambda study: study.covariates,
        (*own[:3], "late", own[4]): lambda study: study.window,
        (*own[:4], "place"): lambda study: study.cluster,
    }
    assert [read(one[labels]) for labels, read in changes.items()] == [
        ("files", "people", "drop"),
        ("money", "last"),
        ("poverty",),
        (2010, 2019),
        "place",
    ]
    assert [read(one[own]) for read in changes.values()] == [
        ("deaths", "people", "refuse"),
        ("money", "mean_post"),
        (),
        None,
        "state",
    ]


def test_an_estimator_brings_its_own_scale_which_is_no_deviation_by_itself(tmp_path: Path) -> None:
    found = expanded(tmp_path, variants={"estimator": ["twfe"]})
    assert [(item.estimator, item.scale, item.distance) for item in found.variants] == [
        ("poisson", "poisson", 0),
        ("twfe", "rate", 1),
    ]


@pytest.mark.parametrize(
    ("outcome", "scales"),
    [
        ({"column": "deaths"}, {"level", "log1p"}),
        ({"column": "deaths", "log": True}, {"log"}),
        ({"column": "deaths", "family": "poisson"}, {"count", "log1p"}),
    ],
)
def test_scales_follow_the_outcome(tmp_path: Path, outcome: dict[str, Any], scales: set[str]) -> None:
    found = expanded(tmp_path, outcome=outcome, headline="twfe", variants={"scale": ["log1p", "rate"]})
    assert {item.scale for item in found.variants} == scales


def test_a_comparison_group_belongs_to_the_estimators_that_it_names_and_repeats_none(tmp_path: Path) -> None:
    frame = worlds.table()
    frame["first"] = frame["place"].map(lambda place: 2013 if place < "p08" else 0)
    groups = {
        "never": {"callaway_santanna": {"control": "never"}},
        "not yet": {"callaway_santanna": {"control": "not_yet"}},
    }
    found = expanded(
        tmp_path,
        frame=frame,
        treatment={"first_treated": "first", "kind": "binary"},
        variants={"comparison": groups, "estimator": ["twfe", "callaway_santanna"]},
    )
    assert [(item.estimator, item.labels["comparison"]) for item in found.variants] == [
        ("poisson", "each estimator's own"),
        ("twfe", "each estimator's own"),
        ("callaway_santanna", "each estimator's own"),
        ("callaway_santanna", "not yet"),
    ]
    assert found.variants[3].study.options == {"callaway_santanna": {"control": "not_yet"}}
    assert found.impossible == {"never is what callaway_santanna does already": 1}


def test_impossible_combinations_are_counted_with_their_reason(tmp_path: Path) -> None:
    variants = {"estimator": ["twfe", "etwfe"], "treatment": {"dates": {"first_treated": {"p01": 2013}}}}
    assert expanded(tmp_path, variants=variants).impossible == {
        "dates: a dose treatment takes no first_treated": 3,
        "etwfe takes binary treatments, not dose": 1,
    }


def test_an_estimator_that_needs_covariates_has_the_variants_that_bring_some(tmp_path: Path) -> None:
    found = expanded(tmp_path, variants={"estimator": ["double_ml"], "covariates": {"poverty": ["poverty"]}})
    assert [(item.estimator, item.labels["covariates"]) for item in found.variants] == [
        ("poisson", "none"),
        ("poisson", "poverty"),
        ("double_ml", "poverty"),
    ]
    assert found.impossible == {"double_ml needs covariates, and the study names none": 1}


def test_a_study_without_any_estimator_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="own choices cannot run"):
        expanded(tmp_path, headline=None, estimators=[], variants={})


def test_a_study_whose_own_choices_cannot_run_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="own choices cannot run"):
        expanded(tmp_path, headline="etwfe")


def test_a_label_of_the_studys_own_choice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'deaths' is the study's own choice"):
        expanded(tmp_path, variants={"outcome": {"deaths": {"column": "files"}}})


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"estimator": ["twfee"]}, "'twfee' is not registered. Did you mean 'twfe'"),
        ({"comparison": {"a": {"twfe": {"control": "never"}}}}, "twfe has no option 'control'"),
        ({"comparison": {"a": {"twfee": {}}}}, "Did you mean 'twfe'"),
    ],
)
def test_unknown_estimators_and_options_are_refused_before_anything_runs(
    tmp_path: Path, variants: dict[str, Any], message: str
) -> None:
    study, path = worlds.load(tmp_path, variants=variants)
    with pytest.raises(ConfigError, match=message):
        require_known(study, str(path))


def test_what_is_drawn_shows_each_choice_once_by_its_nearest_variant_and_then_a_sample(tmp_path: Path) -> None:
    variants = expanded(tmp_path).variants
    few = select(variants, 1, seed=4)
    assert [item.distance for item in few] == [0, 1, 2, 1, 1, 1, 1, 1]
    for axis in AXES:
        assert {item.labels[axis] for item in few} == {item.labels[axis] for item in variants}
    more = select(variants, 30, seed=4)
    assert len(more) == 30
    assert [item for item in variants if item in more] == list(more)
    assert all(item in more for item in few)
    assert select(variants, 30, seed=4) == more
    assert select(variants, 30, seed=5) != more
    assert select(variants, 96, seed=5) == variants


def test_batches_hold_every_variant_once(tmp_path: Path) -> None:
    parts = [batch(30, number, 7) for number in range(1, 8)]
    assert [position for part in parts for position in part] == list(range(30))
    assert {len(part) for part in parts} == {4, 5}
    with pytest.raises(ConfigError, match="there is no batch 8 of 7"):
        batch(30, 8, 7)


def test_further_sets_of_the_graph_become_choices_and_a_refusal_of_the_graph_is_counted(tmp_path: Path) -> None:
    answer = tmp_path / "identification.json"
    chosen = {"columns": ["people"], "unmeasured": ["X"]}
    sets = [
        chosen,
        {"columns": ["people"], "unmeasured": ["Y"]},
        {"columns": ["poverty"], "unmeasured": ["X"]},
        {"columns": [], "unmeasured": ["X", "Y"]},
    ]
    answer.write_text(json.dumps({"joint": None, "arms": [{"chosen": chosen, "adjustment_sets": sets}]}))
    study, _ = worlds.load(tmp_path, variants={"covariates": {"sets": "graph"}})
    assert design_choices(study, answer)["covariates"] == {"none": None, "sets": "graph", "sets, set 2": ("poverty",)}


def test_covariates_of_a_graph_are_filled_in_and_reach_the_rows(tmp_path: Path) -> None:
    path = graph_study(tmp_path, toy.GRAPH)
    answer, rows = tmp_path / "identification.json", tmp_path / "rows.parquet"
    identify.run(path, answer)
    found = expand(load_study(path), path, answer)
    assert {item.labels["covariates"]: item.study.covariates for item in found.variants} == {
        "none": (),
        "the graph's": ("wealth",),
    }
    assert {item.study.baseline for item in found.variants} == {(), ("wealth",)}
    prepare.run(path, tmp_path, rows, tmp_path / "design.json", answer)
    assert {"wealth", "region"} <= set(pd.read_parquet(rows).columns)


def test_covariates_that_the_graph_cannot_give_are_counted_with_its_reason(tmp_path: Path) -> None:
    path = graph_study(
        tmp_path, toy.GRAPH.replace("LATENT -> CRIME", "LATENT -> MONEY [reason=r, source=s]\n LATENT -> CRIME")
    )
    answer, rows = tmp_path / "identification.json", tmp_path / "rows.parquet"
    identify.run(path, answer)
    found = expand(load_study(path), path, answer)
    assert {item.labels["covariates"] for item in found.variants} == {"none"}
    (reason,) = found.impossible
    assert "No set of observed nodes identifies the effect of MONEY on CRIME" in reason
    prepare.run(path, tmp_path, rows, tmp_path / "design.json", answer)
    assert "wealth" not in pd.read_parquet(rows).columns


def graph_study(folder: Path, graph: str) -> Path:
    (folder / "toy.dot").write_text(graph)
    toy.panel().assign(region=1).to_csv(folder / "toy.csv", index=False)
    variants = {"covariates": {"the graph's": "graph"}, "cluster": {"region": "region"}}
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump({**toy.STUDY, "covariates": [], "headline": "poisson", "variants": variants}))
    return path
