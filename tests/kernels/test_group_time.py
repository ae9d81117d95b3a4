"""The group-time kernel against a slow twin that goes cell by cell, against csdid, and its invariances."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.group_time import NEVER, GroupTime, group_time

AGGREGATES = ("simple", "dynamic", "group", "calendar")


def panel(seed: int = 0, n: int = 90, periods: int = 9, cohorts: tuple[int, ...] = (3, 4, 6), never: bool = True):
    """Outcome, cohort, constant covariates, weights and clusters of a simulated panel."""
    rng = np.random.default_rng(seed)
    groups = [*cohorts, *([NEVER] * 2 if never else [])]
    cohort = np.array([groups[i % len(groups)] for i in range(n)])
    x = rng.normal(size=(n, 2)) + 0.3 * (cohort == cohorts[0])[:, None]
    time = np.arange(periods)
    y = rng.normal(size=(n, 1)) + 0.2 * time + 0.1 * time * x[:, :1] + rng.normal(size=(n, periods))
    y = y + (time >= cohort[:, None]) * (0.5 + 0.1 * (time - np.minimum(cohort, periods)[:, None]))
    return y, cohort, x, rng.uniform(0.5, 2, n), rng.integers(0, 15, n)


def logit(x: np.ndarray, d: np.ndarray, w: np.ndarray) -> np.ndarray:
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-x @ beta))
        beta = beta + np.linalg.solve((x.T * (w * p * (1 - p))) @ x, x.T @ (w * (d - p)))
    return 1 / (1 + np.exp(-x @ beta))


def cell(dy: np.ndarray, d: np.ndarray, x: np.ndarray, w: np.ndarray, method: str) -> tuple[float, np.ndarray]:
    """One 2x2 effect and its influence function (mean zero, not divided by n), written out as in DRDID."""
    n = len(d)
    gamma, xpx = np.zeros(x.shape[1]), np.zeros((x.shape[1],) * 2)
    if method != "ipw":
        xc = x * (w * (1 - d))[:, None]
        xpx = np.linalg.inv(xc.T @ x / n)
        gamma = np.linalg.solve(xc.T @ x, xc.T @ dy)
    residual = dy - x @ gamma
    ols = (w * (1 - d) * residual)[:, None] * x @ xpx
    treat = w * d
    eta_treat = np.mean(treat * residual) / np.mean(treat)
    inf_treat = (treat * (residual - eta_treat) - ols @ np.mean(treat[:, None] * x, axis=0)) / np.mean(treat)
    if method == "reg":
        return eta_treat, inf_treat
    p = np.minimum(logit(x, d, w), 1 - 1e-6)
    cont = w * (p < 0.995) * p * (1 - d) / (1 - p)
    eta_cont = np.mean(cont * residual) / np.mean(cont)
    hessian = np.linalg.inv((x.T * (w * p * (1 - p))) @ x) * n
    ps = (w * (d - p))[:, None] * x @ hessian
    inf_cont = cont * (residual - eta_cont) + ps @ np.mean((cont * (residual - eta_cont))[:, None] * x, axis=0)
    inf_cont = (inf_cont - ols @ np.mean(cont[:, None] * x, axis=0)) / np.mean(cont)
    return eta_treat - eta_cont, inf_treat - inf_cont


def twin(y, cohort, x=None, w=None, cluster=None, *, control="never", method="dr", base="varying", anticipation=0):
    """All cells and aggregates one by one, with R did's definitions; returns {name: (keys, att, se, overall, se)}."""
    n, periods = y.shape
    w = np.ones(n) if w is None else w / w.mean()
    x = np.ones((n, 1)) if x is None else x
    x = np.column_stack([np.ones(n), x]) if x.ndim == 2 and not np.all(x[:, 0] == 1) else x
    cells, influence = [], []
    for g in np.unique(cohort[cohort != NEVER]):
        clean = max(t for t in range(periods) if t + anticipation < g)
        for t in range(periods):
            start = clean if base == "universal" or t >= g - anticipation else t - 1
            if start < 0 or start == t:
                continue
            late = cohort > max(t, start) + anticipation
            controls = (cohort == NEVER) if control == "never" else (late & (cohort != g))
            use = controls | (cohort == g)
            design = x if x.ndim == 2 else np.column_stack([np.ones(n), x[start]])
            d = (cohort == g).astype(float)[use]
            att, psi = cell((y[:, t] - y[:, start])[use], d, design[use], w[use], method)
            full = np.zeros(n)
            full[use] = n / use.sum() * psi
            cells.append((g, t, att))
            influence.append(full)
    cells, influence = np.array(cells), np.array(influence)
    g, t, att = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]

    def error(psi):
        psi = psi if cluster is None else np.array([psi[cluster == c].sum() for c in np.unique(cluster)])
        return np.sqrt((psi**2).sum()) / n

    def average(keep):
        """Mean of cells weighted by cohort size, with the influence of the estimated sizes."""
        sizes = np.array([np.mean(w * (cohort == k)) for k in g[keep]])
        total = sizes.sum()
        first = np.array([(w * (cohort == k) - s) / total for k, s in zip(g[keep], sizes, strict=True)])
        second = np.outer(sizes / total**2, sum(w * (cohort == k) - s for k, s in zip(g[keep], sizes, strict=True)))
        psi = (sizes / total) @ influence[keep] + att[keep] @ (first - second)
        return att[keep] @ sizes / total, psi

    post = t >= g
    found = {"cells": (cells[:, :2], att, [error(p) for p in influence])}
    simple = average(np.flatnonzero(post))
    found["simple"] = ([0], [simple[0]], [error(simple[1])], simple[0], error(simple[1]))
    for name, key, sample in (("dynamic", t - g, np.full(len(g), True)), ("calendar", t, post)):
        keys = np.unique(key[sample])
        each = [average(np.flatnonzero(sample & (key == k))) for k in keys]
        whole = [e for e, k in zip(each, keys, strict=True) if name == "calendar" or k >= 0]
        overall = np.mean([e[0] for e in whole]), error(np.mean([e[1] for e in whole], axis=0))
        found[name] = (keys, [e[0] for e in each], [error(e[1]) for e in each], *overall)
    keys = np.unique(g)
    each = [(att[post & (g == k)].mean(), influence[post & (g == k)].mean(axis=0)) for k in keys]
    sizes = np.array([np.mean(w * (cohort == k)) for k in keys])
    theta = sum(s * e[0] for s, e in zip(sizes, each, strict=True)) / sizes.sum()
    psi = sum(
        (s * e[1] + (w * (cohort == k) - s) * (e[0] - theta)) / sizes.sum()
        for k, s, e in zip(keys, sizes, each, strict=True)
    )
    found["group"] = (keys, [e[0] for e in each], [error(e[1]) for e in each], theta, error(psi))
    return found


