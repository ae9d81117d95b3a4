"""Chromium as Debian brings it, and the pages of a small run whose every text is hostile."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.publish.conftest import made
from tests.report import test_causes
from tests.validation.test_score import table

from balanza.provenance import write_parquet
from balanza.verbs import score, validation_page

HOSTILE = "<script>alert(1)</script> \"quoted\" 'so' &amp; \u202eright-to-left"
INSIDE = HOSTILE.replace('"', "'")  # where the file's own syntax takes the quote

GIVEN = os.environ.get("BALANZA_PAGES")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("BALANZA_CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("chromium is not there: apt-get install chromium, or set BALANZA_CHROMIUM to its program")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy study with all that comes after its last estimate, and a validation; or the run of BALANZA_PAGES."""
    if GIVEN:
        return Path(GIVEN).resolve()
    folder = tmp_path_factory.mktemp("pages")
    checks = folder / "results/studies/toy/checks"
    checks.mkdir(parents=True)
    figure = [{"label": HOSTILE, "value": 1 / 3, "low": -0.1, "high": 0.5}]
    check = {"name": "refuters", "title": HOSTILE, "status": "ran", "passed": False, "sentence": HOSTILE}
    (checks / "refuters.json").write_text(json.dumps(check | {"table": [], "figure": figure}))
    treatment = {"kind": "dose", "column": "money", "start": 2005, "unit": HOSTILE}
    graph = test_causes.GRAPH.replace(test_causes.HOSTILE, INSIDE)
    changes = {
        "title": HOSTILE,
        "question": HOSTILE,
        "limits": [HOSTILE],
        "checks": ["refuters"],
        "treatment": treatment,
    }
    run = made(folder, graph=graph, **changes)
    rows = [{"source": HOSTILE, "name": HOSTILE, "value": 1 / 3, "year": 2009}]
    section = {"name": "names", "title": HOSTILE, "sentence": HOSTILE, "columns": list(rows[0]), "rows": rows}
    (run.results / "quality.json").write_text(json.dumps({"sections": [section]}))
    run.finish()
    refused = table([float("nan")], 0.0, 1.0, estimator="backdoor", status="declined", reason=HOSTILE)
    for place, batch in enumerate((table([2.0, 2.2] * 50, 0.0, 1.0), refused)):
        write_parquet(folder / f"{place}.parquet", batch)
    score.run([folder / "0.parquet", folder / "1.parquet"], folder / "scores", "own", "full")
    validation_page.run(run.results, folder / "scores/scores.json", run.results / "validation.html", [run.study])
    return run.results
