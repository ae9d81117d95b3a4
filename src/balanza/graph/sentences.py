"""What a causal graph says, in sentences: reasons, what is forbidden and why, what an estimate takes for granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from balanza.contract import Study
from balanza.graph.adjustment import Effect
from balanza.graph.dag import bits
from balanza.graph.model import CausalGraph
from balanza.say import joined, say, say_n


def reason(graph: CausalGraph, effect: Effect, allowed: int, chosen: int | None, unmeasured: Sequence[str]) -> str:
    """Why an effect is identified by adjustment, or which path stays open and which latents would close it.

    Parameters
    ----------
    graph, effect : CausalGraph, Effect
    allowed : int
        The nodes that may be adjusted for.
    chosen : int or None
        The set that identifies it.
    unmeasured : sequence of str
        Nodes of that set which nothing measures in the study's rows.
    """
    dag = effect.dag
    ends = say(
        "{treatments} on {outcome}",
        treatments=_and(dag.members(effect.treatments)),
        outcome=_and(dag.members(effect.outcome)),
    )
    if effect.lost:
        return say("No set identifies the effect of {ends}: {lost}.", ends=ends, lost=_lost(graph, effect))
    if chosen is None:
        path = effect.open_path(effect.best_attempt(allowed))
        beside = [dag.names[node] for node in path if not (allowed | effect.on_path) >> node & 1]
        hidden = _and([name for name in beside if name in graph.latent])
        latents = sorted(graph.latent)
        cures = [name for name in latents if effect.adjusts(effect.best_attempt(allowed | dag.mask([name])))]
        return (
            say(
                "No set of observed nodes identifies the effect of {ends}: {path} stays open",
                ends=ends,
                path=effect.back_door.written(path),
            )
            + (say(", since {hidden} cannot be measured", hidden=hidden) if hidden else "")
            + (say(". Measuring {nodes} would be enough.", nodes=_or(cures)) if cures else ".")
        )
    needed = effect.needed(chosen)
    if not chosen | needed:
        return say("No back-door path is open, so the effect of {ends} needs no adjustment.", ends=ends)
    names = _and(dag.members(chosen | needed))
    text = say(
        "Adjusting for {names} closes every back-door path, and so identifies the effect of {ends}.",
        names=names,
        ends=ends,
    )
    if unmeasured:
        path = effect.open_path(chosen & ~dag.mask(unmeasured))
        text += say_n(
            " {no_column}: without it {path} is open.",
            " {no_column}: without them {path} is open.",
            len(unmeasured),
            no_column=_no_column(unmeasured),
            path=effect.back_door.written(path),
        )
    return text


def _lost(graph: CausalGraph, effect: Effect) -> str:
    """Which node of the effect itself is taken out, and by what."""
    dag, said = effect.dag, []
    for name in dag.members(effect.lost):
        node = dag.mask([name])
        if node & effect.ends:
            what = say("is a treatment") if node & effect.treatments else say("is the outcome")
        elif node & effect.on_path:
            what = say("lies on a causal path")
        else:
            what = say("is caused by what lies on a causal path")
        said.append(
            say(
                "{effects} condition on {name}, which {what}",
                effects=graph.nodes[name].absorbed or say("effects"),
                name=name,
                what=what,
            )
        )
    return joined(said, " and ")


def no_instrument(graph: CausalGraph, effect: Effect, name: str, most: int) -> str:
    """Why a node is no instrument."""
    dag, node = effect.dag, effect.dag.mask([name])
    treatment, outcome = (dag.members(ends)[0] for ends in (effect.treatments, effect.outcome))
    if not graph.nodes[name].observed:
        return say("{name} is latent.", name=name)
    if node & effect.given:
        return say(
            "{effects} leave {name} no variation of its own.",
            effects=graph.nodes[name].absorbed or say("effects"),
            name=name,
        )
    if node & dag.descendants(effect.treatments):
        return say("{name} is caused by {treatment}.", name=name, treatment=treatment)
    path = effect.back_door.open_path(node, effect.outcome, effect.given & ~effect.ends)
    if path:
        return say(
            "{name} reaches {outcome} past {treatment}: {path}, and no set of up to {most}"
            " observed nodes closes all such paths and leaves it to move the treatment.",
            name=name,
            outcome=outcome,
            treatment=treatment,
            path=effect.back_door.written(path),
            most=most,
        )
    return say("{name} does not move {treatment}.", name=name, treatment=treatment)


def around(graph: CausalGraph, effect: Effect) -> str:
    """A causal path to the outcome that does not pass the latent which the outcome measures; "" where none."""
    dag, outcome = effect.dag, effect.dag.members(effect.outcome)[0]
    measured = graph.nodes[outcome].measures
    if measured is None:
        return ""
    path = dag.directed_path(effect.treatments, effect.outcome, dag.mask([measured]))
    return dag.written(path)


def forbidden(
    graph: CausalGraph, effect: Effect, observed: int, sets: Sequence[int], instruments: int, beside: int | None
) -> list[dict[str, Any]]:
    """Nodes never to be conditioned on, with the kind and the reason, in the order of the file.

    A collider is one that opens a path `beside` the chosen set (where nothing observed adjusts, beside that which would
    do with all latents measured), and stands in none of `sets`.
    """
    found = []
    used = effect.given | (beside or 0)
    whose = say("the chosen set") if sets else say("what would close all other paths")
    for nodes in sets:
        used |= nodes
    for index, name in enumerate(effect.dag.names):
        node = 1 << index
        if node & effect.ends:
            continue
        kind, why = _against(effect, node)
        if not kind and node & instruments & ~used:
            kind, why = "instrument", say("is an instrument: adjusting for it amplifies whatever bias is left")
        if not kind and beside is not None and node & observed & ~used and not effect.adjusts(beside | node):
            path = effect.back_door.written(effect.open_path(beside | node))
            kind, why = "collider", say("is a collider: beside {whose} it opens {path}", whose=whose, path=path)
        if kind:
            column = graph.nodes[name].column or graph.nodes[name].proxy
            found.append({"node": name, "column": column, "kind": kind, "reason": joined([name, " ", why, "."])})
    return found


def _against(effect: Effect, node: int) -> tuple[str, str]:
    """The kind of a node that the treatments cause, and why it is forbidden; empty for all others."""
    dag = effect.dag
    if node & effect.on_path:
        first = dag.directed_path(effect.treatments, node)
        second = dag.directed_path(node, effect.outcome, effect.treatments)
        return "mediator", say("lies on a causal path: {path}", path=dag.written((*first, *second[1:])))
    if node & dag.descendants(effect.outcome):
        return "descendant", say(
            "is caused by the outcome: {path}", path=dag.written(dag.directed_path(effect.outcome, node))
        )
    if node & effect.forbidden:
        path = dag.directed_path(effect.on_path & ~effect.outcome, node)
        return "descendant", say("is caused by what lies on a causal path: {path}", path=dag.written(path))
    if node & dag.descendants(effect.treatments):
        path = dag.directed_path(effect.treatments, node)
        return "descendant", say("is caused by the treatment and closes no back door: {path}", path=dag.written(path))
    return "", ""


def assumptions(
    study: Study,
    graph: CausalGraph,
    effect: Effect,
    columns: Mapping[str, str],
    chosen: int | None,
    verdict: str,
) -> list[str]:
    """What an estimate of a study with unit and period effects takes for granted, given the graph.

    Parameters
    ----------
    study, graph, effect : Study, CausalGraph, Effect
    columns : mapping
        Node to the column of the study's rows that measures it.
    chosen : int or None
        The adjustment set, with latents that a proxy stands for; None where there is none.
    verdict : str
        The reason given where no set of observed nodes adjusts.
    """
    dag = effect.dag
    found = [
        say(
            "The graph {name} is right: where none of its {n_edges} arrows joins two of its {n_nodes}"
            " nodes there is no direct effect, and no common cause is missing.",
            name=graph.name,
            n_edges=len(graph.edges),
            n_nodes=len(graph.nodes),
        ),
        *_on_the_outcome(graph, effect),
        *_on_the_rows(study, effect),
    ]
    if chosen is None:
        return [*found, verdict]
    own = dag.mask(_held(study, tuple(graph.nodes), columns)) if study.covariates != ("graph",) else 0
    chosen = own if own and effect.adjusts(own) else chosen
    nodes = dag.members(chosen)
    latent = [name for name in nodes if name in graph.latent]
    if latent:
        found.append(verdict)
    found += _on_absorbed(graph, dag.members(effect.needed(chosen)))
    held = _held(study, nodes, columns)
    if held:
        how = say(" by their values before treatment, with an effect of their own in each period")
        how = how if study.covariates == ("graph",) else ""
        found.append(say("Held fixed{how}: {nodes}.", how=how, nodes=_and(_with_columns(held, columns))))
    found += [
        say(
            "{column} stands for {name}, which is latent: what it misses of {name} stays open.",
            column=columns[name],
            name=name,
        )
        for name in held
        if name in latent
    ]
    return found + _on_left_out(graph, effect, chosen, own | dag.mask(held), columns)


def _on_the_rows(study: Study, effect: Effect) -> list[str]:
    """What is said where the study's file does not tell whether its rows have effects: a panel of its own, undated."""
    dated = any(item.start is not None or item.kind in ("binary", "reversible") for item in study.treatments)
    if study.rows != "panel" or dated or not effect.given:
        return []
    names = _and(effect.dag.members(effect.given))
    return [
        say(
            "The rows hold several periods: of a cross-section, no unit or period effects condition on {names}.",
            names=names,
        )
    ]


