"""The triple-difference kernel against cells written out, against diff-diff, and its invariances."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.test_group_time import cell

from balanza.kernels.group_time import NEVER, GroupTime, Infeasible
from balanza.kernels.triple_difference import triple_difference


def panel(seed: int = 0, units: int = 240, periods: int = 6):
    """Outcome, start of the policy, eligibility, covariates, weights and clusters."""
    rng = np.random.default_rng(seed)
    cohort = np.array([2, 3, 5, NEVER])[rng.integers(0, 4, units)]
    eligible, x, time = rng.random(units) < 0.5, rng.normal(size=(units, 2)), np.arange(periods)
    y = rng.normal(size=(units, 1)) + 0.3 * time + 0.2 * time * eligible[:, None] * (1 + 0.3 * x[:, :1])
    y += 0.3 * time * (cohort == 2)[:, None] + rng.normal(size=y.shape)
    y += (eligible[:, None] & (time >= cohort[:, None])) * (1.0 + 0.2 * (cohort == 3)[:, None])
    return (
        y,
        cohort,
        eligible,
        x,
        rng.uniform(0.5, 2, units),
        np.unique(rng.integers(0, 40, units), return_inverse=True)[1],
    )


def twin(y, cohort, eligible, x, w, cluster, method, control, base):
    """Each cell from its three differences and, with several comparisons, their inverse covariance over units."""
    found = {}
    for g in np.unique(cohort[cohort != NEVER]):
        for t in range(y.shape[1]):
            start = t - 1 if t < g and base == "varying" else g - 1
            if start in (t, -1):
                continue
            others = [NEVER] if control == "never" else [h for h in np.unique(cohort) if h != g and h > max(t, start)]
            each, psis = [], []
            for other in others:
                value, psi = 0.0, np.zeros(len(y))
                for sign, group in ((1, (g, False)), (1, (other, True)), (-1, (other, False))):
                    mine, theirs = (cohort == g) & eligible, (cohort == group[0]) & (eligible == group[1])
                    use = mine | theirs
                    design = np.column_stack([np.ones(use.sum()), x[use]])
                    att, own = cell((y[:, t] - y[:, start])[use], mine[use].astype(float), design, w[use], method)
                    value += sign * att
                    psi[use] += sign * own / use.sum()
                each.append(value)
                psis.append(psi)
            psis = np.array(psis)
            inverse = np.linalg.inv(psis @ psis.T)
            share = inverse.sum(axis=0) / inverse.sum()
            psi = share @ psis
            found[g, t] = share @ each, np.linalg.norm([psi[cluster == c].sum() for c in np.unique(cluster)])
    return found


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("base", ["varying", "universal"])
def test_cells_agree_with_the_slow_twin(method, control, base) -> None:
    y, cohort, eligible, x, w, cluster = panel()
    found = triple_difference(y, cohort, eligible, x, w, cluster, method=method, control=control, base=base).cells
    expected = twin(y, cohort, eligible, x, w, cluster, method, control, base)
    assert list(zip(found.cohort, found.period, strict=True)) == list(expected)
    np.testing.assert_allclose(found.att, [value for value, _ in expected.values()], atol=1e-9)
    np.testing.assert_allclose(found.standard_error, [error for _, error in expected.values()], atol=1e-9)


def test_without_covariates_a_cell_is_a_difference_of_eight_means() -> None:
    y, cohort, eligible, *_ = panel()
    found = triple_difference(y, cohort, eligible, method="reg").cells

    def change(g, who, t):
        rows = (cohort == g) & (eligible == who)
        return (y[rows, t] - y[rows, 2]).mean()

    at = (found.cohort == 3) & (found.period == 4)
    expected = change(3, True, 4) - change(3, False, 4) - change(NEVER, True, 4) + change(NEVER, False, 4)
    assert found.att[at][0] == pytest.approx(expected)
    first = found.cohort == 2
    assert np.isfinite(found.att[first]).all() and (found.period[first] == np.arange(1, 6)).all()


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_agrees_with_diff_diff(method, control) -> None:
    """Cells, event study and overall effect. Its standard errors of cells joined by GMM leave out the factor
    sqrt(n / n of the cell's groups), which its own aggregates have: those cells are compared through the aggregates."""
    diff_diff = pytest.importorskip("diff_diff")
    y, cohort, eligible, x, *_ = panel()
    n, periods = y.shape
    frame = {"i": np.repeat(np.arange(n), periods), "t": np.tile(np.arange(1, periods + 1), n), "y": y.ravel()}
    frame |= {"s": np.repeat(np.where(cohort == NEVER, 0, cohort + 1), periods), "q": np.repeat(eligible, periods) * 1}
    table = pd.DataFrame(frame | {f"x{k}": np.repeat(x[:, k], periods) for k in range(2)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = diff_diff.TripleDifference(
            estimation_method=method, control_group={"never": "never_treated", "not_yet": "not_yet_treated"}[control]
        )
        theirs = model.fit(
            table,
            "y",
            unit="i",
            time="t",
            first_treat="s",
            partition="q",
            covariates=["x0", "x1"],
            aggregate="event_study",
        )
    ours = triple_difference(y, cohort, eligible, x, method=method, control=control)
    for g, t, att, error in zip(
        *(getattr(ours.cells, k) for k in ("cohort", "period", "att", "standard_error")), strict=True
    ):
        expected = theirs.group_time_effects[g + 1, t + 1]
        assert att == pytest.approx(expected["effect"], abs=1e-9)
        if control == "never":
            assert error == pytest.approx(expected["se"], abs=1e-9)
    assert ours.simple.overall == pytest.approx(theirs.overall_att, abs=1e-9)
    assert np.linalg.norm(ours.simple.overall_influence) == pytest.approx(theirs.overall_se, abs=1e-9)
    errors = np.linalg.norm(ours.dynamic.influence, axis=0)
    for event, att, error in zip(ours.dynamic.key, ours.dynamic.att, errors, strict=True):
        expected = theirs.event_study_effects[event]
        assert (att, error) == pytest.approx((expected["effect"], expected["se"]), abs=1e-9)


def numbers(found: GroupTime) -> np.ndarray:
    aggregates = [found.simple, found.dynamic, found.group, found.calendar]
    parts = [found.cells.att, found.cells.standard_error]
    parts += [value for item in aggregates for value in (item.att, np.linalg.norm(item.influence, axis=0))]
    return np.concatenate(parts)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 100.0), st.sampled_from(["never", "not_yet"]))
def test_order_of_units_scale_and_shocks_of_either_kind_are_irrelevant(seed: int, scale: float, control: str) -> None:
    """Shocks of periods, of eligible units' periods and of a cohort's periods all cancel, unlike in one difference."""
    y, cohort, eligible, _, w, cluster = panel(seed)
    rng = np.random.default_rng(seed)
    order, shift = rng.permutation(len(y)), 5 * rng.normal(size=(3, y.shape[1]))
    other = y + shift[0] + eligible[:, None] * shift[1] + (cohort == 3)[:, None] * shift[2]
    one = triple_difference(y, cohort, eligible, None, w, cluster, control=control, method="reg")
    part = [values[order] for values in (scale * other, cohort, eligible)]
    two = triple_difference(*part, None, w[order], cluster[order], control=control, method="reg")
    np.testing.assert_allclose(numbers(two), scale * numbers(one), atol=1e-8 * scale)


def test_a_missing_group_leaves_no_cell() -> None:
    y, cohort, eligible, *_ = panel()
    for missing in ((cohort == NEVER) & ~eligible, (cohort == NEVER) & eligible, (cohort != NEVER) & ~eligible):
        keep = ~missing
        with pytest.raises(Infeasible):
            triple_difference(y[keep], cohort[keep], eligible[keep])
    with pytest.raises(Infeasible):
        triple_difference(y[cohort == 3], cohort[cohort == 3], eligible[cohort == 3], control="not_yet")
