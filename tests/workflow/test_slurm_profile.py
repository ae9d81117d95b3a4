"""The profile for Slurm through its executor, to a scheduler of a few lines of shell: what is asked, what retried."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workflow.conftest import ROOT, SMALL, Project

from balanza.resources import load, needs

TABLES = ("census", "spending")
SCRIPTS = {
    # The first job dies with its node; the others run at once, where they are.
    "sbatch": """
exec 9> "$FOLDER/lock"; flock 9
number=$(( $(ls "$FOLDER"/call.* 2> /dev/null | wc -l) + 1 ))
printf '%s\\n' "$@" > "$FOLDER/call.$number"
for word; do case $word in --wrap=*) job=${word#--wrap=};; esac; done
if [ $number = 1 ]; then state=NODE_FAIL
elif sh -c "$job" > "$FOLDER/told.$number" 2>&1; then state=COMPLETED; else state=FAILED; fi
echo "$number|$state" >> "$FOLDER/states"
echo $number
""",
    "srun": """while case $1 in -*) true;; *) false;; esac; do shift; done; exec "$@" """,
    "sacct": """case "$*" in *nodelist*) echo node7;; *--format=JobIdRaw*) cat "$FOLDER/states" 2> /dev/null;; esac""",
    "sacctmgr": "echo research",
    "sinfo": "echo 'long*'",
    "scontrol": "echo MaxArraySize = 1001; echo MinJobAge = 600 sec",
    "squeue": "true",
    "scancel": "true",
}


@pytest.fixture
def scheduler(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\nFOLDER={folder}\n{text}\n")
        path.chmod(0o755)
    return folder


@pytest.mark.slow
def test_short_jobs_share_a_slurm_job_and_a_dead_node_costs_a_retry_that_asks_for_more(
    project: Project, scheduler: Path
) -> None:
    made = [f"results/synthetic/tidy/{name}.parquet" for name in TABLES]
    before = [(project.folder / path).read_bytes() for path in made]
    command = [sys.executable, "-m", "snakemake", *made, "--force", "--workflow-profile", "profiles/slurm"]
    command += ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5", "--config", *SMALL]
    environment = project.environment() | {"PATH": f"{scheduler}:{os.environ['PATH']}"}
    run = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr[-6000:] + "".join(p.read_text() for p in scheduler.glob("told.*"))
    assert [(project.folder / path).read_bytes() for path in made] == before

    calls = [path.read_text().split("\n") for path in sorted(scheduler.glob("call.*"))]
    assert len(calls) == 2  # one job for both tables, and its second attempt
    asked = needs(load(ROOT / "workflow" / "resources.csv")["tidy"])
    for attempt, call in enumerate(calls, start=1):
        assert call[call.index("--mem") + 1] == str(asked["mem_mb"](None, attempt))  # one after the other
        assert call[call.index("-t") + 1] == str(2 * asked["runtime"](None, attempt))
        assert "--cpus-per-task=1" in call
        assert "--no-requeue" in call
    assert "--exclude=node7" in calls[1]
    assert "--exclude=node7" not in calls[0]
