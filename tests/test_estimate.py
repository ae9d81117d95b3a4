"""`python -m balanza estimate` on a user's own panel, as a user would call it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import balanza.__main__
from balanza.contract import ROW_COLUMNS, EstimatorSpec
from balanza.errors import ConfigError
from balanza.registry import Entry, Registry
from balanza.results import KEYS, StoredEstimates, read_estimate
from balanza.verbs import check, estimate

STUDY = {
    "name": "toy",
    "title": "Toy",
    "question": "Does it work?",
    "panel": {"file": "toy.csv", "unit": "place", "period": "year"},
    "outcome": {"column": "deaths", "family": "poisson", "exposure": "people"},
    "treatment": {"first_treated": "first", "kind": "binary", "unit": "the policy"},
    "cluster": "place",
}


def write_study(folder: Path, **changes: object) -> Path:
    rng = np.random.default_rng(3)
    rows = [
        {"place": f"p{place:02d}", "year": year, "first": 2013 if place < 8 else 0, "people": 1000 * (1 + place % 3)}
        for place in range(20)
        for year in range(2010, 2016)
    ]
    table = pd.DataFrame(rows)
    treated = (table["first"] > 0) & (table["year"] >= table["first"])
    table["deaths"] = rng.poisson(table["people"] / 50 * np.where(treated, 0.7, 1.0))
    table.to_csv(folder / "toy.csv", index=False)
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes))
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path)


def run_balanza(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "balanza", *map(str, words)], capture_output=True, text=True)


def test_every_key_of_the_contract_is_written_and_the_estimate_reads_back(study: Path, tmp_path: Path) -> None:
    run = run_balanza("estimate", "--study", study, "--estimator", "poisson", "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(
        rf"{tmp_path}/out/poisson.json: -0\.\d+ \(95 % interval -\S+ to -?\S+\), log scale; "
        r"change -\S+ % \(-\S+ to -?\S+\); 20 clusters\n"
        r"  estimand: .+\n(  warning: .+\n)*",
        run.stdout,
    )
    written = json.loads((tmp_path / "out" / "poisson.json").read_text())
    assert tuple(written) == KEYS
    assert written["status"] == "ran"
    assert written["n_units"] == 20
    assert written["n_treated"] == 8
    assert written["interval"][0] < written["value"] < written["interval"][1]
    rows = pd.read_parquet(tmp_path / "out" / "poisson.parquet")
    assert tuple(rows.columns) == ROW_COLUMNS
    back = read_estimate(tmp_path / "out", "poisson")
    assert back is not None
    assert back.value == written["value"]
    assert back.covariance is not None
    events = rows["kind"] == "event_time"
    assert back.covariance.shape[0] >= events.sum()


def test_stored_estimates_are_those_that_ran_and_their_tables_are_read_when_asked_for(tmp_path: Path) -> None:
    assert estimate.run(write_study(tmp_path), "poisson", tmp_path / "out") == "ran"
    study = write_study(tmp_path, outcome={"column": "deaths", "family": "gaussian"})
    assert estimate.run(study, "negative_binomial", tmp_path / "out") == "declined"
    found = StoredEstimates(tmp_path / "out", ["poisson", "negative_binomial"])
    assert list(found) == ["poisson"]
    table = tmp_path / "out" / "poisson.parquet"
    content = table.read_bytes()
    table.unlink()
    with pytest.raises(FileNotFoundError):
        found["poisson"]
    table.write_bytes(content)
    assert found["poisson"].value == read_estimate(tmp_path / "out", "poisson").value
    assert found["poisson"] is found["poisson"]
    with pytest.raises(KeyError):
        found["negative_binomial"]


def test_unsupported_is_written_with_its_reason_and_no_number(tmp_path: Path) -> None:
    study = write_study(tmp_path, outcome={"column": "deaths", "family": "gaussian"})
    assert estimate.run(study, "poisson", tmp_path / "out") == "declined"
    written = json.loads((tmp_path / "out" / "poisson.json").read_text())
    assert tuple(written) == KEYS
    assert written["value"] is None
    assert "takes poisson outcomes, not gaussian" in written["reason"]


@pytest.mark.parametrize(("words", "code"), [([], 1), (["--record-refusals"], 0)])
def test_a_refusal_ends_with_1_by_hand_and_is_a_result_in_the_workflow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
) -> None:
    study = write_study(tmp_path, options={"poisson": {"standard_errors": "guessed"}})
    arguments = ["estimate", "--study", study, "--estimator", "poisson", "--out", tmp_path / "out", *words]
    monkeypatch.setattr(sys, "argv", ["balanza", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        balanza.__main__.main()
    assert caught.value.code == code
    said = capsys.readouterr()
    reason = "poisson: option standard_errors is 'guessed'. Legal: auto, jackknife, sandwich."
    assert said.err == f"poisson declined on study toy: {reason}\n"
    assert said.out == f"{tmp_path}/out/poisson.json: declined, no number\n"
    assert json.loads((tmp_path / "out" / "poisson.json").read_text())["status"] == "declined"


def test_a_breaking_estimator_is_named_and_leaves_no_number(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by hand")

    spec = EstimatorSpec(
        name="broken",
        title="Broken",
        estimand="none",
        treatments=frozenset({"binary"}),
        families=frozenset({"poisson"}),
        reference="none",
        assumptions=(),
        standard_errors="none",
    )
    monkeypatch.setattr(
        "balanza.registry.registry", lambda what: Registry({"broken": Entry(spec, broken, "balanza.errors")})
    )
    assert estimate.run(study, "broken", tmp_path / "out") == "failed"
    written = json.loads((tmp_path / "out" / "broken.json").read_text())
    assert written["reason"] == "ZeroDivisionError: by hand"
    assert written["value"] is None
    assert "broken failed on study toy" in capsys.readouterr().err


def test_an_unknown_option_is_refused_with_the_legal_ones(tmp_path: Path) -> None:
    study = write_study(tmp_path, options={"callaway_santanna": {"controll": "never"}})
    with pytest.raises(ConfigError, match=r"no option 'controll'. Legal: .*control"):
        estimate.run(study, "callaway_santanna", tmp_path / "out")


def test_a_headline_that_cannot_run_is_refused_by_hand_too(tmp_path: Path) -> None:
    study = write_study(tmp_path, headline="switchers", estimators=["poisson"])
    message = r"toy\.yaml, headline: 'switchers' is not among the study's `estimators`"
    with pytest.raises(ConfigError, match=message):
        estimate.run(study, "poisson", tmp_path / "out")
    with pytest.raises(ConfigError, match=message):
        check.run(study, "randomization", tmp_path / "out", tmp_path / "checks")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--estimator", "ols"], "ols: is not registered. Registered: "),
        (["--estimator", "poisson", "--level", "95"], "--level 95: level: Input should be less than 1."),
        (["--estimator", "poisson", "--rows", "absent.parquet"], ""),
    ],
)
def test_an_error_is_one_sentence_and_no_traceback(study: Path, tmp_path: Path, words: list[str], message: str) -> None:
    if not message:
        study.write_text(yaml.safe_dump({k: v for k, v in STUDY.items() if k != "panel"}))
        message = "absent.parquet: there is no such file. Check the path."
    run = run_balanza("estimate", "--study", study, "--out", tmp_path / "out", *words)
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: {message}")
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_same_call_gives_the_same_numbers_under_any_hash_seed(study: Path, tmp_path: Path) -> None:
    found = []
    for seed in ("0", "1"):
        command = [sys.executable, "-m", "balanza", "estimate", "--study", str(study), "--estimator"]
        command += ["callaway_santanna", "--out", str(tmp_path / seed)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True)
        written = json.loads((tmp_path / seed / "callaway_santanna.json").read_text())
        found.append({key: value for key, value in written.items() if key != "seconds"})
    assert found[0] == found[1]


def test_rows_dropped_on_request_are_said_with_the_estimate(tmp_path: Path) -> None:
    study = write_study(tmp_path, missing="drop")
    table = pd.read_csv(tmp_path / "toy.csv").astype({"deaths": float})
    table.loc[3, "deaths"] = np.nan
    table.to_csv(tmp_path / "toy.csv", index=False)
    assert estimate.run(study, "poisson", tmp_path / "out") == "ran"
    written = json.loads((tmp_path / "out" / "poisson.json").read_text())
    assert "1 rows are left out: deaths missing" in written["warnings"]


def test_units_first_treated_after_the_panel_are_said_with_the_estimate(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    table = pd.read_csv(tmp_path / "toy.csv")
    table.loc[table["place"].isin(["p00", "p01"]), "first"] = 2031
    table.to_csv(tmp_path / "toy.csv", index=False)
    assert estimate.run(study, "poisson", tmp_path / "out") == "ran"
    said = json.loads((tmp_path / "out" / "poisson.json").read_text())["warnings"]
    assert any(text.startswith("2 of 20 units have a first treated period after the last one, 2015") for text in said)
