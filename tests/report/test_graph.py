"""The drawing of causal graphs, read back from its SVG: what is dashed, marked, in which place, and shown as text."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from tests.conftest import ROOT
from tests.graph import toy

from balanza.errors import GraphError
from balanza.graph.load import load
from balanza.report.graph import Drawing, draw, draw_effect
from balanza.verbs import draw as draw_verb
from balanza.verbs import identify

SVG = "{http://www.w3.org/2000/svg}"
SECURITY = ROOT / "config" / "graphs" / "security.dot"
HIDDEN = toy.GRAPH.replace("LATENT -> CRIME", "LATENT -> MONEY [reason=r, source=s]\n  LATENT -> CRIME")
HOSTILE = '<script>alert("x")</script> & <b>bold</b>'


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - of our own making


def groups(svg: str, kind: str) -> list[ET.Element]:
    """The groups of an SVG whose first class is `kind`."""
    return [group for group in parsed(svg).iter(f"{SVG}g") if group.get("class", " ").split()[:1] == [kind]]


def texts(group: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]


def boxes(svg: str) -> dict[str, dict[str, Any]]:
    """Of each node: the classes, the texts, its outline (the last rectangle without a fill) and how many it has."""
    found = {}
    for group in groups(svg, "node"):
        outlines = [rect for rect in group.iter(f"{SVG}rect") if rect.get("fill") == "none"]
        name, *_ = texts(group)[0].split(" · ")
        found[name] = {"classes": group.get("class"), "texts": texts(group), "outlines": outlines}
    return found


def arrows(svg: str, kind: str) -> set[str]:
    """The links of a kind, as `A → B`."""
    titles = [g.findtext(f"{SVG}title", "") for g in groups(svg, "arrow") if g.get("class") == f"arrow {kind}"]
    return {title.split(":")[0] for title in titles}


def area(box: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a box."""
    x, y, width, height = (float(box["outlines"][-1].get(key)) for key in ("x", "y", "width", "height"))
    return x, x + width, y, y + height


def effect(folder: Path, graph: str = toy.GRAPH, **changes: Any) -> Drawing:
    study = toy.write(folder, graph=graph, **changes)
    identify.run(study, folder / "identification.json")
    answer = json.loads((folder / "identification.json").read_text())
    return draw_effect(load(folder / "toy.dot"), answer["arms"][0], answer["outcome"]["node"])


def test_latents_are_dashed_and_only_what_a_column_measures_is_bold(tmp_path: Path) -> None:
    path = tmp_path / "toy.dot"
    path.write_text(toy.GRAPH.replace(", column=jobs", ""))
    found = boxes(draw(load(path)).svg)
    dashed = {name for name, box in found.items() if box["outlines"][-1].get("stroke-dasharray")}
    widths = {name: float(box["outlines"][-1].get("stroke-width")) for name, box in found.items()}
    assert dashed == {"LATENT"}
    assert {name for name, width in widths.items() if width > 2} == {"WEALTH", "MONEY", "CRIME", "FEAR"}


def test_an_effect_shows_treatment_outcome_mediators_and_the_framed_adjustment_set(tmp_path: Path) -> None:
    """Wealth alone closes the back door of money, by hand; neither fear nor the latent bears on the effect."""
    drawing = effect(tmp_path)
    assert drawing.roles == {"WEALTH": "adjust", "MONEY": "treatment", "JOBS": "mediator", "CRIME": "outcome"}
    found = boxes(drawing.svg)
    assert set(found) == set(drawing.shown) == set(drawing.roles)
    assert found["WEALTH"]["texts"][0] == "WEALTH · adjust"
    assert {name for name, box in found.items() if len(box["outlines"]) == 2} == {"WEALTH"}
    assert arrows(drawing.svg, "causal") == {"MONEY → JOBS", "JOBS → CRIME"}
    assert arrows(drawing.svg, "plain") == {"WEALTH → MONEY", "WEALTH → CRIME"}


def test_a_latent_that_confounds_stays_open_and_so_does_its_path(tmp_path: Path) -> None:
    drawing = effect(tmp_path, HIDDEN, covariates=[])
    assert drawing.roles["LATENT"] == "open"
    assert arrows(drawing.svg, "open") == {"LATENT → MONEY", "LATENT → CRIME"}
    assert boxes(drawing.svg)["LATENT"]["texts"][0] == "LATENT · open"


def test_a_cause_through_nodes_that_are_not_shown_is_dotted(tmp_path: Path) -> None:
    """Wealth no longer causes money itself but through school, which nothing measures: the set stays wealth."""
    graph = toy.GRAPH.replace(
        "  WEALTH -> MONEY",
        '  SCHOOL [title="School", theme=context, time=before, observed=yes]\n'
        "  WEALTH -> SCHOOL [reason=r, source=s]\n  SCHOOL -> MONEY",
    )
    drawing = effect(tmp_path, graph)
    assert "SCHOOL" not in drawing.shown
    assert arrows(drawing.svg, "indirect") == {"WEALTH → MONEY"}


