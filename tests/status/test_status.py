"""`python -m balanza status` on what real runs left behind, in a folder of its own."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
SNAKEMAKE
=========
  Date: 2026-12-01 10:24:01
  Host: {host}
  Command: /home/somebody/.venv/bin/snakemake -c1 -k

Job stats:
job      count
-----  -------
good         2
bad          1
all          1
total        4

Select jobs to execute...
Execute 1 jobs...
[Tue Dec  1 10:24:00 2026]
Job 3: Making c
[Tue Dec  1 10:24:40 2026]
Finished jobid: 3 (Rule: good)
1 of 4 steps (25%) done
"""
FAILS = """[Tue Dec  1 10:24:40 2026]
Job 2: Breaking b
[Tue Dec  1 10:24:41 2026]
Error in rule bad:
    message: None
    jobid: 2
    input: a.txt
    output: b.txt
    log: logs/b.log, logs/b.tsv (check log file(s) for error details)
    shell:
        exit 1
        (command exited with non-zero exit code)
"""
GROUP = """[Tue Dec  1 10:24:40 2026] Group job g (jobs in lexicogr. order):
    [Tue Dec  1 10:24:40 2026]
    Job 1: Making a
    [Tue Dec  1 10:24:40 2026]
    Job 2: Breaking b
Job 901dbb69-5766-59f6-8beb-69171a95b919 has been submitted with SLURM jobid 1 (log: slurm_logs/1.log).
[Tue Dec  1 10:24:42 2026]
    message: Error in group g
    log: slurm_logs/1.log (check log file(s) for error details)
    jobs:
        rule good:
            jobid: 1
            output: a.txt
            log: logs/a.log (check log file(s) for error details)
    [Tue Dec  1 10:24:42 2026]
    Error in rule good:
        message: None
        jobid: 1
        output: a.txt
        log: logs/a.log (check log file(s) for error details)
    [Tue Dec  1 10:24:42 2026]
    Error in rule bad:
        message: None
        jobid: 2
        input: a.txt
        output: b.txt
        log: logs/b.log, logs/b.tsv (check log file(s) for error details)
"""
AGAIN = "Trying to restart job 901dbb69-5766-59f6-8beb-69171a95b919.\n"
REASON = "error: b.csv, row 3: no number. Mend it."
END = "Complete log(s): somewhere\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (".snakemake/log", "logs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "logs" / "b.log").write_text(f"{REASON}\n")
    return tmp_path


def status(folder: Path, log: str = "", host: str = "") -> str:
    if log:
        path = folder / ".snakemake" / "log" / "2026-12-01T102358.507982.snakemake.log"
        path.write_text(HEAD.format(host=host or socket.gethostname()) + log)
    command = [sys.executable, "-m", "balanza", "status", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_where_no_run_was_started_it_says_how_to_start_one(tmp_path: Path) -> None:
    assert "No run was started" in status(tmp_path)


def test_a_run_that_ended_tells_what_failed_with_the_last_words_of_its_log(folder: Path) -> None:
    told = status(folder, FAILS + END)
    assert "The run of 2026-12-01 10:24:00, `snakemake -c1 -k`" in told
    assert "It has ended, and some jobs failed." in told
    assert "Done: 1 of 4 jobs." in told
    assert f"Breaking b (rule bad, logs/b.log):\n      {REASON}" in told


def test_a_job_that_was_tried_again_and_done_has_not_failed(folder: Path) -> None:
    done = "Job 2: Breaking b\n[Tue Dec  1 10:24:43 2026]\nFinished jobid: 2 (Rule: bad)\n"
    told = status(folder, FAILS + AGAIN + done + END)
    assert "It has ended.\n" in told
    assert "Done: 2 of 4 jobs." in told
    assert "Tried again: 1 times, " in told
    assert "Failed" not in told


def test_jobs_that_went_down_with_their_group_are_told_from_those_that_broke(folder: Path) -> None:
    told = status(folder, GROUP + END)
    assert "Sent to Slurm: 1 jobs" in told
    assert "Failed: 2 jobs." in told
    assert f"Breaking b (rule bad, logs/b.log):\n      {REASON}" in told
    assert "1 of rule good without a word of their own: their node died" in told


def test_a_run_that_was_cut_off_says_so_and_how_to_go_on(folder: Path) -> None:
    told = status(folder, "[Tue Dec  1 10:24:40 2026]\nJob 2: Breaking b\n")
    assert "It was cut off in the middle. `make resume`" in told
    assert "Cut off: 1 jobs.\n    Breaking b, since 10:24:40" in told
    assert "more" not in told


def test_a_run_on_another_machine_is_not_taken_for_dead(folder: Path) -> None:
    told = status(folder, "[Tue Dec  1 10:24:40 2026]\nJob 2: Breaking b\n", host="login3")
    assert "It goes on, or was cut off: it ran on login3, and cannot be seen from" in told


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="processes are only seen where there is /proc")
def test_a_run_that_goes_on_says_what_runs_and_how_long_it_will_take(folder: Path) -> None:
    at_work = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "snakemake"], cwd=folder)
    try:
        told = status(folder, "[Tue Dec  1 10:24:40 2026]\nJob 2: Breaking b\n")
    finally:
        at_work.kill()
        at_work.wait()
    assert "It goes on.\n" in told
    # One of four jobs took 40 s: the other three will take 120.
    assert "Done: 1 of 4 jobs; at the pace so far about 2 min more." in told
    assert "Running, or waiting in the queue: 1 jobs.\n    Breaking b, since 10:24:40" in told


def test_results_are_counted_and_what_broke_inside_is_named(folder: Path) -> None:
    estimates = folder / "results" / "synthetic" / "studies" / "guard" / "estimates"
    estimates.mkdir(parents=True)
    for name, state, reason in (("poisson", "ran", None), ("twfe", "failed", "ValueError: no rows")):
        (estimates / f"{name}.json").write_text(json.dumps({"status": state, "reason": reason}))
    told = status(folder, FAILS + END)
    assert "synthetic: 1 studies, no report yet." in told
    assert "Estimates: 1 failed, 1 ran." in told
    assert "studies/guard/estimates/twfe.json: ValueError: no rows" in told
