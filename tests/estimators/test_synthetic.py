"""Synthetic difference-in-differences and synthetic control: cohorts, placebos, the jackknife, warnings, refusals."""

import dataclasses

import numpy as np
import pytest
from tests.contract.panels import make_panel, make_study, treatment

from balanza.contract import Estimate
from balanza.errors import Unsupported
from balanza.estimators import synthetic_control, synthetic_did
from balanza.kernels.synthetic import synthetic

PERIODS = 10
STEPS = "balanza.kernels.synthetic.STEPS"
both = pytest.mark.parametrize(("module", "method"), [(synthetic_did, "did"), (synthetic_control, "control")])


@pytest.fixture(autouse=True)
def few_steps(monkeypatch) -> None:
    """Weights need not be the best where both sides of a comparison come from the same kernel."""
    monkeypatch.setattr(STEPS, 300)


def outcome(n: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factor = np.cumsum(rng.normal(size=PERIODS))
    return 10 + rng.normal(size=(n, 1)) * 2 + rng.uniform(size=(n, 1)) * factor + rng.normal(size=(n, PERIODS))


def starts(n: int = 20, **cohorts: int) -> np.ndarray:
    """Never treated but for the first units: `at_6=2` means two units from period 6 on."""
    first = np.full(n, -1)
    given = [int(name.removeprefix("at_")) for name, count in cohorts.items() for _ in range(count)]
    first[: len(given)] = given
    return first


def run(module, y: np.ndarray, first: np.ndarray, study=None, **options) -> Estimate:
    more = {name: options.pop(name) for name in ("cluster", "weight", "covariates") if name in options}
    asked = make_study(
        [treatment("binary")], **{"options": {module.SPEC.name: {"draws": 20} | options}, **(study or {})}
    )
    return module.estimate(asked, make_panel(y, {"guard": first}, **more), np.random.default_rng(0))


@both
def test_cohorts_are_averaged_by_treated_rows(module, method) -> None:
    y = outcome()
    found = run(module, y, starts(at_4=2, at_7=3))
    each = [
        synthetic(y[5:], y[a:b].mean(axis=0)[None], g, b - a, method=method).effect[0]
        for g, a, b in ((4, 0, 2), (7, 2, 5))
    ]
    assert found.value == pytest.approx((2 * 6 * each[0] + 3 * 3 * each[1]) / (12 + 9))
    groups = found.rows[found.rows["kind"] == "group"]
    np.testing.assert_allclose(groups["value"], each)
    assert groups["group"].tolist() == ["2015-05", "2015-08"]
    assert (found.n_treated, found.n_units, found.n_observations) == (5, 20, 200)


@both
def test_event_rows_are_gaps_weighed_by_cohort(module, method) -> None:
    y = outcome()
    rows = run(module, y, starts(at_4=2, at_7=3), study={"event_bins": 2}).rows
    gaps = [
        synthetic(y[5:], y[a:b].mean(axis=0)[None], g, b - a, method=method).gap[0]
        for g, a, b in ((4, 0, 2), (7, 2, 5))
    ]
    events = rows[rows["kind"] == "event_time"].set_index("event_time")["value"]
    assert events.index.tolist() == [-8, -6, -4, -2, 0, 2, 4]
    assert events[2] == pytest.approx((2 * (gaps[0][6] + gaps[0][7]) + 3 * gaps[1][9]) / 7)
    assert events[4] == pytest.approx(gaps[0][8:].mean())
    assert events[-8] == pytest.approx(gaps[1][0])


@both
def test_one_treated_unit_is_compared_with_each_control_in_turn(module, method) -> None:
    y = outcome()
    y[0, 6:] += 9
    found = run(module, y, starts(at_6=1), study={"event_bins": 5})
    placebos = synthetic(y[1:], y[1:], 6, 1, ~np.eye(19, dtype=bool), method)
    assert found.standard_error == pytest.approx(placebos.effect.std())
    assert found.p_value == pytest.approx(1 / 20)
    assert "19 placebo assignments" in found.standard_error_type
    assert "rank" in found.standard_error_type
    assert not any("placebos" in text for text in found.warnings)
    few = run(module, y[:11], starts(11, at_6=1))
    assert any("only 10 placebos" in text and "0.091" in text for text in few.warnings)


def test_p_values_by_rank() -> None:
    """Of the effect for synthetic difference-in-differences, of fit after to before for synthetic control."""
    y = outcome()
    unit = synthetic(y[1:], y[:1], 6)
    others = synthetic(y[1:], y[1:], 6, 1, ~np.eye(19, dtype=bool))
    expected = (1 + (np.abs(others.effect) >= np.abs(unit.effect)).sum()) / 20
    assert run(synthetic_did, y, starts(at_6=1)).p_value == pytest.approx(expected)
    unit = synthetic(y[1:], y[:1], 6, method="control")
    others = synthetic(y[1:], y[1:], 6, 1, ~np.eye(19, dtype=bool), "control")
    ratio = [(gap[:, 6:] ** 2).mean(axis=1) / (gap[:, :6] ** 2).mean(axis=1) for gap in (unit.gap, others.gap)]
    expected = (1 + (ratio[1] >= ratio[0]).sum()) / 20
    assert run(synthetic_control, y, starts(at_6=1)).p_value == pytest.approx(expected)


@both
def test_placebos_move_whole_clusters(module, method) -> None:
    """Two units of one cluster are treated: the nine other pairs have their turn."""
    y = outcome()
    cluster = np.arange(20) // 2
    found = run(module, y, starts(at_6=2), cluster=cluster)
    pairs = cluster[2:] - 1
    own = pairs == np.arange(9)[:, None]
    placebos = synthetic(y[2:], own @ y[2:] / 2, 6, 2, ~own, method)
    assert found.standard_error == pytest.approx(placebos.effect.std())
    assert "9 placebo assignments" in found.standard_error_type and found.n_clusters == 10


@both
def test_drawn_placebos_do_not_depend_on_names(module, method) -> None:
    y, first = outcome(), starts(at_5=2, at_6=1)
    names = np.random.default_rng(3).permutation(20)
    other = np.empty_like(y)
    other[names], order = y, np.empty(20, int)
    order[names] = first
    one, two = run(module, y, first), run(module, other, order)
    assert "20 placebo assignments" in one.standard_error_type
    assert two.value == pytest.approx(one.value, abs=1e-9)
    assert two.standard_error == pytest.approx(one.standard_error, abs=1e-9)
    assert two.p_value == one.p_value


@both
def test_the_jackknife_leaves_out_clusters_with_fixed_weights(module, method) -> None:
    y, first = outcome(14), starts(14, at_6=8)
    found = run(module, y, first)
    assert found.standard_error_type.startswith("jackknife over cluster with fixed weights")
    whole = synthetic(y[8:], y[:8].mean(axis=0)[None], 6, 8, method=method)
    values = []
    for unit in range(14):
        weights = whole.units[0].copy()
        if unit >= 8:
            weights[unit - 8] = 0
        gap = y[:8][np.arange(8) != unit].mean(axis=0) - weights @ y[8:] / weights.sum()
        values.append(gap[6:].mean() - whole.periods[0] @ gap[:6])
    assert found.standard_error == pytest.approx(np.sqrt(13 / 14 * ((values - np.mean(values)) ** 2).sum()))


def test_jackknife_agrees_with_diff_diff(monkeypatch) -> None:
    monkeypatch.setattr(STEPS, 10_000)
    diff_diff = pytest.importorskip("diff_diff")
    pandas = pytest.importorskip("pandas")
    y, first = outcome(30), starts(30, at_6=5)
    table = pandas.DataFrame(
        {
            "unit": np.repeat(np.arange(30), PERIODS),
            "period": np.tile(np.arange(PERIODS), 30),
            "y": y.ravel(),
            "treated": np.repeat((first > 0).astype(int), PERIODS),
        }
    )
    theirs = diff_diff.SyntheticDiD(variance_method="jackknife").fit(
        table, outcome="y", treatment="treated", unit="unit", time="period", post_periods=list(range(6, PERIODS))
    )
    found = run(synthetic_did, y, first, inference="jackknife")
    assert found.value == pytest.approx(theirs.att, abs=1e-9)
    assert found.standard_error == pytest.approx(theirs.se, abs=1e-9)


@both
def test_too_few_clusters_for_an_error_are_refused(module, method) -> None:
    y = outcome(6)
    with pytest.raises(Unsupported, match="more control clusters than treated ones") as refusal:
        run(module, y, starts(6, at_6=4), inference="placebo")
    assert "jackknife" in refusal.value.cure
    with pytest.raises(Unsupported, match="a cohort in one cluster"):
        run(module, y, starts(6, at_6=3, at_5=1))


def test_treated_outside_the_range_of_controls_are_flagged() -> None:
    y = outcome()
    y[0] += 100
    found = run(synthetic_control, y, starts(at_6=1))
    assert any("outside the range of all controls in 6 of 6 periods" in text for text in found.warnings)
    assert not any("range" in text for text in run(synthetic_did, y, starts(at_6=1)).warnings)


@both
def test_units_treated_at_first_and_later_than_seen(module, method) -> None:
    y, first = outcome(), starts(at_6=1)
    first[18], first[19] = 0, PERIODS + 3
    found = run(module, y, first)
    kept = np.arange(20) != 18
    expected = run(module, y[kept], np.where(first == PERIODS + 3, -1, first)[kept])
    assert found.value == pytest.approx(expected.value)
    assert any("have no before" in text for text in found.warnings)


@both
def test_what_it_cannot_take_is_refused(module, method) -> None:
    y, first = outcome(), starts(at_6=1)
    with pytest.raises(Unsupported, match="takes no weights"):
        run(module, y, first, weight=np.ones(20), study={"weights": "w"})
    with pytest.raises(Unsupported, match="takes no covariates"):
        run(module, y, first, covariates={"x": np.arange(20)}, study={"covariates": ("x",)})
    y[4, 2] = np.nan
    with pytest.raises(Unsupported, match="1 of 20 units lack rows"):
        run(module, y, first)
    assert run(module, y, first, unbalanced="drop").n_units == 19


def test_event_study_with_too_many_rows_is_refused_but_cohorts_stay() -> None:
    found = run(synthetic_did, outcome(), starts(at_6=1), study={"event_bins": 1}, cluster=np.arange(20) // 2 * 1)
    assert found.rows["kind"].unique().tolist() == ["group"]
    assert any("event_bins" in text for text in found.warnings)
    assert dataclasses.replace(found).covariance.shape == (1, 1)
