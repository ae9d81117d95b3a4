"""Published figures of synthetic difference-in-differences and synthetic control: California's Proposition 99.

Arkhangelsky and others (2021), R `synthdid`, to the five digits that are printed. Their placebo error is from random
draws; with one treated state each of the 38 others has its turn here, and diff-diff's draws come near that.
"""

import numpy as np
import pandas as pd
import pytest

from balanza.contract import Estimate, Outcome, Study, Treatment
from balanza.estimators import synthetic_control, synthetic_did
from balanza.kernels.synthetic import fixed
from balanza.preparation import prepare


@pytest.fixture(scope="module")
def table(reference) -> pd.DataFrame:
    return pd.read_csv(reference / "california_prop99.csv")


def run(module, table: pd.DataFrame, **options) -> Estimate:
    study = Study(
        name="published",
        title="Published",
        question="Does it reproduce the published figure?",
        outcome=Outcome("PacksPerCapita"),
        treatments=(Treatment("proposition", "binary", first_treated={"California": 1989}),),
        cluster="State",
        unit="State",
        period="Year",
        options={module.SPEC.name: options},
    )
    return module.estimate(study, prepare(study, table), np.random.default_rng(0))


def test_synthetic_did(table) -> None:
    found = run(synthetic_did, table)
    assert found.value == pytest.approx(-15.60383, abs=5e-6)
    assert (found.n_units, found.n_treated, found.n_clusters, found.n_observations) == (39, 1, 39, 39 * 31)
    assert "38 placebo assignments" in found.standard_error_type


def test_synthetic_control(table) -> None:
    found = run(synthetic_control, table)
    assert found.value == pytest.approx(-19.61966, abs=5e-6)


def test_did_is_the_same_contrast_with_even_weights(table) -> None:
    wide = table.set_index(["State", "Year"])["PacksPerCapita"].unstack()  # noqa: PD010 - one value per cell
    controls, treated = wide.drop("California").to_numpy(), wide.loc[["California"]].to_numpy()
    found = fixed(controls, treated, np.full((1, 38), 1 / 38), np.full(19, 1 / 19))
    assert found.effect[0] == pytest.approx(-27.34911, abs=5e-6)


def test_placebo_error_is_near_that_of_diff_diff(table) -> None:
    """Draws of theirs: 1,500 give 9.3826; the spread over all 38 states is what they converge to (a few per cent)."""
    assert run(synthetic_did, table).standard_error == pytest.approx(9.3826, rel=0.02)
