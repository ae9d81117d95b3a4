"""What the validation teaches about the study of the Guard, over many worlds."""

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import ROOT
from tests.validation.test_plasmode import guard_rows

from balanza.validation.score import advice, score
from balanza.verbs import validate

GUARD = ROOT / "config" / "studies" / "guard.yaml"


@pytest.mark.slow
def test_assignment_by_the_rise_of_violence_biases_what_is_unbiased_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out.parquet"
    validate.run(GUARD, out, range(60), ["null"], ["none", "level", "dip"], None, ("poisson", "twfe"), size=0.25)
    scores = score([pd.read_parquet(out)], 0.95).set_index(["selection", "estimator"])
    assert scores.loc[[("none", "poisson"), ("none", "twfe"), ("level", "poisson")], "passed"].tolist() == [True] * 3
    lessons = {item["selection"]: item for item in advice(scores.reset_index())}
    assert lessons["none"]["biased"] == []
    assert {item["estimator"] for item in lessons["dip"]["biased"]} >= {"poisson"}
    assert scores.loc[("dip", "poisson"), "bias"] > 0.1
    assert lessons["dip"]["not_asked"] == ["poisson", "twfe"]


@pytest.mark.slow
def test_shuffled_doses_in_independent_counts_leave_intervals_at_their_level(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    guard_rows().to_parquet(rows)
    validate.run(GUARD, out, range(100), ["null", "beneficial"], ["none"], rows, ("poisson", "twfe"))
    scores = score([pd.read_parquet(out)], 0.95)
    asked = scores[["estimator", "flavour", "passed"]].to_numpy().tolist()
    assert asked == [
        ["poisson", "null", True],
        ["poisson", "beneficial", True],
        ["twfe", "null", True],
        ["twfe", "beneficial", None],  # the slope of a line through exp(-.2 dose) is less than exp(-.2) - 1
    ]
    exact = scores["judged"].astype(bool)
    assert (scores["bias"].abs() < 4 * scores["bias_error"])[exact].all()
