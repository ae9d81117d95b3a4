"""A reduced real run (raw files, tidy tables, panel, one estimate), made once and copied to be broken."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.workflow.conftest import Project, copy_project
from tests.workflow.test_workflow import fingerprint

STUDY = Path("results", "synthetic", "studies", "guard")
ESTIMATE = STUDY / "estimates" / "poisson.json"
LATER = (Path("results", "synthetic", "panel"), STUDY)
"""What a broken run makes anew; raw files and tidy tables are kept from the undisturbed one."""


@dataclass(frozen=True)
class Run:
    """A copy of the project, and the fingerprint of an undisturbed run."""

    project: Project
    whole: dict[str, str]

    @property
    def folder(self) -> Path:
        return self.project.folder

    def go(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.project.snakemake(ESTIMATE.as_posix(), check=check)

    def start(self) -> subprocess.Popen[str]:
        command = self.project.command(ESTIMATE.as_posix())
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def nothing_half_made(self) -> None:
        """Whatever bears a final name is what an undisturbed run makes."""
        made = fingerprint(self.folder / "results")
        assert {
            name: digest for name, digest in made.items() if not name.endswith(".part")
        }.items() <= self.whole.items()

    def completes(self) -> None:
        self.go()
        assert fingerprint(self.folder / "results") == self.whole


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    project = copy_project(tmp_path_factory.mktemp("undisturbed"))
    run = Run(project, {})
    run.go()
    return Run(project, fingerprint(project.folder / "results"))


@pytest.fixture
def run(undisturbed: Run, tmp_path: Path) -> Run:
    """A copy in which the panel and the study are still to be made."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy", symlinks=True)
    for folder in LATER:
        shutil.rmtree(tmp_path / "copy" / folder)
    return Run(Project(tmp_path / "copy"), undisturbed.whole)


@pytest.fixture
def mounted() -> Callable[[Path, str], Callable[[], None]]:
    """Mounts a small memory disk on a folder for the test, where the system lets us; gives the way to take it off."""
    taken: list[Path] = []

    def take_off(folder: Path) -> None:
        if folder in taken:
            subprocess.run(["umount", folder], check=True)
            taken.remove(folder)

    def mount(folder: Path, options: str) -> Callable[[], None]:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() or shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no memory disk may be mounted here: needs root in a namespace that lets it")
        taken.append(folder)
        return lambda: take_off(folder)

    yield mount
    for folder in list(taken):
        take_off(folder)
