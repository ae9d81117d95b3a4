"""False alarms and power of the tests of a graph, and what they say where they cannot be made."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests.graph.worlds import EDGES, draw, graph_of

from balanza.graph.falsify import Falsification, conclude, falsify, put_to_test
from balanza.graph.implications import Implication, marginal
from balanza.graph.measures import Level, Measures

TRUE = dict.fromkeys(EDGES, 0.6)
LEVEL = 0.05
DRAWS = 499
"""The smallest adjusted p-values of twelve tests are then .024 and .048: the grid costs hardly any of the level."""


def rates(n_worlds: int, seed: int, extra: dict[str, float] | None = None) -> tuple[int, np.ndarray]:
    """Worlds in which the graph failed, and the p-values of all tests, shape (n_worlds, n_implications)."""
    graph, rng = graph_of(EDGES), np.random.default_rng(seed)
    found = marginal(graph, constant={"B"})
    failed, p_values = 0, []
    for _ in range(n_worlds):
        results = put_to_test(graph, found.implications, draw(rng, TRUE | (extra or {})), draws=DRAWS, rng=rng)
        failed += conclude(results, found.adjacencies, LEVEL).passed is False
        p_values.append([result.p_value for result in results])
    return failed, np.array(p_values)


def test_a_true_graph_passes_in_nineteen_of_twenty_worlds() -> None:
    failed, p_values = rates(200, seed=7)
    low, high = stats.binom.ppf([0.005, 0.995], 200, LEVEL)
    assert low <= failed <= high
    # Tests of one world share its data, so that the rate over all tests is held to the bounds of the worlds alone.
    assert low / 200 <= np.mean(p_values <= LEVEL) <= high / 200


def test_a_missing_edge_is_found() -> None:
    """The world has P -> Y, .8 of the noise's standard deviation; the graph lacks it."""
    failed, p_values = rates(30, seed=8, extra={"P>Y": 0.8})
    without, _ = rates(30, seed=8)
    implications = marginal(graph_of(EDGES), constant={"B"}).implications
    hit = [(i.left, i.right) for i in implications].index(("P", "Y"))
    assert np.mean(p_values[:, hit] <= LEVEL) > 0.9
    assert failed > 24 > without


