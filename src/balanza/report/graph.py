"""Draws a causal graph as SVG: boxes in the colours of their themes, dashed where latent, from left to right by time.

The template escapes every text. Colours are those of Okabe and Ito, told apart by the colour-blind; what a box is to a
study is also written in it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from balanza.graph.adjustment import Effect
from balanza.graph.dag import Dag, bits
from balanza.graph.model import CausalGraph, Node
from balanza.report import words
from balanza.report.language import N_, said
from balanza.report.language import gettext as _
from balanza.report.layout import Layout, Link, Point, place

if TYPE_CHECKING:
    from jinja2 import Template

Role = Literal["treatment", "outcome", "adjust", "open", "mediator"]
Sort = Literal["measured", "unmeasured", "latent"]
COLOURS = {
    "militarization": "#0072b2",
    "coordination": "#56b4e9",
    "prevention": "#009e73",
    "justice": "#f0e442",
    "us_cooperation": "#e69f00",
    "rights_and_outlook": "#cc79a7",
    "context": "#999999",
    "outcome": "#d55e00",
}
SORT_WORDS = {"measured": N_("measured"), "unmeasured": N_("observed, not measured here"), "latent": N_("latent")}
ROLE_WORDS = {
    "adjust": N_("to adjust for"),
    "open": N_("stays open"),
    "treatment": N_("treatment"),
    "outcome": N_("outcome"),
}
ARROW_WORDS = {
    "causal": N_("causal path"),
    "open": N_("open back-door path"),
    "indirect": N_("through nodes not shown"),
}
ROLES = (N_("treatment"), N_("outcome"), N_("adjust"), N_("open"), N_("mediator"))
"""What stands in a box beside its name, for the catalogue."""
BOX, LINE, LETTERS, MOST_LINES = 138, 13, 20, 4
"""Least width of a box and height of a line in pixels; letters a line, and lines of a title."""
LEGEND_WIDTH, LETTER, CAPITAL = 840, 6.2, 7.6
"""Pixels; of a letter in the widest fonts in use, small and in the head of a box."""


@dataclass(frozen=True)
class Drawing:
    """A picture: the nodes that it shows, what each is to the effect, and the SVG."""

    shown: tuple[str, ...]
    roles: Mapping[str, Role]
    svg: str


@dataclass(frozen=True)
class _Marks:
    """What is said of nodes and links beside what the graph's file says of them."""

    roles: Mapping[str, Role]
    unmeasured: frozenset[str] = frozenset()
    causal: frozenset[Link] = frozenset()
    open: frozenset[Link] = frozenset()
    indirect: tuple[Link, ...] = ()


def draw(graph: CausalGraph, answers: Sequence[Mapping[str, Any]] = ()) -> Drawing:
    """The whole graph, with the treatments and outcomes of the studies marked.

    Parameters
    ----------
    graph : CausalGraph
    answers : sequence of mapping
        From `balanza.graph.identify.identify`, of studies of this graph.
    """
    roles: dict[str, Role] = {
        node: "treatment" for answer in answers for arm in answer["arms"] for node in arm["nodes"]
    }
    roles |= {answer["outcome"]["node"]: "outcome" for answer in answers}
    return _drawing(
        graph,
        tuple(graph.nodes),
        _Marks(roles),
        _("Causal graph: {title}").format(title=said(graph.title)),
        most=3,
        between=40,
    )