def compare(found: GroupTime, expected: dict, tolerance: float = 1e-9) -> None:
    cells = expected["cells"]
    np.testing.assert_array_equal(np.column_stack([found.cells.cohort, found.cells.period]), cells[0])
    np.testing.assert_allclose(found.cells.att, cells[1], atol=tolerance)
    np.testing.assert_allclose(found.cells.standard_error, cells[2], atol=tolerance)
    for name in AGGREGATES:
        keys, att, errors, overall, error = expected[name]
        result = getattr(found, name)
        np.testing.assert_array_equal(result.key, keys)
        np.testing.assert_allclose(result.att, att, atol=tolerance, err_msg=name)
        np.testing.assert_allclose(np.linalg.norm(result.influence, axis=0), errors, atol=tolerance, err_msg=name)
        assert result.overall == pytest.approx(overall, abs=tolerance)
        assert np.linalg.norm(result.overall_influence) == pytest.approx(error, abs=tolerance)


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize(("base", "anticipation"), [("varying", 0), ("universal", 0), ("varying", 2), ("universal", 1)])
def test_agrees_with_the_slow_twin(method, control, base, anticipation) -> None:
    y, cohort, x, w, cluster = panel()
    choices = {"control": control, "method": method, "base": base, "anticipation": anticipation}
    compare(group_time(y, cohort, x, w, cluster, **choices), twin(y, cohort, x, w, cluster, **choices))


