"""The imputation kernel against a slow twin with dense designs, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.imputation import imputation_means, impute, leads, two_stage_means
from balanza.kernels.within import Degenerate

NEVER = 99


def panel(seed: int = 0, units: int = 36, periods: int = 8, missing: float = 0.15):
    """Outcome, cohort, weights, covariates that change, covariates that do not, and clusters of an unbalanced panel."""
    rng = np.random.default_rng(seed)
    cohort = np.array([3, 5, 6, NEVER] * units)[:units]
    x, z = rng.normal(size=(2, units, periods)), rng.normal(size=(units, 1))
    time = np.arange(periods)
    y = (
        rng.normal(size=(units, 1))
        + 0.2 * time
        + 0.1 * time * z
        + x[0]
        - 0.5 * x[1]
        + rng.normal(size=(units, periods))
    )
    y += (time >= cohort[:, None]) * (0.5 + 0.1 * cohort[:, None] + 0.2 * rng.normal(size=(units, 1)))
    y[rng.random(y.shape) < missing] = np.nan
    return y, cohort, rng.uniform(0.5, 2, y.shape), x, z, np.arange(units) // 2


def treated_rows(cohort: np.ndarray, periods: int) -> np.ndarray:
    return np.arange(periods) >= cohort[:, None]


class Twin:
    """The first step with a column per unit, period and covariate, and one row per row."""

    def __init__(self, y, treated, w, x=(), z=None) -> None:
        units, periods = y.shape
        i, t = np.indices(y.shape).reshape(2, -1)
        z = np.ones((units, 1)) if z is None else np.column_stack([np.ones(units), z])
        columns = [i == k for k in range(units)]
        columns += [(t == k) * z[i, p] for k in range(1, periods) for p in range(z.shape[1])]
        columns += [np.asarray(values).ravel() for values in x]
        seen = ~np.isnan(y.ravel())
        self.design = np.column_stack(columns).astype(float)[seen]
        self.y, self.w, self.d = y.ravel()[seen], w.ravel()[seen], treated.ravel()[seen]
        self.unit, self.seen, self.shape = i[seen], seen, y.shape
        clean = self.design[~self.d]
        self.bread = np.linalg.pinv((clean.T * self.w[~self.d]) @ clean)
        beta = self.bread @ (clean.T @ (self.w * self.y)[~self.d])
        self.effect = self.y - self.design @ beta

    def influence(self, target: np.ndarray, residual: np.ndarray, cluster: np.ndarray) -> np.ndarray:
        """Sums by cluster of (weight in the estimator) x (residual), for weights `target` on the rows averaged."""
        through = self.design @ self.bread @ (self.design.T @ target)
        psi = target * residual - np.where(self.d, 0.0, self.w * through) * np.where(self.d, 0.0, self.effect)
        return np.array([psi[cluster[self.unit] == c].sum() for c in np.unique(cluster)])

    def imputation(self, key, cluster, group, alone=False):
        """Borusyak, Jaravel and Spiess, Theorem 3 and appendix A.9, one estimate and one group at a time."""
        key, group, found = key.ravel()[self.seen], group.ravel()[self.seen], []
        for k in range(key.max() + 1):
            target = np.where(key == k, self.w, 0.0) / self.w[key == k].sum()
            residual = np.zeros(len(target))
            for g in np.unique(group[key == k]):
                mine = (key == k) & (group == g)
                each = [mine & (cluster[self.unit] == c) for c in np.unique(cluster[self.unit[mine]])]
                size = np.array([target[rows].sum() for rows in each])
                total = np.array([target[rows] @ self.effect[rows] for rows in each])
                residual[mine] = self.effect[mine] - size @ total / (size @ size)
                for rows, share in zip(each, size**2 / (size @ size), strict=True):
                    residual[rows] /= 1 - share if alone and len(each) > 1 else 1
            found.append((target @ self.effect, self.influence(target, residual, cluster)))
        return np.array([v for v, _ in found]), np.column_stack([psi for _, psi in found])

    def two_stage(self, key, cluster):
        """The two steps as moments: scores of the second less what the first does to them, over its own bread."""
        key = key.ravel()[self.seen]
        dummies = (key[:, None] == np.arange(key.max() + 1)).astype(float)
        bread = np.linalg.inv((dummies.T * self.w) @ dummies)
        value = bread @ (dummies.T @ (self.w * self.effect))
        gamma = self.bread @ (self.design.T * self.w) @ dummies
        second = dummies * (self.w * (self.effect - dummies @ value))[:, None]
        first = (self.design * np.where(self.d, 0.0, self.w * self.effect)[:, None]) @ gamma
        scores = np.array([(second - first)[cluster[self.unit] == c].sum(axis=0) for c in np.unique(cluster)])
        return value, scores @ bread

    def leads(self, key, cluster):
        """Weighted least squares with dummies on untreated rows, CR1 with k as in reghdfe (unit effects nested)."""
        key = key.ravel()[self.seen][~self.d]
        dummies = (key[:, None] == np.arange(key.max() + 1)).astype(float)
        x, w = np.column_stack([dummies, self.design[~self.d]]), self.w[~self.d]
        bread = np.linalg.pinv((x.T * w) @ x)
        beta = bread @ (x.T @ (w * self.y[~self.d]))
        scores = x * (w * (self.y[~self.d] - x @ beta))[:, None]
        codes = cluster[self.unit[~self.d]]
        sums = np.array([scores[codes == c].sum(axis=0) for c in np.unique(codes)])
        n, g, k = len(w), len(sums), dummies.shape[1] + self.design.shape[1] - self.shape[0] + 1
        factor = np.sqrt(g / (g - 1) * (n - 1) / (n - k))
        return beta[: dummies.shape[1]], factor * (sums @ bread)[:, : dummies.shape[1]]


def keys(cohort: np.ndarray, periods: int, determined: np.ndarray):
    """Codes of event times from 0 on in treated rows, of the leads before -1 in untreated ones, and of both."""
    relative = np.arange(periods) - cohort[:, None]
    ever = (cohort < periods)[:, None]
    after = np.where((relative >= 0) & determined, relative, -1)
    before = np.where(ever & (relative < -1), -2 - relative, -1)
    both = np.where(before >= 0, before, np.where(after >= 0, after + before.max() + 1, -1))
    return after, before, both


def same(found, expected, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found.value, expected[0], atol=tolerance)
    np.testing.assert_allclose(found.influence, expected[1], atol=tolerance)


@pytest.mark.parametrize("with_x", [False, True])
@pytest.mark.parametrize("with_z", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_agrees_with_the_slow_twin(with_x, with_z, missing) -> None:
    y, cohort, w, x, z, cluster = panel(missing=missing)
    treated = treated_rows(cohort, y.shape[1])
    x, z = (x if with_x else None), (z if with_z else None)
    fit = impute(y, treated, w, x, z)
    twin = Twin(y, treated, w, () if x is None else x, z)
    assert (fit.determined == ~np.isnan(y)).all()
    np.testing.assert_allclose(fit.effect.ravel()[twin.seen], twin.effect, atol=1e-9)
    after, before, both = keys(cohort, y.shape[1], fit.determined)
    group = cohort[:, None] * 100 + np.arange(y.shape[1])
    for alone in (False, True):
        for code in (after, np.where(after >= 0, 0, -1)):
            found = imputation_means(fit, code, cluster, group, leave_one_out=alone)
            same(found, twin.imputation(code, cluster, group, alone))
    coarse = np.broadcast_to(cohort[:, None], y.shape)
    same(imputation_means(fit, after, cluster, coarse), twin.imputation(after, cluster, coarse))
    same(two_stage_means(fit, both, cluster), twin.two_stage(both, cluster))
    same(leads(fit, before, cluster), twin.leads(before, cluster))


def test_rows_without_a_link_to_untreated_rows_are_not_determined() -> None:
    y = np.arange(30.0).reshape(5, 6) ** 1.1
    cohort = np.array([2, 2, 4, NEVER, NEVER])
    y[:3, 4:] = np.nan
    y[3:, :4] = np.nan
    fit = impute(y, treated_rows(cohort, 6))
    assert not fit.determined[:2, 4:].any() and fit.determined[:2, 2:4].all() and fit.determined[3:, 4:].all()
    late = np.arange(20.0).reshape(4, 5)
    fit = impute(late, treated_rows(np.array([1, 2, 3, 0]), 5))
    np.testing.assert_array_equal(fit.determined.sum(axis=0), [3, 3, 3, 0, 0])
    assert (fit.effect[:, 3:] == 0).all() and (fit.effect[3] == 0).all()


def test_what_untreated_rows_do_not_determine_is_refused() -> None:
    y, cohort, _, x, _, cluster = panel(missing=0.0)
    treated = treated_rows(cohort, y.shape[1])
    with pytest.raises(Degenerate) as problem:
        impute(y, treated, covariates=np.stack([x[0], treated * x[1]]))
    assert problem.value.index == 1
    some = cohort < NEVER
    fit = impute(y[some], treated[some])
    _, before, _ = keys(cohort[some], y.shape[1], fit.determined)
    with pytest.raises(Degenerate):
        leads(fit, before, cluster[some])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 100.0))
def test_order_of_units_scale_and_period_shifts_are_irrelevant(seed: int, scale: float) -> None:
    y, cohort, w, x, z, cluster = panel(seed)
    treated, order = treated_rows(cohort, y.shape[1]), np.random.default_rng(seed).permutation(len(y))
    shift = np.random.default_rng(seed).normal(size=y.shape[1]) * 10

    def run(y, treated, w, x, z, cluster, cohort):
        fit = impute(y, treated, w, x, z)
        after, before, both = keys(cohort, y.shape[1], fit.determined)
        group = cohort[:, None] * 100 + np.arange(y.shape[1])
        return (
            imputation_means(fit, after, cluster, group),
            two_stage_means(fit, both, cluster),
            leads(fit, before, cluster),
        )

    first = run(y, treated, w, x, z, cluster, cohort)
    second = run(
        (scale * (y + shift))[order], treated[order], w[order], x[:, order], z[order], cluster[order], cohort[order]
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(b.value, scale * a.value, atol=1e-8 * scale)
        np.testing.assert_allclose(b.influence, scale * a.influence, atol=1e-8 * scale)


def test_copies_in_the_same_cluster_change_nothing_and_in_new_ones_shrink_errors() -> None:
    y, cohort, w, x, z, cluster = panel()
    group = cohort[:, None] * 100 + np.arange(y.shape[1])

    def run(times, clusters):
        many = [np.tile(values, (times, 1)) for values in (y, w, z, group)]
        cohorts = np.tile(cohort, times)
        fit = impute(many[0], treated_rows(cohorts, y.shape[1]), many[1], np.tile(x, (1, times, 1)), many[2])
        after, _, both = keys(cohorts, y.shape[1], fit.determined)
        return imputation_means(fit, after, clusters, many[3]), two_stage_means(fit, both, clusters)

    same_clusters, new_clusters = np.tile(cluster, 2), np.concatenate([cluster, cluster + cluster.max() + 1])
    for once, twice, apart in zip(run(1, cluster), run(2, same_clusters), run(2, new_clusters), strict=True):
        np.testing.assert_allclose(twice.value, once.value, atol=1e-9)
        np.testing.assert_allclose(twice.influence, once.influence, atol=1e-9)
        np.testing.assert_allclose(apart.value, once.value, atol=1e-9)
        errors = [np.linalg.norm(found.influence, axis=0) for found in (once, apart)]
        np.testing.assert_allclose(errors[1], errors[0] / np.sqrt(2), atol=1e-9)


def test_a_cohort_of_one_cluster_keeps_its_plain_residual() -> None:
    y, cohort, _, _, _, cluster = panel(missing=0.0)
    cohort = np.where(np.arange(len(y)) < 2, 4, np.where(cohort == 3, NEVER, cohort))
    fit = impute(y, treated_rows(cohort, y.shape[1]))
    after, _, _ = keys(cohort, y.shape[1], fit.determined)
    group = cohort[:, None] * 100 + np.arange(y.shape[1])
    plain, alone = (imputation_means(fit, after, cluster, group, leave_one_out=flag) for flag in (False, True))
    assert np.isfinite(alone.influence).all()
    assert (np.linalg.norm(alone.influence, axis=0) >= np.linalg.norm(plain.influence, axis=0) - 1e-12).all()
