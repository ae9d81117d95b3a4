"""The pages of the toy study, made once for all tests that only read them."""

from pathlib import Path

import pytest
from tests.report.test_causes import world


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("pages"))
