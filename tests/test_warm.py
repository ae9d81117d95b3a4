"""The warm process of a run does what a process of one's own would do, and never with code that has changed since."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDY = """
name: toy
title: Toy
question: Does it work?
panel: {file: toy.csv, unit: place, period: year}
outcome: {column: y}
treatment: {first_treated: first, kind: binary}
cluster: place
"""
STARTER = """
import os, sys
from balanza.warm.start import start
start()
print(os.environ["BALANZA_WARM"], flush=True)
sys.stdin.read()
"""
SLEEPER = """
import os, time
from pathlib import Path
def run(*_, **__):
    Path("started").write_text(str(os.getpid()))
    time.sleep(60)
"""


@dataclass
class Run:
    """A process that started a warm one, the code of both, and the environment of its jobs."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    folder: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "balanza.warm", *words]

    def do(self, *words: str, warm: bool = True) -> subprocess.CompletedProcess[str]:
        environment = self.environment if warm else self.environment | {"BALANZA_WARM": ""}
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120
        )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, in which the verb `report` sleeps."""
    copy = tmp_path_factory.mktemp("warm") / "code"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "balanza" / "verbs" / "report.py").write_text(SLEEPER)
    return copy


@contextmanager
def began(source: Path, folder: Path) -> Iterator[Run]:
    environment = os.environ | {"PYTHONPATH": str(source)}
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as own:
        assert own.stdout
        yield Run(own, environment | {"BALANZA_WARM": own.stdout.readline().strip()}, folder)
        own.kill()


@pytest.fixture(scope="module")
def lasting(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with began(source, tmp_path_factory.mktemp("lasting")) as run:
        yield run


@pytest.fixture
def run(lasting: Run, tmp_path: Path) -> Run:
    """One that all tests share which leave it as it was."""
    return replace(lasting, folder=tmp_path)


@pytest.fixture
def own(source: Path, tmp_path: Path) -> Iterator[tuple[Run, Path]]:
    """One to be killed or made stale, and the code of its own that it runs."""
    copy = Path(shutil.copytree(source, tmp_path / "code"))
    with began(copy, tmp_path) as run:
        yield run, copy


@pytest.fixture
def study(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = [(place, year, 2004 * (place < 10)) for place in range(20) for year in range(2000, 2008)]
    table = pd.DataFrame(rows, columns=["place", "year", "first"]).assign(y=rng.normal(size=len(rows)))
    table.to_csv(tmp_path / "toy.csv", index=False)
    path = tmp_path / "toy.yaml"
    path.write_text(STUDY)
    return path


def estimate(study: Path, out: str, estimator: str = "twfe") -> tuple[str, ...]:
    return ("estimate", "--study", str(study), "--estimator", estimator, "--out", out)


def cost(path: Path) -> dict[str, float]:
    with path.open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row.pop("verb") == "estimate"
    return {name: float(value) for name, value in row.items()}


@pytest.mark.parametrize("estimator", ["twfe", "poisson"])
def test_a_job_writes_prints_and_ends_as_on_its_own(run: Run, study: Path, estimator: str) -> None:
    """The second declines, and ends with 1."""
    ends = {}
    for how in ("warm", "cold"):
        ended = run.do("--cost", f"{how}.tsv", *estimate(study, "out", estimator), warm=how == "warm")
        found = {path.name: path.read_bytes() for path in sorted((run.folder / "out").iterdir())}
        result = json.loads(found.pop(f"{estimator}.json"))
        assert result.pop("seconds") is not None or estimator == "poisson"
        ends[how] = (ended.returncode, ended.stdout, ended.stderr, found, result)
        shutil.rmtree(run.folder / "out")
    assert ends["warm"] == ends["cold"]
    assert ends["warm"][0] == (estimator == "poisson")
    costs = {how: cost(run.folder / f"{how}.tsv") for how in ends}
    assert costs["warm"]["cpu_seconds"] < costs["cold"]["cpu_seconds"]
    assert costs["warm"]["peak_mib"] > 50  # that of the job, and not of whoever asks


def test_words_that_make_no_command_end_as_on_their_own(run: Run) -> None:
    warm, cold = (run.do("estimate", "--no-such-option", warm=warm) for warm in (True, False))
    assert (warm.returncode, warm.stderr) == (cold.returncode, cold.stderr) != (0, "")


def test_code_that_changed_since_is_not_used(own: tuple[Run, Path], study: Path) -> None:
    run, source = own
    assert run.do(*estimate(study, "before")).returncode == 0
    file = source / "balanza" / "estimators" / "twfe.py"
    file.write_text(
        file.read_text().replace("def estimate(", "def estimate(*_):\n    raise ValueError('new')\n\ndef _(", 1)
    )
    ended = run.do(*estimate(study, "after"))
    assert ended.returncode == 1
    assert "ValueError: new" in ended.stderr


def asking(run: Run) -> subprocess.Popen[str]:
    command = run.command("report", "--results", "none")
    return subprocess.Popen(command, cwd=run.folder, env=run.environment, stderr=subprocess.PIPE, text=True)


def started(run: Run) -> int:
    """The process of a job that sleeps, once it does."""
    path = run.folder / "started"
    deadline = time.monotonic() + 60
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(path.read_text())


def gone(process: int) -> bool:
    """Whether a process ends within seconds."""
    for _ in range(200):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_job_ends_with_whoever_asked(run: Run) -> None:
    with asking(run) as asker:
        job = started(run)
        asker.kill()
        assert gone(job)
        asker.communicate(timeout=30)
    assert asker.returncode == -signal.SIGKILL
    assert run.do("--help").returncode == 0


def test_a_job_ends_with_the_run(own: tuple[Run, Path]) -> None:
    """With its run go the warm process, its socket and its jobs, even where the run is killed outright."""
    run, _ = own
    socket = Path(run.environment["BALANZA_WARM"])
    with asking(run) as asker:
        job = started(run)
        run.process.kill()
        assert gone(job)
        _, said = asker.communicate(timeout=30)
    assert asker.returncode == 1
    assert "warm process of this run is gone" in said
    assert not socket.parent.exists()


def test_a_job_that_is_killed_ends_like_a_killed_process(run: Run) -> None:
    with asking(run) as asker:
        os.kill(started(run), signal.SIGKILL)
        assert asker.wait(timeout=30) == 128 + signal.SIGKILL


def test_without_a_warm_process_a_job_starts_on_its_own(run: Run, study: Path) -> None:
    away = replace(run, environment=run.environment | {"BALANZA_WARM": str(run.folder / "no such socket")})
    assert away.do(*estimate(study, "out")).returncode == 0
