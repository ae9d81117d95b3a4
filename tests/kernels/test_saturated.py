"""The saturated kernel against a slow twin with dense dummies, against peers, and its invariances."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.saturated import Degenerate, Layout, Totals, fit, leave_out, totals
from balanza.kernels.within import standardised

STARTS, PERIODS = np.array([3, 5, 6, 99]), 8


def panel(seed: int = 0, n: int = 50, baseline: int = 0, varying: int = 0, holes: bool = False, counts: bool = False):
    """Outcome, weights (or exposure), cohort codes, baseline and varying covariates, and clusters of two."""
    rng = np.random.default_rng(seed)
    cohort = np.array([0, 1, 2, 3, 3])[np.arange(n) % 5]
    z, x = rng.normal(size=(n, baseline)), rng.normal(size=(varying, n, PERIODS))
    time = np.arange(PERIODS)
    linear = 0.5 * rng.normal(size=(n, 1)) + 0.2 * time + 0.4 * (time >= STARTS[cohort, None]) + 0.2 * x.sum(axis=0)
    linear = linear + 0.03 * z.sum(axis=1)[:, None] * time
    weight = rng.uniform(5, 50, (n, PERIODS))
    y = rng.poisson(weight * np.exp(0.5 * linear)).astype(float) if counts else linear + rng.normal(size=linear.shape)
    if holes:
        y[rng.random(y.shape) < 0.15] = np.nan
    return y, weight, cohort, z, x, np.arange(n) // 2


def cells(control: str = "not_yet") -> np.ndarray:
    after = np.arange(PERIODS) >= STARTS[:, None]
    if control == "not_yet":
        return after
    return (np.arange(PERIODS) != STARTS[:, None] - 1) & (STARTS[:, None] < PERIODS)


def event_key(own: np.ndarray) -> np.ndarray:
    relative = np.arange(PERIODS) - STARTS[:, None]
    return np.where(own & (relative >= 0), relative, -1)


def dense(y, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Design on dummies, the same without own coefficients, and the unit and period of each row."""
    unit, period = np.nonzero(~np.isnan(y))
    cohort, z = layout.cohort[unit], standardised(layout.baseline, len(y))[unit]
    own = layout.own[cohort, period]
    columns, without = [], []
    for j in range(z.shape[1]):
        mine = own if layout.slopes or j == 0 else np.zeros(len(unit), bool)
        for g, t in np.argwhere(layout.own) if layout.slopes or j == 0 else []:
            columns.append(((cohort == g) & (period == t)) * z[:, j])
            without.append(0 * z[:, j])
        for t in range(y.shape[1]):
            columns.append((period == t) * ~mine * z[:, j])
            without.append((period == t) * z[:, j])
        if layout.effects == "cohort":
            for g in range(len(layout.own)):
                columns.append((cohort == g) * ~mine * z[:, j])
                without.append((cohort == g) * z[:, j])
    if layout.effects == "unit":
        columns += list(np.eye(len(y))[unit].T)
        without += list(np.eye(len(y))[unit].T)
    columns += [x[unit, period] for x in layout.regressors]
    without += [x[unit, period] for x in layout.regressors]
    return np.column_stack(columns), np.column_stack(without), unit, period


