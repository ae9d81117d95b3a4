"""Claim cards: each grade by hand from the rules as shipped, and each answer from what it rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balanza.claims.card import Finding, card
from balanza.claims.rules import Rules
from balanza.errors import ConfigError
from balanza.strict import load

RULES = Path(__file__).resolve().parents[2] / "config/grades.yaml"
SHIPPED = load(Rules, RULES)
JUDGED = [item.check for item in SHIPPED.claim.criteria if item.check and not item.column]


def row(low: float | None, high: float | None, estimator: str = "poisson") -> dict[str, Any]:
    middle = 0.0 if low is None or high is None else (low + high) / 2
    return {
        "status": "ran",
        "estimator": estimator,
        "title": estimator,
        "stem": estimator,
        "interval": [low, high],
        "percent_change": [100 * middle, low and 100 * low, high and 100 * high],
    }


def judged(passed: bool | None, **table: Any) -> dict[str, Any]:
    return {"status": "ran", "passed": passed, "sentence": "It says so.", "table": [table] if table else []}


def finding(low: float | None = -0.3, high: float | None = -0.1, **verdicts: bool | None) -> Finding:
    """A claim for which all speaks, but for the verdicts given."""
    checks = {name: judged(verdicts.get(name, True)) for name in JUDGED}
    checks["randomization"] = judged(None, treatment="guard", p_value=0.01)
    checks["honest_did"]["values"] = {"breakdown": {"poisson": 1.5}}
    return Finding("guard", row(low, high), (row(-0.4, 0.1, "twfe"),), arm(identified=True), checks, {}, 0.95)


def arm(*, identified: bool) -> dict[str, Any]:
    return {"identified_here": identified, "reason": "The graph says so."}


def answers(made: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["answer"] for item in made["criteria"]}


def detectable(found: Finding, fall: float | None, rise: float | None) -> Finding:
    check = judged(None, estimate="poisson", fall=fall, rise=rise)
    return replace(found, checks={**found.checks, "minimum_detectable_effect": check})


def test_a_claim_for_which_all_speaks() -> None:
    made = card(detectable(finding(), 8.0, 9.0), SHIPPED)
    assert (made["grade"], made["direction"], made["breakdown"]) == ("A", "fall", 1.5)
    assert made["detectable"] == {"fall": 8.0, "rise": 9.0}
    assert set(answers(made).values()) == {"passed"}
    assert made["counts"]["passed"] == len(SHIPPED.claim.criteria)


@pytest.mark.parametrize(
    ("verdicts", "grade"),
    [
        ({"scale": None}, "A"),  # open, and not essential
        ({"pretrend": None}, "B"),  # open, and essential
        ({"scale": False}, "D"),
        ({"scale": False, "covid": False}, "D"),
        ({"scale": False, "covid": False, "recording": False}, "E"),
        ({"honest_did": False}, "E"),
    ],
)
def test_grades_of_claims(verdicts: dict[str, bool | None], grade: str) -> None:
    assert card(finding(**verdicts), SHIPPED)["grade"] == grade


def test_what_the_graph_does_not_identify_is_an_association_at_best() -> None:
    unidentified = replace(finding(), arm=arm(identified=False))
    assert card(unidentified, SHIPPED)["grade"] == "C"
    assert card(replace(finding(scale=False), arm=arm(identified=False)), SHIPPED)["grade"] == "E"
    without = card(replace(finding(), arm=None), SHIPPED)
    assert (without["grade"], answers(without)["identified"]) == ("B", "not possible")


@pytest.mark.parametrize(
    ("p", "level", "answer"), [(0.05, 0.95, "passed"), (0.051, 0.95, "failed"), (0.09, 0.9, "passed")]
)
def test_a_figure_of_a_table_is_held_to_the_level_of_the_run(p: float, level: float, answer: str) -> None:
    found = finding()
    checks = {**found.checks, "randomization": judged(None, treatment="guard", p_value=p)}
    assert answers(card(replace(found, checks=checks, level=level), SHIPPED))["randomization"] == answer


def test_a_figure_of_another_treatment_answers_nothing() -> None:
    found = finding()
    checks = {**found.checks, "randomization": judged(None, treatment="prevention", p_value=0.001)}
    assert answers(card(replace(found, checks=checks), SHIPPED))["randomization"] == "open"


def test_what_did_not_run_is_told_apart() -> None:
    found = finding()
    checks = dict(found.checks) | {"recording": {"status": "declined", "reason": "there is one recorder only"}}
    del checks["covid"]
    found = replace(found, checks=checks, left_out={"covid": "takes dose treatments, not binary"})
    made = {item["name"]: item for item in card(found, SHIPPED)["criteria"]}
    assert made["recording"]["answer"] == "not possible"
    assert made["recording"]["reason"] == "there is one recorder only"
    assert made["covid"]["answer"] == "not applicable"
    assert "takes dose treatments, not binary" in made["covid"]["reason"]


@pytest.mark.parametrize(
    ("other", "answer"),
    [((0.1, 0.4), "failed"), ((-0.5, -0.2), "passed"), ((-0.1, 0.4), "passed"), ((0.1, None), "failed")],
)
def test_other_estimators_contradict_only_with_an_interval_on_the_other_side(
    other: tuple[float | None, float | None], answer: str
) -> None:
    found = replace(finding(), others=(row(*other, "twfe"),))
    assert answers(card(found, SHIPPED))["agreement"] == answer


@pytest.mark.parametrize(
    ("fall", "rise", "grade"),
    [
        (8.0, 9.0, "informative null"),
        (9.0, 11.0, "weak null"),
        (24.0, 26.0, "uninformative"),
        (None, None, "uninformative"),
    ],
)
def test_a_null_is_graded_by_what_it_could_have_found(fall: float | None, rise: float | None, grade: str) -> None:
    made = card(detectable(finding(-0.05, 0.05), fall, rise), SHIPPED)
    assert (made["direction"], made["grade"]) == ("none", grade)


def test_a_null_in_doubt_informs_of_nothing() -> None:
    found = detectable(finding(-0.05, 0.05, pretrend=False), 1.0, 1.0)
    assert card(found, SHIPPED)["grade"] == "uninformative"
    contradicted = replace(detectable(finding(-0.05, 0.05), 1.0, 1.0), others=(row(0.1, 0.2, "twfe"),))
    assert card(contradicted, SHIPPED)["grade"] == "uninformative"


def test_an_unbounded_interval_claims_nothing_and_no_estimate_has_no_grade() -> None:
    assert card(finding(None, -0.1), SHIPPED)["direction"] == "fall"
    assert card(finding(None, None), SHIPPED)["direction"] == "none"
    declined = {"status": "declined", "reason": "one cluster", "estimator": "poisson", "stem": "poisson"}
    made = card(replace(finding(), row=declined), SHIPPED)
    assert (made["grade"], made["direction"], made["criteria"]) == (None, "no estimate", [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("failed_at_most: 2", "failed_at_mots: 2"), "failed_at_mots"),
        (("graph: true, ", ""), "needs one of `check`, `graph: true` and `agreement: true`"),
        (("column: p_value, ", ""), "needs `column` and `at_most` together"),
        (("{grade: E, title: not supported}", "{grade: E, title: x, failed_at_most: 9}"), "must ask nothing"),
        (("name: bootstrap", "name: pretrend"), "'pretrend' stands twice"),
        (("failed_only: [identified]", "failed_only: [identifed]"), "'identifed', which is no criterion"),
        (("matters: 10 ", "matters: -1 "), "matters"),
    ],
)
def test_rules_that_cannot_grade_are_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "grades.yaml"
    text = RULES.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigError, match=message) as refusal:
        load(Rules, path)
    assert str(path) in str(refusal.value)
