"""Puts a causal graph to the test: each of its testable implications against the panel, and the whole by DoWhy.

An implication is tested by the partial correlation of its two nodes given the others, whole paths of units permuted
(balanza.kernels.conditional_independence). Two columns that differ between municipalities of a state are compared
within states and years, clustered by state; all others by state. A column that is constant within units is compared
across units, on their means. p-values are adjusted over all tested implications after Benjamini and Hochberg (1995):
where the graph is true, the chance that any implication fails is then about the level or less.

A linear test sees what moves together in a line; what passes is not rejected, and not thereby true.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from balanza.graph.implications import Adjacency, Implication, absorbed, holds, marginal
from balanza.graph.measures import Level, Measures
from balanza.graph.model import CausalGraph
from balanza.kernels import conditional_independence as kernel
from balanza.kernels.within import Degenerate
from balanza.say import joined, say, say_n

Design = Literal["unit and period effects", "across units"]
FREE_CLUSTERS = 10
"""Clusters beyond the conditioning nodes that a test needs."""
RESOLUTION = 5
"""How many times finer p-values are than the smallest that the adjustment asks for."""


@dataclass(frozen=True)
class Result:
    """An implication and what its test found; the numbers are None where it could not be tested, for the `reason`."""

    implication: Implication
    tested: bool
    reason: str | None = None
    level: Level | None = None
    design: Design | None = None
    correlation: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    rows: int | None = None
    units: int | None = None
    clusters: int | None = None
    years: tuple[int, int] | None = None


@dataclass(frozen=True)
class Falsification:
    """What the tests of a graph found. `passed` is None where nothing could be tested; `draws` are those of a test."""

    passed: bool | None
    sentence: str
    results: tuple[Result, ...]
    adjacencies: tuple[Adjacency, ...]
    draws: int | None = None


def falsify(
    graph: CausalGraph,
    measures: Mapping[Level, Measures],
    stated: Sequence[Implication] = (),
    *,
    draws: int = 999,
    level: float = 0.05,
    rng: np.random.Generator,
) -> Falsification:
    """Test every implication of a graph among measured nodes, and those stated beside it.

    Parameters
    ----------
    graph : CausalGraph
    measures : mapping
        From `balanza.graph.measures.read`.
    stated : sequence of Implication
        From `balanza.graph.implications.load_stated`.
    draws : int
        Permutations of each test; more are made where the family is too large for so few to find a failure.
    level : float
        Of the false alarms over the whole family.
    rng : Generator

    Returns
    -------
    Falsification
    """
    still = constant(measures)
    found = marginal(graph, _known(measures), still)
    family = _merge(graph, found.implications, stated, still)
    enough = max(draws, math.ceil(RESOLUTION * len(family) / level) - 1)
    results = put_to_test(graph, family, measures, draws=enough, rng=rng)
    return replace(conclude(results, found.adjacencies, level), draws=enough)


def constant(measures: Mapping[Level, Measures]) -> frozenset[str]:
    """Nodes that do not move within the units of the level at which they are measured."""
    return frozenset().union(*(table.constant() for table in measures.values()))


def put_to_test(
    graph: CausalGraph,
    family: Sequence[Implication],
    measures: Mapping[Level, Measures],
    *,
    draws: int,
    rng: np.random.Generator,
) -> list[Result]:
    """Test implications, and adjust their p-values over all that could be tested.

    Parameters
    ----------
    graph : CausalGraph
    family : sequence of Implication
    measures, draws, rng : as in `falsify`

    Returns
    -------
    list of Result
        In the order of the family.
    """
    from statsmodels.stats.multitest import multipletests

    exchanges = _Exchanges(draws, int(rng.integers(2**63)))
    still = constant(measures)
    results = [_test(graph, implication, measures, still, exchanges) for implication in family]
    p_values = [result.p_value for result in results if result.p_value is not None]
    adjusted = iter(multipletests(p_values, method="fdr_bh")[1] if p_values else [])
    return [replace(r, adjusted_p_value=float(next(adjusted))) if r.p_value is not None else r for r in results]


def conclude(results: Sequence[Result], adjacencies: tuple[Adjacency, ...], level: float) -> Falsification:
    """Say what the results mean together.

    Parameters
    ----------
    results : sequence of Result
    adjacencies : tuple of Adjacency
        Pairs that no measured set separates.
    level : float
        Below it an adjusted p-value is a failure.
    """
    p_values = [r.adjusted_p_value for r in results if r.adjusted_p_value is not None]
    failed = sum(p < level for p in p_values)
    if not p_values:
        sentence = say(
            "None of the {n_results} implications of the graph can be tested on this panel.", n_results=len(results)
        )
        return Falsification(None, sentence, tuple(results), adjacencies)
    verdict = say_n("{n} of them fails", "{n} of them fail", failed) if failed else say("none of them fails")
    sentence = say(
        "{n_tested} of {n_results} implications of the graph can be tested; {verdict} at"
        " {level:g} % after adjustment for their number. What passes is not rejected, and not"
        " thereby true.",
        n_tested=len(p_values),
        n_results=len(results),
        verdict=verdict,
        level=100 * level,
    )
    return Falsification(failed == 0, sentence, tuple(results), adjacencies)


def _known(measures: Mapping[Level, Measures]) -> set[str]:
    return {name for table in measures.values() for name in table.values}


def _merge(
    graph: CausalGraph, derived: Sequence[Implication], stated: Sequence[Implication], still: frozenset[str]
) -> list[Implication]:
    """Derived and stated implications, a stated one in the place of a derived one that says the same."""
    everything = list(derived)
    for implication in stated:
        taken = absorbed(graph, unit_effects=not {implication.left, implication.right} & still)
        given = tuple(name for name in implication.given if name not in taken)
        own = replace(implication, given=given, absorbed=taken)
        same = [i for i, other in enumerate(everything) if _says(other) == _says(own)]
        if same:
            everything[same[0]] = own
        else:
            everything.append(own)
    return everything


def _says(implication: Implication) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset({implication.left, implication.right}), frozenset(implication.given)


@dataclass(frozen=True)
class Sample:
    """Complete rows of some nodes: values of shape (n_nodes, n_units, n_years); groups of the units, (n_units,)."""

    values: np.ndarray
    groups: np.ndarray | None
    years: tuple[int, ...]


def _without_values(nodes: Sequence[str], measures: Mapping[Level, Measures]) -> str:
    """Why some nodes have no values; where they have no column at all, just that."""
    known = {name: reason for table in measures.values() for name, reason in table.left_out.items()}
    without = [name for name in nodes if name not in known]
    parts = [say("column missing for {without}", without=joined(without, ", "))] if without else []
    return joined(parts + [joined([name, ": ", known[name]]) for name in nodes if name in known], "; ")


@dataclass
class _Exchanges:
    """The same random exchanges for all tests on the same units: a p-value does not hang on what else is tested."""

    draws: int
    seed: int
    made: dict[tuple[int, bytes], np.ndarray] = field(default_factory=dict)

    def of(self, sample: Sample) -> np.ndarray:
        n_units, groups = sample.values.shape[1], sample.groups
        key = (n_units, b"" if groups is None else groups.tobytes())
        if key not in self.made:
            self.made[key] = kernel.orders(self.draws, n_units, np.random.default_rng(self.seed), groups)
        return self.made[key]


def _test(
    graph: CausalGraph,
    implication: Implication,
    measures: Mapping[Level, Measures],
    still: frozenset[str],
    exchanges: _Exchanges,
) -> Result:
    known = _known(measures)
    pair = (implication.left, implication.right)
    effects = [
        say("{effects} take out {name}", effects=graph.nodes[name].absorbed, name=name)
        for name in pair
        if graph.nodes[name].absorbed
    ]
    missing = [name for name in (*pair, *implication.given) if name not in known]
    if effects or missing:
        return Result(implication, False, effects[0] if effects else _without_values(missing, measures))
    if not holds(graph, implication):
        return Result(implication, False, say("the graph does not imply it once effects are taken out"))
    level: Level = "municipality" if set(pair) <= set(measures["municipality"].values) else "state"
    table = measures[level]
    # By municipality, the effects of states and years take out all conditioning nodes that are the same within a state.
    controls = [name for name in implication.given if name in table.values]
    sample = complete(table, (*pair, *controls))
    design: Design = "across units" if still.intersection(pair) else "unit and period effects"
    reason = _too_small(sample, design, len(controls))
    if reason:
        return Result(implication, False, reason, level, design)
    values = sample.values.mean(axis=2, keepdims=True) if design == "across units" else sample.values
    try:
        found = kernel.permutation_test(values[0], values[1], values[2:], exchanges.of(sample), sample.groups)
    except Degenerate as none_left:
        name = pair[none_left.index or 0]
        return Result(
            implication, False, say("effects and conditioning nodes leave nothing of {name}", name=name), level, design
        )
    return Result(
        implication,
        True,
        level=level,
        design=design,
        correlation=found.correlation,
        statistic=found.statistic,
        p_value=found.p_value,
        rows=values[0].size,
        units=values.shape[1],
        clusters=found.n_clusters,
        years=(sample.years[0], sample.years[-1]),
    )


def complete(table: Measures, names: Sequence[str]) -> Sample:
    """The years in which at least half as many units are complete as in the best year, and the units complete in all.

    A municipality alone in its state has nothing to be compared with, and is left out.

    Parameters
    ----------
    table : Measures
    names : sequence of str
        Nodes of the table.
    """
    values = np.stack([table.values[name] for name in names])
    complete = ~np.isnan(values).any(axis=0)
    per_year = complete.sum(axis=0)
    years = np.flatnonzero((per_year > 0) & (2 * per_year >= per_year.max(initial=0)))
    units = complete[:, years].all(axis=1)
    groups = table.groups
    if groups is not None:
        units &= np.bincount(groups[units], minlength=groups.max() + 1)[groups] > 1
        groups = np.unique(groups[units], return_inverse=True)[1]
    return Sample(values[:, units][:, :, years], groups, tuple(table.years[year] for year in years))


def _too_small(sample: Sample, design: Design, n_controls: int) -> str | None:
    if not sample.years:
        return say("its columns share no year")
    if design == "unit and period effects" and len(sample.years) < 2:
        return say("its columns share the year {year} only", year=sample.years[0])
    clusters = sample.values.shape[1] if sample.groups is None else len(np.unique(sample.groups))
    if clusters < n_controls + FREE_CLUSTERS:
        return say(
            "{clusters} clusters do not carry {n_controls} conditioning nodes", clusters=clusters, n_controls=n_controls
        )
    return None
