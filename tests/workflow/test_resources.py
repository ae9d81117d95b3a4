"""The table of resources covers the workflow, and a run keeps to it."""

import csv
import re

from tests.workflow.conftest import ROOT, Project

from balanza.resources import Cost, load, needs

LOCAL = {"all", "full", "validation", "settings", "fetch"}
WORLDS = ("synthetic", "mexico")


def test_every_rule_that_goes_to_a_cluster_asks_for_what_its_jobs_were_measured_to_take(project: Project) -> None:
    rules: set[str] = set()
    for world in WORLDS:
        told = project.snakemake("--list-rules", config=(f"world={world}",)).stdout
        rules |= set(re.findall(r"^(\w+) \(", told, re.MULTILINE))
    sent = {"estimate" if name.startswith("estimate_") else name for name in rules - LOCAL}
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    blocks = re.findall(r"^ *rule ?(\w*):(.*?)(?=^ *rule ?\w*:|\Z)", text, re.MULTILINE | re.DOTALL)
    asking = {(name or "estimate", asked) for name, body in blocks for asked in re.findall(r'asked\("(\w+)"\)', body)}
    assert asking == {(name, name) for name in sent}
    assert set(load(ROOT / "workflow" / "resources.csv")) == sent


def test_a_run_takes_no_more_than_its_jobs_ask_for(project: Project) -> None:
    table = load(ROOT / "workflow" / "resources.csv")
    over = []
    for path in (project.folder / "results" / "synthetic" / "benchmarks").rglob("*.tsv"):
        with path.open() as file:
            (row,) = csv.DictReader(file, delimiter="\t")
        cost: Cost = table[row["verb"].replace("-", "_")]
        asked = {name: ask(None, 1) for name, ask in needs(cost).items()}
        if float(row["peak_mib"]) > asked["mem_mb"] or float(row["cpu_seconds"]) > 60 * asked["runtime"]:
            over.append((path.name, row, asked))
    assert over == []


def test_a_dry_run_with_the_profile_of_slurm_sends_short_jobs_together(project: Project) -> None:
    told = project.snakemake("-n", "-F", "--workflow-profile", "profiles/slurm").stdout
    groups = re.findall(r"^.*Group job (\w+) \(.*\n((?:\n| .*\n)+)", told, re.MULTILINE)
    assert {name for name, _ in groups} == {"tidy", "design", "estimates", "checks", "curves", "claims", "series"}
    members = [len(re.findall(r"^ +Job \d+: ", body, re.MULTILINE)) for _, body in groups]
    total = int(re.findall(r"^total +(\d+)$", told, re.MULTILINE)[-1])
    assert max(members) <= 12
    assert len(groups) + total - sum(members) < total / 4  # what the scheduler sees, of what the workflow does
