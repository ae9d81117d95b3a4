"""Adjustment sets, held to the criterion word for word on small graphs, to networkx on large ones, and to DoWhy."""

import networkx as nx
import numpy as np
import pytest
from tests.graph import oracle

from balanza.graph.adjustment import Effect
from balanza.graph.dag import Dag, bits


def cost_of(weights: np.ndarray):
    return lambda mask: int(sum(weights[node] for node in bits(mask)))


def question(seed: int, size: int, n_treatments: int) -> tuple[nx.DiGraph, Dag, set[str], str, list[str]]:
    """A random graph with the last node as outcome, late ones as treatments, and a quarter of the others latent."""
    names, edges = oracle.random_graph(seed, size)
    rng = np.random.default_rng([seed, 1])
    outcome, treatments = f"v{size - 1}", {f"v{size - 3 - index}" for index in range(n_treatments)}
    allowed = [name for name in names if name not in treatments | {outcome} and rng.random() > 1 / 4]
    return oracle.digraph(names, edges), Dag.of(names, edges), treatments, outcome, allowed


@pytest.mark.parametrize("n_treatments", [1, 2])
@pytest.mark.parametrize("seed", range(150))
def test_every_minimal_set_is_found_and_nothing_else(seed: int, n_treatments: int) -> None:
    graph, dag, treatments, outcome, allowed = question(seed, 7, n_treatments)
    expected = oracle.minimal_sets(graph, treatments, outcome, allowed)
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]))
    weights = np.random.default_rng([seed, 2]).integers(1, 9, 7)
    found, complete = effect.minimal_sets(dag.mask(allowed), cost_of(weights), 1000)
    assert complete
    assert len(found) == len(set(found))
    assert {frozenset(dag.members(nodes)) for nodes in found} == expected
    cheapest = effect.cheapest_set(dag.mask(allowed), cost_of(weights))
    if expected:
        assert cheapest in found
        assert cost_of(weights)(cheapest) == min(map(cost_of(weights), found))
        assert effect.adjusts(effect.best_attempt(dag.mask(allowed)))
    else:
        assert cheapest is None
        assert not effect.adjusts(effect.best_attempt(dag.mask(allowed)))


@pytest.mark.parametrize("n_treatments", [1, 2, 3])
@pytest.mark.parametrize("seed", range(25))
def test_the_criterion_is_the_one_of_the_paper(seed: int, n_treatments: int) -> None:
    graph, dag, treatments, outcome, _ = question(seed, 7, n_treatments)
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]))
    for given in oracle.subsets(list(dag.names)):
        assert effect.adjusts(dag.mask(given)) == oracle.adjusts(graph, treatments, outcome, given)


@pytest.mark.parametrize("seed", range(12))
def test_sets_of_a_graph_of_sixty_nodes_adjust_and_are_minimal(seed: int) -> None:
    _, dag, treatments, outcome, allowed = question(seed, 60, 1 + seed % 3)
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]))
    weights = np.random.default_rng(seed).choice([1, 1000, 1_000_000], 60)
    found, complete = effect.minimal_sets(dag.mask(allowed), cost_of(weights), 50)
    cheapest = effect.cheapest_set(dag.mask(allowed), cost_of(weights))
    assert complete or len(found) == 50
    assert bool(found) == (cheapest is not None)
    pruned = oracle.digraph(
        list(dag.names), [(dag.names[a], dag.names[b]) for a in range(60) for b in bits(effect.back_door.children[a])]
    )
    for nodes in found:
        names = set(dag.members(nodes))
        assert names <= set(allowed)
        assert nx.is_d_separator(pruned, treatments, {outcome}, names)
        assert not any(nx.is_d_separator(pruned, treatments, {outcome}, names - {name}) for name in names)
        assert cost_of(weights)(cheapest) <= cost_of(weights)(nodes)


