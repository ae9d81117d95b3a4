"""Copies of the project with a small synthetic world, of few studies and of all, each run once or not at all."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from balanza.config import RunConfig, load_studies
from balanza.contract import Study

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "config", "profiles", "src", "data", "CITATION.cff", "requirements.lock")
SMALL = ("size=0.06", "draws=99", "validation_draws=2")
"""The whole world, with all studies."""
STUDIES = ("displacement", "guard", "prevention_adjusted", "versus")
FEW = ("size=0.03", "draws=19", "validation_draws=2", f"studies=[{','.join(STUDIES)}]")
"""Enough for a job of every rule: both arms, an estimate that the graph adjusts, and a file of the user's own."""
LESS = {
    "studies/prevention_adjusted": {"estimators": ["poisson"], "checks": ["pretrend"], "variants": {}},
    "studies/versus": {"estimators": ["poisson", "twfe"], "checks": ["arms_alone", "interaction"]},
    "outlook": {"forecast": {"draws": 100, "every": 24, "first_origin": "2019-12"}},
}
"""What these files of config ask for in the copy with few studies, instead of all that there is; `guard` keeps all."""


@dataclass(frozen=True)
class Project:
    """A working copy, and how a user runs it."""

    folder: Path
    settings: tuple[str, ...] = SMALL

    @property
    def results(self) -> Path:
        return self.folder / "results" / "synthetic"

    @property
    def given(self) -> dict[str, str]:
        return dict(setting.split("=", 1) for setting in self.settings)

    @property
    def studies(self) -> dict[str, Study]:
        run = RunConfig(studies=yaml.safe_load(self.given.get("studies", "all")))
        return load_studies(self.folder / "config" / "studies", run.studies, run.level, run.draws)

    def snakemake(
        self, *words: str, config: tuple[str, ...] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = self.command(*words, config=config)
        run = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True)
        if check and run.returncode:
            raise AssertionError(run.stdout[-3000:] + run.stderr[-6000:])
        return run

    def command(self, *words: str, config: tuple[str, ...] = ()) -> list[str]:
        return [sys.executable, "-m", "snakemake", *words, "--config", *self.settings, *config]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder / "src")}

    def planned(self, *words: str) -> dict[str, int]:
        """Jobs that a dry run would do, by rule."""
        return jobs(self.snakemake("-n", *words).stdout)

    @contextmanager
    def edited(self, module: str) -> Iterator[None]:
        """One file of the code ends differently."""
        path = self.folder / "src" / "balanza" / module
        text = path.read_text()
        path.write_text(text + "\n# an edit\n")
        try:
            yield
        finally:
            path.write_text(text)


def jobs(told: str) -> dict[str, int]:
    """The table of a dry run: jobs by rule."""
    lines = told.splitlines()
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


def copy_few(folder: Path) -> Project:
    copy_project(folder)
    for name, keys in LESS.items():
        path = folder / "config" / f"{name}.yaml"
        whole = yaml.safe_load(path.read_text())
        for key, value in keys.items():
            whole[key] = {**whole[key], **value} if name == "outlook" else value
        path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return Project(folder, FEW)


BOTH = ["few", pytest.param("whole", marks=pytest.mark.slow)]
"""What stands in a test for the studies of the run holds of few of them, and of all."""


@pytest.fixture(scope="session", params=BOTH)
def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Nothing was run there yet."""
    copy = copy_few if request.param == "few" else copy_project
    return copy(tmp_path_factory.mktemp("a plan with spaces"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run with all studies."""
    copy = copy_project(tmp_path_factory.mktemp("a whole world"))
    copy.snakemake()
    return copy


@pytest.fixture(scope="session", params=BOTH)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run with few studies, or with all."""
    if request.param == "whole":
        return request.getfixturevalue("whole")
    copy = copy_few(tmp_path_factory.mktemp("a project with spaces"))
    copy.snakemake()
    return copy