def test_without_covariates_and_weights() -> None:
    y, cohort, *_ = panel(1)
    expected = twin(y, cohort, method="reg")
    for method in ("dr", "ipw", "reg"):
        compare(group_time(y, cohort, method=method), expected)


@pytest.mark.parametrize("base", ["varying", "universal"])
def test_covariates_that_change_are_taken_at_the_base_period(base) -> None:
    y, cohort, x, w, _ = panel(2)
    moving = x + np.random.default_rng(9).normal(size=(y.shape[1], *x.shape))
    choices = {"control": "not_yet", "base": base}
    compare(group_time(y, cohort, moving, w, **choices), twin(y, cohort, moving, w, **choices))


def test_wider_bins_average_the_cells_of_the_bin() -> None:
    y, cohort, x, w, _ = panel(3)
    found = group_time(y, cohort, x, w, event_bins=3, keep_influence=True)
    cells = found.cells
    size = np.array([w[cohort == g].sum() for g in cells.cohort])
    for key, att in zip(found.dynamic.key, found.dynamic.att, strict=True):
        inside = (cells.period - cells.cohort) // 3 * 3 == key
        assert att == pytest.approx(np.average(cells.att[inside], weights=size[inside]))
    assert set(found.dynamic.key) == {-6, -3, 0, 3}


def test_a_cohort_treated_after_the_window_is_a_control_while_it_does_not_react() -> None:
    y, cohort, x, w, _ = panel(4, periods=9)
    longer = np.column_stack([y, y[:, -1]])
    beyond = np.where(np.arange(len(cohort)) % 7 == 0, 9, cohort)
    short = group_time(y, beyond, x, w, control="not_yet", anticipation=1)
    whole = group_time(longer, beyond, x, w, control="not_yet", anticipation=1)
    seen = whole.cells.period < 9
    np.testing.assert_allclose(short.cells.att, whole.cells.att[seen], atol=1e-12)
    assert 9 not in short.group.key


def test_cells_without_overlap_or_controls_are_missing_and_left_out() -> None:
    y, cohort, x, *_ = panel(5)
    x = x.copy()
    x[cohort == 4, 0] += 50
    found = group_time(y, cohort, x)
    lost = found.cells.cohort == 4
    assert np.isnan(found.cells.att[lost]).all() and np.isnan(found.cells.standard_error[lost]).all()
    assert np.isfinite(found.cells.att[~lost]).all()
    rest = group_time(y[cohort != 4], cohort[cohort != 4], x[cohort != 4])
    for name in AGGREGATES:
        assert getattr(found, name).overall == pytest.approx(getattr(rest, name).overall)
        np.testing.assert_array_equal(getattr(found, name).key, getattr(rest, name).key)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e6), shift=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_invariances(seed, scale, shift) -> None:
    """Order of units, scale of outcome and covariates, and later periods without change leave the numbers alone."""
    y, cohort, x, w, cluster = panel(seed % 7)
    found = group_time(y, cohort, x, w, cluster, control="not_yet")
    order = np.random.default_rng(seed).permutation(len(y))
    moved = group_time(
        y[order] * scale, cohort[order], x[order] * scale, w[order] * 3, cluster[order], control="not_yet"
    )
    np.testing.assert_allclose(moved.cells.att, found.cells.att * scale, rtol=1e-6, atol=1e-8 * scale)
    np.testing.assert_allclose(moved.cells.standard_error, found.cells.standard_error * scale, rtol=1e-6)
    early = np.repeat(y[:, :1], shift, axis=1)
    later = np.where(cohort == NEVER, NEVER, cohort + shift)
    shifted = group_time(np.column_stack([early, y]), later, x, w, cluster, control="not_yet")
    for name in ("simple", "group", "calendar"):
        np.testing.assert_allclose(getattr(shifted, name).att, getattr(found, name).att, atol=1e-9)
        assert np.linalg.norm(getattr(shifted, name).overall_influence) == pytest.approx(
            np.linalg.norm(getattr(found, name).overall_influence)
        )


