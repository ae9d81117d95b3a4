"""What a causal graph says about a study: whether its effects are identified, by what, and what must not be touched.

`identify` answers as plain values, which the verb writes as identification.json:

    study, study_digest   the study and the sha256 of its file
    graph, graph_title, graph_digest    its file's name without the ending, its title, the sha256 of the file
    rows                  the study's rows, which decide the columns that measure a node
    outcome               {node, column, measures, around}: the latent that it measures, if the graph names one, and a
                          causal path from a treatment that reaches the outcome without passing it ("" where none does)
    conditioned           [{node, by}]: nodes that unit or period effects condition on, in every set, wanted or not
    limit                 the most adjustment sets that are listed
    arms                  one per treatment, see below
    joint                 the same for all treatments at once; null for a study with one

An arm (or the joint answer) has

    treatment, node, column       in words; the joint answer joins names by "and", and has no column
    treatments, nodes             the same as lists
    identified, reason            whether a set of observed nodes adjusts beside what effects absorb; a sentence
    identified_here               whether the columns of the study's rows measure all that the chosen set needs
    adjustment_sets               up to `limit` sets {nodes, columns, unmeasured, absorbed, minimal}, the cheapest
                                  first: `columns` measure some nodes in the study's rows, unit or period effects
                                  absorb others (named where the set needs them), and the rest is observed in principle
                                  and unmeasured here; minimal beside all that effects condition on
    n_sets, complete              how many are listed, and whether these are all minimal ones
    chosen                        the cheapest: fewest unmeasured nodes, then fewest columns; null where there is none
    opened                        a path that the measured part of the chosen set (or of that with proxies) opens, and
                                  without it is closed; "" where none of at most eight nodes is
    if_proxied                    where not identified: {latents, identified, identified_here, reason, adjustment_sets,
                                  n_sets, complete, chosen} if latents with a proxy were measured by it; else null
    instruments                   [{node, column, given, given_columns, threat}]; kept out of the adjustment sets, since
                                  they amplify bias (Bhattacharya and Vogt, 2007; Pearl, 2010), unless without them no
                                  set remains, or only one with more unmeasured nodes
    not_instruments               [{node, column, reason}]: instruments that the study names and the graph rules out
    front_door                    [[node, ...], ...]
    mediators                     nodes on the causal paths, the outcome left out
    forbidden                     [{node, column, kind, reason}], kind: mediator | descendant | collider | instrument
    assumptions                   sentences on what an estimate of this study takes for granted

Nothing here reads data.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from balanza.contract import Study, Treatment
from balanza.errors import GraphError
from balanza.graph import sentences
from balanza.graph.adjustment import Effect, least
from balanza.graph.dag import Dag, bits
from balanza.graph.instruments import MOST_GIVEN, front_doors, instruments, is_instrument
from balanza.graph.model import CausalGraph
from balanza.say import joined, say

LIMIT = 50
_MEASURED, _UNMEASURED = 1, 1_000


@dataclass(frozen=True)
class Measurement:
    """How a study gets hold of each node: the column that measures it, or the effects that condition on it."""

    columns: dict[str, str]
    absorbed: dict[str, str]

    @classmethod
    def of(cls, graph: CausalGraph, columns: Collection[str] | None, absorbed: Collection[str]) -> Measurement:
        """With the columns that the study's rows have; None stands for all that the graph names."""
        named = {name: node.column or node.proxy for name, node in graph.nodes.items()}
        return cls(
            {name: column for name, column in named.items() if column and (columns is None or column in columns)},
            {name: node.absorbed or "effects" for name, node in graph.nodes.items() if name in absorbed},
        )


@dataclass(frozen=True)
class _Question:
    """The effect of some treatments in a study, with all that is needed to answer."""

    study: Study
    graph: CausalGraph
    measurement: Measurement
    dag: Dag
    effect: Effect
    treatments: tuple[str, ...]
    nodes: tuple[str, ...]
    limit: int

    def cost(self, mask: int) -> int:
        """Unmeasured nodes weigh more than any number of columns."""
        measured = [self.dag.names[index] in self.measurement.columns for index in bits(mask)]
        return sum(_MEASURED if known else _UNMEASURED for known in measured)

    def n_unmeasured(self, mask: int) -> int:
        """Nodes that no column measures."""
        return self.cost(mask) // _UNMEASURED

    def parts(self, mask: int) -> dict[str, Any]:
        """An adjustment set as the schema has it, with what it needs of that which effects condition on."""
        names = self.dag.members(mask | self.effect.needed(mask))
        columns, absorbed = self.measurement.columns, self.measurement.absorbed
        return {
            "nodes": names,
            "columns": [columns[name] for name in names if name in columns and name not in absorbed],
            "unmeasured": [name for name in names if name not in columns and name not in absorbed],
            "absorbed": [name for name in names if name in absorbed],
            "minimal": True,
        }


