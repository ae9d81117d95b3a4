"""Moderators of a treatment: an effect put in by kind, dummies of another package, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.contract.panels import make_panel, make_study

from balanza.checks import moderators
from balanza.contract import CheckResult, Panel, Study, Treatment
from balanza.errors import Unsupported

STATES, EACH, MONTHS, START = 12, 6, 10, 6
GUARD = Treatment("guard", "dose", column="guard", unit="unit", start="2015-07", dose="mean_post")


def world(seed: int = 0, aligned_effect: float = -0.6, other_effect: float = 0.2, **changes) -> tuple[Study, Panel]:
    """Doses of states; in each, some mayors are aligned, and homicide in their places has a trend of its own."""
    rng = np.random.default_rng(seed)
    state, unit = np.repeat(np.arange(STATES), EACH), np.arange(STATES * EACH)
    aligned = (unit % 3 == 0).astype(float)
    late = np.arange(MONTHS) >= START
    dose = rng.uniform(0, 1.5, STATES)[state][:, None] * late
    people = np.exp(rng.normal(12, 0.3, (len(unit), 1))) * np.ones(MONTHS)
    effect = np.where(aligned == 1, aligned_effect, other_effect)[:, None]
    log_rate = rng.normal(-8, 0.3, (len(unit), 1)) + effect * dose + 0.4 * late * aligned[:, None]
    outcome = rng.poisson(people * np.exp(log_rate)).astype(float)
    moving = aligned[:, None] * np.ones(MONTHS)
    moving[:, START:] = 1 - moving[:, START:]  # elections after the start change nothing
    panel = make_panel(
        outcome,
        {"guard": dose},
        exposure=people,
        cluster=state,
        covariates={"aligned": moving, "size": people[:, 0], "flat": np.ones(len(unit))},
        start={"guard": START},
    )
    return make_study([GUARD], "poisson", **{"moderators": ("aligned",), **changes}), panel


def run(study: Study, panel: Panel) -> CheckResult:
    return moderators.check(study, panel, {}, np.random.default_rng(0))


def effects(found: CheckResult, name: str = "aligned") -> pd.DataFrame:
    assert found.table is not None
    return found.table[found.table["moderator"] == name].set_index("level")


def test_effects_by_kind_are_found_and_told_apart() -> None:
    found = run(*world())
    rows = effects(found)
    for level, truth in (("higher value", -0.6), ("lower value", 0.2), (moderators.PRODUCT, -0.8)):
        assert rows.loc[level, "low"] < truth < rows.loc[level, "high"]
    assert rows.loc[moderators.PRODUCT, "p_value"] < 0.001
    assert "the difference is told from none" in found.sentence and found.values["as_of"] == "2015-06"
    assert rows["at"].dropna().tolist() == [0.0, 1.0]


def test_it_is_the_fit_of_dummies_and_the_jackknife_of_clusters() -> None:
    import statsmodels.api as sm

    study, panel = world()
    frame = panel.frame
    first = frame.groupby("unit")["aligned"].first().to_numpy()
    kind = first[frame["unit"]]

    def fitted(kept: pd.Series) -> float:
        rows = frame[kept]
        months = pd.get_dummies(rows["period"], dtype=float).iloc[:, 1:].to_numpy()
        columns = [rows["d_guard"], rows["d_guard"] * kind[kept], pd.get_dummies(rows["unit"], dtype=float), months]
        design = np.column_stack([*columns, months * kind[kept, None]])
        model = sm.GLM(rows["outcome"].to_numpy(), design, family=sm.families.Poisson(), exposure=rows["exposure"])
        return float(model.fit(tol=1e-12, maxiter=100).params[1])

    whole = fitted(frame["unit"] >= 0)
    row = effects(run(study, panel)).loc[moderators.PRODUCT]
    assert row["value"] == pytest.approx(whole, abs=1e-6)
    away = np.array([fitted(frame["cluster"] != code) for code in range(STATES)])
    # the kernel leaves clusters out by one Newton step, which is not quite the refit
    assert row["standard_error"] == pytest.approx(
        np.sqrt((STATES - 1) / STATES * ((away - whole) ** 2).sum()), rel=0.03
    )


def test_p_counts_all_moderators() -> None:
    study, panel = world(aligned_effect=0.2, moderators=("aligned", "size", "flat"))
    found = run(study, panel)
    products = found.table[found.table["level"] == moderators.PRODUCT]
    p = np.sort(products["p_value"].to_numpy(float))
    # Benjamini and Hochberg by hand for two
    assert np.sort(products["p_adjusted"].to_numpy(float)) == pytest.approx([min(2 * p[0], p[1]), p[1]])
    assert "By flat there is no estimate: flat is the same for all units that have it." in found.sentence
    assert effects(found, "size").index.tolist()[1:] == ["lower quartile", "upper quartile"]


def test_units_without_a_value_before_treatment_are_counted() -> None:
    study, panel = world()
    frame = panel.frame
    gone = frame["aligned"].where(~((frame["unit"] < 2) & (frame["period"] < START)))
    some = frame["aligned"].where(~((frame["unit"] == 5) & (frame["period"] == START - 1)))
    found = run(study, replace(panel, frame=frame.assign(aligned=gone)))
    assert "2 units have no aligned before treatment and are left out." in found.sentence
    assert set(effects(found)["n_units"]) == {STATES * EACH - 2}
    earlier = run(study, replace(panel, frame=frame.assign(aligned=some)))
    pd.testing.assert_frame_equal(effects(earlier), effects(run(study, panel)))


def test_refusals() -> None:
    study, panel = world()
    with pytest.raises(Unsupported, match="names no `moderators`"):
        run(replace(study, moderators=()), panel)
    flat = replace(study, moderators=("flat",))
    assert run(flat, panel).sentence == "By flat there is no estimate: flat is the same for all units that have it."
