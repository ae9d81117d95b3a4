"""One suite for the published figures that the files of the estimators hold in REFERENCE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.published import sets

from balanza.contract import Estimate, Published
from balanza.registry import Entry, registry

CASES = [
    pytest.param(entry, item, id=f"{name}-{number}")
    for name, entry in registry("estimators").entries.items()
    for number, item in enumerate(entry.reference)
]
LABELS = ["group", "period", "event_time", "dose"]


def figures(found: Estimate) -> dict[str, tuple[float, float]]:
    """All that an estimate says, by the names that REFERENCE has for it: `headline`, `event_time 0`, `group 2004`."""
    named = {"headline": (found.value, found.standard_error)}
    for row in [] if found.rows is None else found.rows.to_dict("records"):
        # a cell has its event time beside cohort and period, which name it
        labels = [row[label] for label in (LABELS if row["kind"] != "group_time" else LABELS[:2])]
        words = [f"{label:g}" if isinstance(label, float) else label for label in labels if pd.notna(label)]
        named[" ".join([row["kind"], *words])] = (row["value"], row["standard_error"])
    return named


@pytest.mark.parametrize(("entry", "item"), CASES)
def test_figures(reference: Path, entry: Entry, item: Published) -> None:
    found = entry.function(*sets.asked(item, entry.spec.name, reference), np.random.default_rng(0))
    named = figures(found)
    for name, (value, error) in item.figures.items():
        assert named[name][0] == pytest.approx(value, abs=item.tolerance), name
        if error is not None:
            tolerance = item.error_tolerance or item.tolerance
            assert named[name][1] == pytest.approx(error, abs=tolerance), f"standard error of {name}"
    if not any("left out" in warning for warning in found.warnings):
        sizes = (found.n_units, found.n_treated, found.n_observations, found.n_clusters)
        assert sizes == sets.SETS[item.data].sizes


@pytest.mark.parametrize(("entry", "item"), CASES)
def test_figures_say_where_they_are_from(entry: Entry, item: Published) -> None:
    assert item.data in sets.SETS
    assert item.source
    assert item.figures
    assert set(item.options) <= set(entry.spec.options)
    assert 0 < item.tolerance <= 1e-4
    assert item.error_tolerance is None or 0 < item.error_tolerance <= 1e-4