def identify(
    study: Study,
    graph: CausalGraph,
    columns: Collection[str] | None = None,
    limit: int = LIMIT,
    absorbed: Collection[str] | None = None,
) -> dict[str, Any]:
    """Ask a causal graph about the effects of a study.

    Parameters
    ----------
    study : Study
        Its treatments and its outcome must be nodes of the graph.
    graph : CausalGraph
    columns : collection of str, optional
        Columns of the study's rows; without it every column that the graph names counts as measured.
    limit : int
        The most adjustment sets to list.
    absorbed : collection of str, optional
        Nodes that unit and period effects condition on; `()` asks of the graph alone. Without it, all which the graph
        says that effects absorb; where the rows may be a cross-section, the assumptions say so.

    Returns
    -------
    dict
        In the schema of this module.

    Raises
    ------
    GraphError
        If a treatment or the outcome is no node, or no causal path leads from a treatment to the outcome.
    """
    outcome = _outcome_node(study, graph)
    nodes = [_treatment_node(treatment, study, graph) for treatment in study.treatments]
    if len(set(nodes)) < len(nodes):
        raise GraphError(
            "two treatments stand for one node", where=f"study {study.name}", cure="Give each its own `node`"
        )
    if absorbed is None:
        absorbed = [name for name, node in graph.nodes.items() if node.absorbed]
    measurement, dag = Measurement.of(graph, columns, absorbed), graph.dag()

    def ask(treatments: Sequence[Treatment], held: Sequence[str]) -> _Question:
        effect = Effect.of(dag, dag.mask(held), dag.mask([outcome]), dag.mask(absorbed))
        _require_path(effect, study, graph)
        names = tuple(item.name for item in treatments)
        return _Question(study, graph, measurement, dag, effect, names, tuple(held), limit)

    questions = [ask([item], [node]) for item, node in zip(study.treatments, nodes, strict=True)]
    found = [_instruments(question) for question in questions]
    arms = [_answer(question, own, _mask(own)) for question, own in zip(questions, found, strict=True)]
    together = ask(study.treatments, nodes)
    every = sum({node for own in found for node, _ in own})
    return {
        "study": study.name,
        "study_digest": study.digest,
        "graph": graph.name,
        "graph_title": graph.title,
        "graph_digest": graph.digest,
        "rows": study.rows,
        "outcome": {
            "node": outcome,
            "column": study.outcome.column,
            "measures": graph.nodes[outcome].measures,
            "around": sentences.around(graph, together.effect),
        },
        "conditioned": [{"node": name, "by": measurement.absorbed[name]} for name in sorted(measurement.absorbed)],
        "limit": limit,
        "arms": arms,
        "joint": _answer(together, [], every) if len(nodes) > 1 else None,
    }


def _require_path(effect: Effect, study: Study, graph: CausalGraph) -> None:
    if not effect.on_path:
        treatments, outcome = effect.dag.members(effect.treatments), effect.dag.members(effect.outcome)[0]
        raise GraphError(
            f"no causal path leads from {' or '.join(treatments)} to {outcome}",
            where=f"study {study.name}, graph {graph.name}",
            cure="Choose an outcome that the treatment can change, or draw the path",
        )


def _outcome_node(study: Study, graph: CausalGraph) -> str:
    node = graph.node_of(study.outcome.column)
    if node is None:
        raise GraphError(
            f"no node measures the outcome {study.outcome.column}",
            where=f"study {study.name}, graph {graph.name}",
            cure=f"Write column={study.outcome.column} at a node, or leave `graph` out of the study",
        )
    return node


def _treatment_node(treatment: Treatment, study: Study, graph: CausalGraph) -> str:
    where, given = (
        f"study {study.name}, graph {graph.name}",
        treatment.first_treated,
    )
    if treatment.node is not None:
        if treatment.node not in graph.nodes:
            raise GraphError(
                f"there is no node {treatment.node!r}", where=where, cure=f"Nodes: {', '.join(graph.nodes)}"
            )
        return treatment.node
    column = treatment.column or (given if isinstance(given, str) else None)
    node = graph.node_of(column) if column else None
    if node is None:
        raise GraphError(
            f"no node measures the treatment {column or treatment.name}",
            where=where,
            cure="Say which node it stands for: `node: NAME` at the treatment",
        )
    return node


def _instruments(question: _Question) -> list[tuple[int, int]]:
    return instruments(question.effect, _observed(question.graph, question.dag), question.cost)


def _mask(found: list[tuple[int, int]]) -> int:
    return sum(node for node, _ in found)


def _observed(graph: CausalGraph, dag: Dag) -> int:
    return dag.mask(name for name, node in graph.nodes.items() if node.observed)


