"""The workflow on a Slurm of one machine: a node dies in the middle, and the results are those of a local run."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import slurm
from tests.workflow.conftest import Project, copy_project
from tests.workflow.test_workflow import fingerprint

REDUCED = ("studies=[guard]", "size=0.03", "draws=19", "validation_draws=2")
FEW = {"estimators": "[poisson, twfe, dose]", "checks": "[pretrend, randomization, leave_one_state_out]"}
"""What the study asks for, instead of all that there is."""
TARGETS = [f"results/synthetic/{path}" for path in ("studies/guard/claim.json", "validation/small/scores.json")]
"""The study from raw files to its claim; the small validation is a batch of drawn worlds and one of placebos."""
LIMIT = 1800
"""Seconds that a run may take: a scheduler that stops to answer must not stop the tests."""


@pytest.fixture
def cluster() -> Iterator[slurm.Slurm]:
    if reason := slurm.missing():
        pytest.skip(reason)
    with slurm.slurm() as running:
        yield running


@pytest.mark.slow
def test_a_node_that_dies_costs_a_retry_and_the_results_are_those_of_a_local_run(
    cluster: slurm.Slurm, tmp_path: Path
) -> None:
    sent, local = (reduced(tmp_path / name) for name in ("sent", "local"))
    options = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
    with (tmp_path / "told").open("wb") as told:
        run = subprocess.Popen(
            sent.command(*TARGETS, *options, config=REDUCED),
            cwd=sent.folder,
            env=sent.environment(),
            stdout=told,
            stderr=told,
        )
        try:
            victim = died_in_the_middle(cluster, sent, run)
            assert run.wait(LIMIT) == 0
        except BaseException:
            print((tmp_path / "told").read_text()[-6000:])
            raise
        finally:
            if run.poll() is None:
                run.kill()
                run.wait()
    log = (tmp_path / "told").read_text()
    assert "NODE_FAIL" in log
    assert "Trying to restart job" in log
    assert f"excluded from subsequent submissions: {victim}" in log
    jobs = subprocess.run(["sacct", "-X", "-n", "-P", "-o", "state"], capture_output=True, text=True, timeout=60)
    states = jobs.stdout.split()
    assert set(states) == {"COMPLETED", "NODE_FAIL"}
    assert len(states) < 25  # for some fifty jobs of the workflow: short ones share

    local.snakemake(*TARGETS, config=REDUCED)
    assert fingerprint(sent.folder / "results") == fingerprint(local.folder / "results")
    assert fingerprint(sent.folder / "data" / "raw") == fingerprint(local.folder / "data" / "raw")


def reduced(folder: Path) -> Project:
    """A copy of the project whose study asks for little."""
    folder.mkdir()
    project = copy_project(folder)
    path = folder / "config" / "studies" / "guard.yaml"
    path.write_text(path.read_text() + "".join(f"{key}: {value}\n" for key, value in FEW.items()))
    return project


def died_in_the_middle(cluster: slurm.Slurm, project: Project, run: subprocess.Popen[bytes]) -> str:
    """Let the first node die that is at work once half of the tables are read."""
    end = time.monotonic() + LIMIT
    tidy = project.folder / "results" / "synthetic" / "tidy"
    while time.monotonic() < end:
        assert run.poll() is None, "the run ended before a node could die"
        if len(list(tidy.glob("*.parquet"))) > 12 and (node := cluster.busy()):
            cluster.kill(node)
            return node
        time.sleep(0.2)
    raise TimeoutError("no node was at work")
