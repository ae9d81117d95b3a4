"""The check on families of outcomes: against refits, in known worlds, and what it leaves out."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.checks.worlds import dose_world, panel_of
from tests.contract.panels import make_study, treatment
from tests.kernels.test_stepdown import naive

from balanza.contract import CheckResult, Outcome, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.kernels.wild_bootstrap import signs
from balanza.preparation import prepare
from balanza.registry import find

LETHAL, OTHER = ("homicides", "feminicides"), ("kidnappings", "extortions")


def run(study: Study, panel: Panel, seed: int = 0) -> CheckResult:
    return find("checks", "outcome_families").function(study, panel, {}, np.random.default_rng(seed))


def world(seed: int = 3, effect: float = 0.0, other: float = 0.0, family: str = "poisson") -> tuple[Study, Panel]:
    """The world of a dose with an effect on the study's outcome, and three other outcomes with another effect."""
    study, panel = dose_world(seed, effect=effect, family=family)
    rng = np.random.default_rng(seed + 1000)
    unit, dose = panel.frame["unit"].to_numpy(), panel.frame["d_guard"].to_numpy()
    added = {}
    for name in ("feminicides", "kidnappings", "extortions"):
        linear = 2 + rng.normal(size=panel.n_units)[unit] / 2 + other * dose + 0.1 * rng.normal(size=len(unit))
        added[name] = rng.poisson(np.exp(linear)).astype(float) if family == "poisson" else linear
    study = dataclasses.replace(study, families={"lethal": LETHAL, "other_crime": OTHER}, draws=99)
    return study, dataclasses.replace(panel, frame=panel.frame.assign(**added))


def alone(study: Study, panel: Panel, column: str) -> float:
    """The p value of the bootstrap of a study with that outcome and no other, from the same draws."""
    own = dataclasses.replace(panel, frame=panel.frame.assign(outcome=panel.frame[column]))
    return float(find("checks", "bootstrap").function(study, own, {}, np.random.default_rng(0)).values["p_value"])


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_p_values_alone_are_those_of_the_bootstrap(family: str) -> None:
    study, panel = world(effect=0.05, family=family)
    table = run(study, panel).table.set_index("outcome")
    assert table.index.tolist() == [*LETHAL, *OTHER]
    for column in LETHAL[1:] + OTHER:
        assert table.loc[column, "p_value"] == pytest.approx(alone(study, panel, column))
    assert table.loc["homicides", "p_value"] == pytest.approx(alone(study, panel, "outcome"))
    assert (table["p_adjusted"] >= table["p_value"]).all()
    assert (table["q_family"] >= table["p_family"]).all()


def test_draws_are_joint_and_adjusted_as_a_loop_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from balanza.kernels import stepdown

    seen = []
    whole = stepdown.romano_wolf
    monkeypatch.setattr(stepdown, "romano_wolf", lambda statistics: seen.append(statistics) or whole(statistics))
    study, panel = world()
    twin = dataclasses.replace(panel, frame=panel.frame.assign(feminicides=panel.frame["outcome"]))
    table = run(study, twin).table
    assert [one.shape for one in seen] == [(2, 1000), (2, 1000)]
    np.testing.assert_allclose(seen[0][0], seen[0][1])  # one outcome twice has the same draws
    assert table["p_adjusted"][0] == table["p_value"][0]
    assert table["p_adjusted"][2:].tolist() == pytest.approx(naive(seen[1]))


def test_an_effect_that_stands_passes() -> None:
    found = run(*world(effect=0.3))
    assert found.passed is True
    assert "Of 4 tests in 2 families of outcomes, 1 finds an effect at the 5 % level when read alone" in found.sentence
    assert "1 when its family is counted" in found.sentence
    assert found.values == {"n_families": 2, "n_outcomes": 4}


def test_a_finding_that_its_family_takes_away_fails() -> None:
    # Worlds without effect in which the study's own outcome is striking by chance, among four in its family.
    judged = []
    for seed in range(50):
        study, panel = world(seed, family="gaussian")
        study = dataclasses.replace(study, families={"all": LETHAL + OTHER})
        found = run(study, panel)
        row = found.table.iloc[0]
        assert (found.passed is None) is bool(row["p_value"] > 0.05)
        if found.passed is not None:
            assert found.passed is bool(row["p_adjusted"] <= 0.05)
            judged.append(found.passed)
    assert False in judged


def test_without_a_finding_nothing_is_judged() -> None:
    found = run(*world(seed=3))
    assert found.passed is None
    assert "none finds an effect at the 5 % level when read alone. The strongest is that of" in found.sentence


