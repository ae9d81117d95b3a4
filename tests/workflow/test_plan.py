"""What the workflow would do, told by dry runs where nothing was made: which jobs, which commands, which refusals."""

import re
from pathlib import Path

import pytest
from tests.workflow.conftest import ROOT, Project, copy_project, jobs

from balanza.resources import load
from balanza.validation.plan import MUNICIPAL_WORLDS, PLASMODES, STATE_WORLDS

LOCAL = {"all", "full", "validation", "settings", "fetch"}
WORLDS = ("synthetic", "mexico")


@pytest.fixture(scope="module")
def described(plan: Project) -> dict[str, dict[str, str]]:
    """The rules of each world, and what each says that it does."""
    found = {}
    for world in WORLDS:
        lines = plan.snakemake("--list-rules", config=(f"world={world}",)).stdout.splitlines()
        found[world] = dict(re.fullmatch(r"(\w+) \((.+)\)", line).groups() for line in lines if line)
    return found


def test_every_rule_says_what_it_does(described: dict[str, dict[str, str]]) -> None:
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
    } <= set(described["synthetic"])
    assert all(text.endswith(".") for rules in described.values() for text in rules.values())


def test_every_rule_that_goes_to_a_cluster_asks_for_what_its_jobs_were_measured_to_take(
    described: dict[str, dict[str, str]],
) -> None:
    rules = {name for world in described.values() for name in world}
    sent = {"estimate" if name.startswith("estimate_") else name for name in rules - LOCAL}
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    blocks = re.findall(r"^ *rule ?(\w*):(.*?)(?=^ *rule ?\w*:|\Z)", text, re.MULTILINE | re.DOTALL)
    asking = {(name or "estimate", asked) for name, body in blocks for asked in re.findall(r'asked\("(\w+)"[,)]', body)}
    assert asking == {(name, name) for name in sent}
    assert set(load(ROOT / "workflow" / "resources.csv")) == sent


def test_a_dry_run_with_the_profile_of_slurm_sends_short_jobs_together(tmp_path: Path) -> None:
    """With all studies, since the share of jobs that stand alone is theirs."""
    told = copy_project(tmp_path).snakemake("-n", "--workflow-profile", "profiles/slurm").stdout
    groups = re.findall(r"^.*Group job (\w+) \(.*\n((?:\n| .*\n)+)", told, re.MULTILINE)
    assert {name for name, _ in groups} == {"tidy", "design", "estimates", "checks", "curves", "claims", "series"}
    members = [len(re.findall(r"^ +Job \d+: ", body, re.MULTILINE)) for _, body in groups]
    total = int(re.findall(r"^total +(\d+)$", told, re.MULTILINE)[-1])
    assert max(members) <= 12
    assert len(groups) + total - sum(members) < total / 4  # what the scheduler sees, of what the workflow does


def test_the_linter_finds_nothing_but_what_was_decided(plan: Project) -> None:
    # Environments come from the one hashed lock, and commands name constants of the run: both on purpose.
    decided = ("Specify a conda environment", "Shell command directly uses variable")
    text = plan.snakemake("--lint", check=False).stderr
    found = [line.strip(" *") for line in text.splitlines() if line.startswith("    * ")]
    assert [line for line in found if not line.startswith(decided)] == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("flavor=null", "unknown key 'flavor'. Did you mean 'flavour'?"),
        ("studies=broken", "broken.yaml, headline: etwfe takes binary treatments, not dose."),
    ],
)
def test_what_cannot_run_stops_the_run_before_anything_runs_and_is_named(
    plan: Project, setting: str, message: str
) -> None:
    """The first is met first, and the second last; tests/test_config.py has all that lies between."""
    path = plan.folder / "config" / "studies" / "broken.yaml"
    whole = path.with_name("guard.yaml").read_text()
    path.write_text(whole.replace("name: guard", "name: broken").replace("headline: poisson", "headline: etwfe"))
    try:
        run = plan.snakemake("-n", config=(setting,), check=False)
    finally:
        path.unlink()
    assert run.returncode != 0
    assert message in run.stdout + run.stderr


def test_more_draws_of_the_validation_are_further_batches(plan: Project) -> None:
    """So that a run with more draws makes these alone: the names of the first ones stay."""
    told = plan.snakemake("-n", "validation", config=("validation_draws=21",)).stdout
    kinds = [name for name in (*STATE_WORLDS, *MUNICIPAL_WORLDS, *PLASMODES) if name in plan.studies]
    for batch in ("0000-0009", "0010-0019", "0020-0020"):
        assert len(re.findall(f"in draws {batch}", told)) == len(kinds)
    assert {"validation", "validate", "score", "validation_page"} <= set(jobs(told))


def test_a_blind_run_stands_apart_from_the_real_one_and_sees_no_truth(plan: Project) -> None:
    told = plan.snakemake("-n", "-p", config=("blind=true",)).stdout
    assert "results/synthetic-blind/index.html" in told
    assert "results/synthetic/" not in told
    assert told.count(" --blind --seed ") == len(plan.studies)
    assert "--truth" not in told
    assert not {"falsify", "discover"} & set(re.findall(r"^rule (\w+):", told, re.MULTILINE))


def test_the_target_full_draws_long_curves_and_nothing_less(plan: Project) -> None:
    refused = plan.snakemake("-n", "full", check=False)
    assert refused.returncode == 1
    assert "Also give --config targets=full" in refused.stdout + refused.stderr
    told = plan.snakemake("-n", "-p", "full", config=("targets=full",)).stdout
    assert told.count("--batches 8 --most 600 ") == 8 * sum(bool(study.variants) for study in plan.studies.values())


def test_offline_without_a_mirror_lists_everything_that_is_missing(plan: Project) -> None:
    run = plan.snakemake("--configfile", "config/mexico.yaml", config=("offline=true",), check=False)
    assert run.returncode != 0
    assert "75" in run.stderr
    assert "homicides_month.csv.gz" in run.stderr
    assert "wage_state.csv" in run.stderr
    assert not (plan.folder / "data" / "raw" / "mexico").exists()


def test_the_commands_name_the_tables_and_studies_of_this_run_alone(plan: Project) -> None:
    mexico = ("-n", "-p", "--configfile", "config/mexico.yaml")
    lines = plan.snakemake(*mexico).stdout.splitlines()
    (panel,) = [line for line in lines if " panel " in line and "-m balanza.warm" in line]
    assert "results/mexico/tidy/population.parquet" in panel
    assert "deployment.parquet" not in panel
    (report,) = [line for line in lines if " report " in line and "-m balanza.warm" in line]
    assert "--study=config/studies/guard.yaml" in report
    assert "--waiting=config/studies/displacement.yaml" in report
