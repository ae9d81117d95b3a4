"""The habits of the workflow, on a small synthetic world in a folder with blanks in its name."""

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
from tests.acquire.conftest import make_source
from tests.workflow.conftest import Project, copy_project

from balanza.acquire.catalogue import save
from balanza.results import UNSTEADY, VOLATILE


def test_a_run_makes_the_report_and_everything_it_links_to(project: Project) -> None:
    results = project.folder / "results" / "synthetic"
    index = (results / "index.html").read_text()
    links = set(re.findall(r'href="([^"#]+)"', index))
    pages = {"guard", "versus", "municipality", "graph", "quality", "validation", "weighing", "outlook"}
    assert {f"{page}.html" for page in pages} <= links
    assert [link for link in links if not (results / link).exists()] == []


def test_every_page_is_stamped_synthetic_with_flavour_and_selection(project: Project) -> None:
    pages = sorted((project.folder / "results" / "synthetic").glob("*.html"))
    assert len(pages) == 23
    for page in pages:
        assert "SYNTHETIC" in page.read_text()
        assert "beneficial" in page.read_text()
        assert "assigned by level" in page.read_text()


def test_pages_ask_for_nothing_from_outside(project: Project) -> None:
    for page in (project.folder / "results" / "synthetic").glob("*.html"):
        text = page.read_text()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        sources = re.search(r"script-src ([^;\"]*)", html.unescape(text)).group(1)
        assert re.fullmatch(r"'none'|'sha256-[\w+/]{43}='(?: 'sha256-[\w+/]{43}=')*", sources)


def test_a_second_run_does_nothing(project: Project) -> None:
    assert "Nothing to be done" in project.snakemake().stderr


def test_every_target_that_provenance_prints_is_one_of_the_workflow(project: Project) -> None:
    text = (project.folder / "results" / "synthetic" / "provenance.html").read_text()
    targets = sorted(set(re.findall(r"<code>(results/synthetic/[^<]+\.(?:json|parquet|svg))</code>", text)))
    assert {f"results/synthetic/studies/guard/{name}.json" for name in ("claim", "curve", "checks/pretrend")} <= set(
        targets
    )
    assert len(targets) > 300
    run = project.snakemake("-n", *targets, "--configfile", "results/synthetic/config.yaml")
    assert "Nothing to be done" in run.stdout
    forced = project.snakemake("-n", "--force", targets[0], "--configfile", "results/synthetic/config.yaml")
    assert targets[0] in forced.stdout


def test_a_run_has_a_brief_and_a_page_of_what_it_took(project: Project) -> None:
    results = project.folder / "results" / "synthetic"
    for name in ("brief.pdf", "brief.es.pdf"):
        assert (results / name).read_bytes().startswith(b"%PDF-")
    assert len(list((results / "tables").glob("*.tex"))) == 26
    assert "guard/poisson" in (results / "costs.html").read_text()


def test_touching_code_reruns_nothing(project: Project) -> None:
    (project.folder / "src" / "balanza" / "estimators" / "poisson.py").touch()
    (project.folder / "src" / "balanza" / "preparation.py").touch()
    assert project.planned() == {}


def test_editing_one_estimator_reruns_its_jobs_and_those_that_read_them(project: Project) -> None:
    path = project.folder / "src" / "balanza" / "estimators" / "callaway_santanna.py"
    text = path.read_text()
    try:
        path.write_text(text + "\n# an edit\n")
        planned = project.planned()
    finally:
        path.write_text(text)
    estimates = {"estimate", "estimate_guard_and_prevention"}
    readers = {"check", "compare", "grade", "curve", "curve_test", "weigh", "place", "scenario"}
    last = {"trace", "typeset", "report", "costs", "all"}
    assert set(planned) <= estimates | readers | last
    assert 0 < planned["curve"] < 8
    assert 0 < planned["estimate"] < 8
    assert "tidy" not in planned


def test_a_blind_run_stands_apart_from_the_real_one_and_sees_no_truth(project: Project) -> None:
    told = project.snakemake("-n", "-p", config=("blind=true",)).stdout
    assert "results/synthetic-blind/index.html" in told
    assert "results/synthetic/" not in told
    assert told.count(" --blind --seed ") == 13
    assert "--truth" not in told
    assert not {"falsify", "discover"} & set(re.findall(r"^rule (\w+):", told, re.MULTILINE))


