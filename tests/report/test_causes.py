"""The page of the graphs, and the section of a study on what would have to be true, from files to HTML."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from shapely.geometry import box
from tests.graph import toy

from balanza.report import words
from balanza.verbs import compare, describe, draw, estimate, grade, identify, prepare, report
from balanza.verbs.summarise import MONEY

RULES = Path(__file__).resolve().parents[2] / "config/grades.yaml"
HOSTILE = "<script>alert(1)</script> & more"
GRAPH = toy.GRAPH.replace('"Jobs"', f'"{HOSTILE}"').replace('reason="r"', f'reason="{HOSTILE}"')
HIDDEN = GRAPH.replace("LATENT -> CRIME", "LATENT -> MONEY [reason=r, source=s]\n  LATENT -> CRIME")
TEST = {"left": "WEALTH", "right": "JOBS", "given": ["MONEY"], "reading": HOSTILE, "stated": False, "failed": None}
NUMBERS = {"level": "state", "design": "across units", "rows": 1230, "clusters": 32, "years": [2001, 2009]}
FALSIFICATION = {
    "passed": False,
    "sentence": "1 of 2 implications of the graph can be tested.",
    "implications": [
        TEST | {"tested": False, "reason": "column missing for JOBS"},
        TEST | NUMBERS | {"tested": True, "p_value": 0.0123, "adjusted_p_value": 0.0246, "failed": True},
    ],
    "adjacencies": [],
    "left_out": {},
    "node_permutation": {"ran": False, "reason": "too few nodes", "sentence": ""},
}
PAIR = {"left": "WEALTH", "right": "CRIME", "drawn": "-->", "by_edge": True, "found": "o->", "agrees": None}
DISCOVERY = {
    "sentence": "On 32 states, PC finds 1 link.",
    "nodes": ["WEALTH", "MONEY", "CRIME"],
    "searches": [
        {
            "algorithm": "PC",
            "ran": True,
            "pairs": [
                PAIR | {"against_time": False},
                PAIR | {"right": "MONEY", "found": None, "against_time": False},
                PAIR | {"left": "MONEY", "drawn": None, "by_edge": False, "found": "<->", "against_time": False},
            ],
        },
        {"algorithm": "GES", "ran": False, "reason": "the columns are collinear", "pairs": []},
    ],
}


class Page(HTMLParser):
    """The elements of a page, its words in one line, and the texts of its scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.parts: list[str] = []
        self.scripts: list[str] = []
        self.feed(path.read_text())
        self.words = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.parts.append(data)


def surroundings(results: Path, world: dict[str, str]) -> None:
    """What a page needs of a run beside its studies, in an invented country of one municipality."""
    config = {"seed": 1, "level": 0.95, "draws": 99} | world
    (results / "config.yaml").write_text(yaml.safe_dump(config))
    (results / "quality.json").write_text('{"sections": []}')
    summary = results / "summary"
    summary.mkdir()
    place = {"cvegeo": ["01001"], "state": ["01"], "municipality": ["Place"]}
    square = gpd.GeoDataFrame(place, geometry=[box(-102, 21, -101, 22)], crs=4326)
    square.to_parquet(summary / "municipalities.parquet")
    square[["state", "geometry"]].to_parquet(summary / "states.parquet")
    counts = {"state": ["01"], "year": [2009], "population": [1e5], "homicides": [9], "rate": [9.0]}
    pd.DataFrame({"cvegeo": ["01001"], **counts}).to_parquet(summary / "municipal.parquet")
    known = {name: [1.0] for name in (*MONEY, "guard_per_100k")} | {"guard_months": [12]}
    pd.DataFrame(counts | known).to_parquet(summary / "states_by_year.parquet")
    columns = {
        "peers": "cvegeo rank peer distance population rate first_year last_year",
        "gaps": "cvegeo column first last",
        "columns": "name en es municipal state",
        "births": "child name parent born note citation",
    }
    for name, empty in columns.items():
        pd.DataFrame(columns=empty.split()).to_parquet(summary / f"{name}.parquet")
    pd.DataFrame({"period": ["2009-01-01"], "rate": [9.0]}).to_parquet(summary / "national.parquet")


