"""The same bytes with any cores, hash seed, locale, zone, threads and path, but for seconds and benchmarks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.acquire.test_bad_input import STATE_CSV, STUDY, toy_panel
from tests.workflow.conftest import ROOT, SMALL, copy_project
from tests.workflow.test_workflow import fingerprint

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "ARROW_NUM_THREADS")


@dataclass(frozen=True)
class Surroundings:
    """One way to run; `folder` is the name of the folder that the project lies in."""

    cores: int
    hash_seed: int
    locale: str
    zone: str
    threads: int
    folder: str

    def environment(self, locales: Path) -> dict[str, str]:
        return os.environ | {
            "PYTHONHASHSEED": str(self.hash_seed),
            "LC_ALL": self.locale,
            "LANG": self.locale,
            "LOCPATH": str(locales),
            "TZ": self.zone,
            **dict.fromkeys(THREADS, str(self.threads)),
        }


PLAIN = Surroundings(1, 0, "C", "UTC", 1, "plain")
OTHERS = {
    "mexico": Surroundings(2, 1, "es_MX.UTF-8", "America/Mexico_City", 4, "año de García, 2º"),
    "turkey": Surroundings(2, 0, "tr_TR.UTF-8", "Asia/Kolkata", 4, "ISPARTA ışık"),
}
"""Each differs from the plain one in all that it can; the dotless i of Turkish spoils what is lower-cased by locale."""


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the locales, compiled for the session."""
    folder = tmp_path_factory.mktemp("locales")
    for name in sorted({item.locale for item in OTHERS.values()}):
        words = ["localedef", "-i", name.partition(".")[0], "-f", "UTF-8", folder / name]
        if shutil.which("localedef") is None or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("the locales cannot be compiled: install localedef and its sources (Debian: locales)")
    return folder


ESTIMATORS = ("poisson", "etwfe_poisson")
ONE_BY_ONE = """
import json, sys
from balanza.__main__ import app
for words in json.loads(sys.argv[1]):
    app(words, standalone_mode=False)
"""


def verbs(folder: Path, around: Surroundings, locales: Path) -> dict[str, str]:
    """What `tidy`, `identify` and `estimate` write, run by hand in a folder of that name."""
    place = folder / around.folder
    place.mkdir()
    (place / "sesnsp_state.csv").write_bytes(STATE_CSV.encode("cp1252"))
    (place / "toy.yaml").write_text(yaml.safe_dump(STUDY), "utf-8")
    toy_panel().to_csv(place / "toy.csv", index=False)
    (place / "data").mkdir()
    shutil.copy2(ROOT / "data" / "variables.yaml", place / "data")
    for path in ("graphs/security.dot", "studies/prevention_adjusted.yaml"):
        shutil.copy2(ROOT / "config" / path, place)
    commands = [
        ["tidy", "sesnsp_state", "--file", "sesnsp_state=sesnsp_state.csv", "--out", "out/state.parquet"],
        ["identify", "--study", "prevention_adjusted.yaml", "--out", "out/identification.json"],
        *(
            ["estimate", "--study", "toy.yaml", "--estimator", name, "--record-refusals", "--out", f"out/{name}.json"]
            for name in ESTIMATORS
        ),
    ]
    command = [sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)]
    done = subprocess.run(command, cwd=place, env=around.environment(locales), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return fingerprint(place / "out")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, locales: Path) -> dict[str, str]:
    return verbs(tmp_path_factory.mktemp("verbs"), PLAIN, locales)


@pytest.mark.parametrize("name", OTHERS)
def test_verbs_write_the_same_bytes(name: str, plain: dict[str, str], tmp_path: Path, locales: Path) -> None:
    assert len(plain) >= 2 + 3 * len(ESTIMATORS)
    assert verbs(tmp_path, OTHERS[name], locales) == plain


def world(folder: Path, around: Surroundings, locales: Path) -> dict[str, str]:
    """What the small synthetic world makes, with all studies."""
    project = copy_project(folder / around.folder)
    command = [sys.executable, "-m", "snakemake", "--cores", str(around.cores), "--config", *SMALL]
    environment = around.environment(locales) | {"PYTHONPATH": str(project.folder / "src")}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return fingerprint(project.folder / "results") | fingerprint(project.folder / "data" / "raw")


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_whole_world_makes_the_same_bytes(name: str, tmp_path: Path, locales: Path) -> None:
    made = world(tmp_path, PLAIN, locales)
    assert len(made) > 100
    assert world(tmp_path, OTHERS[name], locales) == made
