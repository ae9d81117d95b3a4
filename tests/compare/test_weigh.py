"""From rows and estimates to the page: what is written, what is refused, and what the words say of the numbers."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.compare import worlds
from tests.compare.test_displaced import COVARIANCE
from tests.compare.test_displaced import written as displaced_parts
from tests.report.test_causes import Page, surroundings

from balanza.compare.themes import Themes, place
from balanza.config import load_study
from balanza.errors import ConfigError
from balanza.preparation import columns_of
from balanza.registry import chosen
from balanza.report import themes
from balanza.strict import load
from balanza.verbs import check, compare, describe, draw, estimate, grade, identify, prepare, report, target, weigh
from balanza.verbs import place as place_verb

ROOT = Path(__file__).resolve().parents[2]
VERSUS = ROOT / "config/studies/versus.yaml"
GRAPH = ROOT / "config/graphs/security.dot"
CHECKS = "checks: [arms_alone, interaction, randomization]\n"
"""Those that the weights and their pages speak of; a run of the workflow has all."""
CONFIG = {name: ROOT / f"config/{name}.yaml" for name in ("costs", "priors", "outcomes", "themes", "grades")}
STRONG = {"guard": 1.0, "prevention": -6.0}


def table(effects: dict[str, float]) -> pd.DataFrame:
    """A panel of states and months with the columns that the weighed study asks for."""
    panel = worlds.panel(1, effects)
    frame = panel.frame.sort_values(["unit", "period"])
    rng = np.random.default_rng(2)
    units = frame["unit"].to_numpy()
    deprivation = np.linspace(0, 1, worlds.STATES)
    return pd.DataFrame(
        {
            "state": [f"{unit + 1:02d}" for unit in units],
            "period": pd.to_datetime(panel.period_labels[frame["period"].to_numpy()]),
            "homicides": frame["outcome"].to_numpy(),
            "population": frame["exposure"].round().astype(int).to_numpy(),
            "guard_per_100k": 100 * frame["d_guard"].to_numpy(),
            "jcf_pesos_per_capita": 1000 * frame["d_prevention"].to_numpy(),
            "marginalization": deprivation[units],
            "feminicides": np.where(frame["period"] < 5, np.nan, rng.poisson(5, len(frame)).astype(float)),
            "army_clashes": np.nan,
        }
    )


def municipal(states: pd.DataFrame, *, opened: bool) -> pd.DataFrame:
    """Two municipalities a state of unequal size, each a region; the smaller one opens."""
    parts = []
    for share, name in ((0.25, "001"), (0.75, "002")):
        part = states.assign(cvegeo=states["state"] + name, population=(share * states["population"]).astype(int))
        part["homicides"] = (share * part["homicides"]).round()
        part["guard_region"] = part["cvegeo"] if opened else None
        part["guard_opening"] = pd.Timestamp("2019-09-01") if opened and name == "001" else pd.NaT
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    rows["guard_elements"] = rows["guard_per_100k"] * 1000
    return rows.assign(guard_tier="high", guard_elements_municipal=np.nan, prevention_pesos_municipal=np.nan)


def world(folder: Path, effects: dict[str, float] = STRONG, *, opened: bool = True, truth: bool = True) -> Path:
    """The results of a run with the weighed study, from a panel to pages."""
    results, panel = folder / "results", folder / "results/panel"
    panel.mkdir(parents=True)
    states = table(effects)
    states = states.reindex(
        columns=list(dict.fromkeys([*states, *columns_of(load_study(VERSUS))]))
    )  # not measured here
    states.to_parquet(panel / "state_month.parquet")
    municipal(states, opened=opened).to_parquet(panel / "municipality_month.parquet")
    own, answer = results / "studies/versus", results / "studies/versus/identification.json"
    study = asked(folder)
    known = folder / "truth.json"
    known.write_text(json.dumps({"versus": {name: {"value": value} for name, value in effects.items()}}))
    identify.run(study, answer)
    shutil.copy(panel / "state_month.parquet", own / "rows.parquet")
    prepare.run(study, panel, own / "rows.parquet", own / "design.json", answer)
    for name in ("poisson", "negative_binomial", "twfe"):
        estimate.run(study, name, own / "estimates", own / "rows.parquet", identification=answer)
    for name in chosen("checks", load_study(study)):
        check.run(study, name, own / "estimates", own / "checks", own / "rows.parquet", draws=19)
    compare.run(study, own / "estimates", own / "comparison.json")
    grade.run(study, own / "comparison.json", own / "checks", CONFIG["grades"], own / "claim.json", answer)
    describe.run(study, own / "rows.parquet", own)
    given = (CONFIG["costs"], CONFIG["priors"], CONFIG["outcomes"])
    folders = (own / "estimates", own / "checks", panel, results / "versus")
    beside, facts = [_beside(results, folder)], known if truth else None
    weigh.run(study, own / "rows.parquet", *folders, *given, "own", facts, 0.95, beside, results / "studies", draws=99)
    target.run(study, own / "rows.parquet", panel, CONFIG["costs"], results / "versus")
    weighed = results / "versus/pesos.json"
    place_verb.run(CONFIG["themes"], [own / "claim.json"], results / "versus/themes.json", weighed)
    draw.run(GRAPH, results / "graph/security", [answer])
    surroundings(results, {"world": "own"})
    report.run(results, [study], graphs=["security"], weighing=True)
    return results


def asked(folder: Path) -> Path:
    """The study with fewer checks, beside its graph."""
    study, graph = folder / "studies/versus.yaml", folder / "graphs/security.dot"
    for path in (study, graph):
        path.parent.mkdir()
    study.write_text(VERSUS.read_text() + CHECKS)
    shutil.copy(GRAPH, graph)
    return study


def _beside(results: Path, folder: Path) -> Path:
    """The same arms at the same deprivation, by least squares."""
    text = VERSUS.read_text().replace("name: versus", "name: versus_other").replace("graph: security.dot\n", "")
    text = text.replace("headline: poisson", "headline: twfe")
    other, own = folder / "versus_other.yaml", results / "studies/versus_other"
    other.write_text(text + "covariates: [marginalization]\nestimators: [twfe]\nchecks: []\n")
    prepare.run(other, results / "panel", own / "rows.parquet", own / "design.json")
    estimate.run(other, "twfe", own / "estimates", own / "rows.parquet")
    return other


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("weighed"))


def study_of(results: Path) -> Path:
    return results.parent / "studies/versus.yaml"


def read(results: Path, name: str) -> Any:
    return json.loads((results / "versus" / name).read_text())


def test_strong_effects_are_told_apart_in_each_row_and_cover_the_truth(results: Path) -> None:
    found = read(results, "pesos.json")
    assert found["status"] == "ran" and len(found["cases"]) == 8
    for case in found["cases"]:
        assert case["contrast"]["told"] and case["contrast"]["p_one_sided"] < 0.001
        assert case["truth"]["covers"]["contrast"]
        assert case["flips"]["price"]["value"] is None
    lead = found["cases"][0]
    # the high cost of an element divides what its pesos buy by the ratio of the costs
    dear = next(case for case in found["cases"] if case["costs"] == {"guard": "high", "prevention": "low"})
    ratio = lead["arms"][0]["avoided"][0] / dear["arms"][0]["avoided"][0]
    assert ratio == pytest.approx(found["arms"][0]["costs"][1]["pesos"] / found["arms"][0]["costs"][0]["pesos"])
    rows = {(row["study"], row["estimator"]): row["status"] for row in found["estimators"]}
    assert rows[("versus", "poisson")] == rows[("versus", "twfe")] == rows[("versus_other", "twfe")] == "used"


def test_both_arms_are_handed_round_together_and_the_page_says_that_no_one_did(results: Path) -> None:
    found = read(results, "pesos.json")
    for case in found["cases"]:
        given = case["randomization"]
        assert given["p_one_sided"] == pytest.approx(0.01) and given["draws"] == 99  # no draw beats 6 logs
        assert given["reason"] is None
    page = Page(results / "weighing.html")
    assert "By randomization, hypothetical." in page.words and "(which they were not)" in page.words
    assert "study Guard presence against prevention spending" in page.words
    assert "No study of this run tells what guard does next door" in page.words


def test_what_happens_next_door_stands_on_the_page(tmp_path: Path, results: Path) -> None:
    copied = tmp_path / "results"
    shutil.copytree(results, copied)
    found = read(copied, "pesos.json")
    found["displacement"] = displaced_parts(tmp_path / "estimates", COVARIANCE)
    (copied / "versus/pesos.json").write_text(json.dumps(found))
    report.run(copied, [study_of(results)], graphs=["security"], weighing=True)
    page = Page(copied / "weighing.html")
    assert "Own, neighbours, total" in page.words and "person exposed there" in page.words
    assert "Neighbours move the other way" in page.words
    truth = page.words.split("Own, neighbours, total")[1].split("for each truth")[1]
    assert truth.split()[0] == "own" and "treated person −4" in truth


def test_a_headline_on_the_rate_is_not_weighed(tmp_path: Path, results: Path) -> None:
    other = tmp_path / "versus.yaml"
    other.write_text(
        VERSUS.read_text().replace("headline: poisson", "headline: twfe").replace("graph: security.dot\n", "") + CHECKS
    )
    own, given = results / "studies/versus", (CONFIG["costs"], CONFIG["priors"], CONFIG["outcomes"])
    folders = (own / "rows.parquet", own / "estimates", own / "checks", results / "panel", tmp_path / "out")
    weigh.run(other, *folders, *given, draws=19)
    found = json.loads((tmp_path / "out/pesos.json").read_text())
    assert found["status"] == "declined" and "twfe, the headline, has effects on the rate" in found["reason"]


def test_a_study_of_other_doses_does_not_stand_beside(tmp_path: Path, results: Path) -> None:
    other = tmp_path / "versus_other.yaml"
    text = VERSUS.read_text().replace("name: versus", "name: versus_other").replace("per: 100\n", "per: 10\n")
    other.write_text(text.replace("graph: security.dot\n", "") + "checks: []\n")
    own, given = results / "studies/versus", (CONFIG["costs"], CONFIG["priors"], CONFIG["outcomes"])
    folders = (own / "rows.parquet", own / "estimates", own / "checks", results / "panel", tmp_path)
    with pytest.raises(ConfigError, match="versus_other has not the treatments and the outcome of versus"):
        weigh.run(study_of(results), *folders, *given, beside=[other], studies=results / "studies", draws=19)


def test_other_outcomes_are_estimated_where_measured_and_named_where_not(results: Path) -> None:
    found = {row["column"]: row for row in read(results, "pesos.json")["outcomes"]}
    assert found["feminicides"]["status"] == "ran" and found["feminicides"]["first"] == "2015-06"
    assert found["feminicides"]["n_rows"] == worlds.STATES * (worlds.MONTHS - 5)
    assert found["army_clashes"]["status"] == "declined"
    assert "no value of it is in the panel" in found["kidnappings"]["reason"]
    assert all(arm["p_adjusted"] >= arm["p_value"] for arm in found["feminicides"]["arms"])


def test_the_page_says_what_the_numbers_say(results: Path) -> None:
    page = Page(results / "weighing.html")
    assert "prevention buys more, if the assumptions of both arms hold" in page.words
    assert "all of the interval is a rise, so that no pesos avoid any" in page.words
    assert "In 8 of 8 rows the interval of the difference leaves zero out" in page.words
    assert (
        "At the estimates no price of a deployed element turns the choice: prevention avoids events and guard"
        in page.words
    )
    assert "disappearances not in the panel" in page.words
    assert "Modelled: guard. No municipal series of the Guard is public" in page.words
    assert "Modelled: prevention." in page.words
    assert "Cooperation with the United States" in page.words and "nothing was estimated" in page.words
    assert "nan" not in page.words.lower().split()
    assert 'href="weighing.html"' in (results / "index.html").read_text()
    assert "buys more, if the assumptions" in Page(results / "index.html").words


def test_elements_stay_in_their_state_and_in_what_is_open(results: Path) -> None:
    found = read(results, "targeting.json")
    assert found["municipal"] == {"guard": "modelled", "homicides": "published"}
    curves = pd.read_parquet(results / "versus/targeting.parquet")
    ends = curves.groupby(["level", "by", "arm"])["share"].agg(["first", "last"])
    assert ends["first"].eq(0).all() and np.allclose(ends["last"], 1)
    # all elements are in the smaller of two municipalities, a quarter of the people
    by_size = next(
        row
        for row in found["indices"]
        if (row["level"], row["by"], row["arm"]) == ("municipality", "population", "guard")
    )
    assert by_size["index"] < -0.3


def test_no_effect_is_unbounded_in_words_and_never_a_number(tmp_path: Path) -> None:
    results = world(tmp_path, {"guard": 0.0, "prevention": 0.0}, opened=False, truth=False)
    found = read(results, "pesos.json")
    each = [arm["pesos_each"] for case in found["cases"] for arm in case["arms"]]
    assert all(item == {"word": "unbounded", "value": None, "low": None, "high": None} for item in each)
    page = Page(results / "weighing.html")
    assert page.words.count("unbounded") >= 6
    assert (
        "which buys more cannot be told" in page.words and "truth" not in page.words.lower().split("decision table")[1]
    )
    assert read(results, "targeting.json")["municipal"] is None
    assert "By municipality" not in page.words


def test_costs_of_another_study_are_refused(tmp_path: Path, results: Path) -> None:
    other = tmp_path / "costs.yaml"
    other.write_text(CONFIG["costs"].read_text().replace("study: versus", "study: guard"))
    own = results / "studies/versus"
    folders = (own / "rows.parquet", own / "estimates", own / "checks", results / "panel", tmp_path)
    with pytest.raises(ConfigError, match="about the arms guard and prevention of the study guard, not of versus"):
        weigh.run(study_of(results), *folders, other, CONFIG["priors"], CONFIG["outcomes"])


def test_themes_take_their_status_from_claims() -> None:
    card = {"direction": "none", "criteria": [{"name": "identified", "answer": "failed"}], "grade": "weak null"}
    card |= {"title": "t", "headline": {"percent_change": [-5.0, -20.0, 12.0]}, "treatment": "guard"}
    claims = {"versus": {"cards": [card, {**card, "treatment": "prevention", "direction": "fall", "grade": "C"}]}}
    rows = {row["theme"]: row for row in place(load(Themes, CONFIG["themes"]), claims, None)}
    assert rows["Prevention for youth"]["settled"] == "claimed"
    military = rows["Continuity of militarization"]
    assert military["settled"] == "estimated"
    assert [item["what"] for item in military["found"]][-1] == "versus: guard"
    assert military["found"][-1] | {"sentence": None} == {
        "what": "versus: guard",
        "status": "no claim",
        "grade": "weak null",
        "title": "t",
        "identified": "failed",
        "change": [-5.0, -20.0, 12.0],
        "sentence": None,
    }
    assert rows["Impunity"]["settled"] == "nothing"
    coordination = "Coordination of federal, state and municipal forces"
    assert rows[coordination]["found"][0]["status"] == "not in this run"


@pytest.mark.parametrize(
    ("check", "status", "settled", "sentence"),
    [
        ({"status": "ran", "sentence": "No difference."}, "estimated", "estimated", "No difference"),
        ({"status": "declined", "reason": "no mayors"}, "no estimate", "nothing", "no mayors"),
    ],
)
def test_themes_say_what_a_check_found(check: dict[str, str], status: str, settled: str, sentence: str) -> None:
    found = place(load(Themes, CONFIG["themes"]), {}, None, {"coordination.moderators": check})
    row = next(row for row in found if row["theme"].startswith("Coordination"))
    assert row["settled"] == settled
    assert row["found"] == [
        {**dict.fromkeys(("grade", "title", "identified", "change")), "what": "coordination: moderators"}
        | {"status": status, "sentence": sentence}
    ]
    assert themes.SETTLED["nothing"] == "nothing was estimated"