def world(folder: Path, *, tested: bool = True, graph: str = GRAPH, **changes: Any) -> Path:
    """The results of a run with the toy study, and its pages."""
    study = toy.write(folder, graph=graph, **changes)
    results = folder / "results"
    own = results / "studies" / "toy"
    answer = own / "identification.json"
    identify.run(study, answer)
    prepare.run(study, folder, own / "rows.parquet", own / "design.json", answer)
    estimate.run(study, "poisson", own / "estimates", own / "rows.parquet", identification=answer)
    compare.run(study, own / "estimates", own / "comparison.json")
    grade.run(study, own / "comparison.json", own / "checks", RULES, own / "claim.json", answer)
    describe.run(study, own / "rows.parquet", own)
    draw.run(folder / "toy.dot", results / "graph" / "toy", [answer])
    if tested:
        (results / "graph" / "toy" / "falsification.json").write_text(json.dumps(FALSIFICATION))
        (results / "graph" / "toy" / "discovery.json").write_text(json.dumps(DISCOVERY))
    surroundings(results, {"world": "own"})
    report.run(results, [study], graphs=["toy"])
    return results


def test_the_graph_page_shows_nodes_arrows_tests_and_searches(results: Path) -> None:
    page = Page(results / "graph.html")
    assert "6 nodes and 6 arrows" in page.words
    assert "MONEY on CRIME identified Adjusting for WEALTH closes every back-door path" in page.words
    assert "LATENT Hidden before no: latent nothing" in page.words
    assert "WEALTH and JOBS fails MONEY 0.012 0.025 1,230 32 by state" in page.words
    assert "Claims that could not be tested (1)" in page.words
    assert "column missing for JOBS" in page.words
    assert "WEALTH , CRIME → ∘→ drawn and found" in page.words
    assert "MONEY , CRIME – ↔ found, not drawn" in page.words
    assert "no search finds (1)" in page.words
    assert "GES did not run: the columns are collinear." in page.words


def test_a_study_says_what_would_have_to_be_true(results: Path) -> None:
    page = Page(results / "toy.html")
    assert "MONEY on CRIME: identified" in page.words
    assert "It is the only minimal set" in page.words
    assert "WEALTH: Wealth wealth" in page.words
    assert "Never condition on (2 nodes)" in page.words
    assert "FEAR: Fear fear FEAR is caused by the outcome: CRIME → FEAR." in page.words
    told = json.loads((results / "studies" / "toy" / "estimates" / "poisson.json").read_text())["graph_assumptions"]
    assert len(told) > 1
    assert all(sentence in page.words for sentence in told)


def test_an_effect_that_a_latent_leaves_open_is_not_called_identified(tmp_path: Path) -> None:
    page = Page(world(tmp_path, graph=HIDDEN, covariates=[]) / "toy.html")
    assert "MONEY on CRIME: not identified" in page.words
    assert "MONEY ← LATENT → CRIME stays open, since LATENT cannot be measured." in page.words
    assert "Latents that stay open: LATENT (Hidden)" in page.words


def test_an_override_stands_on_the_page_in_the_words_of_the_study_even_where_no_estimate_came(tmp_path: Path) -> None:
    """The toy's jobs repeat its money, so that the estimator declines."""
    page = Page(world(tmp_path, covariates=["jobs"], overrides={"jobs": f"we insist, {HOSTILE}"}) / "toy.html")
    assert "Against the graph: jobs is adjusted for although JOBS lies on a causal path" in page.words
    assert f"because: we insist, {HOSTILE}" in page.words
    assert "treatment has no variation of its own" in page.words


def test_hostile_text_of_a_graph_stays_text_on_every_page(results: Path) -> None:
    for name in ("graph", "toy", "index"):
        page = Page(results / f"{name}.html")
        assert not [text for text in page.scripts if text.startswith("alert")]
    page = Page(results / "graph.html")
    assert page.words.count(HOSTILE) > 6
    assert f"JOBS {HOSTILE} after yes jobs" in page.words


def test_a_graph_that_was_not_tested_says_so(tmp_path: Path) -> None:
    page = Page(world(tmp_path, tested=False) / "graph.html")
    assert "Its implications were not tested." in page.words
    assert "No search was made." in page.words


@pytest.mark.parametrize(
    ("mark", "drawn"),
    [("-->", "→"), ("<--", "←"), ("<->", "↔"), ("---", "—"), ("o->", "∘→"), ("<-o", "←∘"), ("o-o", "∘—∘"), (None, "–")],
)
def test_edges_of_a_search_in_arrows(mark: str | None, drawn: str) -> None:
    assert words.arrow(mark) == drawn


def test_an_effect_that_needs_an_unmeasured_node_is_identified_on_paper_only() -> None:
    assert words.verdict({"identified": True, "identified_here": True}) == "identified"
    assert words.verdict({"identified": True, "identified_here": False}) == (
        "identified by the graph, but not with these columns"
    )
    assert words.verdict({"identified": False, "chosen": None}) == "not identified"
    assert words.how_many_sets(50, complete=False) == "There are more than 50 minimal sets"
    assert words.how_many_sets(4, complete=True) == "There are 4 minimal sets"
