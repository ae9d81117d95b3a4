"""Where the tests find the mirror of the real files and the reference data sets; both may be absent."""

import csv
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import balanza  # noqa: F401 - before any test loads numpy, so that sums take the one thread that the package asks for

ROOT = Path(__file__).resolve().parents[1]


def _folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not folder.is_dir():
        pytest.skip(f"{name} is not there: set {variable} to its folder")
    return folder


@pytest.fixture(scope="session")
def mirror() -> Path:
    return _folder("BALANZA_MIRROR", "mirror")


@pytest.fixture(scope="session")
def reference() -> Path:
    return _folder("BALANZA_REFERENCE", "reference")


@pytest.fixture(scope="session")
def tidied(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Reads real files by the name of their reader; the tidy table is made once for all workers of the session."""
    from balanza.verbs import tidy

    with (ROOT / "data" / "sources.csv").open(encoding="utf-8") as stream:
        sources = list(csv.DictReader(stream))
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mexico-tidy"
    folder.mkdir(exist_ok=True)

    def tidied(reader: str) -> Path:
        made = folder / f"{reader}.parquet"
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                tidy.run(reader, {row["id"]: mirror / row["file"] for row in sources if row["reader"] == reader}, made)
        return made

    return tidied
