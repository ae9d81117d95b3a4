"""The switchers kernel against a slow twin written from the paper, the authors' own figures, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.kernels.switchers import Horizons, NoStayers, paths, switching


def panel(seed: int = 0, n: int = 60, periods: int = 8):
    """Outcome, treatment that is 0, 1 or 2 and moves up and down, clusters across units, and weights."""
    rng = np.random.default_rng(seed)
    d = np.zeros((n, periods))
    d[:, 0] = rng.choice((0, 1), n)
    for t in range(1, periods):
        moves = rng.random(n) < 0.15
        d[:, t] = np.where(moves, rng.choice((0, 1, 2), n), d[:, t - 1])
    y = rng.normal(size=(n, 1)) + np.cumsum(rng.normal(size=(n, periods)), 1) * 0.3 + 0.5 * d
    return y, d, rng.integers(0, 20, n), rng.uniform(0.5, 2, n)


def errors(found: Horizons) -> np.ndarray:
    return np.linalg.norm(found.influence, axis=0)


def twin(y, d, cluster=None, weights=None):
    """{horizon: (effect, se, weight, change, cumulated)} for effects (positive) and placebos (negative), unit by unit.

    Equations of de Chaisemartin and D'Haultfoeuille (2024), section 3, and the variance of their web appendix: each
    difference less its mean in its cohort (same first treatment, date and treatment switched to; or not yet switched),
    times (n / (n - 1))^1/2 with n clusters in the cohort, and of switchers and controls together where n is 1.
    """
    n_units, n_periods = y.shape
    c = np.arange(n_units) if cluster is None else cluster
    w = np.ones(n_units) if weights is None else weights
    first = [next((t for t in range(n_periods) if d[g, t] != d[g, 0]), n_periods) for g in range(n_units)]
    terms, found = {}, {}
    for g in range(n_units):
        if first[g] == n_periods:
            continue
        sign = np.sign(d[g, first[g]] - d[g, 0])
        for t in range(first[g], n_periods):
            if (sign * (d[g, first[g] : t + 1] - d[g, 0]) < 0).any():
                break
            controls = [j for j in range(n_units) if d[j, 0] == d[g, 0] and first[j] > t]
            if not controls:
                break
            h = t - first[g] + 1
            peers = [
                j
                for j in range(n_units)
                if (d[j, 0], first[j]) == (d[g, 0], first[g])
                and sign * (d[j, first[j]] - d[j, 0]) > 0
                and not (sign * (d[j, first[j] : t + 1] - d[j, 0]) < 0).any()
            ]
            for name, to in ((h, t), (-h, first[g] - 1 - h)):
                if to >= 0:
                    change = y[:, to] - y[:, first[g] - 1]
                    terms.setdefault(name, []).append((g, sign, change, controls, peers, first[g], t))
    for name, each in terms.items():
        total = sum(w[term[0]] for term in each)
        effect, change_of_d, cumulated = 0.0, 0.0, 0.0
        influence = np.zeros(n_units)
        for g, sign, change, controls, peers, f, t in each:
            mean = np.average(change[controls], weights=w[controls])
            effect += w[g] * sign * (change[g] - mean) / total
            change_of_d += w[g] * sign * (d[g, t] - d[g, 0]) / total
            cumulated += w[g] * sign * (d[g, f : t + 1] - d[g, 0]).sum() / total
            same = [j for j in peers if d[j, f] == d[g, f]]
            for j, share, alike in [
                (g, w[g], same),
                *((j, -w[g] * w[j] / w[controls].sum(), controls) for j in controls),
            ]:
                group = alike if len(set(c[alike])) > 1 else peers + controls
                size = len(set(c[group]))
                deviation = change[j] - np.average(change[group], weights=w[group])
                influence[j] += sign * share * deviation * np.sqrt(size / (size - 1)) / total
        error = np.sqrt(sum(influence[c == k].sum() ** 2 for k in np.unique(c)))
        found[name] = (effect, error, total / w.mean(), change_of_d, cumulated)
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_the_slow_twin(seed, clustered, weighted) -> None:
    y, d, cluster, weights = panel(seed, n=40)
    cluster, weights = cluster if clustered else None, weights if weighted else None
    found, expected = switching(y, d, weights, cluster), twin(y, d, cluster, weights)
    assert len(expected) == len(found.effects.weight) + len(found.placebos.weight)
    for part, sign in ((found.effects, 1), (found.placebos, -1)):
        columns = np.column_stack([part.effect, errors(part), part.weight, part.change, part.cumulated])
        wanted = np.array([expected[sign * (h + 1)] for h in range(len(columns))])
        np.testing.assert_allclose(columns, wanted, atol=1e-12)


def test_doses_of_which_no_two_are_alike_agree_with_the_slow_twin() -> None:
    """Each switcher is a cohort of its own, so that deviations are those from switchers and controls together."""
    rng = np.random.default_rng(4)
    n, periods = 30, 6
    start = rng.integers(2, 5, n)
    d = rng.uniform(-1, 2, (n, 1)) * ((np.arange(periods) >= start[:, None]) & (rng.random(n) < 0.6)[:, None])
    y = rng.normal(size=(n, periods)) + d
    found, expected = switching(y, d), twin(y, d)
    for part, sign in ((found.effects, 1), (found.placebos, -1)):
        wanted = np.array([expected[sign * (h + 1)][:2] for h in range(len(part.weight))])
        np.testing.assert_allclose(np.column_stack([part.effect, errors(part)]), wanted, atol=1e-12)


# The authors' did_multiplegt_dyn for Python, 0.1.9, on panel(0): effects=4, placebo=3; clustered; weighted; both.
# Effects 1 to 4, the average total effect, placebos 1 to 3.
AUTHORS = {
    (False, False): (
        [0.68164298, 0.69365959, 0.74917502, 0.76682512, 0.62178106, -0.08550399, -0.21988001, -0.37863186],
        [0.09709949, 0.12046857, 0.15511414, 0.16123569, 0.10207341, 0.06721502, 0.08075401, 0.19426710],
    ),
    (True, False): (
        [0.68164298, 0.69365959, 0.74917502, 0.76682512, 0.62178106, -0.08550399, -0.21988001, -0.37863186],
        [0.11239629, 0.14003965, 0.16492398, 0.16586486, 0.11337444, 0.04907761, 0.10982867, 0.16834010],
    ),
    (False, True): (
        [0.68277264, 0.71516874, 0.80242339, 0.82363446, 0.63567247, -0.13559691, -0.29172428, -0.47424409],
        [0.11088018, 0.13795434, 0.18197270, 0.18642566, 0.11816938, 0.07165362, 0.08941334, 0.18265315],
    ),
    (True, True): (
        [0.68277264, 0.71516874, 0.80242339, 0.82363446, 0.63567247, -0.13559691, -0.29172428, -0.47424409],
        [0.12790286, 0.15774881, 0.19079706, 0.19284704, 0.12885908, 0.05790586, 0.12010700, 0.16923761],
    ),
}


@pytest.mark.parametrize(("clustered", "weighted"), AUTHORS)
def test_agrees_with_the_authors_package(clustered, weighted) -> None:
    y, d, cluster, weights = panel(0)
    found = switching(y, d, weights if weighted else None, cluster if clustered else None, effects=4, placebos=3)
    average, influence = found.effects.mean(np.ones(4, bool), "change")
    values, deviations = AUTHORS[clustered, weighted]
    np.testing.assert_allclose([*found.effects.effect, average, *found.placebos.effect], values, atol=1e-8)
    spread = [*errors(found.effects), np.linalg.norm(influence), *errors(found.placebos)]
    np.testing.assert_allclose(spread, deviations, atol=1e-8)


def test_normalised_effects_agree_with_the_authors_package() -> None:
    """The same with normalized=True."""
    y, d, *_ = panel(0)
    found = switching(y, d, effects=4, placebos=3)
    each = [found.effects.mean(np.arange(4) == h, "cumulated") for h in range(4)]
    each += [found.placebos.mean(np.arange(3) == h, "cumulated") for h in range(3)]
    values = [0.53016676, 0.28216661, 0.22034559, 0.17344854, -0.06619663, -0.08795201, -0.10818053]
    deviations = [0.07552183, 0.04900416, 0.04562181, 0.03646998, 0.05203744, 0.03230161, 0.05550489]
    np.testing.assert_allclose([value for value, _ in each], values, atol=1e-8)
    np.testing.assert_allclose([np.linalg.norm(influence) for _, influence in each], deviations, atol=1e-8)


def test_by_hand() -> None:
    """Unit 0 goes from 0 to 2 in period 1 while units 1 and 2 stay at 0; unit 3 begins elsewhere and is no control."""
    y = np.array([[1.0, 5.0, 4.0], [0.0, 1.0, 1.0], [0.0, 0.0, 3.0], [0.0, 50.0, 70.0]])
    d = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [7.0, 7.0, 7.0]])
    found = switching(y, d)
    np.testing.assert_allclose(found.effects.effect, [4 - 0.5, 3 - 2])
    np.testing.assert_allclose(found.effects.change, [2, 1])
    np.testing.assert_allclose(found.effects.cumulated, [2, 3])
    assert found.effects.mean(np.ones(2, bool), "change")[0] == pytest.approx((3.5 + 1) / (2 + 1))
    assert found.status_quo == pytest.approx(((1 + 0.5) + (1 + 2)) / 2)
    assert found.used.tolist() == [True, False, False, False]
    assert found.controls.tolist() == [False, True, True, False]


def test_a_switcher_counts_until_it_crosses_its_first_treatment() -> None:
    d = np.array([[1.0, 2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 2.0, 2.0]])
    path = paths(d)
    assert path.first.tolist() == [1, 5, 1] and path.sign.tolist() == [1, 0, -1] and path.until.tolist() == [3, 5, 3]
    found = switching(np.arange(15.0).reshape(3, 5) ** 2, d)
    np.testing.assert_allclose(found.effects.weight, [2, 2])


def test_without_stayers_there_is_no_effect() -> None:
    y = np.random.default_rng(0).normal(size=(6, 4))
    with pytest.raises(NoStayers):
        switching(y, np.linspace(1, 2, 6)[:, None] * (np.arange(4) >= 2))


def same(first, second, scale: float = 1.0) -> None:
    for a, b in ((first.effects, second.effects), (first.placebos, second.placebos)):
        np.testing.assert_allclose(b.effect, scale * a.effect, atol=1e-10)
        np.testing.assert_allclose(errors(b), abs(scale) * errors(a), atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_order_and_names_are_irrelevant(seed) -> None:
    y, d, cluster, weights = panel(seed % 50, n=30)
    order = np.random.default_rng(seed).permutation(30)
    names = np.random.default_rng(seed + 1).permutation(20)
    same(switching(y, d, weights, cluster), switching(y[order], d[order], weights[order], names[cluster][order]))


def test_scale_shift_and_common_shocks() -> None:
    y, d, cluster, weights = panel(2)
    first = switching(y, d, weights, cluster)
    same(first, switching(3 * y, d, weights, cluster), 3)
    same(first, switching(y + np.linspace(0, 9, 8) + np.arange(60)[:, None], d, weights, cluster))
    same(first, switching(y, 5 - d, weights, cluster), -1)
    same(first, switching(y, d, 7 * weights, cluster))


def test_an_earlier_period_with_the_first_treatment_changes_no_effect() -> None:
    y, d, cluster, _ = panel(3)
    longer = switching(np.column_stack([y[:, :1] + 1, y]), np.column_stack([d[:, :1], d]), None, cluster)
    first = switching(y, d, None, cluster)
    np.testing.assert_allclose(longer.effects.effect, first.effects.effect, atol=1e-12)
    np.testing.assert_allclose(longer.effects.influence, first.effects.influence, atol=1e-12)


def test_copies_within_clusters_change_nothing() -> None:
    y, d, cluster, _ = panel(1)
    copies = np.repeat(np.arange(60), 3)
    same(switching(y, d, None, cluster), switching(y[copies], d[copies], None, cluster[copies]))
    same(switching(y, d), switching(y[copies], d[copies], None, copies))


def test_fewer_horizons_are_the_first_ones() -> None:
    y, d, *_ = panel(0)
    whole, part = switching(y, d), switching(y, d, effects=2, placebos=1)
    np.testing.assert_array_equal(part.effects.effect, whole.effects.effect[:2])
    np.testing.assert_array_equal(part.placebos.effect, whole.placebos.effect[:1])
    assert len(switching(y, d, placebos=0).placebos.effect) == 0
