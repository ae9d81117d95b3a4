"""Honest intervals of the Medicaid expansion's effect in 2014, as the README of R HonestDiD prints them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanza.kernels.honest import EventStudy, relative_magnitudes
from balanza.kernels.smoothness import smoothness

MAGNITUDES = [(0.5, 0.0241, 0.0673), (1.0, 0.0171, 0.0720), (1.5, 0.00859, 0.0796), (2.0, -0.00107, 0.0883)]
BENDS = [(0.0, 0.0259, 0.0607), (0.01, 0.0132, 0.0787), (0.02, 0.00286, 0.0907), (0.03, -0.00714, 0.101)]
FIRST = np.array([1.0, 0.0])


@pytest.fixture(scope="module")
def medicaid(reference: Path) -> EventStudy:
    """Event study of 2008 to 2015 against 2013."""
    value = pd.read_csv(reference / "ehec_betahat.csv")["beta"].to_numpy()
    return EventStudy(value, pd.read_csv(reference / "ehec_sigma.csv").to_numpy(), 5)


@pytest.mark.parametrize(("mbar", "low", "high"), MAGNITUDES)
def test_relative_magnitudes(medicaid: EventStudy, mbar: float, low: float, high: float) -> None:
    # The package's grid has steps of .0004, and prints the outermost points that it does not refuse
    assert relative_magnitudes(medicaid, FIRST, mbar, 0.95) == pytest.approx((low, high), abs=0.0006)


@pytest.mark.parametrize(("bound", "low", "high"), BENDS)
def test_smoothness(medicaid: EventStudy, bound: float, low: float, high: float) -> None:
    assert smoothness(medicaid, FIRST, bound, 0.95) == pytest.approx((low, high), abs=0.0003)