def twin(y, weight, layout: Layout, family: str, key: np.ndarray, left_out: bool = False) -> Totals:
    """The same sums and influences with a coefficient per dummy, by (iterated) weighted least squares.

    With `left_out` the influences are Newton steps without each cluster; units keep their sums throughout.
    """
    design, without, unit, period = dense(y, layout)
    outcome, w = y[unit, period], weight[unit, period]
    mass, working = w, outcome
    for _ in range(100 if family == "poisson" else 1):
        if family == "poisson":
            linear = design @ beta if _ else np.log((outcome + 0.5) / w)  # noqa: F821
            mass = w * np.exp(linear)
            working = linear + (outcome - mass) / mass
        root = np.sqrt(mass)[:, None]
        beta = np.linalg.lstsq(design * root, working * root[:, 0], rcond=1e-13)[0]
    if family == "poisson":
        mass, expected = w * np.exp(design @ beta), w * np.exp(without @ beta)
        residual, observed, slope = outcome - mass, outcome, expected[:, None] * without
    else:
        residual, observed, expected, slope = (
            w * (outcome - design @ beta),
            w * outcome,
            w * (without @ beta),
            w[:, None] * without,
        )
    owner = layout.cluster[unit]
    member = key[layout.cohort[unit], period][:, None] == np.arange(key.max() + 1)
    if left_out:
        if layout.effects == "unit":
            means = np.array([np.average(design[unit == i], axis=0, weights=mass[unit == i]) for i in range(len(y))])
            curvature = expected if family == "poisson" else w
            design, slope = design - means[unit], slope - curvature[:, None] * means[unit]
        steps = []
        for c in np.unique(owner):
            kept = (design.T * (mass * (owner != c))) @ design
            steps.append(np.linalg.pinv(kept, rcond=1e-11, hermitian=True) @ design.T @ (residual * (owner == c)))
        scores = np.array(steps) * np.sqrt((len(steps) - 1) / len(steps))
        moves = scores @ (mass[:, None] * design).T @ member, scores @ slope.T @ member
        return Totals(w @ member, observed @ member, expected @ member, *moves)
    inverse = np.linalg.pinv((design.T * mass) @ design, rcond=1e-11, hermitian=True)
    scores = np.array([(design * residual[:, None])[owner == c].sum(axis=0) for c in np.unique(owner)]) @ inverse
    n, k, groups = len(w), np.linalg.matrix_rank(design), len(scores)
    k -= len(y) - 1 if layout.effects == "unit" else 0
    scores *= np.sqrt(groups / (groups - 1) * (n - 1) / (n - k))
    moves = scores @ (mass[:, None] * design).T @ member, scores @ slope.T @ member
    return Totals(w @ member, observed @ member, expected @ member, *moves)


