"""A copy of the project with a small synthetic world, run once for all tests of the workflow."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "config", "profiles", "src", "data", "CITATION.cff", "requirements.lock")
SMALL = ("size=0.06", "draws=99", "validation_draws=2")


@dataclass(frozen=True)
class Project:
    """A working copy, and how a user runs it."""

    folder: Path

    def snakemake(
        self, *words: str, config: tuple[str, ...] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = self.command(*words, config=config)
        run = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True)
        if check and run.returncode:
            raise AssertionError(run.stdout[-3000:] + run.stderr[-6000:])
        return run

    def command(self, *words: str, config: tuple[str, ...] = ()) -> list[str]:
        return [sys.executable, "-m", "snakemake", *words, "--config", *SMALL, *config]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder / "src")}

    def planned(self, *words: str) -> dict[str, int]:
        """Jobs that a dry run would do, by rule."""
        lines = self.snakemake("-n", *words).stdout.splitlines()
        if "job" not in [line.split()[0] for line in lines if line.split()]:
            return {}
        table = lines[next(i for i, line in enumerate(lines) if line.startswith("job ")) + 2 :]
        rows = [line.split() for line in table[: next(i for i, line in enumerate(table) if line.startswith("total"))]]
        return {name: int(count) for name, count in rows}


def copy_project(folder: Path) -> Project:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("raw", "cache", "__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    return Project(folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    copy = copy_project(tmp_path_factory.mktemp("a project with spaces"))
    copy.snakemake()
    return copy
