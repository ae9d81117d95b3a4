"""Where the tests find the mirror of the real files and the reference data sets; both may be absent."""

import os
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