def test_the_number_of_sets_is_cut_where_it_is_told_to() -> None:
    names = ["x", "y", *(f"{side}{index}" for index in range(8) for side in "ab")]
    edges = [("x", "y")]
    for index in range(8):
        edges += [(f"a{index}", "x"), (f"b{index}", f"a{index}"), (f"b{index}", "y")]
    dag = Dag.of(names, edges)
    effect = Effect.of(dag, dag.mask("x"), dag.mask("y"))
    everything = dag.mask(names) & ~effect.ends
    assert len(effect.minimal_sets(everything, int.bit_count, 1000)[0]) == 2**8
    found, complete = effect.minimal_sets(everything, int.bit_count, 50)
    assert (len(found), complete) == (50, False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_back_door_sets_agree_with_dowhy(seed: int) -> None:
    """DoWhy lists back-door sets: those of adjustment that hold no descendant of the treatment."""
    from dowhy.causal_identifier import AutoIdentifier, BackdoorAdjustment, EstimandType

    graph, dag, treatments, outcome, allowed = question(seed, 7, 1)
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]))
    if not effect.on_path:
        pytest.skip("no causal path, which DoWhy answers otherwise")
    identifier = AutoIdentifier(
        estimand_type=EstimandType.NONPARAMETRIC_ATE, backdoor_adjustment=BackdoorAdjustment.BACKDOOR_EXHAUSTIVE
    )
    observed = [*sorted(treatments), outcome, *allowed]
    answer = identifier.identify_effect(graph, sorted(treatments), [outcome], observed)
    listed = [frozenset(given) for key, given in answer.backdoor_variables.items() if key.startswith("backdoor")]
    theirs = {given for given in listed if not any(other < given for other in listed)}
    before = dag.mask(allowed) & ~dag.descendants(effect.treatments)
    ours, _ = effect.minimal_sets(before, int.bit_count, 1000)
    assert {frozenset(dag.members(nodes)) for nodes in ours} == theirs


@pytest.mark.parametrize("seed", range(100))
def test_sets_beside_what_is_given_are_those_of_the_criterion(seed: int) -> None:
    """Each is minimal beside what is given, as if that were in the set from the start."""
    graph, dag, treatments, outcome, allowed = question(seed, 7, 1)
    rng = np.random.default_rng([seed, 3])
    given = {name for name in dag.names if name not in treatments | {outcome} and rng.random() < 0.3}
    free = [name for name in allowed if name not in given]
    every = [
        frozenset(nodes) for nodes in oracle.subsets(free) if oracle.adjusts(graph, treatments, outcome, nodes | given)
    ]
    expected = {nodes for nodes in every if not any(other < nodes for other in every)}
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]), dag.mask(given))
    found, complete = effect.minimal_sets(dag.mask(free), int.bit_count, 1000)
    assert complete
    assert {frozenset(dag.members(nodes)) for nodes in found} == expected
    cheapest = effect.cheapest_set(dag.mask(free), int.bit_count)
    assert (cheapest in found) if expected else cheapest is None
    assert effect.adjusts(effect.best_attempt(dag.mask(free))) == bool(expected)


@pytest.mark.parametrize("seed", range(100))
def test_an_opened_path_is_open_with_the_nodes_and_closed_without(seed: int) -> None:
    graph, dag, treatments, outcome, allowed = question(seed, 7, 1)
    effect = Effect.of(dag, dag.mask(treatments), dag.mask([outcome]))
    held = {name for index, name in enumerate(allowed) if (seed + index) % 2}
    every = [path for path in oracle.paths(graph, treatments, outcome) if not oracle.causal(graph, path)]
    opened = [p for p in every if oracle.blocked(graph, p, set()) and not oracle.blocked(graph, p, held)]
    nodes = dag.mask(held) & ~effect.forbidden
    if nodes != dag.mask(held):
        pytest.skip("holds a node that no set may")
    path = [dag.names[node] for node in effect.opened(nodes)]
    assert path in opened if opened else not path
