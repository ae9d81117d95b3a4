"""Real runs, broken: no wrong number under a final name, a message that says why, and the next run makes all bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.faults.conftest import ESTIMATE, LATER, STUDY, Run
from tests.workflow.conftest import ROOT

Mount = Callable[[Path, str], Callable[[], None]]


def jobs_of(run: Run) -> Iterator[psutil.Process]:
    """The processes that work on a job in the run's folder: children of its warm process."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            parent = process.parent()
            warm = parent is not None and "balanza.warm.server" in parent.cmdline()
            if warm and Path(process.cwd()) == run.folder:
                yield process


def ended(started: subprocess.Popen[str]) -> str:
    said, _ = started.communicate(timeout=1200)
    return said


@pytest.mark.slow
def test_a_job_that_is_killed_fails_by_name_and_the_next_run_makes_it(run: Run) -> None:
    started = run.start()
    killed = False
    while started.poll() is None and not killed:
        for process in jobs_of(run):
            with contextlib.suppress(psutil.Error):
                process.kill()
                killed = True
                break
        time.sleep(0.01)
    said = ended(started)
    assert killed
    assert started.returncode != 0
    assert "Error in rule panel" in said
    assert not (run.folder / ESTIMATE).exists()
    run.nothing_half_made()
    run.completes()


@pytest.mark.slow
def test_a_killed_run_needs_one_command_and_keeps_what_is_whole(run: Run) -> None:
    started = run.start()
    while started.poll() is None and not list(jobs_of(run)):
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    ended(started)
    assert not (run.folder / ESTIMATE).exists()
    run.nothing_half_made()
    refused = run.go(check=False)
    assert "LockException" in refused.stderr
    assert "--unlock" in refused.stderr
    (run.folder / ".venv").mkdir()
    (run.folder / ".venv" / "installed").touch()
    shutil.copy2(ROOT / "Makefile", run.folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (run.folder / name).touch()
        os.utime(run.folder / name, (0, 0))
    words = f"{ESTIMATE.as_posix()} --config size=0.06 draws=99 validation_draws=2"
    made = subprocess.run(
        ["make", "resume", f"BIN={Path(sys.executable).parent}", f"ARGS={words}"],
        cwd=run.folder,
        env=run.project.environment(),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    run.completes()


@pytest.mark.slow
@pytest.mark.parametrize("folder", LATER, ids=lambda folder: folder.name)
def test_a_full_disk_is_named_and_the_next_run_completes(run: Run, folder: Path, mounted: Mount) -> None:
    take_off = mounted(run.folder / folder, "size=16k")
    said = run.go(check=False)
    assert said.returncode != 0
    assert "No space left on device" in said.stdout + said.stderr
    assert not (run.folder / ESTIMATE).exists()
    run.nothing_half_made()
    take_off()
    run.completes()


@pytest.mark.slow
def test_a_folder_that_must_not_be_written_is_named_and_the_next_run_completes(run: Run, mounted: Mount) -> None:
    take_off = mounted(run.folder / STUDY, "ro")
    said = run.go(check=False)
    assert said.returncode != 0
    assert "Read-only file system" in said.stdout + said.stderr
    run.nothing_half_made()
    take_off()
    run.completes()


@pytest.mark.slow
def test_of_two_runs_at_once_one_is_refused_and_the_other_is_whole(run: Run) -> None:
    started = run.start()
    while started.poll() is None and not list((run.folder / ".snakemake" / "locks").glob("*")):
        time.sleep(0.01)
    second = run.go(check=False)
    said = ended(started)
    assert started.returncode == 0, said
    assert second.returncode != 0
    assert "LockException" in second.stderr
    run.completes()


@pytest.mark.slow
def test_a_clock_that_jumps_forward_changes_no_number(run: Run) -> None:
    """Everything made so far bears the year 1980; what follows is made in this one."""
    then = 10 * 31_556_952
    for path in (run.folder / "results").rglob("*"):
        os.utime(path, (then, then))
    run.completes()
    assert "Nothing to be done" in run.go().stderr


def interrupted_install(folder: Path, then: str) -> subprocess.CompletedProcess[str]:
    """`make .venv/installed` with a stand-in for Python whose `pip` does something else."""
    python = folder / "python"
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$2" = venv ]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; exit 0; fi\n'
        f'echo "$*" >> asked\n{then}\n',
        "utf-8",
    )
    python.chmod(0o755)
    return subprocess.run(["make", ".venv/installed", f"PYTHON={python}"], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("end", ["kill -9 $$", "kill -9 $PPID", "exit 1"])
def test_an_interrupted_install_starts_again(end: str, tmp_path: Path) -> None:
    shutil.copy2(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    assert interrupted_install(tmp_path, end).returncode != 0
    assert not (tmp_path / ".venv" / "installed").exists()
    assert interrupted_install(tmp_path, "exit 0").returncode == 0
    assert (tmp_path / ".venv" / "installed").exists()
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert len([line for line in asked if "--require-hashes" in line]) == 2
    assert interrupted_install(tmp_path, "exit 1").returncode == 0
