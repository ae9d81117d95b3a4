"""What a run leaves: the whole report, every number to be traced, and the same bytes whatever happened on the way."""

import csv
import hashlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.workflow.conftest import ROOT, Project, copy_project

from balanza.registry import chosen
from balanza.resources import Cost, load, needs
from balanza.results import UNSTEADY, VOLATILE


def test_a_run_makes_the_report_and_everything_it_links_to(project: Project) -> None:
    results = project.results
    index = (results / "index.html").read_text()
    links = set(re.findall(r'href="([^"#]+)"', index))
    pages = {"guard", "versus", "municipality", "graph", "quality", "validation", "weighing", "outlook"}
    assert {f"{page}.html" for page in pages} <= links
    assert [link for link in links if not (results / link).exists()] == []


def test_every_page_is_stamped_synthetic_with_flavour_and_selection(project: Project) -> None:
    pages = sorted(project.results.glob("*.html"))
    assert len(pages) == 10 + len(project.studies)
    for page in pages:
        assert "SYNTHETIC" in page.read_text()
        assert "beneficial" in page.read_text()
        assert "assigned by level" in page.read_text()


def test_pages_ask_for_nothing_from_outside(project: Project) -> None:
    for page in project.results.glob("*.html"):
        text = page.read_text()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        sources = re.search(r"script-src ([^;\"]*)", html.unescape(text)).group(1)
        assert re.fullmatch(r"'none'|'sha256-[\w+/]{43}='(?: 'sha256-[\w+/]{43}=')*", sources)


def test_a_run_has_a_brief_and_a_page_of_what_it_took(project: Project) -> None:
    results = project.results
    for name in ("brief.pdf", "brief.es.pdf"):
        assert (results / name).read_bytes().startswith(b"%PDF-")
    assert len(list((results / "tables").glob("*.tex"))) == 2 * len(project.studies)
    assert "guard/poisson" in (results / "costs.html").read_text()


def test_the_merged_configuration_is_a_result(project: Project) -> None:
    made = yaml.safe_load((project.results / "config.yaml").read_text())
    given = {key: yaml.safe_load(value) for key, value in project.given.items()}
    assert {"size", "draws"} <= set(given)
    assert {key: made[key] for key in given} == given


def test_truth_and_estimate_stand_side_by_side(project: Project) -> None:
    folder = project.results / "studies" / "guard"
    rows = json.loads((folder / "comparison.json").read_text())["rows"]
    headline = next(row for row in rows if row["estimator"] == "poisson")
    assert headline["status"] == "ran"
    assert headline["true_percent"] is not None
    assert isinstance(headline["covers_truth"], bool)


def test_every_study_with_a_graph_has_its_answer_and_its_assumptions(project: Project) -> None:
    folder = project.results / "studies"
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/identification.json")}
    assert len(found) == len(project.studies)
    assert found["versus"]["joint"]["nodes"] == ["GN", "SOCPROG"]
    estimate = json.loads((folder / "prevention_adjusted" / "estimates" / "poisson.json").read_text())
    assert estimate["status"] == "ran"
    assert estimate["graph_assumptions"] == found["prevention_adjusted"]["arms"][0]["assumptions"]
    design = json.loads((folder / "prevention_adjusted" / "design.json").read_text())
    assert design["baseline"] == found["prevention_adjusted"]["arms"][0]["chosen"]["columns"]
    assert design["baseline"] == ["population", "marginalization"]


def test_a_run_takes_no_more_than_its_jobs_ask_for(project: Project) -> None:
    table = load(ROOT / "workflow" / "resources.csv")
    over = []
    for path in (project.results / "benchmarks").rglob("*.tsv"):
        with path.open() as file:
            (row,) = csv.DictReader(file, delimiter="\t")
        cost: Cost = table[row["verb"].replace("-", "_")]
        asked = {name: ask(None, 1) for name, ask in needs(cost).items()}
        if float(row["peak_mib"]) > asked["mem_mb"] or float(row["cpu_seconds"]) > 60 * asked["runtime"]:
            over.append((path.name, row, asked))
    assert over == []


def test_a_second_run_does_nothing_even_where_code_was_touched(project: Project) -> None:
    for path in ("estimators/poisson.py", "preparation.py"):
        (project.folder / "src" / "balanza" / path).touch()
    assert "Nothing to be done" in project.snakemake().stderr


