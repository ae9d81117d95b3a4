"""The page of the validation: every number with its verdict, no ranking, and the stamp of its world."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT
from tests.report.test_causes import Page
from tests.validation.test_score import table

from balanza.provenance import write_json, write_parquet
from balanza.verbs import score, validation_page

STUDY = ROOT / "config" / "studies" / "guard.yaml"


def page(folder: Path, *batches: Any, world: str = "synthetic", extent: str = "full") -> Page:
    for place, batch in enumerate(batches):
        write_parquet(folder / f"{place}.parquet", batch)
    score.run([folder / f"{place}.parquet" for place in range(len(batches))], folder, world, extent)
    config = {"world": world, "flavour": "beneficial", "selection": "level", "seed": 1, "level": 0.95}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    validation_page.run(folder, folder / "scores.json", folder / "validation.html", [STUDY])
    return Page(folder / "validation.html")


def test_the_page_says_what_is_judged_and_what_is_not(tmp_path: Path) -> None:
    batches = [
        table([5.0] * 30 + [0.0] * 70, 0.0, 1.0, estimator="twfe"),
        table([0.01, -0.01] * 50, 0.0, 1.0, estimator="poisson"),
        table([2.0, 2.2] * 50, 0.0, 1.0, selection="dip", judged=False),
        table(
            [float("nan")], 0.0, 1.0, estimator="backdoor", status="declined", reason="backdoor: needs <b>covariates"
        ),
    ]
    found = page(tmp_path, *batches)
    assert "Shown to cover less than they say, although trends are parallel: twfe." in found.words
    assert "Not shown to cover less than they say: poisson." in found.words
    assert "TOO SHORT" in found.words
    assert found.words.index("poisson") < found.words.index("TOO SHORT")
    assert "Off by more than chance: poisson by +2.1 log points." in found.words
    assert "not asked" in found.words
    assert "Without a number: backdoor (needs <b>covariates)" in found.words
    assert "<b>covariates" not in (tmp_path / "validation.html").read_text()
    assert "This is the small version" not in found.words


def test_few_draws_judge_nothing(tmp_path: Path) -> None:
    found = page(tmp_path, table([0.1, 0.2], 0.0, 1.0), extent="small")
    assert "This is the small version, part of every run: 2 draws" in found.words
    assert "Too few draws to judge (fewer than 50): poisson." in found.words
    assert "TOO SHORT" not in found.words


@pytest.mark.parametrize(("world", "stamped"), [("synthetic", True), ("mexico", False)])
def test_the_stamp_is_that_of_the_world(tmp_path: Path, world: str, stamped: bool) -> None:
    assert ("SYNTHETIC" in page(tmp_path, table([0.1], 0.0, 1.0), world=world).words) == stamped


def test_a_run_without_validated_studies_says_so(tmp_path: Path) -> None:
    write_json(tmp_path / "unused.json", {})
    assert "The studies of this run are not among those that are validated." in page(tmp_path).words