def draw_effect(graph: CausalGraph, arm: Mapping[str, Any], outcome: str, conditioned: Collection[str] = ()) -> Drawing:
    """What bears on one effect: treatments, outcome, mediators, the adjustment set, and the latents that stay open.

    Where nothing observed adjusts, the set is that which would if the proxied latents were measured. An arrow through
    nodes that are not shown is dotted.

    Parameters
    ----------
    graph : CausalGraph
    arm : mapping
        An arm of `balanza.graph.identify.identify`, or its joint answer.
    outcome : str
        Node of the outcome.
    conditioned : collection of str
        Nodes that unit and period effects condition on.
    """
    dag = graph.dag()
    effect = Effect.of(dag, dag.mask(arm["nodes"]), dag.mask([outcome]), dag.mask(conditioned))
    chosen = arm["chosen"] or (arm["if_proxied"] or {}).get("chosen") or {"nodes": [], "unmeasured": []}
    path = () if arm["identified"] else effect.open_path(effect.best_attempt(_usable(graph, dag)))
    roles: dict[str, Role] = dict.fromkeys(arm["mediators"], "mediator")
    roles |= dict.fromkeys(chosen["nodes"], "adjust")
    roles |= dict.fromkeys(_open_latents(graph, effect, path, arm), "open")
    roles |= {outcome: "outcome"} | dict.fromkeys(arm["nodes"], "treatment")
    on_open_path = {dag.names[node] for node in path}
    shown = tuple(name for name in graph.nodes if name in roles or name in on_open_path)
    links = {(edge.cause, edge.effect) for edge in graph.edges}
    on_path, ends = set(dag.members(effect.on_path)), set(arm["nodes"])
    steps = [tuple(dag.names[node] for node in pair) for pair in pairwise(path)]
    marks = _Marks(
        roles,
        frozenset(chosen["unmeasured"]),
        frozenset(link for link in links if link[0] in on_path | ends and link[1] in on_path),
        frozenset((a, b) if (a, b) in links else (b, a) for a, b in steps),
        _indirect(dag, shown),
    )
    label = _("What bears on the effect of {treatment} on {outcome}").format(treatment=arm["node"], outcome=outcome)
    return _drawing(graph, shown, marks, label, most=2, between=30)


def _usable(graph: CausalGraph, dag: Dag) -> int:
    return dag.mask(name for name, node in graph.nodes.items() if node.observed)


def _open_latents(graph: CausalGraph, effect: Effect, path: Sequence[int], arm: Mapping[str, Any]) -> list[str]:
    """Latents of an open path, and those that cause a treatment and the outcome past all that may be adjusted for."""
    if arm["identified"]:
        return []
    dag, given = effect.dag, effect.best_attempt(_usable(graph, effect.dag)) | effect.given & ~effect.ends
    causes = dag.ancestors(effect.treatments, given) & effect.back_door.ancestors(effect.outcome, given)
    found = causes | sum(1 << node for node in path)
    return [name for name in sorted(graph.latent) if dag.mask([name]) & found & ~effect.forbidden]


def _indirect(dag: Dag, shown: Sequence[str]) -> tuple[Link, ...]:
    """Pairs of shown nodes that are joined by a causal path through nodes which are not shown, and by no arrow."""
    kept = dag.mask(shown)
    found = []
    for name in shown:
        start = dag.mask([name])
        hidden = dag.descendants(start, avoiding=kept & ~start) & ~start
        reached = sum({1 << child for node in bits(hidden) for child in bits(dag.children[node] & kept)})
        direct = dag.children[dag.names.index(name)]
        found += [(name, other) for other in shown if dag.mask([other]) & reached & ~direct]
    return tuple(found)


