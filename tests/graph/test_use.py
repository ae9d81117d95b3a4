"""The graph drives the estimates: covariates and their values before treatment, refusals, what is taken for granted."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.graph import toy

from balanza.config import load_study
from balanza.errors import GraphError, PanelError
from balanza.graph.use import with_graph
from balanza.preparation import prepare, read_rows
from balanza.verbs import check, estimate, identify
from balanza.verbs import prepare as prepare_verb

ROOT = Path(__file__).resolve().parents[2]
CODEBOOK = ROOT / "data/variables.yaml"
HIDDEN = toy.GRAPH.replace("LATENT -> CRIME", "LATENT -> MONEY [reason=r, source=s]\n  LATENT -> CRIME")


def asked(folder: Path, **changes: object) -> tuple[Path, Path]:
    """A study and the answer of its graph."""
    study = toy.write(folder, **changes)
    identify.run(study, folder / "identification.json")
    return study, folder / "identification.json"


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_covariates_are_the_measured_columns_of_the_chosen_set(tmp_path: Path) -> None:
    study, answer = asked(tmp_path)
    adjusted, assumptions = with_graph(load_study(study), study, answer)
    assert adjusted.covariates == adjusted.baseline == ("wealth",)
    assert assumptions == read(answer)["arms"][0]["assumptions"]


def test_the_estimate_is_that_of_the_covariate_written_out_by_hand(tmp_path: Path) -> None:
    """Wealth of 2004, the last year before the start, as a constant column named in a study without a graph."""
    study, answer = asked(tmp_path)
    estimate.run(study, "poisson", tmp_path / "graph", identification=answer)
    table = toy.panel()
    of_2004 = table[table["year"] == 2004].set_index("place")["wealth"]
    table["wealth"] = table["place"].map(of_2004)
    by_hand = toy.write(tmp_path, table, graph=toy.GRAPH, covariates=["wealth"])
    by_hand.write_text(by_hand.read_text().replace("graph: toy.dot\n", ""))
    estimate.run(by_hand, "poisson", tmp_path / "hand")
    one, other = read(tmp_path / "graph" / "poisson.json"), read(tmp_path / "hand" / "poisson.json")
    assert one["status"] == "ran"
    assert one["value"] == pytest.approx(other["value"], rel=1e-12)
    assert one["standard_error"] == pytest.approx(other["standard_error"], rel=1e-12)
    assert one["graph_assumptions"] == read(answer)["arms"][0]["assumptions"]
    assert other["graph_assumptions"] == []


def test_prepare_and_check_take_the_same_covariates(tmp_path: Path) -> None:
    study, answer = asked(tmp_path, checks=["minimum_detectable_effect"])
    prepare_verb.run(study, tmp_path, tmp_path / "rows.parquet", tmp_path / "design.json", answer)
    assert read(tmp_path / "design.json")["baseline"] == ["wealth"]
    assert "wealth" in pd.read_parquet(tmp_path / "rows.parquet").columns
    rows = tmp_path / "rows.parquet"
    estimate.run(study, "poisson", tmp_path / "estimates", rows, identification=answer)
    check.run(study, "minimum_detectable_effect", tmp_path / "estimates", tmp_path, rows, identification=answer)
    digests = {
        read(path)["data_digest"]
        for path in (
            tmp_path / "design.json",
            tmp_path / "estimates" / "poisson.json",
            tmp_path / "minimum_detectable_effect.json",
        )
    }
    assert len(digests) == 1


def test_without_an_answer_the_command_to_run_first_is_named(tmp_path: Path) -> None:
    study = toy.write(tmp_path)
    with pytest.raises(GraphError, match=r"First run `python -m balanza identify --study .*toy\.yaml --out"):
        estimate.run(study, "poisson", tmp_path)
    with pytest.raises(GraphError, match="no such file"):
        estimate.run(study, "poisson", tmp_path, identification=tmp_path / "absent.json")


def test_a_graph_that_was_not_asked_is_said_so(tmp_path: Path) -> None:
    study = toy.write(tmp_path, covariates=[])
    estimate.run(study, "poisson", tmp_path / "out")
    (sentence,) = read(tmp_path / "out" / "poisson.json")["graph_assumptions"]
    assert "was not asked" in sentence


def test_an_answer_for_another_version_of_the_study_is_refused(tmp_path: Path) -> None:
    _, answer = asked(tmp_path)
    study = toy.write(tmp_path, title="Another")
    with pytest.raises(GraphError, match=r"as it stood then.*again"):
        estimate.run(study, "poisson", tmp_path, identification=answer)


@pytest.mark.parametrize(("column", "why"), [("jobs", "lies on a causal path"), ("fear", "caused by the outcome")])
def test_a_forbidden_covariate_is_refused_with_node_and_reason(tmp_path: Path, column: str, why: str) -> None:
    study, answer = asked(tmp_path, covariates=["wealth", column])
    with pytest.raises(GraphError, match=rf"covariate {column} is forbidden .*{column.upper()} .*{why}.*overrides"):
        prepare_verb.run(study, tmp_path, tmp_path / "rows.parquet", tmp_path / "design.json", answer)


def test_an_override_lets_it_pass_and_is_recorded(tmp_path: Path) -> None:
    study, answer = asked(tmp_path, covariates=["jobs"], overrides={"jobs": "to see what the jobs carry"})
    _, assumptions = with_graph(load_study(study), study, answer)
    assert assumptions[-1] == (
        "jobs is adjusted for although JOBS lies on a causal path: MONEY → JOBS → CRIME, because: to see what the jobs"
        " carry"
    )


def test_an_effect_that_nothing_identifies_gets_no_covariates(tmp_path: Path) -> None:
    study, answer = asked(tmp_path, graph=HIDDEN)
    with pytest.raises(GraphError, match=r"MONEY ← LATENT → CRIME stays open.*descriptive"):
        estimate.run(study, "poisson", tmp_path, identification=answer)


def test_a_proxy_stands_in_and_is_named(tmp_path: Path) -> None:
    text = HIDDEN.replace(", column=fear", "").replace("observed=no", "observed=no, proxy=fear")
    study, answer = asked(tmp_path, graph=text)
    adjusted, assumptions = with_graph(load_study(study), study, answer)
    assert set(adjusted.covariates) == {"fear", "wealth"}
    assert "fear stands for LATENT, which is latent: what it misses of LATENT stays open." in assumptions


def test_a_proxy_that_the_rows_lack_completes_nothing(tmp_path: Path) -> None:
    """Criminal presence is known by municipality and not by state."""
    for rows in ("municipality_month", "state_month"):
        text = ROOT.joinpath("config/studies/guard.yaml").read_text().replace("rows: state_month", f"rows: {rows}")
        study = tmp_path / "guard.yaml"
        study.write_text(text + "covariates: graph\n")
        (tmp_path / "security.dot").write_bytes(ROOT.joinpath("config/graphs/security.dot").read_bytes())
        identify.run(study, tmp_path / "identification.json", codebook=CODEBOOK)
        if rows == "municipality_month":
            chosen = read(tmp_path / "identification.json")["arms"][0]["if_proxied"]["chosen"]
            assert {"mayor_aligned", "criminal_presence", "population"} <= set(chosen["columns"])
            with pytest.raises(GraphError, match=r"GN0.* cannot be held fixed.* opens GN ← GN0 → VIOL0 ← SOC → VIOL"):
                with_graph(load_study(study), study, tmp_path / "identification.json")
    with pytest.raises(GraphError, match=r"In the study's rows nothing stands for CRIM0\."):
        with_graph(load_study(study), study, tmp_path / "identification.json")


def test_a_study_of_the_world_needs_the_codebook(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="the panel's codebook is not there"):
        identify.run(
            ROOT.joinpath("config/studies/guard.yaml"), tmp_path / "o.json", codebook=tmp_path / "variables.yaml"
        )


def test_a_design_too_rich_for_its_rows_is_declined_with_a_reason(tmp_path: Path) -> None:
    nodes = "".join(
        f'  W{n} [title="W", theme=context, time=before, observed=yes, column=w{n}]\n'
        f"  W{n} -> MONEY [reason=r, source=s]\n  W{n} -> CRIME [reason=r, source=s]\n"
        for n in range(6)
    )
    table = toy.panel(units=6)
    for n in range(6):
        table[f"w{n}"] = (table["place"] == f"p{n:02d}").astype(float)
    study, answer = asked(tmp_path, table=table, graph=toy.GRAPH.replace("}\n", nodes + "}\n"))
    assert estimate.run(study, "poisson", tmp_path, identification=answer) == "declined"
    assert (
        "treatment has no variation of its own beside unit and period effects and the other terms"
        in read(tmp_path / "poisson.json")["reason"]
    )


def test_a_study_of_the_world_is_asked_with_the_columns_of_its_rows(tmp_path: Path) -> None:
    identify.run(
        ROOT.joinpath("config/studies/guard_municipalities.yaml"), tmp_path / "municipal.json", codebook=CODEBOOK
    )
    identify.run(ROOT.joinpath("config/studies/guard.yaml"), tmp_path / "state.json", codebook=CODEBOOK)
    municipal, state = (read(tmp_path / name)["arms"][0]["if_proxied"] for name in ("municipal.json", "state.json"))
    assert {"criminal_presence", "mayor_aligned"} <= set(municipal["chosen"]["columns"])
    assert "CRIM0" in state["chosen"]["unmeasured"]
    identify.run(ROOT.joinpath("config/studies/guard.yaml"), tmp_path / "again.json", codebook=CODEBOOK)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "state.json").read_bytes()


def test_a_missing_value_before_treatment_is_refused_by_name_or_drops_the_unit(tmp_path: Path) -> None:
    table = toy.panel()
    table.loc[(table["place"] == "p03") & (table["year"] == 2004), "wealth"] = None
    table.loc[table["year"] > 2004, "wealth"] = None
    study, answer = asked(tmp_path, table=table)
    adjusted, _ = with_graph(load_study(study), study, answer)
    with pytest.raises(PanelError, match=r"column wealth: unit p03 has no value from 2004 to 2004, before treatment"):
        prepare(adjusted, read_rows(study, adjusted, None))
    study, answer = asked(tmp_path, table=table, missing="drop")
    adjusted, _ = with_graph(load_study(study), study, answer)
    found = prepare(adjusted, read_rows(study, adjusted, None))
    assert found.n_units == 19
    assert found.dropped == {"wealth before treatment missing": 10}


def test_the_value_before_treatment_is_the_mean_of_the_last_twelve_months(tmp_path: Path) -> None:
    months = pd.date_range("2003-01-01", "2005-12-01", freq="MS").strftime("%Y-%m")
    table = pd.DataFrame([(f"p{u}", month) for u in range(3) for month in months], columns=["place", "year"])
    table["crime"], table["wealth"] = range(len(table)), [float(n % 36) for n in range(len(table))]
    table["money"] = [
        float(m >= "2005-01") * (1 + len(p) % 2) for p, m in zip(table["place"], table["year"], strict=True)
    ]
    changes = {"treatment": {"kind": "dose", "column": "money", "start": "2005-01"}}
    study, answer = asked(tmp_path, table=table, **changes)
    adjusted, _ = with_graph(load_study(study), study, answer)
    found = prepare(adjusted, read_rows(study, adjusted, None))
    assert set(found.frame["wealth"]) == {sum(range(12, 24)) / 12}  # months 13 to 24 of 36, counted from 0


@pytest.mark.parametrize(
    ("treatment", "year"),
    [
        ({"kind": "binary", "first_treated": "began"}, 2003),  # of cohorts 2004 and 2006 the first, less a year
        ({"kind": "binary", "first_treated": {"p01": 2006}}, 2005),
        ({"kind": "dose", "column": "money"}, 2000),  # no start: the first period
    ],
)
def test_the_period_before_treatment_is_before_the_first_of_all(
    tmp_path: Path, treatment: dict[str, object], year: int
) -> None:
    table = toy.panel()
    table["began"] = table["place"].map({"p01": 2004, "p02": 2006}).fillna(0).astype(int)
    study, answer = asked(tmp_path, table=table, treatment={**treatment, "node": "MONEY"})
    adjusted, _ = with_graph(load_study(study), study, answer)
    found = prepare(adjusted, read_rows(study, adjusted, None))
    expected = table[table["year"] == year].sort_values("place")["wealth"]
    assert found.by_unit("wealth").tolist() == expected.tolist()


def with_a_collider() -> str:
    """The toy's graph with WEALTH caused by U, which moves MONEY, and by V, which moves CRIME; neither has a column."""
    nodes = "".join(f'  {name} [title="{name}", theme=context, time=before, observed=yes]\n' for name in "UV")
    arrows = ("U -> MONEY", "U -> WEALTH", "V -> WEALTH", "V -> CRIME")
    return toy.GRAPH.replace("}\n", nodes + "".join(f"  {arrow} [reason=r, source=s]\n" for arrow in arrows) + "}\n")


