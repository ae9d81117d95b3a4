"""The answer that a study gets from a graph: its keys, its sentences, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from balanza.contract import Outcome, Study, Treatment
from balanza.errors import GraphError
from balanza.graph.identify import identify
from balanza.graph.load import load
from balanza.graph.model import CausalGraph, Edge, Node

ROOT = Path(__file__).resolve().parents[2]
SECURITY = load(ROOT / "config/graphs/security.dot")
STATE = {"homicides", "guard_per_100k", "jcf_pesos_per_capita", "population", "sesnsp_homicide_victims"}


def study(*treatments: Treatment, outcome: str = "homicides", **changes: object) -> Study:
    given = Study(
        "test", "Test", "What?", Outcome(outcome), treatments, "state", rows="state_month", graph="security.dot"
    )
    return replace(given, **changes)


GUARD = Treatment("guard", "dose", "guard_per_100k")
PROGRAMMES = Treatment("prevention", "dose", "jcf_pesos_per_capita")


def toy(nodes: dict[str, str], edges: list[tuple[str, str]], **columns: str) -> CausalGraph:
    """A graph from node to `observed` or `latent`."""
    return CausalGraph(
        "toy",
        "Toy",
        {name: Node(name, name, "context", "t", how != "latent", columns.get(name)) for name, how in nodes.items()},
        tuple(Edge(*pair, reason="r", source="s") for pair in edges),
        ("t",),
    )


def test_the_programmes_are_identified_and_what_is_unmeasured_is_said() -> None:
    answer = identify(study(PROGRAMMES), SECURITY, STATE)
    (arm,) = answer["arms"]
    assert answer["joint"] is None
    assert answer["outcome"] == {"node": "HINE", "column": "homicides", "measures": "VIOL", "around": ""}
    assert (arm["treatment"], arm["node"], arm["column"]) == ("prevention", "SOCPROG", "jcf_pesos_per_capita")
    assert arm["identified"]
    assert arm["if_proxied"] is None
    assert arm["chosen"] == {
        "nodes": ("BUDGET", "POP", "SALIENCE", "SOC", "TIME"),
        "columns": ["population"],
        "unmeasured": ["SALIENCE", "SOC"],
        "absorbed": ["BUDGET", "TIME"],
        "minimal": True,
    }
    assert arm["adjustment_sets"] == [arm["chosen"]]
    assert (arm["n_sets"], arm["complete"]) == (1, True)
    assert "SALIENCE or SOC" in arm["reason"]
    assert "SOCPROG ← SOC → VIOL → HINE is open" in arm["reason"]
    assert arm["mediators"] == ("EXTORT", "RECRUIT", "VIOL")


def test_the_guard_is_not_identified_unless_a_proxy_is_trusted() -> None:
    (arm,) = identify(study(GUARD), SECURITY, STATE | {"criminal_presence"})["arms"]
    assert not arm["identified"]
    assert arm["chosen"] is None
    assert arm["adjustment_sets"] == []
    assert "GN ← CRIM0 → VIOL → HINE stays open, since CRIM0 cannot be measured" in arm["reason"]
    assert "Measuring CRIM0 would be enough" in arm["reason"]
    proxied = arm["if_proxied"]
    assert proxied["latents"] == ["CRIM0"]
    assert proxied["identified"]
    assert "criminal_presence" in proxied["chosen"]["columns"]
    assert arm["reason"] in arm["assumptions"]
    assert {item["node"]: item["given"] for item in arm["instruments"]} == {
        "BASE": ("GEO", "GN0"),
        "MIGR": ("TIME",),
        "TIER": ("REC0", "TIME"),
    }
    assert all(not {"BASE", "MIGR", "TIER"} & set(given["nodes"]) for given in proxied["adjustment_sets"])


def test_what_is_forbidden_comes_with_its_kind_and_reason() -> None:
    (arm,) = identify(study(GUARD), SECURITY, STATE)["arms"]
    against = {item["node"]: (item["kind"], item["reason"]) for item in arm["forbidden"]}
    assert against["ARREST"] == ("mediator", "ARREST lies on a causal path: GN → ARREST → INCAP → VIOL → HINE.")
    assert against["HSES"][0] == "descendant"
    assert against["COMPL"][1] == "COMPL is caused by what lies on a causal path: FRAG → HRV → COMPL."
    assert against["MIGR"][0] == "instrument"
    assert "REC0" not in against


def test_assumptions_tell_what_the_study_holds_fixed() -> None:
    (plain,) = identify(study(PROGRAMMES), SECURITY, STATE)["arms"]
    (adjusted,) = identify(study(PROGRAMMES, covariates=("graph",)), SECURITY, STATE)["arms"]
    (named,) = identify(study(PROGRAMMES, covariates=("population",)), SECURITY, STATE)["arms"]
    assert not any(text.startswith("Held fixed") for text in plain["assumptions"])
    assert "Held fixed: POP (population)." in named["assumptions"]
    assert any(
        text.startswith("Not held fixed, but settled before treatment: POP (population)")
        for text in plain["assumptions"]
    )
    by_value = (
        "Held fixed by their values before treatment, with an effect of their own in each period: POP (population)."
    )
    assert by_value in adjusted["assumptions"]
    assert any("Period effects absorb BUDGET and TIME" in text for text in adjusted["assumptions"])


def test_two_treatments_are_also_asked_about_together() -> None:
    answer = identify(study(GUARD, PROGRAMMES), SECURITY, STATE)
    assert [arm["node"] for arm in answer["arms"]] == ["GN", "SOCPROG"]
    joint = answer["joint"]
    assert (joint["treatment"], joint["nodes"], joint["column"]) == ("guard and prevention", ("GN", "SOCPROG"), None)
    assert not joint["identified"]
    assert joint["instruments"] == []
    assert all("MIGR" not in given["nodes"] for given in joint["if_proxied"]["adjustment_sets"])


def test_files_are_said_to_move_around_violence() -> None:
    answer = identify(study(GUARD, outcome="sesnsp_homicide_victims"), SECURITY, STATE)
    assert answer["outcome"]["around"] == "GN → REPORT1 → HSES"
    assert any("is not an effect on VIOL" in text for text in answer["arms"][0]["assumptions"])


def test_a_collider_beside_the_chosen_set_is_forbidden() -> None:
    """M-bias: Greenland, Pearl and Robins (1999), Epidemiology 10, figure 3."""
    nodes = {"A": "latent", "B": "latent", "M": "observed", "X": "observed", "Y": "observed"}
    graph = toy(nodes, [("A", "X"), ("A", "M"), ("B", "M"), ("B", "Y"), ("X", "Y")], X="x", Y="y", M="m")
    (arm,) = identify(study(Treatment("x", "dose", "x"), outcome="y"), graph)["arms"]
    assert arm["chosen"]["nodes"] == ()
    assert "needs no adjustment" in arm["reason"]
    assert arm["forbidden"] == [
        {
            "node": "M",
            "column": "m",
            "kind": "collider",
            "reason": "M is a collider: beside the chosen set it opens X ← A → M ← B → Y.",
        }
    ]


def test_an_instrument_stays_out_unless_that_costs_a_measurement() -> None:
    """A is an instrument given B, and closes the back door as B does."""
    nodes = dict.fromkeys("ABXY", "observed")
    edges = [("B", "A"), ("A", "X"), ("B", "Y"), ("X", "Y")]
    asked = study(Treatment("x", "dose", "x"), outcome="y")
    (both,) = identify(asked, toy(nodes, edges, X="x", Y="y", A="a", B="b"))["arms"]
    assert [item["node"] for item in both["instruments"]] == ["A"]
    assert [given["nodes"] for given in both["adjustment_sets"]] == [("B",)]
    (one,) = identify(asked, toy(nodes, edges, X="x", Y="y", A="a"))["arms"]
    assert [given["nodes"] for given in one["adjustment_sets"]] == [("A",), ("B",)]


def test_a_latent_that_unit_effects_absorb_is_adjusted_for_without_a_column() -> None:
    """What difference-in-differences rests on: a fixed confounder with a fixed effect need not be measured."""
    graph = toy({"L": "latent", "X": "observed", "Y": "observed"}, [("L", "X"), ("L", "Y"), ("X", "Y")], X="x", Y="y")
    fixed = replace(graph, nodes={**graph.nodes, "L": replace(graph.nodes["L"], absorbed="unit effects")})
    asked = study(Treatment("x", "dose", "x"), outcome="y")
    assert not identify(asked, graph)["arms"][0]["identified"]
    (arm,) = identify(asked, fixed)["arms"]
    assert arm["chosen"] == {"nodes": ("L",), "columns": [], "unmeasured": [], "absorbed": ["L"], "minimal": True}
    assert "Unit effects absorb L: what L does in each unit does not change over the window." in arm["assumptions"]


def test_a_study_that_holds_another_valid_set_leaves_nothing_open() -> None:
    nodes = dict.fromkeys("ABXY", "observed")
    graph = toy(nodes, [("A", "X"), ("A", "B"), ("B", "Y"), ("X", "Y")], X="x", Y="y", A="a", B="b")
    asked = study(Treatment("x", "dose", "x"), outcome="y", covariates=("a",))
    (arm,) = identify(asked, graph)["arms"]
    assert not any("stays open" in text for text in arm["assumptions"])
    (bare,) = identify(replace(asked, covariates=()), graph)["arms"]
    assert any("stays open" in text for text in bare["assumptions"])


def test_the_number_of_sets_is_cut_and_said() -> None:
    """Four back doors, each closed by A or by its five causes: 2 to the 4 sets; A is no instrument given at most 4."""
    nodes, edges = dict.fromkeys("XY", "observed"), [("X", "Y")]
    for n in range(4):
        causes = [f"B{n}{m}" for m in range(5)]
        nodes |= dict.fromkeys([f"A{n}", *causes], "observed")
        edges += [(f"A{n}", "X"), *((cause, f"A{n}") for cause in causes), *((cause, "Y") for cause in causes)]
    graph = toy(nodes, edges, X="x", Y="y")
    asked = study(Treatment("x", "dose", "x"), outcome="y")
    (whole,) = identify(asked, graph)["arms"]
    assert (whole["n_sets"], whole["complete"]) == (16, True)
    assert whole["chosen"]["nodes"] == ("A0", "A1", "A2", "A3")
    (cut,) = identify(asked, graph, limit=5)["arms"]
    assert (cut["n_sets"], cut["complete"]) == (5, False)
    assert cut["chosen"] == whole["chosen"] == cut["adjustment_sets"][0]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (study(GUARD, outcome="kidnappings"), "no node measures the outcome kidnappings"),
        (study(Treatment("guard", "dose", "guard_elements")), "no node measures the treatment guard_elements"),
        (study(Treatment("guard", "binary", first_treated={"01": "2019-07"})), "no node measures the treatment guard"),
        (study(replace(GUARD, node="GUARD")), "there is no node 'GUARD'"),
        (study(GUARD, replace(PROGRAMMES, node="GN")), "two treatments stand for one node"),
        (study(GUARD, outcome="population"), "no causal path leads from GN to POP"),
    ],
)
def test_a_study_that_the_graph_cannot_serve_is_refused(asked: Study, problem: str) -> None:
    with pytest.raises(GraphError, match=problem) as refusal:
        identify(asked, SECURITY)
    assert "study test" in str(refusal.value)
    assert refusal.value.cure


def test_a_treatment_may_name_its_node() -> None:
    asked = study(Treatment("jump", "binary", first_treated={"11": "2020-03"}, node="GN"))
    assert identify(asked, SECURITY)["arms"][0]["node"] == "GN"


ASKED = study(Treatment("x", "dose", "x"), outcome="y")
ENDS = {"X": "observed", "Y": "observed"}


def absorbing(graph: CausalGraph, name: str, by: str) -> CausalGraph:
    return replace(graph, nodes={**graph.nodes, name: replace(graph.nodes[name], absorbed=by)})


@pytest.mark.parametrize(
    ("nodes", "edges", "name", "by", "why"),
    [
        (
            {"L1": "latent", "L2": "latent", "A": "observed"},
            [("L1", "X"), ("L1", "A"), ("L2", "A"), ("L2", "Y"), ("X", "Y")],
            "A",
            "unit effects",
            "X ← L1 → A ← L2 → Y stays open",
        ),
        (
            {"A": "observed"},
            [("X", "A"), ("A", "Y")],
            "A",
            "period effects",
            "period effects condition on A, which lies on a causal path",
        ),
        ({}, [("X", "Y")], "X", "period effects", "period effects condition on X, which is a treatment"),
        (
            {"A": "observed", "B": "observed"},
            [("X", "B"), ("B", "Y"), ("B", "A")],
            "A",
            "unit effects",
            "unit effects condition on A, which is caused by what lies on a causal path",
        ),
    ],
)
def test_what_effects_absorb_is_conditioned_on_wanted_or_not(
    nodes: dict[str, str], edges: list[tuple[str, str]], name: str, by: str, why: str
) -> None:
    """By the adjustment criterion (Shpitser, VanderWeele and Robins, 2010) each graph alone needs no adjustment."""
    graph = absorbing(toy(ENDS | nodes, edges, X="x", Y="y"), name, by)
    answer = identify(ASKED, graph)
    (arm,) = answer["arms"]
    assert answer["conditioned"] == [{"node": name, "by": by}]
    assert not arm["identified"]
    assert not arm["identified_here"]
    assert arm["adjustment_sets"] == []
    assert why in arm["reason"]
    pure = identify(ASKED, graph, absorbed=())
    assert pure["conditioned"] == []
    assert pure["arms"][0]["chosen"]["nodes"] == ()


def test_a_collider_that_effects_absorb_is_closed_by_what_is_measured_beside_it() -> None:
    nodes = {"L1": "observed", "L2": "latent", "A": "observed"}
    edges = [("L1", "X"), ("L1", "A"), ("L2", "A"), ("L2", "Y"), ("X", "Y")]
    graph = absorbing(toy(ENDS | nodes, edges, X="x", Y="y", L1="l"), "A", "unit effects")
    (arm,) = identify(ASKED, graph)["arms"]
    assert arm["chosen"]["columns"] == ["l"]
    assert arm["identified_here"]


def test_the_shipped_graph_answers_the_guard_alike_with_and_without_effects() -> None:
    for absorbed in (None, ()):
        (arm,) = identify(study(GUARD), SECURITY, STATE, absorbed=absorbed)["arms"]
        assert not arm["identified"]
        assert "GN ← CRIM0 → VIOL → HINE stays open" in arm["reason"]
    pure = identify(study(PROGRAMMES), SECURITY, STATE, absorbed=())["arms"][0]["chosen"]
    assert pure["nodes"] == ("BUDGET", "POP", "SALIENCE", "SOC", "TIME")
    assert pure["absorbed"] == []


def test_another_valid_set_than_the_cheapest_leaves_nothing_open() -> None:
    nodes = {"A": "observed", "B": "observed"}
    edges = [("A", "X"), ("A", "B"), ("B", "Y"), ("X", "Y")]
    graph = toy(ENDS | nodes, edges, X="x", Y="y", A="a", B="b")
    (arm,) = identify(replace(ASKED, covariates=("a",)), graph)["arms"]
    assert arm["chosen"]["nodes"] == ("B",)
    assert "Held fixed: A (a)." in arm["assumptions"]
    assert not any("stays open" in text or "Not held fixed" in text for text in arm["assumptions"])
    (none,) = identify(ASKED, graph)["arms"]
    assert any("X ← A → B → Y stays open" in text for text in none["assumptions"])


def test_a_collider_is_forbidden_where_nothing_identifies() -> None:
    nodes = {"L": "latent", "L1": "latent", "L2": "latent", "C": "observed", "W": "observed"}
    edges = [("L", "X"), ("L", "Y"), ("L1", "X"), ("L1", "C"), ("L2", "C"), ("L2", "Y"), ("X", "Y"), ("W", "Y")]
    (arm,) = identify(ASKED, toy(ENDS | nodes, edges, X="x", Y="y", C="c", W="w"))["arms"]
    assert not arm["identified"]
    assert [(item["node"], item["kind"]) for item in arm["forbidden"]] == [("C", "collider")]
    assert "X ← L1 → C ← L2 → Y" in arm["forbidden"][0]["reason"]


def test_an_instrument_is_observed_and_not_absorbed() -> None:
    nodes = {"L": "latent", "Z": "latent", "W": "observed", "V": "observed"}
    edges = [("Z", "X"), ("W", "X"), ("V", "X"), ("L", "X"), ("L", "Y"), ("X", "Y")]
    graph = absorbing(toy(ENDS | nodes, edges, X="x", Y="y", V="v", W="w"), "Z", "unit effects")
    graph = absorbing(graph, "W", "period effects")
    (arm,) = identify(replace(ASKED, instruments=("v", "w")), graph)["arms"]
    assert [item["node"] for item in arm["instruments"]] == ["V"]
    assert arm["not_instruments"] == [
        {"node": "W", "column": "w", "reason": "period effects leave W no variation of its own."}
    ]


def test_an_undated_panel_is_said_to_hold_several_periods() -> None:
    graph = absorbing(
        toy(ENDS | {"L": "latent"}, [("L", "X"), ("L", "Y"), ("X", "Y")], X="x", Y="y"), "L", "unit effects"
    )
    said = "The rows hold several periods: of a cross-section, no unit or period effects condition on L."
    assert said in identify(replace(ASKED, rows="panel"), graph)["arms"][0]["assumptions"]
    assert said not in identify(ASKED, graph)["arms"][0]["assumptions"]