def test_doubling_each_cluster_divides_the_variance_by_two() -> None:
    y, cohort, x, w, cluster = panel(6)
    found = group_time(y, cohort, x, w, cluster)
    twice = group_time(*(np.concatenate([a, a]) for a in (y, cohort, x, w)), np.concatenate([cluster, cluster + 15]))
    np.testing.assert_allclose(twice.cells.att, found.cells.att, atol=1e-10)
    np.testing.assert_allclose(twice.cells.standard_error, found.cells.standard_error / 2**0.5, rtol=1e-9)


@pytest.mark.parametrize(
    ("control", "method", "base", "anticipation", "clustered"),
    [
        ("not_yet", "dr", "varying", 0, False),
        ("never", "ipw", "universal", 0, False),
        ("not_yet", "reg", "varying", 2, True),
    ],
)
def test_agrees_with_csdid_on_all_cells(control, method, base, anticipation, clustered) -> None:
    """csdid 0.4.3, the port of R did 2.5.1: a panel of 24 months, all cells and all aggregates to 1e-8."""
    from csdid.att_gt import ATTgt

    y, cohort, x, w, cluster = panel(8, n=160, periods=24, cohorts=(6, 9, 15, 20))
    unit, period = np.indices(y.shape)
    frame = pd.DataFrame({"id": unit.ravel() + 1, "t": period.ravel() + 1, "y": y.ravel()})
    frame["g"] = np.where(cohort == NEVER, 0, cohort + 1)[unit.ravel()]
    frame["w"], frame["c"], frame["x0"], frame["x1"] = (v[unit.ravel()] for v in (w, cluster, x[:, 0], x[:, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = ATTgt(
            yname="y",
            tname="t",
            idname="id",
            gname="g",
            data=frame,
            control_group={"never": ["nevertreated"], "not_yet": ["notyettreated"]}[control],
            xformla="y ~ x0 + x1",
            weights_name="w",
            anticipation=anticipation,
            clustervar="c" if clustered else None,
        ).fit(est_method=method, base_period=base, bstrap=False)
        averages = {name: peer.aggte(name, bstrap=False, cband=False).atte for name in AGGREGATES}
    found = group_time(
        y,
        cohort,
        x,
        w,
        cluster if clustered else None,
        control=control,
        method=method,
        base=base,
        anticipation=anticipation,
    )
    results = peer.results
    theirs = pd.DataFrame({"g": results["group"], "t": results["year"], "att": results["att"], "se": results["se"]})
    theirs = theirs[(base == "varying") | (theirs["t"] != theirs["g"] - 1 - anticipation)]
    ours = found.cells
    np.testing.assert_array_equal(np.column_stack([ours.cohort, ours.period]) + 1, theirs[["g", "t"]])
    np.testing.assert_allclose(ours.att, theirs["att"], atol=1e-8)
    np.testing.assert_allclose(ours.standard_error, theirs["se"].astype(float), atol=1e-8)
    for name in AGGREGATES:
        result = getattr(found, name)
        assert result.overall == pytest.approx(averages[name]["overall_att"], abs=1e-8)
        error = float(np.squeeze(averages[name]["overall_se"]))
        assert np.linalg.norm(result.overall_influence) == pytest.approx(error, abs=1e-8)
