"""A finished run of one small study with hostile texts, as all that leaves a run is made from it."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.report.test_causes import world

from balanza.acquire.catalogue import load
from balanza.config import RunConfig
from balanza.verbs import costs, report, trace, typeset

HOSTILE = '<script>alert(1)</script> #panic("x") $x$ \\input{secret} 100 % of _a_ & `b`, \u202eright to left'


@dataclass(frozen=True)
class Run:
    """Where its study file, its raw files and its results lie."""

    study: Path
    raw: Path
    results: Path

    def finish(self) -> None:
        """All that comes after the last estimate."""
        trace.run(self.results, self.raw, [self.study])
        typeset.run(self.results, [self.study])
        report.run(self.results, [self.study], graphs=["toy"])
        costs.run(self.results, [self.study])


def made(folder: Path, **changes: object) -> Run:
    """A run of the real world, whose raw files are not what the catalogue pins."""
    results = world(folder, **{"title": HOSTILE, "limits": [HOSTILE]} | changes)
    (results / "config.yaml").write_text(yaml.safe_dump(RunConfig(world="mexico").model_dump()))
    raw = folder / "raw"
    raw.mkdir()
    for source in load().values():
        (raw / source.file).write_text(f"{source.id}\n")
    for job, row in {"panel": "4.0\t3.5\t900.0", "toy/poisson": "1.0\t0.5\t100.0"}.items():
        path = results / "benchmarks" / f"{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"wall_seconds\tcpu_seconds\tpeak_mib\n{row}\n")
    return Run(folder / "toy.yaml", raw, results)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = made(tmp_path_factory.mktemp("finished"))
    found.finish()
    return found