def _on_the_outcome(graph: CausalGraph, effect: Effect) -> list[str]:
    outcome, treatments = effect.dag.members(effect.outcome)[0], _and(effect.dag.members(effect.treatments))
    measured = graph.nodes[outcome].measures
    if measured is None:
        return []
    path = around(graph, effect)
    if path:
        return [
            say(
                "An effect on {outcome} is not an effect on {measured}, which it measures: {path} goes"
                " around {measured}.",
                outcome=outcome,
                measured=measured,
                path=path,
            )
        ]
    return [
        say(
            "{outcome} measures {measured}, and every causal path from {treatments} to {outcome} passes {measured}.",
            outcome=outcome,
            measured=measured,
            treatments=treatments,
        )
    ]


def _on_absorbed(graph: CausalGraph, nodes: Sequence[str]) -> list[str]:
    found = []
    for effects in ("unit effects", "period effects"):
        names = [name for name in nodes if graph.nodes[name].absorbed == effects]
        told = _and(names)
        if names and effects == "unit effects":
            found.append(
                say_n(
                    "Unit effects absorb {nodes}: what {nodes} does in each unit does not change over the window.",
                    "Unit effects absorb {nodes}: what {nodes} do in each unit does not change over the window.",
                    len(names),
                    nodes=told,
                )
            )
        elif names:
            found.append(
                say_n(
                    "Period effects absorb {nodes}: what {nodes} does is the same for all units.",
                    "Period effects absorb {nodes}: what {nodes} do is the same for all units.",
                    len(names),
                    nodes=told,
                )
            )
    return found


