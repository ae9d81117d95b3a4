"""Reads a causal graph from a DOT file, and refuses a bad one with its line and the cure.

The file is a `digraph` with `title` and `times` (the labels of time in order, joined by commas). Each node has a
statement of its own with `title`, `theme`, `time` and `observed` (yes, no), and may have `column`, `proxy`, `absorbed`,
`measures`, `threat` and `note` (`balanza.graph.model.Node`); each edge has `reason` and `source`. Graphviz parses it; a
scan of its statements finds the lines.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from balanza.errors import GraphError
from balanza.graph.model import CausalGraph, Edge, Node
from balanza.provenance import file_digest

THEMES = (
    "militarization",
    "coordination",
    "prevention",
    "justice",
    "us_cooperation",
    "rights_and_outlook",
    "context",
    "outcome",
)
ABSORBED = ("unit effects", "period effects")
NODE_KEYS = ("title", "theme", "time", "observed")
OPTIONAL_NODE_KEYS = ("column", "proxy", "absorbed", "measures", "threat", "note")
EDGE_KEYS = ("reason", "source")
_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|^#[^\n]*|"(?:\\.|[^"\\])*"|->|[\w.]+|[\[\]{};,=]|\n', re.S | re.M)
_SIGNS = ("[", "]", "{", "}", ";", ",", "=")
_WORDS = ("strict", "digraph", "subgraph", "graph", "node", "edge")


@dataclass(frozen=True)
class _Statement:
    names: tuple[str, ...]
    line: int


def load(path: str | Path, columns: Collection[str] | None = None) -> CausalGraph:
    """Read and check a causal graph.

    Parameters
    ----------
    path : path
        A DOT file.
    columns : collection of str, optional
        The known columns of the panel; without it any column name passes.

    Returns
    -------
    CausalGraph
        Nodes and edges in the order of the file.

    Raises
    ------
    GraphError
        On a missing file, a syntax error, an attribute that is missing or unknown, a node or edge stated twice, an
        edge to a node without a statement, a cycle, an unknown theme, time or column, a latent that claims a column, or
        two nodes that claim one.
    """
    file = Path(path)
    if not file.is_file():
        raise GraphError("there is no such file", where=str(file), cure="Check the path")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise GraphError("is not in UTF-8", where=str(file), cure="Save it in UTF-8") from None
    parsed = _parsed(text, file)
    statements = list(_statements(text))
    times = tuple(part.strip() for part in _value(parsed.graph_attr, "times").split(",") if part.strip())
    if not times:
        raise GraphError("the graph has no `times`", where=str(file), cure='State them in order: times="t-1, t, t+"')
    lines = _node_lines(statements, file)
    edges = _edges(parsed, statements, lines, file)
    nodes = {name: _node(parsed.get_node(name), line, times, file) for name, line in lines.items()}
    _check_columns(nodes, columns, file)
    _check_measures(nodes, edges, file)
    graph = CausalGraph(
        name=file.stem,
        title=_value(parsed.graph_attr, "title") or file.stem,
        nodes=nodes,
        edges=edges,
        times=times,
        digest=file_digest(file),
    )
    _no_cycle(graph, file)
    return graph


def _parsed(text: str, file: Path) -> Any:
    """The file as Graphviz reads it, with what it writes to standard error as the reason where it cannot."""
    import pygraphviz

    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            parsed = pygraphviz.AGraph(string=text) if text.strip() else None
        except pygraphviz.DotError:
            parsed = None
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        said.seek(0)
        reason = " ".join(said.read().decode("utf-8", "replace").removeprefix("Error: ").split())
    if parsed is None or not parsed.directed or parsed.strict:
        reason = reason or "it must be one `digraph`"
        found = re.search(r"in line (\d+)", reason)
        raise GraphError(
            f"is not valid DOT: {reason.rstrip('.')}",
            where=f"{file}, line {found[1]}" if found else str(file),
            cure="Mend the statement there or just before it",
        )
    return parsed


def _statements(text: str) -> Iterator[_Statement]:
    """Nodes and edges as they are stated, with their lines; attributes and comments are passed over."""
    words, lines = _tokens(text)
    names: list[str] = []
    start, before, in_attributes = 1, "", False
    for word, line, after in zip(words, lines, [*words[1:], ""], strict=True):
        if in_attributes:
            in_attributes = word != "]"
        elif before == "->":
            names.append(word.strip('"'))
        elif word != "->":
            if names:
                yield _Statement(tuple(names), start)
            is_name = word not in _SIGNS and word not in _WORDS and "=" not in (before, after)
            names, start = ([word.strip('"')] if is_name and before not in _WORDS else []), line
            in_attributes = word == "["
        before = word


def _tokens(text: str) -> tuple[list[str], list[int]]:
    """Words, quoted strings and signs, without comments, and their lines."""
    words, lines, line = [], [], 1
    for match in _TOKEN.finditer(text):
        word = match.group()
        if not word.startswith(("//", "/*", "#", "\n")):
            words.append(word)
            lines.append(line)
        line += word.count("\n")
    return [*words, ";"], [*lines, line]


def _node_lines(statements: list[_Statement], file: Path) -> dict[str, int]:
    lines: dict[str, int] = {}
    for statement in statements:
        if set(statement.names) & set(_SIGNS):
            raise _error(file, statement.line, "an arrow leads to a group", "Write one arrow a line")
        if len(statement.names) > 1:
            continue
        name = statement.names[0]
        if name in lines:
            raise _error(
                file, statement.line, f"{name} is stated twice, first in line {lines[name]}", "Keep one of them"
            )
        lines[name] = statement.line
    if not lines:
        raise GraphError("holds no node", where=str(file), cure="State each node on a line of its own")
    return lines


def _edges(parsed: Any, statements: list[_Statement], lines: dict[str, int], file: Path) -> tuple[Edge, ...]:
    found: dict[tuple[str, str], int] = {}
    for statement in statements:
        for pair in pairwise(statement.names):
            unknown = next((name for name in pair if name not in lines), None)
            if unknown is not None:
                near = difflib.get_close_matches(unknown, lines, n=1, cutoff=0)
                raise _error(
                    file,
                    statement.line,
                    f"{unknown} has no statement of its own",
                    f"Did you mean {near[0]!r}? Or state it",
                )
            if pair in found:
                arrow = " -> ".join(pair)
                raise _error(file, statement.line, f"{arrow} is stated twice, first in line {found[pair]}", "Keep one")
            found[pair] = statement.line
    stated = {(str(cause), str(effect)) for cause, effect in parsed.edges()}
    strange = [" -> ".join(pair) for pair in sorted(stated.symmetric_difference(found))]
    strange += sorted({str(node) for node in parsed.nodes()} - set(lines))
    if strange:
        raise GraphError(
            f"cannot tell where {strange[0]} is stated",
            where=str(file),
            cure="Write one node or edge a line, no groups",
        )
    return tuple(_edge(parsed.get_edge(*pair), pair, line, file) for pair, line in found.items())


def _edge(item: Any, pair: tuple[str, str], line: int, file: Path) -> Edge:
    reason, source = _required(item, EDGE_KEYS, " -> ".join(pair), line, file)
    return Edge(*pair, reason=reason, source=source, line=line)


def _value(attributes: Any, key: str) -> str:
    """An attribute's text; empty where it is not given, or where nothing in the file gives it."""
    try:
        return str(attributes[key] or "").strip()
    except KeyError:
        return ""