def test_hostile_text_shows_as_text(tmp_path: Path) -> None:
    quoted = HOSTILE.replace('"', '\\"')
    graph = toy.GRAPH.replace('title="Wealth"', f'title="{quoted}", note="{quoted}"')
    graph = graph.replace('WEALTH -> CRIME [reason="r"', f'WEALTH -> CRIME [reason="{quoted}"')
    drawing = effect(tmp_path, graph)
    assert {element.tag.removeprefix(SVG) for element in parsed(drawing.svg).iter()} <= {
        *("svg", "g", "rect", "path", "text", "tspan", "title")
    }
    wealth = next(group for group in groups(drawing.svg, "node") if texts(group)[0].startswith("WEALTH"))
    assert "".join(texts(wealth)[1:]).replace(" ", "") == HOSTILE.replace(" ", "")
    assert HOSTILE in wealth.findtext(f"{SVG}title", "")
    titles = [group.findtext(f"{SVG}title") for group in groups(drawing.svg, "arrow")]
    assert f"WEALTH → CRIME: {HOSTILE} (s)" in titles


@pytest.fixture(scope="module")
def security() -> str:
    return draw(load(SECURITY)).svg


def test_the_whole_graph_runs_from_left_to_right_by_time(security: str) -> None:
    graph = load(SECURITY)
    spans: dict[str, list[tuple[float, float, float, float]]] = {time: [] for time in graph.times}
    for name, box in boxes(security).items():
        spans[graph.nodes[name].time].append(area(box))
    for earlier, later in combinations(graph.times, 2):
        assert max(right for _, right, *_ in spans[earlier]) < min(left for left, *_ in spans[later])


def test_the_whole_graph_is_whole_and_legible(security: str) -> None:
    graph, found = load(SECURITY), boxes(security)
    assert set(found) == set(graph.nodes)
    assert arrows(security, "plain") == {f"{edge.cause} → {edge.effect}" for edge in graph.edges}
    for one, other in combinations([area(box) for box in found.values()], 2):
        assert one[1] < other[0] or other[1] < one[0] or one[3] < other[2] or other[3] < one[2]
    for name, box in found.items():
        assert " ".join(box["texts"][1:]) == graph.nodes[name].title
    root = parsed(security)
    assert float(root.get("width", "nan")) == float(root.get("viewBox", "").split()[2])
    assert all(float(item.get("font-size", 11)) >= 11 for item in root.iter())


def test_the_picture_is_the_same_in_another_process_with_other_hashes(tmp_path: Path) -> None:
    pictures = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "balanza", "draw", "--graph", str(SECURITY), "--out", str(out)]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True)
        pictures.append((out / "graph.svg").read_bytes())
    assert pictures[0] == pictures[1]


def test_the_verb_writes_the_graph_and_every_effect_that_a_study_asks(tmp_path: Path) -> None:
    dose = {"kind": "dose", "start": 2005}
    study = toy.write(tmp_path, covariates=[])
    one = yaml.safe_load(study.read_text())
    del one["treatment"]
    two = {"money": {**dose, "column": "money"}, "jobs": {**dose, "column": "jobs"}}
    study.write_text(yaml.safe_dump({**one, "treatments": two}, sort_keys=False))
    identify.run(study, tmp_path / "identification.json")
    draw_verb.run(tmp_path / "toy.dot", tmp_path / "out", [tmp_path / "identification.json"])
    found = json.loads((tmp_path / "out" / "graph.json").read_text())
    assert [(item["study"], item["treatment"]) for item in found["effects"]] == [
        ("toy", "money and jobs"),
        ("toy", "money"),
        ("toy", "jobs"),
    ]
    assert found["effects"][0]["roles"]["JOBS"] == "treatment"
    assert found["effects"][1]["roles"]["JOBS"] == "mediator"
    assert [node["name"] for node in found["nodes"]] == ["WEALTH", "LATENT", "MONEY", "JOBS", "CRIME", "FEAR"]
    assert found["edges"][0] == {"cause": "WEALTH", "effect": "MONEY", "reason": "r", "source": "s"}
    whole = boxes((tmp_path / "out" / "graph.svg").read_text())
    assert {name for name, box in whole.items() if box["texts"][0].endswith("· treatment")} == {"MONEY", "JOBS"}


def test_an_answer_of_a_graph_as_it_stood_before_is_refused(tmp_path: Path) -> None:
    study = toy.write(tmp_path)
    identify.run(study, tmp_path / "identification.json")
    (tmp_path / "toy.dot").write_text(HIDDEN)
    with pytest.raises(GraphError, match=r"as it stood then.*Run `python -m balanza identify` on study toy again"):
        draw_verb.run(tmp_path / "toy.dot", tmp_path / "out", [tmp_path / "identification.json"])
    assert not (tmp_path / "out").exists()
