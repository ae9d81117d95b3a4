"""A graph file is read as it stands, and a bad one is refused with its line and the cure."""

from pathlib import Path

import pytest

from balanza.errors import GraphError
from balanza.graph.load import load

GOOD = """// a comment with "quotes" -> and [brackets]
digraph toy {
  title="A toy"
  times="before, after"
  node [shape=box]
  X [title="Treatment; of -> \\"some\\" [kind]", theme=prevention, time=before, observed=yes, column=money]
  "C" [title="Common cause", theme=context, time=before, observed=no, proxy=groups,
       note="over two lines"]
  Y [title="Outcome", theme=outcome, time=after, observed=yes, column=deaths]; /* and
  another */ C -> X [reason="it draws money", source="Somebody 2020"]
  C -> Y -> Z [reason="it kills", source="definition"]
  X -> Y [reason="it helps",
          source="Somebody 2021"]
  Z [title="After", theme=outcome, time=after, observed=yes, absorbed="period effects"]
}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "toy.dot"
    path.write_text(text, "utf-8")
    return path


def test_a_graph_is_read_with_its_lines(tmp_path: Path) -> None:
    graph = load(write(tmp_path, GOOD), {"money", "groups", "deaths"})
    assert (graph.name, graph.title, graph.times) == ("toy", "A toy", ("before", "after"))
    assert {name: node.line for name, node in graph.nodes.items()} == {"X": 6, "C": 7, "Y": 9, "Z": 14}
    assert [(edge.cause, edge.effect, edge.line) for edge in graph.edges] == [
        ("C", "X", 10),
        ("C", "Y", 11),
        ("Y", "Z", 11),
        ("X", "Y", 12),
    ]
    assert graph.nodes["X"].title == 'Treatment; of -> "some" [kind]'
    assert graph.nodes["C"].proxy == "groups"
    assert graph.nodes["C"].note == "over two lines"
    assert graph.nodes["Z"].absorbed == "period effects"
    assert graph.latent == {"C"}
    assert graph.node_of("deaths") == "Y"
    assert graph.edges[0].source == "Somebody 2020"
    assert len(graph.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("C -> Y -> Z", "C -> -> Z", 11, "not valid DOT: syntax error"),
        ("digraph toy", "graph toy", None, "not valid DOT"),
        ("digraph toy", "strict digraph toy", None, "not valid DOT"),
        ("C -> Y -> Z", "C -> Y -> Q", 11, "Q has no statement of its own. Did you mean"),
        ("X -> Y [", "Z -> C [", 12, "circle"),
        ("X -> Y [", "C -> X [", 12, "C -> X is stated twice, first in line 10"),
        ("  Z [", "  X [", 14, "X is stated twice, first in line 6"),
        ('title="Outcome", ', "", 9, "Y has no `title`"),
        ('source="Somebody 2021"', "", 12, "X -> Y has no `source`"),
        ("theme=prevention", "theme=prevntion", 6, "unknown theme 'prevntion'"),
        ("time=before, observed=no", "time=befor, observed=no", 7, "unknown time 'befor'"),
        ("observed=yes, column=deaths", "observed=partly, column=deaths", 9, "unknown observed 'partly'"),
        ("proxy=groups", "column=groups", 7, "latent C claims column groups"),
        ("column=deaths", "proxy=deaths", 9, "Y is observed and has a proxy"),
        ("column=deaths", "column=money", 9, "column money, which X claims too"),
        ("column=deaths", "column=death", 9, "unknown panel column 'death'. Did you mean 'deaths'"),
        ("column=deaths", "colum=deaths", 9, "unknown attribute 'colum'. Did you mean 'column'"),
        ('absorbed="period effects"', "absorbed=period", 14, "unknown absorbed 'period'"),
        ("column=deaths", "column=deaths, measures=Z", 9, "Y measures Z, which is no cause of it"),
        ('times="before, after"', "", None, "the graph has no `times`"),
        ("X -> Y [", "X -> {Y Z} [", 12, "an arrow leads to a group"),
    ],
)
def test_a_bad_graph_is_refused_by_line(tmp_path: Path, old: str, new: str, line: int | None, problem: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(GraphError) as refusal:
        load(path, {"money", "groups", "deaths"})
    message = str(refusal.value)
    assert message.startswith(f"{path}, line {line}: " if line else str(path))
    assert problem in message
    assert refusal.value.cure


def test_what_graphviz_says_is_not_printed_beside_the_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GraphError):
        load(write(tmp_path, "digraph {\n a -> ;\n}"))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", [b"", b"digraph { }", "digraph { á [title=x] }".encode("latin-1")])
def test_a_file_without_a_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.dot"
    path.write_bytes(content)
    with pytest.raises(GraphError, match=r"empty\.dot"):
        load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no such file"):
        load(tmp_path / "none.dot")


def test_columns_are_checked_only_where_they_are_known(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD)).nodes["Y"].column == "deaths"
