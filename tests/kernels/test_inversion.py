"""Intervals by inversion against a search over effects, each evaluated for itself."""

import numpy as np
import pytest

from balanza.kernels.inversion import SETTLED, invert, p_value, shown, statistics

DRAWS = 400


def world(seed: int, curved: float = 0.0):
    """Scores of a mean under sign changes; `curved` makes them other than linear in the effect, as counts do."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.8, 1.0, 20)
    sign = rng.choice([-1.0, 1.0], (DRAWS, 20))
    sign[0] = 1

    def evaluate(tau: float) -> tuple[np.ndarray, np.ndarray]:
        left = values - (np.expm1(curved * tau) / curved if curved else tau)
        scores = sign * left
        return scores.sum(axis=1), ((scores - scores.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)

    return evaluate, values


def p_at(evaluate, tau: float) -> float:
    return float(p_value(statistics(*evaluate(tau))))


@pytest.mark.parametrize(("curved", "near"), [(0.0, 1e-6), (0.5, SETTLED)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_ends_are_the_first_refused_effects(seed: int, curved: float, near: float) -> None:
    evaluate, values = world(seed, curved)
    found = invert(evaluate, 20.0, 0.9)
    spread = values.std() / np.sqrt(20)
    assert found.p_value == p_at(evaluate, 0.0)
    expected = np.log1p(curved * values.mean()) / curved if curved else values.mean()
    assert found.value == pytest.approx(expected, abs=near * spread)
    for end, step in ((found.low, -1e-4), (found.high, 1e-4)):
        path = np.arange(found.value, end + 0.5 * np.sign(step), step)
        first = next(tau for tau in path if p_at(evaluate, tau) <= 0.1)
        assert end == pytest.approx(first, abs=near * spread + 1.5e-4)


def test_an_interval_that_no_draw_ends_is_infinite() -> None:
    evaluate, _ = world(0)
    found = invert(lambda tau: tuple(part[:3] for part in evaluate(tau)), 20.0, 0.95)  # p is a third at least
    assert (found.low, found.high) == (-np.inf, np.inf)


def test_p_counts_the_observed_draw_and_its_mirror() -> None:
    assert p_value(np.array([2.0, -2.0, 1.0, 3.0])) == 0.75
    np.testing.assert_array_equal(p_value(np.array([[2.0, 1.0], [1.0, 2.0]])), [0.5, 1.0])
    np.testing.assert_array_equal(statistics(np.array([2.0, 1.0]), np.array([4.0, 0.0])), [1.0, 0.0])


def test_hypotheses_without_a_fit_leave_an_end_open() -> None:
    evaluate, _ = world(0)
    whole = invert(evaluate, 20.0, 0.9)
    least = invert(lambda tau: evaluate(tau) if tau > -0.1 else None, 20.0, 0.9)
    assert (least.low, least.high) == pytest.approx((whole.low, whole.high), abs=1e-6)
    near = invert(lambda tau: evaluate(tau) if tau < whole.value + 0.01 else None, 20.0, 0.9)
    assert (near.p_value, near.low, near.high) == (whole.p_value, -np.inf, np.inf)
    with pytest.raises(ValueError, match="no effect has no fit"):
        invert(lambda tau: None, 20.0, 0.9)


def test_no_p_is_shown_as_nil() -> None:
    assert [shown(p) for p in (0.0001, 0.001, 0.25)] == ["p < 0.001", "p = 0.001", "p = 0.250"]