def _drawing(
    graph: CausalGraph, shown: tuple[str, ...], marks: _Marks, label: str, *, most: int, between: float
) -> Drawing:
    lines = {name: _wrapped(said(graph.nodes[name].title)) for name in shown}
    letters = max(len(f"{name} · {said(marks.roles.get(name))}") for name in shown)
    sizes = {name: (max(BOX, 12 + CAPITAL * letters), 24 + LINE * len(lines[name])) for name in shown}
    times = {name: graph.nodes[name].time for name in shown}
    direct = [(edge.cause, edge.effect) for edge in graph.edges if edge.cause in sizes and edge.effect in sizes]
    layout = place(sizes, times, graph.times, [*direct, *marks.indirect], most=most, between=between)
    svg = _template().render(
        label=label,
        said=said,
        layout=layout,
        boxes=[_box(graph.nodes[name], lines[name], layout.centres[name], sizes[name], marks) for name in shown],
        arrows=_arrows(graph, layout, marks),
        legend=_legend([graph.nodes[name] for name in shown], marks),
        line=LINE,
    )
    return Drawing(shown, dict(sorted(marks.roles.items())), svg)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("balanza.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("graph.svg.j2")


def _wrapped(title: str) -> list[str]:
    return textwrap.wrap(title, LETTERS, max_lines=MOST_LINES, placeholder=" …")


def _sort(node: Node, marks: _Marks) -> Sort:
    if not node.observed:
        return "latent"
    return "measured" if node.column and node.name not in marks.unmeasured else "unmeasured"


def _box(node: Node, lines: list[str], centre: Point, size: Point, marks: _Marks) -> dict[str, Any]:
    (x, y), (width, height) = centre, size
    sort = _sort(node, marks)
    means = {
        "measured": _("Measured by {column}.").format(column=node.column),
        "unmeasured": _("Not measured here."),
        "latent": _("Latent."),
    }[sort]
    facts = [f"{node.name}: {said(node.title)}.", means]
    facts += [_("Proxy: {proxy}.").format(proxy=node.proxy)] if node.proxy else []
    facts += [_("Absorbed by {absorbed}.").format(absorbed=said(node.absorbed))] if node.absorbed else []
    return {
        "name": node.name,
        "role": marks.roles.get(node.name),
        "role_word": said(marks.roles.get(node.name)),
        "sort": sort,
        "colour": COLOURS[node.theme],
        "about": " ".join([*facts, said(node.note)]).strip(),
        "lines": lines,
        "x": round(x - width / 2, 1),
        "y": round(y - height / 2, 1),
        "width": width,
        "height": height,
    }


def _arrows(graph: CausalGraph, layout: Layout, marks: _Marks) -> list[dict[str, Any]]:
    """All arrows, those on the open and the causal paths last and so on top."""
    told = {(edge.cause, edge.effect): f"{said(edge.reason)} ({edge.source})" for edge in graph.edges}
    found, hidden = [], _("through nodes that are not shown")
    for link, curve in layout.curves.items():
        kind = "causal" if link in marks.causal else "open" if link in marks.open else "plain"
        found.append(
            {
                "kind": "indirect" if link in marks.indirect else kind,
                "about": f"{link[0]} → {link[1]}: {told.get(link, hidden)}",
                "start": curve[0],
                "rest": curve[1:],
                "head": _head(curve[-1], layout.heads[link]),
            }
        )
    order = ["indirect", "plain", "causal", "open"]
    return sorted(found, key=lambda arrow: order.index(arrow["kind"]))


def _head(base: Point, tip: Point, half: float = 0.42) -> tuple[Point, Point, Point]:
    """The triangle of an arrow's head, as wide at its base as `half` its length to each side."""
    (x, y), (dx, dy) = base, (tip[0] - base[0], tip[1] - base[1])
    left, right = (x - half * dy, y + half * dx), (x + half * dy, y - half * dx)
    return tip, (round(left[0], 1), round(left[1], 1)), (round(right[0], 1), round(right[1], 1))


def _legend(nodes: Sequence[Node], marks: _Marks) -> dict[str, Any]:
    """What occurs in the picture, in rows that fit the page: themes, outlines, roles and arrows."""
    themes = [theme for theme in COLOURS if theme in {node.theme for node in nodes}]
    sorts = {_sort(node, marks) for node in nodes}
    arrows = [kind for kind, links in vars(marks).items() if kind in ARROW_WORDS and links]
    items = [("theme", theme, COLOURS[theme], words.theme(theme)) for theme in themes]
    items += [("sort", sort, "", said(text)) for sort, text in SORT_WORDS.items() if sort in sorts]
    items += [("role", role, "", said(text)) for role, text in ROLE_WORDS.items() if role in set(marks.roles.values())]
    items += [("arrow", kind, "", said(text)) for kind, text in ARROW_WORDS.items() if kind in arrows]
    placed, x, y, widest = [], 0.0, 0, 0.0
    for what, kind, colour, text in items:
        width = 40 + LETTER * len(text)
        if x and x + width > LEGEND_WIDTH:
            x, y = 0.0, y + 20
        placed.append({"what": what, "kind": kind, "colour": colour, "words": text, "x": round(x, 1), "y": y})
        x += width
        widest = max(widest, x)
    return {"items": placed, "width": widest, "height": y + 20}