def test_gaps_and_clusters_without_events_are_left_out_of_that_outcome_only() -> None:
    study, panel = world(effect=0.3)
    frame = panel.frame.copy()
    frame.loc[frame["unit"] == 4, "kidnappings"] = 0.0
    frame.loc[frame["period"] < 12, "kidnappings"] = np.nan
    gaps = run(study, dataclasses.replace(panel, frame=frame)).table.set_index("outcome")
    whole = run(study, panel).table.set_index("outcome")
    pd.testing.assert_frame_equal(
        gaps.loc[list(LETHAL)].drop(columns="q_family"), whole.loc[list(LETHAL)].drop(columns="q_family")
    )
    kept = frame[(frame["period"] >= 12) & (frame["unit"] != 4)]
    short = panel_of(
        kept["kidnappings"].to_numpy().reshape(29, 36),
        {"guard": kept["d_guard"].to_numpy().reshape(29, 36)},
        "poisson",
    )
    own = find("estimators", "poisson").function(
        study, dataclasses.replace(short, start={"guard": 24}), np.random.default_rng(0)
    )
    assert gaps.loc["kidnappings", "estimate"] == pytest.approx(own.value, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.nan, "it is not measured in these rows"),
        (-1.0, "it is negative somewhere, and the study's outcome is a count"),
    ],
)
def test_what_cannot_be_fitted_is_listed_with_the_reason(values: float, words: str) -> None:
    study, panel = world(effect=0.3)
    found = run(study, dataclasses.replace(panel, frame=panel.frame.assign(extortions=values)))
    row = found.table.set_index("outcome").loc["extortions"]
    assert row["note"] == f"not possible: {words}" and np.isnan(row["p_value"])
    assert (
        found.sentence.endswith(f"Not counted: extortions (not possible: {words}).") and found.values["n_outcomes"] == 3
    )


@pytest.mark.parametrize("families", [{}, {"lethal": ("homicides",)}, {"negative_control": ("kidnappings",)}])
def test_families_without_another_outcome_are_declined(families: dict[str, tuple[str, ...]]) -> None:
    study, panel = world()
    with pytest.raises(Unsupported, match="no family of outcomes holds any besides the study's own"):
        run(dataclasses.replace(study, families=families), panel)


def few() -> tuple[Study, Panel]:
    """Three treated clusters of thirty, with an effect on the study's own outcome."""
    rng = np.random.default_rng(0)
    shape = (30, 12)
    first = np.array([4, 6, 6] + [-1] * 27)
    on = (first >= 0)[:, None] & (np.arange(12) >= first[:, None])
    other = {"kidnappings": rng.normal(size=shape)}
    panel = panel_of(rng.normal(size=shape) + 9.0 * on, {"guard": first}, covariates=other)
    return make_study([treatment("binary")], draws=199, families={"all": ("homicides", "kidnappings")}), panel


def test_few_treated_clusters_are_reassigned_jointly() -> None:
    # Three of thirty can be chosen in 4,060 ways, fewer than the draws: one stratum, whatever the outcome.
    study, panel = few()
    study = dataclasses.replace(study, draws=4999)
    found = run(study, panel)
    drawn = []
    for values in (panel.frame["outcome"], panel.frame["kidnappings"]):
        rng = np.random.default_rng(0)
        signs(30, 49999, rng)  # the signs come first, then the orders
        own = dataclasses.replace(panel, frame=panel.frame.assign(outcome=values))
        slow = find("checks", "randomization").function(study, own, {}, rng)
        assert slow.values["n_strata"] == 1
        drawn.append([slow.table["statistic"][0], *slow.figure["statistic"]])
    assert set(found.table["note"]) == {"randomization"}
    assert found.table["p_value"].tolist() == [np.mean(np.abs(one) >= abs(one[0]) * (1 - 1e-9)) for one in drawn]
    assert found.table["p_adjusted"].tolist() == pytest.approx(naive(np.array(drawn)))
    assert found.passed is True
    assert "P values are those of a random reassignment of the treatment over clusters" in found.sentence


def test_few_treated_clusters_are_not_counted_by_the_bootstrap() -> None:
    study, panel = few()
    found = run(dataclasses.replace(study, options={"outcome_families": {"by": "bootstrap"}}), panel)
    assert found.passed is None and found.table["p_value"].isna().all()
    assert (
        "No outcome of any family can be tested. The first is homicides: not judged: guard changes in 3"
        in found.sentence
    )


def test_reassignment_can_be_asked_for() -> None:
    study, panel = world(effect=0.3)
    found = run(dataclasses.replace(study, options={"outcome_families": {"by": "randomization"}}), panel)
    assert found.passed is True and set(found.table["note"]) == {"randomization"}
    with pytest.raises(Unsupported, match="option by is 'chance'"):
        run(dataclasses.replace(study, options={"outcome_families": {"by": "chance"}}), panel)


def test_family_outcomes_reach_the_panel_with_their_gaps_and_cost_no_rows() -> None:
    table = pd.DataFrame(
        {"u": list("aabb"), "t": [2001, 2002] * 2, "y": [1.0, 2, 3, 4], "d": [0.0, 1, 0, 0], "files": [1.0, None, 2, 3]}
    )
    for missing in ("refuse", "drop"):
        study = Study(
            "s", "", "", Outcome("y"), (Treatment("d", "reversible", column="d"),), "u", unit="u", period="t",
            families={"lethal": ("y", "files")}, missing=missing,
        )  # fmt: skip
        panel = prepare(study, table)
        assert len(panel.frame) == 4 and panel.frame["files"].isna().tolist() == [False, True, False, False]
        assert "y" not in panel.frame


@pytest.mark.slow
def test_the_chance_of_any_false_finding_is_kept_and_without_adjustment_is_not() -> None:
    """400 worlds without effect, four outcomes in one family; bounds are four binomial standard errors."""
    any_alone = any_adjusted = 0
    for seed in range(400):
        study, panel = world(seed, family="gaussian")
        table = run(dataclasses.replace(study, families={"all": LETHAL + OTHER}), panel).table
        any_alone += (table["p_value"] <= 0.05).any()
        any_adjusted += (table["p_adjusted"] <= 0.05).any()
    assert any_adjusted / 400 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
    assert any_alone / 400 > 0.1  # independent outcomes: 1 - .95^4 is .185