def test_every_target_that_provenance_prints_is_one_of_the_workflow(project: Project) -> None:
    text = (project.results / "provenance.html").read_text()
    targets = sorted(set(re.findall(r"<code>(results/synthetic/[^<]+\.(?:json|parquet|svg))</code>", text)))
    made = {path.relative_to(project.folder).as_posix() for path in project.results.glob("studies/**/*.json")}
    assert {f"results/synthetic/studies/guard/{name}.json" for name in ("claim", "curve", "checks/pretrend")} <= made
    assert {path for path in made if not path.endswith("/design.json")} <= set(targets)
    run = project.snakemake("-n", *targets, "--configfile", "results/synthetic/config.yaml")
    assert "Nothing to be done" in run.stdout
    forced = project.snakemake("-n", "--force", targets[0], "--configfile", "results/synthetic/config.yaml")
    assert targets[0] in forced.stdout


def test_editing_one_estimator_reruns_its_jobs_and_those_that_read_them(project: Project) -> None:
    with project.edited("estimators/negative_binomial.py"):
        planned = project.planned()
    estimates = {"estimate", "estimate_guard_and_prevention"}
    readers = {"check", "compare", "grade", "curve", "curve_test", "weigh", "place", "scenario"}
    last = {"trace", "typeset", "report", "costs", "all"}
    assert set(planned) <= estimates | readers | last
    fitted = [study for study in project.studies.values() if "negative_binomial" in chosen("estimators", study)]
    assert 0 < sum(planned.get(rule, 0) for rule in estimates) == len(fitted) < len(project.studies)
    assert 0 < planned["curve"] < sum(bool(study.variants) for study in project.studies.values())
    assert "tidy" not in planned


def test_editing_what_reads_the_graph_reruns_its_answers_and_those_that_read_them(project: Project) -> None:
    with project.edited("graph/instruments.py"):
        planned = project.planned()
    assert planned["identify"] == len(project.studies)
    assert not {"tidy", "panel"} & set(planned)


def test_what_a_killed_job_left_half_written_is_cleared_away(project: Project) -> None:
    half = project.results / "tidy" / ".population.parquet.abc.part"
    half.write_bytes(b"PAR1")
    results = project.results
    (results / "config.yaml").unlink()
    project.snakemake(str(Path("results", "synthetic", "config.yaml")))
    assert not half.exists()


def test_a_study_that_waits_is_not_shown_with_what_an_earlier_run_found(project: Project, tmp_path: Path) -> None:
    results = tmp_path / "synthetic"
    shutil.copytree(project.results, results)
    studies = project.folder / "config" / "studies"
    words = [
        "report",
        "--results",
        results,
        "--study",
        studies / "displacement.yaml",
        "--waiting",
        studies / "guard.yaml",
    ]
    words += ["--graph", "security"]
    command = [sys.executable, "-m", "balanza", *map(str, words)]
    run = subprocess.run(command, env=project.environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{results / 'index.html'}: ")
    assert (results / "studies" / "guard" / "comparison.json").exists()
    assert "This study was not run" in (results / "guard.html").read_text()


def fingerprint(folder: Path) -> dict[str, str]:
    """A digest of each result; keys that time alone changes are taken out of the JSON files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or set(UNSTEADY) & set(path.parts):
            continue
        content = path.read_bytes()
        if path.suffix == ".json":
            values = json.loads(content)
            kept = {k: v for k, v in values.items() if k not in VOLATILE} if isinstance(values, dict) else values
            content = json.dumps(kept).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


@pytest.mark.slow
def test_one_core_gives_the_same_bytes(whole: Project, tmp_path: Path) -> None:
    other = copy_project(tmp_path)
    other.snakemake("--cores", "1")
    assert fingerprint(other.folder / "results") == fingerprint(whole.folder / "results")


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "share"), [("tidy/*.parquet", 0.5), ("studies/*/estimates/*.json", 0.1)])
def test_a_killed_run_resumes_to_the_same_bytes(whole: Project, tmp_path: Path, pattern: str, share: float) -> None:
    other = copy_project(tmp_path)
    made, results = whole.results, other.results
    enough = share * len(list(made.glob(pattern)))
    run = subprocess.Popen(
        other.command(), cwd=other.folder, env=other.environment(), start_new_session=True, stderr=subprocess.DEVNULL
    )
    while len(list(results.glob(pattern))) < enough:
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (results / "index.html").exists()
    other.snakemake("--unlock")
    other.snakemake()
    assert fingerprint(results) == fingerprint(made)
    raw = Path("data", "raw", "synthetic")
    assert fingerprint(other.folder / raw) == fingerprint(whole.folder / raw)
