"""The stacked kernel against a stack that is built row by row and fitted with dummies, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.stacked import stacked

NEVER = 99


def panel(seed: int = 0, units: int = 40, periods: int = 10, missing: float = 0.02):
    """Outcome, cohort, weights and clusters."""
    rng = np.random.default_rng(seed)
    cohort = np.array([3, 5, 7, NEVER, NEVER] * units)[:units]
    y = rng.normal(size=(units, 1)) + np.cumsum(rng.normal(size=(units, periods)), axis=1)
    y += (np.arange(periods) >= cohort[:, None]) * (0.5 + 0.1 * cohort[:, None])
    y[rng.random(y.shape) < missing] = np.nan
    return y, cohort, rng.uniform(0.5, 2, units), np.unique(rng.integers(0, 12, units), return_inverse=True)[1]


def twin(y, cohort, cluster, w, before, after, bins, weighting, effects):
    """Every row of every sub-experiment, weighted least squares with dummies, CR1; values, covariance, n, k."""
    rows = []
    for g in np.unique(cohort[cohort < y.shape[1]]):
        if g - before < 0 or g + after >= y.shape[1]:
            continue
        window = range(g - before, g + after + 1)
        keep = [
            i for i in range(len(y)) if (cohort[i] == g or cohort[i] > g + after) and not np.isnan(y[i, window]).any()
        ]
        treated = sum(w[i] for i in keep if cohort[i] == g)
        control = sum(w[i] for i in keep if cohort[i] != g)
        for i in keep:
            q = w[i] * (treated / control if weighting == "wing" and cohort[i] != g else 1.0)
            rows += [(g, i, t - g, (t - g) // bins, cohort[i] == g, q, y[i, t], cluster[i]) for t in window]
    g, i, e, b, d, q, outcome, c = (np.array(column) for column in zip(*rows, strict=True))
    free = [value for value in np.unique(b) if value != -1]
    x = [(b == value) & d for value in free]
    if effects == "event_time":
        x += [d, np.ones(len(d)), *[b == value for value in free]]
    else:
        pairs = g * 1000 + i
        x += [pairs == pair for pair in np.unique(pairs)]
        x += [(g == group) & (e == time) for group in np.unique(g) for time in np.unique(e)[1:]]
    x = np.column_stack(x).astype(float)
    bread = np.linalg.pinv((x.T * q) @ x)
    beta = bread @ (x.T @ (q * outcome))
    scores = x * (q * (outcome - x @ beta))[:, None]
    sums = np.array([scores[c == code].sum(axis=0) for code in np.unique(c)]) @ bread
    n, groups = len(q), len(sums)
    k = len(free) + (len(free) + 2 if effects == "event_time" else len(np.unique(g)) * (before + after + 1))
    sums *= np.sqrt(groups / (groups - 1) * (n - 1) / (n - k))
    shares = np.array([np.sum([(h // bins) == value for h in range(after + 1)]) for value in free]) / (after + 1)
    m = len(free)
    return free, beta[:m], sums[:, :m].T @ sums[:, :m], shares @ beta[:m], np.linalg.norm(sums[:, :m] @ shares)


REGRESSIONS = [("wing", "sub_experiment"), ("wing", "event_time"), ("cengiz", "sub_experiment")]


@pytest.mark.parametrize(("weighting", "effects"), REGRESSIONS)
@pytest.mark.parametrize("window", [(3, 2, 1), (2, 4, 1), (3, 3, 2), (1, 0, 3)])
@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_agrees_with_the_stack_itself(weighting, effects, window, missing) -> None:
    y, cohort, w, cluster = panel(missing=missing)
    before, after, bins = window
    asked = {"before": before, "after": after, "event_bins": bins, "weighting": weighting, "effects": effects}
    found = stacked(y, cohort, cluster, w, **asked)
    free, value, covariance, overall, error = twin(y, cohort, cluster, w, before, after, bins, weighting, effects)
    np.testing.assert_array_equal(found.time, np.array(free) * bins)
    np.testing.assert_allclose(found.value, value, atol=1e-9)
    np.testing.assert_allclose(found.influence.T @ found.influence, covariance, atol=1e-9)
    assert found.overall == pytest.approx(overall, abs=1e-9)
    assert np.linalg.norm(found.overall_influence) == pytest.approx(error, abs=1e-9)
    assert (found.incomplete > 0) == (missing > 0)


def test_corrective_weights_give_the_mean_over_treated_units_of_each_cohorts_own_comparison() -> None:
    """By hand: with two cohorts, their own differences of means, weighted by their numbers of treated units."""
    y, cohort, _, cluster = panel(missing=0.0)
    some = (cohort != 7) & ((cohort != 5) | (np.arange(40) % 2 == 0))
    y, cohort, cluster = y[some], cohort[some], np.unique(cluster[some], return_inverse=True)[1]
    found = stacked(y, cohort, cluster, before=1, after=0)
    each = []
    for g in (3, 5):
        change = y[:, g] - y[:, g - 1]
        each.append(change[cohort == g].mean() - change[cohort > g].mean())
    sizes = [(cohort == g).sum() for g in (3, 5)]
    assert sizes[0] != sizes[1] and found.overall == pytest.approx(np.average(each, weights=sizes))
    np.testing.assert_array_equal(found.treated, sizes)
    assert found.untreated == pytest.approx(np.concatenate([y[cohort == g, g] for g in (3, 5)]).mean() - found.overall)


def test_without_a_cohort_that_fits_there_is_nothing() -> None:
    y, cohort, _, cluster = panel()
    assert stacked(y, cohort, cluster, before=8, after=0) is None
    assert stacked(y, np.where(cohort == NEVER, 3, cohort), cluster, before=1, after=6) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 100.0), st.sampled_from(REGRESSIONS))
def test_order_of_units_scale_and_period_shifts_are_irrelevant(seed: int, scale: float, how: tuple[str, str]) -> None:
    """Shifts that all units share leave effects alone; errors too where sub-experiments have effects of their own."""
    y, cohort, w, cluster = panel(seed)
    rng = np.random.default_rng(seed)
    order, labels = rng.permutation(len(y)), rng.permutation(cluster.max() + 1)
    shift = 10 * rng.normal(size=y.shape[1])
    asked = {"before": 3, "after": 2, "weighting": how[0], "effects": how[1]}
    shifted, one = (stacked(values, cohort, cluster, w, **asked) for values in (y + shift, y))
    np.testing.assert_allclose(shifted.value, one.value, atol=1e-8)
    other = scale * (y + shift if how[1] == "sub_experiment" else y)
    two = stacked(other[order], cohort[order], labels[cluster[order]], w[order], **asked)
    np.testing.assert_allclose(two.value, scale * one.value, atol=1e-8 * scale)
    np.testing.assert_allclose(two.influence[labels], scale * one.influence, atol=1e-8 * scale)


@pytest.mark.parametrize("weighting", ["wing", "cengiz"])
def test_copies_in_the_same_cluster_change_nothing_but_the_small_sample_factor(weighting) -> None:
    y, cohort, w, cluster = panel()
    one = stacked(y, cohort, cluster, w, before=3, after=2, weighting=weighting)
    many = [np.concatenate([values, values]) for values in (y, cohort, cluster, w)]
    two = stacked(*many, before=3, after=2, weighting=weighting)
    np.testing.assert_allclose(two.value, one.value, atol=1e-10)
    ratio = np.linalg.norm(two.influence, axis=0) / np.linalg.norm(one.influence, axis=0)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)
    assert 0.98 < ratio[0] < 1