def test_the_target_full_draws_long_curves_and_nothing_less(project: Project) -> None:
    refused = project.snakemake("-n", "full", check=False)
    assert refused.returncode == 1
    assert "Also give --config targets=full" in refused.stdout + refused.stderr
    told = project.snakemake("-n", "-p", "full", config=("targets=full",)).stdout
    assert told.count("--batches 8 --most 600 ") == 9 * 8


def test_editing_what_reads_the_graph_reruns_its_answers_and_those_that_read_them(project: Project) -> None:
    path = project.folder / "src" / "balanza" / "graph" / "instruments.py"
    text = path.read_text()
    try:
        path.write_text(text + "\n# an edit\n")
        planned = project.planned()
    finally:
        path.write_text(text)
    assert planned["identify"] == 13
    assert not {"tidy", "panel"} & set(planned)


def test_every_study_with_a_graph_has_its_answer_and_its_assumptions(project: Project) -> None:
    folder = project.folder / "results" / "synthetic" / "studies"
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/identification.json")}
    assert len(found) == 13
    assert found["versus"]["joint"]["nodes"] == ["GN", "SOCPROG"]
    estimate = json.loads((folder / "prevention_adjusted" / "estimates" / "poisson.json").read_text())
    assert estimate["status"] == "ran"
    assert estimate["graph_assumptions"] == found["prevention_adjusted"]["arms"][0]["assumptions"]
    design = json.loads((folder / "prevention_adjusted" / "design.json").read_text())
    assert design["baseline"] == found["prevention_adjusted"]["arms"][0]["chosen"]["columns"]
    assert design["baseline"] == ["population", "marginalization"]


def test_every_rule_says_what_it_does(project: Project) -> None:
    lines = [line for line in project.snakemake("--list-rules").stdout.splitlines() if line]
    described = dict(re.fullmatch(r"(\w+) \((.+)\)", line).groups() for line in lines)
    assert {
        "all",
        "synthesise",
        "tidy",
        "panel",
        "identify",
        "draw",
        "prepare",
        "estimate",
        "check",
        "compare",
        "validate",
        "score",
        "validation",
        "report",
    } <= set(described)
    assert all(text.endswith(".") for text in described.values())


def test_the_linter_finds_nothing_but_what_was_decided(project: Project) -> None:
    # Environments come from the one hashed lock, and commands name constants of the run: both on purpose.
    decided = ("Specify a conda environment", "Shell command directly uses variable")
    text = project.snakemake("--lint", check=False).stderr
    found = [line.strip(" *") for line in text.splitlines() if line.startswith("    * ")]
    assert [line for line in found if not line.startswith(decided)] == []


def test_the_merged_configuration_is_a_result(project: Project) -> None:
    text = (project.folder / "results" / "synthetic" / "config.yaml").read_text()
    assert "size: 0.06" in text
    assert "draws: 99" in text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("flavor=null", "unknown key 'flavor'. Did you mean 'flavour'?"),
        (
            "studies=gard",
            "no study 'gard' in config/studies. Did you mean 'guard'? There are: coordination, displacement, guard, ",
        ),
    ],
)
def test_a_misspelling_stops_the_run_before_anything_runs(project: Project, setting: str, message: str) -> None:
    run = project.snakemake("-n", config=(setting,), check=False)
    assert run.returncode != 0
    assert message in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (("title: National", "titel: National"), "broken.yaml: unknown key 'titel'. Did you mean 'title'?"),
        (("headline: poisson", "headline: poison"), "broken.yaml, headline: 'poison' is not registered. Did you mean "),
        (("headline: poisson", "headline: etwfe"), "broken.yaml, headline: etwfe takes binary treatments, not dose."),
    ],
)
def test_a_broken_study_stops_the_run_and_is_named(project: Project, spoil: tuple[str, str], message: str) -> None:
    path = project.folder / "config" / "studies" / "broken.yaml"
    whole = path.with_name("guard.yaml").read_text()
    path.write_text(whole.replace("name: guard", "name: broken").replace(*spoil))
    try:
        run = project.snakemake("-n", check=False)
    finally:
        path.unlink()
    assert run.returncode != 0
    assert message in run.stdout + run.stderr


def test_truth_and_estimate_stand_side_by_side(project: Project) -> None:
    folder = project.folder / "results" / "synthetic" / "studies" / "guard"
    rows = json.loads((folder / "comparison.json").read_text())["rows"]
    headline = next(row for row in rows if row["estimator"] == "poisson")
    assert headline["status"] == "ran"
    assert headline["true_percent"] is not None
    assert isinstance(headline["covers_truth"], bool)


