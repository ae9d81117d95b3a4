"""Valid files of the small synthetic world, short enough to be spoilt and read many times."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.fuzz.mutations import shortened
from tests.synthetic.reading import sources
from tests.synthetic.small_world import small_world

from balanza.acquire.synthetic.write import write

_ANY = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("few", max_examples=5, derandomize=True, **_ANY)
settings.register_profile("many", max_examples=300, **_ANY)
LONG = ("criminal_presence", "clashes_ppd", "criminal_presence_1990_2010", "mayors", "sesnsp_state")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes]]:
    """By reader, the name and content of its smallest file, of large tables the first rows."""
    folder = tmp_path_factory.mktemp("raw")
    write(small_world(), folder)
    found = {}
    for reader, files in sources().items():
        path: Path = min((folder / name for name in files.values()), key=lambda path: path.stat().st_size)
        content = path.read_bytes()
        found[reader] = (path.name, shortened(path.name, content) if reader in LONG else content)
    return found
