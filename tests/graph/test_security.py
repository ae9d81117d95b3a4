"""What the shipped graph identifies: every claim of the table on identification in the project's domain notes (C.3).

The notes state them for VIOL, true violence; where the graph as drawn says other than the notes, the test says so.
"""

from pathlib import Path

import pytest

from balanza.graph.adjustment import Effect
from balanza.graph.dag import Dag
from balanza.graph.instruments import front_doors, instruments, is_instrument
from balanza.graph.load import load
from balanza.panel.codebook import load_codebook

ROOT = Path(__file__).resolve().parents[2]
GRAPH = load(ROOT / "config/graphs/security.dot")
DAG = GRAPH.dag()
OBSERVED = DAG.mask(name for name, node in GRAPH.nodes.items() if node.observed)
GUARD = "ALIGN BUDGET COORD CRIM0 GEO GN0 LPOL POP PREV0 REC0 SALIENCE SOC TIME USX"
GUARD_BY_MONEY = "ALIGN COORD CRIM0 GEO GN0 LPOL POP PREV PREV0 REC0 SALIENCE SOC SOCPROG TIME USX"
PREVENTION = "ALIGN BUDGET ELIG LPOL POP PREV0 SALIENCE SOC"
PREVENTION_BY_RULE = "ALIGN BUDGET FORMULA LPOL POP PREV0 REC0 SALIENCE SOC TIME"
PROGRAMMES = "BUDGET POP SALIENCE SOC TIME"
JOINT = "ALIGN COORD CRIM0 GEO GN0 LPOL POP PREV0 REC0 SALIENCE SOC TIME USX"


def mask(names: str) -> int:
    return DAG.mask(names.split())


def effect(treatments: str, outcome: str = "VIOL", dag: Dag = DAG) -> Effect:
    return Effect.of(dag, mask(treatments), mask(outcome))


def minimal(treatments: str, allowed: int, outcome: str = "VIOL") -> set[frozenset[str]]:
    found, complete = effect(treatments, outcome).minimal_sets(allowed, int.bit_count, 1000)
    assert complete
    return {frozenset(DAG.members(nodes)) for nodes in found}


def with_arrow(cause: str, caused: str) -> Dag:
    return Dag.of(DAG.names, [*((edge.cause, edge.effect) for edge in GRAPH.edges), (cause, caused)])


def test_the_graph_has_the_nodes_arrows_and_latents_of_the_notes() -> None:
    assert (len(GRAPH.nodes), len(GRAPH.edges)) == (48, 117)
    latent = "CRIM0 VIOL0 FRAG DETER INCAP RECRUIT EXTORT TRUST REPORT REPORT1 FORENSIC DISPL VIOL"
    assert GRAPH.latent == set(latent.split())


def test_its_columns_are_columns_of_the_panel() -> None:
    columns = {variable.name for variable in load_codebook(ROOT / "data/variables.yaml")}
    load(ROOT / "config/graphs/security.dot", columns)
    assert GRAPH.node_of("homicides") == "HINE"
    assert GRAPH.node_of("guard_per_100k") == "GN"
    assert GRAPH.node_of("jcf_pesos_per_capita") == "SOCPROG"


@pytest.mark.parametrize("outcome", ["VIOL", "HINE"])
@pytest.mark.parametrize("treatments", ["GN", "GN PREV SOCPROG"])
def test_nothing_observed_identifies_the_guard(treatments: str, outcome: str) -> None:
    assert minimal(treatments, OBSERVED, outcome) == set()
    asked = effect(treatments, outcome)
    path = asked.open_path(asked.best_attempt(OBSERVED))
    assert asked.back_door.written(path).startswith("GN ← CRIM0 → VIOL")


@pytest.mark.parametrize("given", [GUARD, GUARD_BY_MONEY])
def test_with_criminal_groups_measured_the_guard_is_identified(given: str) -> None:
    assert effect("GN").adjusts(mask(given))
    assert not effect("GN").adjusts(mask(given) & ~mask("REC0"))
    assert not effect("GN").adjusts(mask(given) & ~mask("CRIM0"))
    assert minimal("GN", OBSERVED | mask("CRIM0"))


def test_the_first_set_for_the_guard_holds_more_than_it_needs() -> None:
    """The notes list LPOL, PREV0 and SOC too; on the graph as drawn COORD, REC0 and BUDGET make them idle."""
    idle = mask("LPOL PREV0 SOC")
    assert effect("GN").adjusts(mask(GUARD) & ~idle)
    assert frozenset(GUARD.split()) - {"LPOL", "PREV0", "SOC"} in minimal("GN", OBSERVED | mask("CRIM0"))
    assert frozenset(GUARD_BY_MONEY.split()) in minimal("GN", OBSERVED | mask("CRIM0"))


def test_prevention_is_identified_without_criminal_groups() -> None:
    sets = minimal("PREV", OBSERVED)
    assert frozenset(PREVENTION.split()) in sets
    assert effect("PREV").adjusts(mask(PREVENTION_BY_RULE))
    for given in (PREVENTION, PREVENTION_BY_RULE):
        assert not effect("PREV").adjusts(mask(given) & ~mask("LPOL"))
        assert not effect("PREV").adjusts(mask(given) & ~mask("BUDGET"))
    assert not effect("PREV").adjusts(mask(PREVENTION) & ~mask("ELIG"))


