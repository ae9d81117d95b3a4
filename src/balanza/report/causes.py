"""What the pages say of the causal graphs: values for the templates, taken from results as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from balanza.contract import Study
from balanza.errors import GraphError
from balanza.report import words
from balanza.report.language import active, said
from balanza.report.language import gettext as _
from balanza.report.load import GraphResults, StudyResults, WorldResults


def of_study(world: WorldResults, found: StudyResults) -> dict[str, Any] | None:
    """The section on what would have to be true for the estimates of a study; None where it names no graph."""
    answer = found.identification
    if answer is None:
        return None
    graph = _graph(world, answer)
    nodes = {node["name"]: node for node in graph.drawn["nodes"]}
    effects = [effect for effect in graph.drawn["effects"] if effect["study"] == found.study.name]
    arms = {arm["treatment"]: arm for arm in _arms(answer)}
    return {
        "graph": graph.drawn,
        "titles": {name: node["title"] for name, node in nodes.items()},
        "outcome": answer["outcome"],
        "effects": [_effect(arms[effect["treatment"]], effect, nodes) for effect in effects],
        "assumptions": _assumptions(found, next(iter(arms.values()))),
    }


def of_world(world: WorldResults) -> list[dict[str, Any]]:
    """What the page of the graphs shows of each."""
    return [
        {
            "drawn": graph.drawn,
            "svg": Markup(graph.svg[active().code]),  # noqa: S704 - its template escapes every text
            "titles": {node["name"]: node["title"] for node in graph.drawn["nodes"]},
            "themes": _by_theme(graph.drawn["nodes"]),
            "questions": _questions(world, graph),
            "falsification": _falsification(graph.falsification),
            "discovery": _discovery(graph.discovery),
        }
        for graph in world.graphs
    ]


def _graph(world: WorldResults, answer: Mapping[str, Any]) -> GraphResults:
    for graph in world.graphs:
        if graph.drawn["graph_digest"] == answer["graph_digest"]:
            return graph
    raise GraphError(
        f"the report was not given the graph {answer['graph']}",
        where=f"study {answer['study']}",
        cure=f"Give --graph {answer['graph']}",
    )


def _arms(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The joint answer first, since the estimates of a study with several treatments rest on it."""
    return [arm for arm in (answer["joint"], *answer["arms"]) if arm]


def _chosen(arm: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The cheapest set that adjusts, or that would if the latents with a proxy were measured by it."""
    chosen: Mapping[str, Any] | None = arm["chosen"] or (arm["if_proxied"] or {}).get("chosen")
    return chosen


def _effect(arm: Mapping[str, Any], effect: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    source = arm if arm["chosen"] else arm["if_proxied"] or arm
    return {
        "arm": arm,
        "svg": Markup(effect["svg"][active().code]),  # noqa: S704 - its template escapes every text
        "verdict": words.verdict(arm),
        "problem": not (arm["identified"] and arm["identified_here"]),
        "chosen": _chosen(arm),
        "sets": words.how_many_sets(source["n_sets"], complete=source["complete"]),
        "held": [_held(name, arm, nodes) for name in (_chosen(arm) or {"nodes": []})["nodes"]],
        "mediators": [nodes[name] for name in arm["mediators"]],
        "open": [nodes[name] for name, role in effect["roles"].items() if role == "open"],
    }


def _held(name: str, arm: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """A node of the adjustment set, and how the study gets hold of it."""
    chosen, node = _chosen(arm) or {}, nodes[name]
    if name in chosen["unmeasured"]:
        how = _("not in this study's rows (elsewhere: {column})") if node["column"] else _("not measured")
        how = _("latent; its proxy {proxy} is not in this study's rows") if node["proxy"] else how
    elif name in chosen["absorbed"]:
        how = _("absorbed by {absorbed}")
    else:
        how = "{column}" if node["column"] else _("only by its proxy {proxy}")
    told = how.format(column=node["column"], proxy=node["proxy"], absorbed=said(node["absorbed"]))
    return {"node": node, "how": told, "missing": name in chosen["unmeasured"]}


def _assumptions(found: StudyResults, arm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lists of assumptions that the estimates rest on, each with whose they are; where none was tried, the graph's.

    A sentence that the graph does not say is an override in the words of the study.
    """
    titles = {row["stem"]: row["title"] for row in found.comparison["rows"] if row["stem"] in found.assumptions}
    lists: dict[tuple[str, ...], list[str]] = {}
    for stem, sentences in found.assumptions.items():
        owners = lists.setdefault(tuple(sentences), [])
        owners += [titles[stem]] if titles[stem] not in owners else []
    lists = lists or {tuple(arm["assumptions"]): []}
    said = arm["assumptions"]
    return [
        {
            "estimators": owners,
            "sentences": [sentence for sentence in sentences if sentence in said],
            "overrides": [sentence for sentence in sentences if sentence not in said],
        }
        for sentences, owners in lists.items()
    ]


def _by_theme(nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    order = list(dict.fromkeys(node["theme"] for node in nodes))
    ordered = sorted(nodes, key=lambda node: order.index(node["theme"]))
    parts = groupby(ordered, key=lambda node: str(node["theme"]))
    return [{"title": words.theme(theme), "nodes": list(members)} for theme, members in parts]


def _questions(world: WorldResults, graph: GraphResults) -> list[dict[str, Any]]:
    """A row for each effect that a study asks of the graph."""
    found = []
    for results in world.studies:
        answer = results.identification
        if answer is not None and answer["graph_digest"] == graph.drawn["graph_digest"]:
            found += [_question(results.study, answer, arm) for arm in _arms(answer)]
    return found


def _question(study: Study, answer: Mapping[str, Any], arm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "study": study,
        "effect": _("{treatment} on {outcome}").format(treatment=arm["node"], outcome=answer["outcome"]["node"]),
        "verdict": words.verdict(arm),
        "problem": not (arm["identified"] and arm["identified_here"]),
        "reason": arm["reason"],
        "chosen": _chosen(arm),
        "proxied": arm["chosen"] is None,
    }


def _falsification(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    rows = found["implications"]
    return {
        "found": found,
        "tested": sorted((row for row in rows if row["tested"]), key=lambda row: float(row["adjusted_p_value"])),
        "untested": [row for row in rows if not row["tested"]],
    }


def _discovery(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The pairs that some search joins, and those that only the graph does, each with what every search found."""
    if found is None:
        return None
    ran = [search for search in found["searches"] if search["ran"]]
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for search in ran:
        for pair in search["pairs"]:
            row = pairs.setdefault((pair["left"], pair["right"]), {**pair, "found": {}, "against": []})
            row["found"][search["algorithm"]] = pair["found"]
            row["against"] += [search["algorithm"]] if pair["against_time"] or pair["agrees"] is False else []
    order = found["nodes"]
    rows = sorted(pairs.values(), key=lambda row: (order.index(row["left"]), order.index(row["right"])))
    return {
        "results": found,
        "algorithms": [search["algorithm"] for search in ran],
        "joined": [row for row in rows if any(row["found"].values())],
        "only_drawn": [row for row in rows if not any(row["found"].values())],
    }