def _answer(question: _Question, found: list[tuple[int, int]], left_out: int) -> dict[str, Any]:
    """An arm of the schema; `left_out` are the instruments that stay out of the adjustment sets if they can."""
    graph, dag, effect = question.graph, question.dag, question.effect
    observed = _observed(graph, dag)
    plain, sets = _by_adjustment(question, observed, left_out)
    proxied = [name for name, node in graph.nodes.items() if node.proxy]
    if_proxied, allowed = None, observed
    if not plain["identified"] and proxied:
        allowed = observed | dag.mask(proxied)
        if_proxied, sets = _by_adjustment(question, allowed, left_out)
        if_proxied = {"latents": proxied, **if_proxied}
    return {
        "treatment": joined(question.treatments, " and "),
        "node": joined(question.nodes, " and "),
        "column": graph.nodes[question.nodes[0]].column if len(question.nodes) == 1 else None,
        "treatments": question.treatments,
        "nodes": question.nodes,
        **plain,
        "opened": _opened(question, sets[0]) if sets else "",
        "if_proxied": if_proxied,
        "instruments": [_instrument(question, node, given) for node, given in found],
        "not_instruments": _not_instruments(question, found) if len(question.nodes) == 1 else [],
        "front_door": [dag.members(nodes) for nodes in front_doors(effect, observed)],
        "mediators": dag.members(effect.on_path & ~effect.outcome),
        "forbidden": sentences.forbidden(graph, effect, observed, sets, left_out, _beside(question, sets)),
        "assumptions": sentences.assumptions(
            question.study,
            graph,
            effect,
            question.measurement.columns,
            sets[0] if sets else None,
            plain["reason"],
        ),
    }


def _by_adjustment(question: _Question, allowed: int, left_out: int) -> tuple[dict[str, Any], list[int]]:
    """The part of the answer on adjustment, and its sets as masks with the chosen one first."""
    effect, limit = question.effect, question.limit
    cheapest, other = (effect.cheapest_set(nodes, question.cost) for nodes in (allowed & ~left_out, allowed))
    if other is not None and (cheapest is None or question.n_unmeasured(other) < question.n_unmeasured(cheapest)):
        left_out, cheapest = 0, other
    found, complete = effect.minimal_sets(allowed & ~left_out, question.cost, limit)
    sets: list[int] = []
    if cheapest is not None:
        others = sorted(set(found) - {cheapest}, key=lambda nodes: (question.cost(nodes), nodes))
        sets = [cheapest, *others][:limit]
    chosen = question.parts(cheapest) if cheapest is not None else None
    answer = {
        "identified": chosen is not None,
        "identified_here": chosen is not None and not chosen["unmeasured"],
        "reason": sentences.reason(question.graph, effect, allowed, cheapest, chosen["unmeasured"] if chosen else ()),
        "adjustment_sets": [question.parts(nodes) for nodes in sets],
        "n_sets": len(sets),
        "complete": complete,
        "chosen": chosen,
    }
    return answer, sets


def _beside(question: _Question, sets: list[int]) -> int | None:
    """The set beside which colliders show: the chosen one, or that which would do if all latents were measured."""
    everything = (1 << len(question.dag.names)) - 1 & ~question.effect.given & ~question.effect.ends
    return sets[0] if sets else question.effect.cheapest_set(everything, question.cost)


def _opened(question: _Question, chosen: int) -> str:
    measured = question.dag.mask(name for name in question.dag.members(chosen) if name in question.measurement.columns)
    return question.dag.written(question.effect.opened(measured)) if measured != chosen else ""


def _not_instruments(question: _Question, found: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Instruments that the study names although neither its covariates nor a few nodes make them valid."""
    graph, dag, effect = question.graph, question.dag, question.effect
    held = [name for column in question.study.covariates if (name := graph.node_of(column))]
    refused = []
    for column in question.study.instruments:
        name = graph.node_of(column)
        if name is None or dag.mask([name]) in dict(found):
            continue
        if not is_instrument(effect, dag.mask([name]), dag.mask(held)):
            why = sentences.no_instrument(graph, effect, name, MOST_GIVEN)
            refused.append({"node": name, "column": column, "reason": why})
    return refused


def _instrument(question: _Question, node: int, given: int) -> dict[str, Any]:
    effect = question.effect
    needed = least(effect.given, lambda part: is_instrument(replace(effect, given=part), node, given))
    name, others = question.dag.members(node)[0], question.dag.members(given | needed)
    columns, stated = question.measurement.columns, question.graph.nodes[name]
    outcome = question.dag.members(effect.outcome)[0]
    threat = stated.threat or say(
        "fails if {name} changes {outcome} other than through {treatment}",
        name=name,
        outcome=outcome,
        treatment=question.nodes[0],
    )
    return {
        "node": name,
        "column": columns.get(name),
        "given": others,
        "given_columns": [columns[other] for other in others if other in columns],
        "threat": threat,
    }