def test_of_formula_and_time_either_is_enough_beside_recorded_crime() -> None:
    """The notes put {FORMULA, REC0, TIME} for ELIG; FORMULA and TIME lie on one chain, so that one of them suffices."""
    rest = mask(PREVENTION_BY_RULE) & ~mask("FORMULA TIME")
    assert effect("PREV").adjusts(rest | mask("TIME"))
    assert effect("PREV").adjusts(rest | mask("FORMULA"))
    assert not effect("PREV").adjusts(rest)


def test_social_programmes_are_identified_by_one_set() -> None:
    assert minimal("SOCPROG", OBSERVED) == {frozenset(PROGRAMMES.split())}


def test_guard_and_prevention_together_need_criminal_groups() -> None:
    assert effect("GN PREV SOCPROG").adjusts(mask(JOINT))
    assert frozenset(JOINT.split()) in minimal("GN PREV SOCPROG", OBSERVED | mask("CRIM0"))
    assert not effect("GN PREV SOCPROG").adjusts(mask(JOINT) & ~mask("CRIM0"))


def test_deaths_move_only_through_violence_and_files_do_not() -> None:
    for treatment in ("GN", "PREV", "SOCPROG"):
        assert not DAG.directed_path(mask(treatment), mask("HINE"), avoiding=mask("VIOL"))
    around = DAG.directed_path(mask("GN"), mask("HSES"), avoiding=mask("VIOL"))
    assert DAG.written(around) == "GN → REPORT1 → HSES"
    assert effect("GN", "HSES").on_path & mask("TRUST")


def test_what_is_never_conditioned_on() -> None:
    never = mask("ARREST FRAG DETER LPOL1 TRUST PERC COMPL VIOLN")
    assert effect("GN PREV SOCPROG").forbidden & never == never
    for name in DAG.members(never):
        assert not effect("GN PREV SOCPROG").adjusts(mask(JOINT) | mask(name))


def test_police_after_the_subsidy_is_forbidden_only_where_the_subsidy_is_a_treatment() -> None:
    """The notes list LPOL1 for all; the Guard alone does not cause it on the graph as drawn."""
    assert not effect("GN").forbidden & mask("LPOL1")
    assert effect("PREV").on_path & mask("LPOL1")


@pytest.mark.parametrize(
    ("node", "treatment", "given"),
    [
        ("TIER", "GN", "REC0 TIME"),
        ("MIGR", "GN", "TIME"),
        ("BASE", "GN", "GEO GN0 TIME"),
        ("FORMULA", "PREV", "TIME"),
        ("ELIG", "PREV", "REC0 POP TIME"),
    ],
)
def test_candidate_instruments_hold_on_the_graph(node: str, treatment: str, given: str) -> None:
    assert is_instrument(effect(treatment), mask(node), mask(given))
    assert mask(node) in dict(instruments(effect(treatment), OBSERVED, int.bit_count))


@pytest.mark.parametrize("treatment", ["GN", "PREV"])
@pytest.mark.parametrize("node", ["BUDGET", "ALIGN", "ELECT"])
def test_what_moves_violence_by_other_routes_is_no_instrument(node: str, treatment: str) -> None:
    for given in ("", "TIME"):
        assert not is_instrument(effect(treatment), mask(node), mask(given))
    assert mask(node) not in dict(instruments(effect(treatment), OBSERVED, int.bit_count))


@pytest.mark.parametrize(("node", "given"), [("MIGR", "TIME"), ("BASE", "GEO GN0 TIME")])
def test_an_arrow_to_violence_ends_an_instrument(node: str, given: str) -> None:
    asked = effect("GN", dag=with_arrow(node, "VIOL"))
    assert not is_instrument(asked, mask(node), mask(given))
    assert mask(node) not in dict(instruments(asked, OBSERVED, int.bit_count))


def test_there_is_no_front_door() -> None:
    for treatment in ("GN", "PREV", "SOCPROG"):
        assert front_doors(effect(treatment), OBSERVED) == []


def test_the_sets_of_the_notes_hold_beside_what_effects_condition_on() -> None:
    """GUARD_BY_MONEY and JOINT leave BUDGET out, PREVENTION leaves TIME and GEO out: effects hold them all the same."""
    given = DAG.mask(name for name, node in GRAPH.nodes.items() if node.absorbed)
    assert DAG.members(given) == ("BUDGET", "FORMULA", "GEO", "TIME")
    sets = {
        "GN": [GUARD, GUARD_BY_MONEY],
        "PREV": [PREVENTION, PREVENTION_BY_RULE],
        "SOCPROG": [PROGRAMMES],
        "GN PREV SOCPROG": [JOINT],
    }
    for treatments, stated in sets.items():
        asked = Effect.of(DAG, mask(treatments), mask("VIOL"), given)
        assert all(asked.adjusts(mask(nodes)) for nodes in stated)
    for treatments in ("GN", "GN PREV SOCPROG"):
        assert Effect.of(DAG, mask(treatments), mask("VIOL"), given).minimal_sets(OBSERVED, int.bit_count, 9)[0] == []
    found = dict(instruments(Effect.of(DAG, mask("GN"), mask("VIOL"), given), OBSERVED, int.bit_count))
    assert {mask("TIER"), mask("MIGR"), mask("BASE")} <= set(found)
    assert mask("FORMULA") not in dict(
        instruments(Effect.of(DAG, mask("PREV"), mask("VIOL"), given), OBSERVED, int.bit_count)
    )