@pytest.mark.slow
def test_false_alarms_and_power_in_a_thousand_worlds() -> None:
    failed, p_values = rates(1000, seed=9)
    low, high = stats.binom.ppf([0.005, 0.995], 1000, LEVEL)
    assert low <= failed <= high
    alarms = (p_values <= LEVEL).sum(axis=0)
    assert (alarms <= stats.binom.ppf(1 - 0.005 / len(alarms), 1000, LEVEL)).all()
    power = [rates(200, 10, {"P>Y": size})[0] / 200 for size in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert power == sorted(power)
    assert power[-1] > 0.9


def once(measures: dict[Level, Measures], *stated: Implication, seed: int = 0) -> Falsification:
    return falsify(graph_of(EDGES), measures, stated, draws=99, rng=np.random.default_rng(seed))


def world(seed: int = 1, n_years: int = 5) -> dict[Level, Measures]:
    return draw(np.random.default_rng(seed), TRUE, n_years=n_years)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    assert once(world()) == once(world())
    assert once(world()) != once(world(), seed=1)


def test_a_column_that_does_not_move_is_compared_across_units() -> None:
    results = {(r.implication.left, r.implication.right): r for r in once(world()).results}
    across, along = results["B", "X"], results["W", "M"]
    assert (across.design, across.rows, across.clusters) == ("across units", 40, 40)
    assert (along.design, along.rows, along.clusters) == ("unit and period effects", 200, 40)
    assert along.years == (2001, 2005)


def test_adjustment_is_by_benjamini_and_hochberg_over_the_whole_family() -> None:
    results = once(world()).results
    p_values = np.array([r.p_value for r in results], dtype=float)
    order = np.argsort(-p_values, kind="stable")
    by_hand = np.empty(len(order))
    by_hand[order] = np.minimum.accumulate(p_values[order] * len(order) / np.arange(len(order), 0, -1))
    assert [r.adjusted_p_value for r in results] == pytest.approx(np.minimum(by_hand, 1))


def test_a_family_is_never_too_large_for_its_draws_to_fail() -> None:
    """99 draws give no p-value under .01, and twelve tests ask for .05 / 12."""
    strong = draw(np.random.default_rng(3), TRUE | {"P>Y": 3.0})
    found = once(strong)
    assert found.passed is False
    assert found.draws == 5 * 12 / 0.05 - 1
    assert min(r.p_value for r in found.results if r.p_value) < 0.05 / 12


def test_what_cannot_be_tested_says_why() -> None:
    measures = world()
    state = measures["state"]
    early = np.where(np.arange(5) < 2, state.values["Q"], np.nan)
    late = np.where(np.arange(5) > 0, state.values["W"], np.nan)
    flat = np.tile(np.arange(5.0), (40, 1))
    flat[0, 0] += 1e-12
    values = {k: v for k, v in state.values.items() if k != "M"} | {"Q": early, "W": late, "P": flat}
    stated = [
        Implication("P", "M", ("X",), (), "", stated=True),
        Implication("T", "P", (), (), "", stated=True),
        Implication("W", "Q", ("B",), (), "", stated=True),
        Implication("P", "W", (), (), "", stated=True),
    ]
    found = once(measures | {"state": replace(state, values=values)}, *stated)
    reasons = {(r.implication.left, r.implication.right): r.reason for r in found.results if not r.tested}
    assert reasons["P", "M"] == "column missing for M"
    assert reasons["T", "P"] == "period effects take out T"
    assert reasons["W", "Q"] == "its columns share the year 2002 only"
    assert reasons["P", "W"] == "effects and conditioning nodes leave nothing of P"
    assert all(r.p_value is None and r.adjusted_p_value is None for r in found.results if not r.tested)


def test_too_few_clusters_make_no_number() -> None:
    measures = draw(np.random.default_rng(1), TRUE, n_units=11)
    reasons = {(r.implication.left, r.implication.right): r.reason for r in once(measures).results}
    assert reasons["P", "Y"] == "11 clusters do not carry 2 conditioning nodes"
    assert reasons["B", "P"] is None


def test_a_graph_of_which_nothing_is_measured_neither_passes_nor_fails() -> None:
    empty = {level: replace(table, values={}) for level, table in world().items()}
    found = once(empty, Implication("P", "M", ("X",), (), "", stated=True))
    assert found.passed is None
    assert found.sentence == "None of the 1 implications of the graph can be tested on this panel."


def test_a_stated_implication_takes_the_place_of_the_same_derived_one() -> None:
    stated = Implication("X", "B", ("W", "T"), (), "B draws X by itself.", stated=True)
    found = once(world(), stated)
    assert len(found.results) == len(once(world()).results)
    assert [r.implication.reading for r in found.results if r.implication.stated] == ["B draws X by itself."]


def by_municipality(seed: int, shared: float) -> dict[Level, Measures]:
    """A and C in 12 states of 8 municipalities, unrelated within states; `shared` moves whole states."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(12), 8)
    state = shared * rng.normal(size=(12, 4))
    values = {name: state[groups] + rng.normal(size=(96, 4)) for name in "AC"}
    units = tuple(str(i) for i in range(96))
    local = Measures("municipality", units, (1, 2, 3, 4), values, groups)
    means = {name: array.reshape(12, 8, 4).mean(axis=1) for name, array in values.items()}
    return {"municipality": local, "state": Measures("state", units[:12], (1, 2, 3, 4), means)}


def test_municipal_columns_are_compared_within_states() -> None:
    graph = graph_of((), {"A": "now", "C": "now"}, latent="", shocks="")
    apart = falsify(graph, by_municipality(4, shared=5.0), draws=199, rng=np.random.default_rng(0))
    result = apart.results[0]
    assert (result.level, result.units, result.clusters, result.rows) == ("municipality", 96, 12, 384)
    assert apart.passed
    only_states = by_municipality(4, shared=5.0)
    only_states["municipality"] = replace(only_states["municipality"], values={})
    together = falsify(graph, only_states, draws=199, rng=np.random.default_rng(0))
    assert together.results[0].level == "state"
    assert together.passed is False