def _held(study: Study, nodes: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Those of some nodes whose column is a covariate of the study."""
    if study.covariates == ("graph",):
        return [name for name in nodes if name in columns]
    return [name for name in nodes if columns.get(name) in study.covariates]


def _on_left_out(graph: CausalGraph, effect: Effect, chosen: int, held: int, columns: Mapping[str, str]) -> list[str]:
    """Nodes of the set that the estimate does not hold fixed: those settled before treatment, and those that move."""
    dag = effect.dag
    left = dag.members(chosen & ~held)
    start = min(graph.times.index(graph.nodes[dag.names[index]].time) for index in bits(effect.treatments))
    settled = [name for name in left if graph.times.index(graph.nodes[name].time) < start]
    moving = [name for name in left if name not in settled]
    found = []
    if settled:
        found.append(
            say(
                "Not held fixed, but settled before treatment: {nodes}. Unit effects absorb them only"
                " if what they do does not change over the window.",
                nodes=_and(_with_columns(settled, columns)),
            )
        )
    path = effect.open_path((held | dag.mask(settled)) & ~effect.ends)
    if moving and path:
        found.append(
            say(
                "Not held fixed, and moving: {nodes}. So {path} stays open.",
                nodes=_and(_with_columns(moving, columns)),
                path=effect.back_door.written(path),
            )
        )
    return found


def _with_columns(names: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    return [
        joined([name, " (", columns[name], ")"]) if name in columns else say("{name} (no column)", name=name)
        for name in names
    ]


def _no_column(names: Sequence[str]) -> str:
    return say("No column of the study's rows measures {nodes}", nodes=_or(names))


def _and(words: Sequence[str]) -> str:
    return _joined(words, say(" and "))


def _or(words: Sequence[str]) -> str:
    return _joined(words, say(" or "))


def _joined(words: Sequence[str], last: str) -> str:
    return joined([joined(words[:-1], ", "), last, words[-1]]) if len(words) > 1 else "".join(words)