def test_a_measured_part_that_opens_a_path_is_refused_by_name(tmp_path: Path) -> None:
    """WEALTH is a common cause and a collider of U and V; held alone it opens MONEY <- U -> WEALTH <- V -> CRIME."""
    study, answer = asked(tmp_path, graph=with_a_collider())
    arm = read(answer)["arms"][0]
    assert arm["identified"]
    assert not arm["identified_here"]
    assert arm["opened"] == "MONEY ← U → WEALTH ← V → CRIME"
    with pytest.raises(GraphError, match=r"V cannot be held fixed.*opens MONEY ← U → WEALTH ← V → CRIME"):
        with_graph(load_study(study), study, answer)


def test_an_instrument_that_reaches_the_outcome_is_refused_without_a_reason(tmp_path: Path) -> None:
    changes = {"instruments": ["wealth"], "covariates": []}
    study, answer = asked(tmp_path, **changes)
    with pytest.raises(GraphError, match=r"wealth is no instrument for MONEY .*WEALTH → CRIME.*overrides"):
        with_graph(load_study(study), study, answer)
    study, answer = asked(tmp_path, **changes, overrides={"wealth": "to compare"})
    _, said = with_graph(load_study(study), study, answer)
    assert said[-1].startswith("wealth is an instrument although WEALTH reaches CRIME past MONEY")
    assert said[-1].endswith("because: to compare")


def test_an_instrument_that_the_graph_has_passes(tmp_path: Path) -> None:
    text = toy.GRAPH.replace('  WEALTH -> CRIME [reason="r", source="s"]\n', "")
    study, answer = asked(tmp_path, graph=text, instruments=["wealth"], covariates=[])
    assert read(answer)["arms"][0]["not_instruments"] == []
    assert with_graph(load_study(study), study, answer)[0].instruments == ("wealth",)


def test_a_moderator_is_held_to_what_the_graph_forbids(tmp_path: Path) -> None:
    study, answer = asked(tmp_path, covariates=[], moderators=["jobs"])
    with pytest.raises(GraphError, match=r"moderator jobs is forbidden .*JOBS lies on a causal path"):
        with_graph(load_study(study), study, answer)
    study, answer = asked(tmp_path, covariates=[], moderators=["jobs"], overrides={"jobs": "to describe"})
    assert with_graph(load_study(study), study, answer)[1][-1].endswith("because: to describe")
