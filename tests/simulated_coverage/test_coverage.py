"""Simulated coverage: the machinery on few panels, the committed table and page, and all of it where that is asked."""

import dataclasses

import numpy as np
import pytest
from tests.simulated_coverage import table
from tests.simulated_coverage.designs import PERSISTENCE, noise, staggered
from tests.simulated_coverage.simulation import CASES, DRAWS, HIGHEST, LOWEST, Case, Draws, simulate

from balanza.registry import own_modules, registry

CURE = f"Run `{table.COMMAND}`, or only `python -m tests.simulated_coverage --page` where the words have changed"


def identify(case: Case) -> str:
    return f"{case.name}-{case.design}"


held = pytest.mark.parametrize("case", [case for case in CASES if case.group == "held"], ids=identify)
failing = pytest.mark.parametrize("case", [case for case in CASES if case.group == "failure"], ids=identify)


def of(estimator: str) -> Case:
    return next(case for case in CASES if case.estimator == estimator)


def test_truths_are_those_by_hand() -> None:
    """Effects 0.5 s (1 + 0.1 e), s = 1, 1.6, 0.6, over 7, 5 and 3 periods; windows of 3 with 40, 20 and 20 controls."""
    truth = staggered(20, True, np.random.default_rng(0)).truth
    rows = (7 * 1.3 + 5 * 1.6 * 1.2 + 3 * 0.6 * 1.1) / 15
    assert truth["treated rows"] == pytest.approx(0.5 * rows)
    assert truth["window"] == pytest.approx(0.5 * 1.1 * (1 + 1.6 + 0.6) / 3)
    weights = np.array([20 * 40 / 60, 10, 10])
    assert truth["window, variance weights"] == pytest.approx(0.5 * 1.1 * weights @ [1, 1.6, 0.6] / weights.sum())


def test_noise_is_as_persistent_and_as_unequal_as_it_says() -> None:
    drawn = noise(np.random.default_rng(0), 20_000, 4)
    assert drawn.var() == pytest.approx(1, abs=0.03)
    assert (drawn[:, 1:] * drawn[:, :-1]).mean() == pytest.approx(PERSISTENCE, abs=0.03)
    squares = (drawn**2).mean(axis=1)
    assert squares.std() > 1.2 * (noise(np.random.default_rng(0), 20_000, 4, 0.0) ** 2).mean(axis=1).std()


@pytest.mark.parametrize("case", [of("twfe"), of("two_stage"), of("stacked")], ids=identify)
def test_estimates_are_right_on_average_and_errors_meet_their_spread(case: Case) -> None:
    found = simulate(case, 100)
    assert abs(found.bias) < 3.5 * found.spread / 10
    # The standard deviation of 100 draws is known to 7 %.
    assert found.error.mean() == pytest.approx(found.spread, rel=0.25)
    assert not found.warned.any()
    elsewhere = dataclasses.replace(found, truth=found.truth + 2 * found.spread)
    assert elsewhere.covered.mean() < 0.75 < found.covered.mean()


def test_panels_do_not_hang_on_what_was_drawn_before() -> None:
    case = of("twfe")
    whole, parts = simulate(case, 4), [simulate(case, 2, first) for first in (0, 2)]
    np.testing.assert_array_equal(whole.value, np.concatenate([part.value for part in parts]))
    assert len(np.unique(whole.value)) == 4


def test_a_row_says_what_was_found() -> None:
    """By hand: of four intervals around 1 three cover."""
    value, error = np.array([1.0, 1.2, 0.9, 3.0]), np.full(4, 0.5)
    draws = Draws(value, error, value - 1, value + 1, np.ones(4), np.array([1.0, 1, 1, 0]), 2.0)
    row = table.row(of("twfe"), draws)
    assert (row["coverage"], row["draws"], row["bias"], row["warned"]) == ("0.7500", "4", "0.5250", "0.7500")
    assert float(row["monte_carlo_error"]) == pytest.approx(np.sqrt(0.75 * 0.25 / 4), abs=1e-4)
    assert float(row["empirical_sd"]) == pytest.approx(np.std(value, ddof=1), abs=1e-4)


@failing
def test_cohorts_of_few_clusters_are_announced(case: Case) -> None:
    assert simulate(case, 1).warned.all()


# Those on covariates have worlds of their own, with confounding: tests/estimators, tests/kernels/test_instrument.py.
ELSEWHERE = {"backdoor", "double_ml", "causal_forest", "instrument"}


def test_every_estimator_is_held_to_the_band() -> None:
    own = set(own_modules("estimators"))
    known = {name for name, entry in registry("estimators").entries.items() if entry.module in own}
    left_out = known - ELSEWHERE - {case.estimator for case in CASES if case.group == "held"}
    assert not left_out, (
        f"Add a Case for {sorted(left_out)} to tests/simulated_coverage/simulation.py, and run `{table.COMMAND}`"
    )


def test_the_committed_table_is_that_of_the_cases_and_holds_the_band() -> None:
    rows = table.read()
    wanted = [(case.group, case.name, case.design, case.estimand, str(DRAWS[case.group])) for case in CASES]
    names = ("group", "estimator", "design", "estimand", "draws")
    assert [tuple(row[name] for name in names) for row in rows] == wanted, CURE
    for row in rows:
        if row["group"] == "held":
            assert LOWEST <= float(row["coverage"]) <= HIGHEST, row
        assert float(row["warned"]) == (row["group"] == "failure"), row


def test_the_committed_page_is_that_of_the_table() -> None:
    assert table.PAGE.read_text("utf-8") == table.page(table.read()), CURE


@pytest.mark.slow
@held
def test_intervals_cover_the_truth_at_their_level(case: Case) -> None:
    found = simulate(case, DRAWS["held"])
    coverage = found.covered.mean()
    assert LOWEST <= coverage <= HIGHEST
    assert abs(found.bias) < 3.5 * found.spread / np.sqrt(DRAWS["held"])
    committed = {(row["estimator"], row["design"]): float(row["coverage"]) for row in table.read()}
    # Where an interval ends at the truth to the last digits, machines may differ.
    assert coverage == pytest.approx(committed[case.name, case.design], abs=0.002), CURE
