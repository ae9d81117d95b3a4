"""Where the numbers come from: the record, the page that shows it, and the page of what the run took."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.publish.conftest import HOSTILE, Run
from tests.report.test_causes import Page

from balanza.acquire.catalogue import load
from balanza.errors import ConfigError, SourceError
from balanza.panel.codebook import load_codebook
from balanza.provenance import read_json
from balanza.publish import trace
from balanza.report import costs

CONFIG = {"world": "synthetic", "deployment_file": None, "deployment_elements_file": None, "spending_file": None}


def test_each_source_stands_with_the_digest_of_the_file_that_was_read(run: Run) -> None:
    found = {row["id"]: row for row in read_json(run.results / "provenance.json")["sources"]}
    assert list(found) == list(load())
    guard = found["guard_2020"]
    content = (run.raw / guard["file"]).read_bytes()
    assert guard["sha256"] == hashlib.sha256(content).hexdigest()
    assert guard["bytes"] == len(content)
    assert guard["pinned"] is False
    assert "guard_per_100k" in guard["columns"]
    assert "not as pinned" in Page(run.results / "provenance.html").words


def test_an_estimate_has_the_digests_of_its_own_file(run: Run) -> None:
    traced = read_json(run.results / "provenance.json")["studies"][0]
    own = read_json(run.results / "studies/toy/estimates/poisson.json")
    (row,) = traced["estimates"]
    assert {key: row[key] for key in ("code_digest", "data_digest", "seed")} == {
        key: own[key] for key in ("code_digest", "data_digest", "seed")
    }
    assert "seconds" not in row
    panel = (run.study.parent / "toy.csv").read_bytes()
    assert traced["own_panel"]["sha256"] == hashlib.sha256(panel).hexdigest()
    words = Page(run.results / "provenance.html").words
    assert own["code_digest"][:16] in words
    assert traced["own_panel"]["sha256"][:16] in words


def test_the_page_says_how_to_cite_and_how_to_make_a_number_again(run: Run) -> None:
    words = Page(run.results / "provenance.html").words
    assert "The Balanza authors (2026). Balanza: National Guard presence against prevention spending" in words
    assert "snakemake --configfile results/results/config.yaml --force TARGET" in words
    assert "results/results/studies/toy/estimates/poisson.json" in words
    assert "draws: 999" in words
    assert "make annex" in words


def test_texts_of_a_study_are_no_markup_and_both_languages_have_the_page(run: Run) -> None:
    for folder in ("", "es/"):
        page = Page(run.results / folder / "provenance.html")
        assert "alert(1)" in page.words
        assert "<script>alert" not in (run.results / folder / "provenance.html").read_text()
    assert "De dónde vienen los números" in page.words


def test_the_annex_is_linked_once_it_is_there(run: Run, tmp_path: Path) -> None:
    from balanza.report import load as loading
    from balanza.report import pages

    text = (run.results / "provenance.html").read_text()
    assert 'href="annex.html"' not in text
    (run.results / "annex.html").write_text("annex")
    try:
        world = loading.load_world(run.results, [run.study], graphs=["toy"])
    finally:
        (run.results / "annex.html").unlink()
    pages._write_page(world, tmp_path, "provenance")
    assert 'href="annex.html"' in (tmp_path / "provenance.html").read_text()
    assert 'href="../annex.html"' in (tmp_path / "es" / "provenance.html").read_text()


def test_nothing_that_differs_between_runs_is_recorded(run: Run, tmp_path: Path) -> None:
    before = (run.results / "provenance.json").read_bytes()
    run.finish()
    assert (run.results / "provenance.json").read_bytes() == before
    assert str(run.results.parent) not in before.decode()


def test_an_invented_world_names_its_generator_and_a_users_file_its_owner(tmp_path: Path) -> None:
    catalogue = {"guard_2020": load()["guard_2020"]}
    (tmp_path / catalogue["guard_2020"].file).write_text("invented")
    (tmp_path / "deployment.csv").write_text("invented too")
    (tmp_path / "mine.csv").write_text("mine")
    config = CONFIG | {"spending_file": str(tmp_path / "mine.csv")}
    codebook = load_codebook(Path("data/variables.yaml"))
    rows = {row["id"]: row for row in trace.sources(config, tmp_path, catalogue, codebook)}
    assert {name: row["sort"] for name, row in rows.items()} == {
        "guard_2020": "invented",
        "deployment": "invented",
        "spending": "own",
    }
    assert rows["spending"]["file"] == "mine.csv"
    assert rows["guard_2020"]["pinned"] is None
    settings = {"flavour": "null", "selection": "dip", "seed": 3, "size": 0.1}
    made = trace.generator(CONFIG | settings)
    assert made is not None
    assert settings.items() <= made.items()
    assert trace.generator({"world": "mexico"}) is None


def test_costs_are_summed_by_part_and_stand_the_dearest_first(run: Run) -> None:
    rows = costs.read(run.results / "benchmarks")
    assert [row["job"] for row in rows] == ["panel", "toy/poisson"]
    whole, *parts = costs.summed(rows)
    assert (whole["n"], whole["cpu_seconds"], whole["wall_seconds"], whole["peak_mib"]) == (2, 4.0, 5.0, 900.0)
    assert {part["job"]: part["cpu_seconds"] for part in parts} == {"panel": 3.5, "toy": 0.5}
    words = Page(run.results / "costs.html").words
    assert "toy/poisson 0.50 1 100" in words
    assert HOSTILE.split()[0] not in (run.results / "costs.html").read_text()


@pytest.mark.parametrize("text", ["", "wall_seconds\tcpu_seconds\tpeak_mib\n1.0\tlong\t3\n", "a\tb\n1\t2\n"])
def test_what_is_no_cost_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.tsv").write_text(text)
    with pytest.raises(ConfigError, match=r"job\.tsv: not the cost of one job"):
        costs.read(tmp_path)


def test_digests_are_those_of_the_result(tmp_path: Path) -> None:
    path = tmp_path / "pesos.json"
    path.write_text(json.dumps({"seconds": 3.2, "costs_digest": "c", "code_digest": "d", "cases": []}))
    assert trace.digests(path) == {"costs_digest": "c", "code_digest": "d"}


def test_a_raw_file_that_is_gone_is_named(tmp_path: Path) -> None:
    catalogue = load()
    first = next(iter(catalogue.values()))
    with pytest.raises(SourceError, match=f"{first.file}: there is no such file"):
        trace.sources(CONFIG, tmp_path, catalogue, [])
