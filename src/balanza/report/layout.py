"""Places the boxes and arrows of a causal graph by Graphviz's `dot`, from left to right in bands of time.

Graphviz sees sizes and links only, never a name or a title: positions depend on no font of the machine, and no text of
a graph file is ever read as markup. After Gansner, Koutsofios, North and Vo (1993), IEEE TSE 19.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
Link = tuple[str, str]
_INCH = 72.0


@dataclass(frozen=True)
class Band:
    """All that belongs to one time: its label, and from where to where it reaches."""

    label: str
    left: float
    right: float


@dataclass(frozen=True)
class Layout:
    """Where all is, in pixels from the top left: centres of boxes, and each link as a cubic Bézier curve.

    A curve is a start and then three points a piece; it ends where the arrow's head begins, and `heads` are the tips.
    """

    width: float
    height: float
    centres: Mapping[str, Point]
    curves: Mapping[Link, tuple[Point, ...]]
    heads: Mapping[Link, Point]
    bands: tuple[Band, ...]


def place(
    sizes: Mapping[str, Point],
    times: Mapping[str, str],
    order: Sequence[str],
    links: Sequence[Link],
    *,
    most: int = 3,
    apart: float = 9,
    between: float = 40,
) -> Layout:
    """Place boxes and links.

    Parameters
    ----------
    sizes : mapping
        Width and height of each box, in pixels, by node.
    times : mapping
        The time of each node.
    order : sequence of str
        The times, the earliest first; a time without a node gets no band.
    links : sequence of (node, node)
        Without repetition and without a cycle.
    most : int
        The most columns of one time. More show causes before their effects more often, and make the picture wider.
    apart, between : float
        Gaps between boxes in a column, and between columns, in pixels.

    Returns
    -------
    Layout
    """
    import pygraphviz

    drawing = pygraphviz.AGraph(directed=True, strict=True)
    drawing.graph_attr.update(rankdir="LR", nodesep=apart / _INCH, ranksep=between / _INCH, dpi=_INCH, newrank="true")
    drawing.node_attr.update(shape="box", label="", fixedsize="true")
    drawing.edge_attr.update(arrowsize="0.7")
    keys = {name: f"n{index}" for index, name in enumerate(sizes)}
    for name, (width, height) in sizes.items():
        drawing.add_node(keys[name], width=width / _INCH, height=height / _INCH)
    used = [time for time in order if time in set(times.values())]
    columns = _columns(times, used, links, most)
    for index in range(1 + max(columns.values(), default=-1)):
        _add_column(drawing, index, [keys[name] for name in sizes if columns[name] == index])
    for cause, effect in links:
        drawing.add_edge(keys[cause], keys[effect], constraint=str(columns[cause] < columns[effect]).lower())
    drawing.layout(prog="dot")
    return _read(drawing, sizes, keys, times, used, links)


def _columns(times: Mapping[str, str], used: Sequence[str], links: Sequence[Link], most: int) -> dict[str, int]:
    """The column of each node: within its time by its distance from the first causes there, squeezed into `most`."""
    causes: dict[str, list[str]] = {name: [] for name in times}
    for cause, effect in links:
        if times[cause] == times[effect]:
            causes[effect].append(cause)
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = max((1 + depth(cause) for cause in causes[name]), default=0)
        return depths[name]

    columns: dict[str, int] = {}
    first = 0
    for time in used:
        inside = [name for name in times if times[name] == time]
        deepest = max(depth(name) for name in inside)
        last = min(most - 1, deepest)
        columns |= {name: first + (round(depth(name) * last / deepest) if deepest else 0) for name in inside}
        first += last + 1
    return columns


def _add_column(drawing: Any, index: int, members: Sequence[str]) -> None:
    """An invisible post that stands right of the one before, and the nodes beside it."""
    post = f"post{index}"
    drawing.add_node(post, width=0.01, height=0.01, style="invis")
    if index:
        drawing.add_edge(f"post{index - 1}", post, style="invis", weight=0)
    drawing.add_subgraph([post, *members], rank="same")


def _read(
    drawing: Any,
    sizes: Mapping[str, Point],
    keys: Mapping[str, str],
    times: Mapping[str, str],
    used: Sequence[str],
    links: Sequence[Link],
) -> Layout:
    """Positions as Graphviz wrote them, with the vertical axis turned down."""
    left, bottom, right, top = (float(part) for part in drawing.graph_attr["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return round(float(x) - left, 1), round(top - float(y), 1)

    centres = {name: point(drawing.get_node(key).attr["pos"]) for name, key in keys.items()}
    curves, heads = {}, {}
    for cause, effect in links:
        parts = drawing.get_edge(keys[cause], keys[effect]).attr["pos"].split()
        heads[cause, effect] = point(parts[0].removeprefix("e,"))
        curves[cause, effect] = tuple(point(part) for part in parts[1:])
    bands = tuple(
        Band(
            time,
            min(centres[name][0] - sizes[name][0] / 2 for name in sizes if times[name] == time),
            max(centres[name][0] + sizes[name][0] / 2 for name in sizes if times[name] == time),
        )
        for time in used
    )
    return Layout(right - left, top - bottom, centres, curves, heads, bands)