def compare(found: Totals, expected: Totals, tolerance: float = 1e-9) -> None:
    for name in ("size", "observed", "expected", "observed_influence", "expected_influence"):
        wanted = getattr(expected, name)
        np.testing.assert_allclose(
            getattr(found, name), wanted, atol=tolerance * np.abs(wanted).max(), rtol=0, err_msg=name
        )


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("effects", ["unit", "cohort"])
@pytest.mark.parametrize("control", ["not_yet", "never"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(("baseline", "varying"), [(0, 0), (2, 0), (0, 2), (1, 1)])
def test_agrees_with_dense_dummies(family, effects, control, holes, baseline, varying) -> None:
    y, weight, cohort, z, x, cluster = panel(1, 60, baseline, varying, holes, family == "poisson")
    layout = Layout(cohort, cluster, cells(control), z, x, True, effects)
    key = event_key(layout.own)
    compare(totals(fit(y, weight, layout, family), key), twin(y, weight, layout, family, key))


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("effects", ["unit", "cohort"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(("control", "baseline", "varying"), [("not_yet", 0, 0), ("never", 1, 1)])
def test_leaving_out_agrees_with_dense_dummies(family, effects, holes, control, baseline, varying) -> None:
    y, weight, cohort, z, x, _ = panel(1, 60, baseline, varying, holes, family == "poisson")
    layout = Layout(cohort, np.arange(60) % 12, cells(control), z, x, True, effects)
    key, found = event_key(layout.own), leave_out(fit(y, weight, layout, family))
    assert found is not None
    compare(totals(found, key), twin(y, weight, layout, family, key, left_out=True), 1e-8)


def test_leaving_out_is_nearly_what_refitting_without_each_cluster_gives() -> None:
    """Oracle: refits, effects as log ratios; the rest of one Newton step is of second order in a cluster's share."""
    y, weight, cohort, z, x, _ = panel(8, 120, counts=True)
    cluster, own = np.arange(120) // 5 % 12, cells()
    layout = Layout(cohort, cluster, own, z, x, True, "cohort")
    found = leave_out(fit(y, weight, layout, "poisson"))
    assert found is not None
    key = np.where(own, np.cumsum(own).reshape(own.shape) - 1, -1)
    sums, refits = totals(found, key), []
    for code in range(12):
        kept = cluster != code
        part = Layout(cohort[kept], np.arange(kept.sum()), own, z[kept], x[:, kept], True, "cohort")
        less = totals(fit(y[kept], weight[kept], part, "poisson"), key)
        refits.append(np.log(sums.observed / sums.expected) - np.log(less.observed / less.expected))
    ours = sums.observed_influence / sums.observed - sums.expected_influence / sums.expected
    expected = np.sqrt(11 / 12) * np.array(refits)
    np.testing.assert_allclose(ours, expected, atol=0.05 * np.abs(expected).max())


def test_leaving_out_declines_where_a_cohort_lies_in_one_cluster() -> None:
    y, weight, cohort, z, x, _ = panel(1, counts=True)
    cluster = np.where(cohort == 0, 0, 1 + np.arange(len(y)) % 10)
    for effects in ("unit", "cohort"):
        assert leave_out(fit(y, weight, Layout(cohort, cluster, cells(), z, x, True, effects), "poisson")) is None


@pytest.mark.parametrize("holes", [False, True])
def test_slopes_in_common_agree_with_dense_dummies(holes) -> None:
    """Sun and Abraham's form: own intercepts only, baseline covariates with slopes by period."""
    y, weight, cohort, z, x, cluster = panel(2, 60, 2, 1, holes)
    layout = Layout(cohort, cluster, cells("never"), z, x, slopes=False)
    key = event_key(layout.own)
    compare(totals(fit(y, weight, layout, "gaussian"), key), twin(y, weight, layout, "gaussian", key))


def test_least_squares_impute_on_balanced_panels() -> None:
    """Wooldridge (2021): treated cells' coefficients are treated outcomes less their prediction from untreated rows."""
    y, _, cohort, z, x, cluster = panel(3)
    layout = Layout(cohort, cluster, cells(), z, x)
    after = layout.own[cohort]
    unit, period = np.nonzero(~after)
    beta = np.linalg.lstsq(np.hstack([np.eye(len(y))[unit], np.eye(PERIODS)[period]]), y[~after], rcond=None)[0]
    imputed = beta[: len(y), None] + beta[len(y) :]
    found = fit(y, np.ones_like(y), layout, "gaussian")
    sums = totals(found, event_key(layout.own))
    for e in range(5):
        mine = (np.arange(PERIODS) - STARTS[cohort, None] == e) & after
        assert sums.expected[e] / sums.size[e] == pytest.approx(imputed[mine].mean(), abs=1e-12)
    by_cohort = totals(
        fit(y, np.ones_like(y), Layout(cohort, cluster, cells(), z, x, True, "cohort"), "gaussian"),
        event_key(layout.own),
    )
    np.testing.assert_allclose(by_cohort.expected, sums.expected, atol=1e-10)


def test_poisson_without_exposure_is_the_same_with_unit_and_cohort_effects() -> None:
    """Wooldridge (1999): without exposure, units of a cohort have the same shares, so that its sums carry all."""
    y, weight, cohort, z, x, cluster = panel(4, counts=True)
    own = cells()
    expected = [
        totals(
            fit(y, np.ones_like(weight), Layout(cohort, cluster, own, z, x, True, effects), "poisson"), event_key(own)
        ).expected
        for effects in ("unit", "cohort")
    ]
    np.testing.assert_allclose(expected[0], expected[1], rtol=1e-11)


def test_cells_and_units_without_events_are_the_limit_of_few() -> None:
    """A treated cell, and with unit effects a unit, without events: fitted exactly, as the limit of tiny counts."""
    y, weight, cohort, z, x, cluster = panel(5, counts=True)
    layout = Layout(cohort, cluster, cells(), z, x)
    empty = (cohort[:, None] == 0) & (np.arange(PERIODS) == 5)
    empty[7] = True
    key = event_key(layout.own)
    none = fit(np.where(empty, 0.0, y), weight, layout, "poisson")
    few = fit(np.where(empty, 1e-9 * y, y), weight, layout, "poisson")
    exact, near = totals(none, key), totals(few, key)
    np.testing.assert_allclose(exact.expected, near.expected, rtol=1e-6)
    np.testing.assert_allclose(exact.observed, near.observed, rtol=1e-6)
    assert few.n_rows == y.size and none.n_rows == y.size - empty.sum()


def test_cells_that_nothing_links_with_untreated_rows_are_not_estimable() -> None:
    for family in ("gaussian", "poisson"):
        y, weight, cohort, z, x, cluster = panel(6, counts=family == "poisson")
        full = Layout(cohort, cluster, cells(), z, x)
        assert (fit(y, weight, full, family).estimable == full.own).all()
        y[cohort == 0, :3] = np.nan  # never seen before treatment
        y[cohort == 1, 6] = np.nan  # an empty cell
        late = np.flatnonzero(cohort == 2)
        y[late, 7] = np.nan
        y[late[0]], y[late[0], 7] = np.nan, 3.0  # the only unit of its cell is seen nowhere else
        found = fit(y, weight, full, family).estimable
        assert np.argwhere(found).tolist() == [[1, 5], [1, 7], [2, 6]]
        y, weight, cohort, z, x, cluster = panel(6, counts=family == "poisson")
        y[cohort == 3, 7] = np.nan  # no control in the last period
        assert (fit(y, weight, full, family).estimable == full.own & (np.arange(PERIODS) < 7)).all()


def test_a_cohort_of_one_unit_has_effects_with_covariates_too() -> None:
    y, weight, cohort, z, x, cluster = panel(7, baseline=2)
    keep = (cohort != 0) | (np.arange(len(y)) == 0)
    layout = Layout(cohort[keep], np.unique(cluster[keep], return_inverse=True)[1], cells(), z[keep], x[:, keep])
    found = fit(y[keep], weight[keep], layout, "gaussian")
    assert (found.estimable == layout.own).all()
    key = event_key(layout.own)
    compare(totals(found, key), twin(y[keep], weight[keep], layout, "gaussian", key))


def test_what_runs_to_zero_without_treatment_is_refused() -> None:
    """Controls with a covariate above 0 have no event from period 6 on: at the treated's covariates nothing is left."""
    y, weight, cohort, _, x, cluster = panel(8, counts=True)
    flag = (np.arange(len(y)) // 5 % 2).astype(float)[:, None]
    y[(flag[:, 0] > 0) & (cohort == 3), 6:] = 0
    with pytest.raises(Degenerate) as problem:
        fit(y, weight, Layout(cohort, cluster, cells(), flag, x), "poisson")
    assert problem.value.reason == "separated"


@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e5), size=st.floats(1e-4, 1e4), poisson=st.booleans())
@settings(max_examples=20, deadline=None)
def test_invariances(seed: int, scale: float, size: float, poisson: bool) -> None:
    """Order of units, units of outcome, weights and covariates, and periods before all without change."""
    y, weight, cohort, z, x, cluster = panel(seed % 5, 50, 1, 1, True, poisson)
    family = "poisson" if poisson else "gaussian"
    own = cells()
    found = totals(fit(y, weight, Layout(cohort, cluster, own, z, x), family), event_key(own))
    order = np.random.default_rng(seed).permutation(len(y))
    layout = Layout(cohort[order], cluster[order], own, z[order] * 9 - 4, x[:, order] * 5 + 2)
    moved = totals(fit(y[order] * scale, weight[order] * size, layout, family), event_key(own))
    outcome = scale if poisson else scale * size
    np.testing.assert_allclose(moved.size, found.size * size, rtol=1e-10)
    np.testing.assert_allclose(moved.expected, found.expected * outcome, rtol=1e-7)
    np.testing.assert_allclose(
        np.linalg.norm(moved.expected_influence, axis=0),
        np.linalg.norm(found.expected_influence, axis=0) * outcome,
        rtol=1e-6,
    )


def test_copies_of_clusters_add_information() -> None:
    y, weight, cohort, z, x, cluster = panel(9, counts=True, holes=True)
    own, twice = cells(), np.concatenate
    once = fit(y, weight, Layout(cohort, cluster, own, z, x), "poisson")
    layout = Layout(twice([cohort, cohort]), twice([cluster, cluster + 25]), own, twice([z, z]), twice([x, x], 1))
    both = fit(twice([y, y]), twice([weight, weight]), layout, "poisson")
    first, second = totals(once, event_key(own)), totals(both, event_key(own))
    np.testing.assert_allclose(second.expected, 2 * first.expected, rtol=1e-10)
    n, k = once.n_rows, once.n_coefficients
    assert (both.n_rows, both.n_coefficients) == (2 * n, k)
    factor = np.sqrt(2 * 50 / 49 * (2 * n - 1) / (2 * n - k) / (25 / 24 * (n - 1) / (n - k)))
    np.testing.assert_allclose(
        np.linalg.norm(second.expected_influence, axis=0),
        np.linalg.norm(first.expected_influence, axis=0) * factor,
        rtol=1e-8,
    )


def frame(y, weight, cohort) -> pd.DataFrame:
    unit, period = np.nonzero(~np.isnan(y))
    first = np.where(STARTS > PERIODS, 0, STARTS + 2000)[cohort[unit]]
    columns = {"unit": unit, "year": period + 2000, "first": first, "y": y[unit, period]}
    return pd.DataFrame({**columns, "offset": np.log(weight[unit, period]), "cell": 0})


@pytest.mark.parametrize(("method", "family"), [("ols", "gaussian"), ("poisson", "poisson")])
def test_agrees_with_diff_diff(method, family) -> None:
    """diff-diff 3.13, WooldridgeDiD: its Poisson has cohort effects, no exposure, and effects on the outcome."""
    diff_diff = pytest.importorskip("diff_diff")
    y, weight, cohort, z, x, _ = panel(10, counts=family == "poisson")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = diff_diff.WooldridgeDiD(method=method, control_group="not_yet_treated")
        peer = model.fit(frame(y, weight, cohort), outcome="y", unit="unit", time="year", first_treat="first")
        events = peer.aggregate("event").event_study_effects
    layout = Layout(cohort, np.arange(len(y)), cells(), z, x, True, "unit" if family == "gaussian" else "cohort")
    found = fit(y, np.ones_like(y), layout, family)
    for key, theirs in (
        (event_key(layout.own), [(events[e]["att"], events[e]["se"]) for e in range(5)]),
        (np.where(layout.own, 0, -1), [(peer.overall_att, peer.overall_se)]),
    ):
        sums = totals(found, key)
        effect = (sums.observed - sums.expected) / sums.size
        errors = np.linalg.norm((sums.observed_influence - sums.expected_influence) / sums.size, axis=0)
        np.testing.assert_allclose(np.column_stack([effect, errors]), theirs, rtol=1e-7)


def test_poisson_with_unit_effects_and_exposure_agrees_with_pyfixest() -> None:
    """pyfixest 0.60, fepois with a dummy per treated cell: log effects of cells and their errors (k_fixef="none")."""
    pyfixest = pytest.importorskip("pyfixest")
    y, weight, cohort, z, x, cluster = panel(11, counts=True, holes=True)
    table = frame(y, weight, cohort)
    unit, period = np.nonzero(~np.isnan(y))
    pairs = np.argwhere(cells())
    names = [f"d{g}_{t}" for g, t in pairs]
    for name, (g, t) in zip(names, pairs, strict=True):
        table[name] = ((cohort[unit] == g) & (period == t)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = pyfixest.fepois(
            f"y ~ {' + '.join(names)} | unit + year",
            table.assign(c=cluster[unit]),
            vcov={"CRV1": "c"},
            offset="offset",
            ssc=pyfixest.ssc(k_adj=True, k_fixef="none", G_adj=True, G_df="conventional"),
            fixef_rm="none",
            iwls_tol=1e-12,
            fixef_tol=1e-12,
        )
    found = fit(y, weight, Layout(cohort, cluster, cells(), z, x), "poisson")
    each = np.full(cells().shape, -1)
    each[tuple(pairs.T)] = np.arange(len(pairs))
    sums, n = totals(found, each), len(table)
    np.testing.assert_allclose(np.log(sums.observed / sums.expected), peer.coef()[names], atol=1e-7)
    influence = sums.observed_influence / sums.observed - sums.expected_influence / sums.expected
    theirs = peer.se()[names] * np.sqrt((n - len(names)) / (n - found.n_coefficients))
    np.testing.assert_allclose(np.linalg.norm(influence, axis=0), theirs, rtol=1e-6)
