"""Published figures of the group-time estimator, through the contract: R did 2.5.1 on mpdta, and on castle.

Estimates and standard errors to the six digits that are printed (1e-6 and 1e-5), cells to their four.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanza.contract import Estimate, Outcome, Study, Treatment
from balanza.estimators.callaway_santanna import estimate
from balanza.preparation import prepare


def run(
    table: pd.DataFrame, unit: str, outcome: str, first: str, covariates: tuple[str, ...] = (), **options
) -> Estimate:
    study = Study(
        name="published",
        title="Published",
        question="Does it reproduce the published figure?",
        outcome=Outcome(outcome),
        treatments=(Treatment("policy", "binary", first_treated=first),),
        cluster=unit,
        unit=unit,
        period="year",
        covariates=covariates,
        options={"callaway_santanna": options},
    )
    return estimate(study, prepare(study, table), np.random.default_rng(0))


@pytest.fixture(scope="module")
def mpdta(reference: Path) -> pd.DataFrame:
    return pd.read_csv(reference / "mpdta.csv")


def county(table: pd.DataFrame, covariates: tuple[str, ...] = (), **options) -> Estimate:
    return run(table, "countyreal", "lemp", "first.treat", covariates, **options)


# Callaway and Sant'Anna's minimum-wage example; figures of R did 2.5.1 with never-treated controls.
@pytest.mark.parametrize(
    ("aggregate", "value", "error"),
    [
        ("simple", -0.039951, 0.012034),
        ("dynamic", -0.077240, 0.019965),
        ("group", -0.031018, 0.012446),
        ("calendar", -0.041700, 0.015972),
    ],
)
def test_mpdta_aggregates(mpdta, aggregate, value, error) -> None:
    found = county(mpdta, aggregate=aggregate)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert found.standard_error == pytest.approx(error, abs=1e-6)
    assert (found.n_units, found.n_treated, found.n_observations, found.n_clusters) == (500, 191, 2500, 500)


@pytest.mark.parametrize(
    ("covariates", "options", "value", "error"),
    [
        (("lpop",), {"method": "dr"}, -0.041752, 0.011503),
        (("lpop",), {"method": "reg"}, -0.041969, 0.011445),
        (("lpop",), {"method": "ipw"}, -0.041777, 0.011500),
        ((), {"control": "not_yet"}, -0.039764, 0.012052),
        (("lpop",), {"control": "not_yet", "method": "dr"}, -0.041352, 0.011428),
        ((), {"anticipation": 1}, -0.045206, 0.016683),
    ],
)
def test_mpdta_variants(mpdta, covariates, options, value, error) -> None:
    found = county(mpdta, covariates, **options)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert found.standard_error == pytest.approx(error, abs=1e-6)


def test_mpdta_without_the_never_treated(mpdta) -> None:
    found = county(mpdta[mpdta["first.treat"] > 0], control="not_yet")
    assert found.value == pytest.approx(-0.041791, abs=1e-6)
    assert found.standard_error == pytest.approx(0.020454, abs=1e-6)
    assert any("No unit is never treated" in warning for warning in found.warnings)


def test_mpdta_cells(mpdta) -> None:
    found = county(mpdta).rows
    cells = found[found["kind"] == "group_time"].set_index(["group", "period"])["value"]
    printed = {
        "2004": [-0.0105, -0.0704, -0.1373, -0.1008],
        "2006": [0.0065, -0.0028, -0.0046, -0.0412],
        "2007": [0.0305, -0.0027, -0.0311, -0.0261],
    }
    for cohort, values in printed.items():
        np.testing.assert_allclose(cells[cohort].loc[["2004", "2005", "2006", "2007"]], values, atol=5.1e-5)


def test_castle(request) -> None:
    """Cheng and Hoekstra's castle-doctrine laws on log homicides; figure of the group-time simple aggregate."""
    try:
        from causaldata import castle

        table = castle.load_pandas().data
    except ImportError:
        table = pd.read_csv(request.getfixturevalue("reference") / "castle.csv")
    first = table[table["post"] > 0].groupby("sid")["year"].min()
    found = run(table.assign(first=table["sid"].map(first).fillna(0)), "sid", "l_homicide", "first")
    assert found.value == pytest.approx(0.019403, abs=1e-6)
    assert found.standard_error == pytest.approx(0.038389, abs=1e-6)