def test_more_draws_of_the_validation_run_only_new_batches(project: Project) -> None:
    few = project.planned("validation")
    scored = {"validation", "validate", "score", "validation_page"}
    assert scored <= set(few)
    assert few["validate"] == 7
    run = project.snakemake("-n", "validation", config=("validation_draws=21",))
    assert len(re.findall(r"in draws 0020-0020", run.stdout)) == 7


def test_offline_without_a_mirror_lists_everything_that_is_missing(project: Project) -> None:
    run = project.snakemake("--configfile", "config/mexico.yaml", config=("offline=true",), check=False)
    assert run.returncode != 0
    assert "75" in run.stderr
    assert "homicides_month.csv.gz" in run.stderr
    assert "wage_state.csv" in run.stderr
    assert not (project.folder / "data" / "raw" / "mexico").exists()


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
def test_one_core_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    other = copy_project(tmp_path)
    other.snakemake("--cores", "1")
    assert fingerprint(other.folder / "results") == fingerprint(project.folder / "results")


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "share"), [("tidy/*.parquet", 0.5), ("studies/*/estimates/*.json", 0.1)])
def test_a_killed_run_resumes_to_the_same_bytes(project: Project, tmp_path: Path, pattern: str, share: float) -> None:
    other = copy_project(tmp_path)
    whole, results = project.folder / "results" / "synthetic", other.folder / "results" / "synthetic"
    enough = share * len(list(whole.glob(pattern)))
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
    assert fingerprint(results) == fingerprint(whole)
    raw = Path("data", "raw", "synthetic")
    assert fingerprint(other.folder / raw) == fingerprint(project.folder / raw)


def test_what_a_killed_job_left_half_written_is_cleared_away(project: Project) -> None:
    half = project.folder / "results" / "synthetic" / "tidy" / ".population.parquet.abc.part"
    half.write_bytes(b"PAR1")
    results = project.folder / "results" / "synthetic"
    (results / "config.yaml").unlink()
    project.snakemake(str(Path("results", "synthetic", "config.yaml")))
    assert not half.exists()


def test_an_edit_of_fetch_code_does_not_touch_the_files_that_it_brought(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (tmp_path / "mirror").mkdir()
    content = {name: f"{name}\n".encode() for name in ("old", "new")}
    raw = project.folder / "data" / "raw" / "mexico" / "toy.csv"

    def run(kept: str) -> subprocess.CompletedProcess[str]:
        toy = make_source(content=content[kept], id="wage_state", reader="wage_state")
        save({toy.id: toy}, project.folder / "data" / "sources.csv")
        (tmp_path / "mirror" / "toy.csv").write_bytes(content[kept])
        target = raw.relative_to(project.folder).as_posix()
        return project.snakemake(target, config=("world=mexico", f"mirror={tmp_path / 'mirror'}"))

    run("old")
    written = raw.stat().st_mtime_ns
    for name in ("verbs/fetch.py", "acquire/fetch.py", "acquire/download.py", "provenance.py"):
        with (project.folder / "src" / "balanza" / name).open("a") as stream:
            stream.write("\n# an edit\n")
    assert "Nothing to be done" in run("old").stderr
    assert raw.stat().st_mtime_ns == written
    run("new")
    assert raw.read_bytes() == content["new"]


def test_a_study_that_waits_is_not_shown_with_what_an_earlier_run_found(project: Project, tmp_path: Path) -> None:
    results = tmp_path / "synthetic"
    shutil.copytree(project.folder / "results" / "synthetic", results)
    studies = project.folder / "config" / "studies"
    words = ["report", "--results", results, "--study", studies / "guard.yaml", "--waiting", studies / "surges.yaml"]
    words += ["--graph", "security"]
    command = [sys.executable, "-m", "balanza", *map(str, words)]
    run = subprocess.run(command, env=project.environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{results / 'index.html'}: ")
    assert (results / "studies" / "surges" / "comparison.json").exists()
    assert "This study was not run" in (results / "surges.html").read_text()


def test_the_commands_name_the_tables_and_studies_of_this_run_alone(project: Project) -> None:
    mexico = ("-n", "-p", "--configfile", "config/mexico.yaml")
    lines = project.snakemake(*mexico).stdout.splitlines()
    (panel,) = [line for line in lines if " panel " in line and "-m balanza.warm" in line]
    assert "results/mexico/tidy/population.parquet" in panel
    assert "deployment.parquet" not in panel
    (report,) = [line for line in lines if " report " in line and "-m balanza.warm" in line]
    assert "--study=config/studies/guard.yaml" in report
    assert "--waiting=config/studies/guard_regions.yaml" in report
