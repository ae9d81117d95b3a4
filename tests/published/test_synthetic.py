"""The placebo error of synthetic difference-in-differences on California's Proposition 99 is near diff-diff's.

Theirs is from random draws; with one treated state each of the 38 others has its turn here, which is what draws
converge to.
"""

import numpy as np
import pytest
from tests.published import sets

from balanza.contract import Published
from balanza.estimators import synthetic_did


def test_placebo_error(reference) -> None:
    """Draws of theirs: 1,500 give 9.3826 (a few per cent off)."""
    asked = sets.asked(Published("california_prop99", "diff-diff", {}), "synthetic_did", reference)
    found = synthetic_did.estimate(*asked, np.random.default_rng(0))
    assert "38 placebo assignments" in found.standard_error_type
    assert found.standard_error == pytest.approx(9.3826, rel=0.02)
