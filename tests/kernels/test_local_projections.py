"""The local-projections kernel against regressions on rows built one by one, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.local_projections import paths, project

NEVER = 99
WINDOWS = [(0, 0), (2, 2), (0, 3), (-3, -3), (-4, -2), (3, 5)]


def panel(seed: int = 0, units: int = 50, periods: int = 12, missing: float = 0.03):
    """Outcome, cohort, clusters, weights and two covariates, the second constant within units."""
    rng = np.random.default_rng(seed)
    cohort = np.array([4, 6, 9, NEVER, NEVER] * units)[:units]
    x = np.stack([rng.normal(size=(units, periods)), np.repeat(rng.normal(size=(units, 1)), periods, axis=1)])
    y = rng.normal(size=(units, 1)) + np.cumsum(rng.normal(size=(units, periods)), axis=1) + x[0]
    y += 0.1 * np.arange(periods) * x[1] + (np.arange(periods) >= cohort[:, None]) * (0.5 + 0.1 * cohort[:, None])
    y[rng.random(y.shape) < missing] = np.nan
    x[np.broadcast_to(np.isnan(y), x.shape)] = np.nan
    return y, cohort, rng.integers(0, 15, units), rng.uniform(0.5, 2, y.shape), x


def stack(y, cohort, cluster, w, x, first, last, base, control):
    """Rows of one regression: change, treated, covariates, entry, cluster and weight, of all units and entries."""
    rows = []
    for t in range(1, y.shape[1]):
        if t + first < 0 or t + last >= y.shape[1]:
            continue
        for i in range(len(y)):
            clean = cohort[i] > t + max(last, 0) if control == "not_yet" else cohort[i] == NEVER
            if not (cohort[i] == t or clean) or np.isnan(y[i, t]):
                continue
            before = y[i, max(0, t - base) : t] if base else y[i, :t][~np.isnan(y[i, :t])]
            values = [x[k, i, t - 1] for k in range(len(x))]
            change = y[i, t + first : t + last + 1].mean() - (before.mean() if len(before) else np.nan)
            if not np.isnan([change, *values]).any():
                rows.append((change, cohort[i] == t, *values, t, cluster[i], w[i, t]))
    table = np.array(rows, float)
    return table[:, 0], table[:, 1], table[:, 2:-3], table[:, -3], table[:, -2], table[:, -1]


def sandwich(x, residual, w, cluster, bread, n, k):
    scores = x * (w * residual)[:, None]
    sums = np.array([scores[cluster == c].sum(axis=0) for c in np.unique(cluster)])
    g = len(sums)
    return np.sqrt(g / (g - 1) * (n - 1) / (n - k)) * sums @ bread


def twin(rows, reweight: bool):
    """Least squares with entry dummies, weighted as the authors' examples do; or regression adjustment."""
    y, d, x, entry, cluster, w = rows
    if not (reweight and x.shape[1]):
        if reweight:
            share = {t: np.average(d[entry == t], weights=w[entry == t]) for t in np.unique(entry)}
            keep = np.array([0 < share[t] < 1 for t in entry])
            y, d, x, entry, cluster, w = (values[keep] for values in (y, d, x, entry, cluster, w))
            w = w / np.array([1 - share[t] for t in entry])
        design = np.column_stack([d, x, entry[:, None] == np.unique(entry)])
        bread = np.linalg.pinv((design.T * w) @ design)
        beta = bread @ (design.T @ (w * y))
        psi = sandwich(design, y - design @ beta, w, cluster, bread, len(y), design.shape[1])
        return beta[0], np.linalg.norm(psi[:, 0])
    times = [t for t in np.unique(entry) if (d[entry == t] == 0).any()]
    keep = np.isin(entry, times)
    y, d, x, entry, cluster, w = (values[keep] for values in (y, d, x, entry, cluster, w))
    design = np.column_stack([x, entry[:, None] == np.array(times)])
    control, treated = w * (d == 0), w * (d == 1)
    bread = np.linalg.pinv((design.T * control) @ design)
    gamma = bread @ (design.T @ (control * y))
    net = y - design @ gamma
    value = treated @ net / treated.sum()
    pull = design @ bread @ (design.T @ treated)
    psi = (treated * (net - value) - control * net * pull) / treated.sum()
    sums = np.array([psi[cluster == c].sum() for c in np.unique(cluster)])
    n, k, g = len(y), 1 + design.shape[1], len(sums)
    return value, np.sqrt(g / (g - 1) * (n - 1) / (n - k)) * np.linalg.norm(sums)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.parametrize("covariates", [0, 2])
def test_agrees_with_the_slow_twin(window, reweight, covariates) -> None:
    y, cohort, cluster, w, x = panel()
    x = x[:covariates]
    data = paths(y, cohort, cluster, w, x)
    for base, control in ((1, "not_yet"), (3, "never"), (None, "not_yet")):
        found = project(data, *window, base=base, control=control, reweight=reweight)
        value, error = twin(stack(y, cohort, cluster, w, x, *window, base, control), reweight)
        assert found.value == pytest.approx(value, abs=1e-9)
        assert np.linalg.norm(found.influence) == pytest.approx(error, abs=1e-9)


def test_reweighted_it_is_the_mean_over_treated_units_of_each_cohorts_own_comparison() -> None:
    """By hand, without missing rows."""
    y, cohort, cluster, *_ = panel(missing=0.0)
    data = paths(y, cohort, cluster)
    found = project(data, 0, 1, reweight=True)
    changes = {g: y[:, g : g + 2].mean(axis=1) - y[:, g - 1] for g in (4, 6, 9)}
    each = [changes[g][cohort == g].mean() - changes[g][cohort > g + 1].mean() for g in changes]
    assert found.value == pytest.approx(np.mean(each))
    assert found.level == pytest.approx(np.mean([y[cohort == g, g : g + 2].mean() for g in changes]))
    assert found.treated.sum() == (cohort < NEVER).sum()


def test_without_comparison_there_is_nothing() -> None:
    y, cohort, cluster, _, x = panel(missing=0.0)
    assert project(paths(y, cohort, cluster), 8, 8) is None
    assert project(paths(y, np.full(len(y), 5), cluster), 0, 0) is None
    assert project(paths(y, cohort, cluster, None, np.stack([x[0], 2 * x[0]])), 0, 0) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 100.0), st.booleans(), st.sampled_from(WINDOWS))
def test_order_of_units_scale_and_period_shifts_are_irrelevant(seed, scale, reweight, window) -> None:
    y, cohort, cluster, w, x = panel(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    other = scale * (y + 10 * rng.normal(size=y.shape[1]))
    one = project(paths(y, cohort, cluster, w, x), *window, reweight=reweight)
    moved = paths(other[order], cohort[order], cluster[order], w[order], 3 * x[:, order] + 1)
    two = project(moved, *window, reweight=reweight)
    assert two.value == pytest.approx(scale * one.value, abs=1e-7 * scale)
    np.testing.assert_allclose(two.influence, scale * one.influence, atol=1e-7 * scale)


def test_copies_in_the_same_cluster_change_nothing_but_the_small_sample_factor() -> None:
    y, cohort, cluster, w, x = panel()
    one = project(paths(y, cohort, cluster, w, x), 0, 2)
    many = [np.concatenate([values, values]) for values in (y, cohort, cluster, w)]
    two = project(paths(*many, np.concatenate([x, x], axis=1)), 0, 2)
    assert two.value == pytest.approx(one.value)
    ratio = two.influence / one.influence
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)
    assert 0.98 < ratio[0] < 1