def _required(item: Any, keys: tuple[str, ...], name: str, line: int, file: Path) -> list[str]:
    values = [_value(item.attr, key) for key in keys]
    for key, value in zip(keys, values, strict=True):
        if not value:
            raise _error(file, line, f"{name} has no `{key}`", f'Add {key}="..." to it')
    return values


def _node(item: Any, line: int, times: tuple[str, ...], file: Path) -> Node:
    name = str(item)
    title, theme, time, observed = _required(item, NODE_KEYS, name, line, file)
    known = (*NODE_KEYS, *OPTIONAL_NODE_KEYS)
    for key in item.attr:
        if item.attr[key] and key not in known:
            raise _error(file, line, f"{name} has an unknown attribute {key!r}", _nearest(key, known))
    given = {key: value for key in OPTIONAL_NODE_KEYS if (value := _value(item.attr, key))}
    _one_of(file, line, name, "theme", theme, THEMES)
    _one_of(file, line, name, "time", time, times)
    _one_of(file, line, name, "observed", observed, ("yes", "no"))
    if "absorbed" in given:
        _one_of(file, line, name, "absorbed", given["absorbed"], ABSORBED)
    if observed == "no" and "column" in given:
        raise _error(
            file,
            line,
            f"the latent {name} claims column {given['column']}",
            "Write observed=yes, or `proxy` for `column`",
        )
    if observed == "yes" and "proxy" in given:
        raise _error(file, line, f"{name} is observed and has a proxy", "Write `column` for `proxy`, or observed=no")
    optional = {key: value for key, value in given.items() if key != "note"}
    return Node(name, title, theme, time, observed == "yes", line=line, note=given.get("note", ""), **optional)


def _one_of(file: Path, line: int, name: str, key: str, value: str, legal: tuple[str, ...]) -> None:
    if value not in legal:
        raise _error(file, line, f"{name} has the unknown {key} {value!r}", f"Legal: {', '.join(legal)}")


def _check_columns(nodes: dict[str, Node], columns: Collection[str] | None, file: Path) -> None:
    owner: dict[str, str] = {}
    for name, node in nodes.items():
        for column in filter(None, (node.column, node.proxy)):
            if column in owner:
                raise _error(
                    file,
                    node.line,
                    f"{name} claims column {column}, which {owner[column]} claims too",
                    "Keep the nearer one",
                )
            owner[column] = name
            if columns is not None and column not in columns:
                raise _error(
                    file,
                    node.line,
                    f"{name} names the unknown panel column {column!r}",
                    _nearest(column, sorted(columns)),
                )


def _check_measures(nodes: dict[str, Node], edges: tuple[Edge, ...], file: Path) -> None:
    pairs = {(edge.cause, edge.effect) for edge in edges}
    for name, node in nodes.items():
        if node.measures and (node.measures, name) not in pairs:
            raise _error(
                file,
                node.line,
                f"{name} measures {node.measures}, which is no cause of it",
                f"Add {node.measures} -> {name}",
            )


def _no_cycle(graph: CausalGraph, file: Path) -> None:
    import networkx as nx

    try:
        cycle = nx.find_cycle(graph.digraph())
    except nx.NetworkXNoCycle:
        return
    way = " -> ".join([*(cause for cause, _ in cycle), cycle[0][0]])
    pairs = {(cause, effect) for cause, effect in cycle}
    line = max(edge.line for edge in graph.edges if (edge.cause, edge.effect) in pairs)
    raise _error(
        file, line, f"the graph runs in a circle: {way}", "Remove one of these arrows, or split a node by time"
    )


def _nearest(word: str, legal: Collection[str]) -> str:
    near = difflib.get_close_matches(word, legal, n=1, cutoff=0)
    return f"Did you mean {near[0]!r}?" if near else "Remove it"


def _error(file: Path, line: int, problem: str, cure: str) -> GraphError:
    return GraphError(problem, where=f"{file}, line {line}", cure=cure)
