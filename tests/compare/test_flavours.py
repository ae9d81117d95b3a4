"""The pesos of the synthetic flavours: the level of the contrast's interval, and how often pesos are unbounded."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.compare import flavours


@pytest.mark.slow
def test_contrasts_cover_the_truth_and_pesos_for_each_are_unbounded_where_nothing_works() -> None:
    """Of 100 worlds, Binomial(100, .95): fewer than 89 in 1 of 230 tries."""
    table = pd.DataFrame(flavours.weighed(("null", "beneficial"), ("none",), range(100)))
    found = table.groupby("flavour")[["covers", *flavours.NAMES]].sum()
    assert (found["covers"] >= 89).all()
    assert (found.loc["null", list(flavours.NAMES)] >= 89).all()
