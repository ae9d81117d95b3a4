"""What an arm does next door: parts of one estimate by hand, and worlds in which neighbours take what places lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.compare import flavours
from tests.conftest import ROOT

from balanza.compare import displaced
from balanza.config import load_study
from balanza.contract import Estimate
from balanza.estimators._summary import rows_frame
from balanza.report import next_door
from balanza.results import KEYS, write_estimate

STUDY = load_study(ROOT / "config/studies/displacement.yaml")
META = dict.fromkeys(KEYS) | {"study": "displacement", "estimator": "spillover"}


def written(folder: Path, covariance: np.ndarray, value: tuple[float, ...] = (-4.0, 1.5, -1.0)) -> dict:
    """Own effect, one ring and the total, as the estimator writes them, read back."""
    groups = np.array(["own", "neighbours", "total"])
    rows = rows_frame("group", np.array(value), np.sqrt(np.diag(covariance)), 0.95, group=groups)
    names = [str(row) for row in range(3)]
    frame = pd.DataFrame(covariance, index=names, columns=names)
    estimate = Estimate(
        *("treatment", "the estimand", "level", value[2], 0.5, (-2.0, 0.0), 0.05, 9, 9, 3, 3, "none", "none"),
        rows=rows,
        covariance=frame,
    )
    write_estimate(folder, "spillover", estimate, META)
    return displaced.read(STUDY, folder, {"rate": {"own": -4.0, "neighbours": 3.0, "value": -1.0}})


COVARIANCE = np.array([[0.25, 0.0, 0.2], [0.0, 0.04, 0.0], [0.2, 0.0, 0.36]])


def test_parts_add_up_with_their_joint_error(tmp_path: Path) -> None:
    found = written(tmp_path, COVARIANCE)
    assert found["status"] == "ran" and found["truth"]["neighbours"] == 3.0
    assert (found["own"]["value"], found["neighbours"]["value"], found["total"]["value"]) == (-4.0, 3.0, -1.0)
    half = 1.959964 * np.sqrt(0.25 + 0.36 - 2 * 0.2)  # variance of total less own
    assert found["neighbours"]["high"] - 3.0 == pytest.approx(half)
    assert [ring["part"] for ring in found["rings"]] == ["neighbours"]
    # Fieller by hand: (-1 + 4 r)^2 = 1.96^2 (.36 - .4 r + .25 r^2)
    ends = np.roots([16 - 3.841459 * 0.25, -8 + 3.841459 * 0.4, 1 - 3.841459 * 0.36])
    assert found["left"]["value"] == 0.25
    assert sorted(ends) == pytest.approx([found["left"]["low"], found["left"]["high"]], abs=1e-6)


def result(found: dict | None) -> dict:
    return {"displacement": found, "names": ["guard", "prevention"], "outcome": "homicides", "level": 0.95}


CASE = {"arms": [{"avoided": [200.0, 100.0, 300.0]}]}


def test_the_page_says_what_is_left_and_what_is_not_told(tmp_path: Path) -> None:
    told = " ".join(next_door.sentences(result(written(tmp_path, COVARIANCE)), CASE))
    assert "Neighbours move the other way" in told and "The total is 25 % of the own effect" in told
    assert "200 avoided would be 50; that is not estimated" in told
    vague = " ".join(next_door.sentences(result(written(tmp_path, 25 * COVARIANCE)), CASE))
    assert "displacement is neither shown nor excluded" in vague and "is unbounded" in vague
    assert "25 %" not in vague.replace("95 %", "")


def test_a_refusal_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "spillover.json").write_text('{"status": "declined", "reason": "no place is far enough."}')
    found = displaced.read(STUDY, tmp_path)
    assert found["status"] == "declined"
    assert "could not tell what guard does next door: no place" in " ".join(next_door.sentences(result(found), CASE))


@pytest.mark.slow
def test_displacement_shows_in_the_total() -> None:
    """The same violence with and without displacement, eight worlds: neighbours rise, and the total as it truly does.

    Both flavours have the same effects of openings on the places themselves, so that only neighbours tell them apart.
    """
    table = pd.DataFrame(flavours.displaced(("beneficial", "displacement"), range(8))).set_index(["draw", "flavour"])
    parts = table[["own", "near", "total", "truth"]].astype(float)
    change = parts.xs("displacement", level="flavour") - parts.xs("beneficial", level="flavour")
    error = change.std(ddof=1) / np.sqrt(len(change))
    print(pd.DataFrame({"change": change.mean(), "error": error}))
    assert change["near"].mean() > 3 * error["near"]
    assert change["truth"].min() > 0 and change["total"].mean() > 0
    assert abs((change["total"] - change["truth"]).mean()) < 3 * error["total"]
    assert abs(change["own"].mean()) < 3 * error["own"]
