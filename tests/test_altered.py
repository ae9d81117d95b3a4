"""Altered panels keep the contract: codes, labels, starts and digests, on panels small enough to read."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.contract.panels import make_panel, make_study, treatment

from balanza import altered
from balanza.contract import Outcome, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.preparation import prepare

COHORT = np.array([1, 3, 5, 7, -1])


def panel(**changes: object) -> Panel:
    """Five units in six months; the fourth is treated in the second month behind the window's end."""
    outcome = np.arange(30.0).reshape(5, 6)
    values = {"cluster": np.array([0, 0, 1, 1, 2]), **changes}
    return make_panel(outcome, {"guard": COHORT}, **values)


def test_units_clusters_and_labels_are_numbered_anew() -> None:
    found = altered.keep_units(panel(), np.array([False, False, True, False, True]))
    assert list(found.unit_labels) == ["unit 002", "unit 004"]
    assert list(found.cluster_labels) == ["cluster 1", "cluster 2"]
    assert list(found.by_unit("cluster")) == [0, 1]
    assert found.balanced and found.n_periods == 6
    assert panel().digest and not found.digest


def test_cohorts_follow_the_axis_and_keep_their_distance_to_its_end() -> None:
    # months 0, 3, 4 are left: 1 and 3 begin in the second of these, 5 after the last, 7 two months further on
    found = altered.keep_periods(panel(), np.array([True, False, False, True, True, False]))
    assert list(found.by_unit("g_guard")) == [1, 1, 3, 4, -1]
    assert list(found.period_labels) == ["2015-01", "2015-04", "2015-05"]
    assert found.matrix("d_guard")[0].tolist() == [0, 1, 1]


def test_a_start_moves_with_the_axis_and_goes_where_nothing_is_left_before_it() -> None:
    dose = np.ones((5, 1)) * (np.arange(6) >= 3)
    whole = make_panel(np.arange(30.0).reshape(5, 6), {"guard": dose}, start={"guard": 3})
    assert altered.keep_periods(whole, np.arange(6) != 1).start == {"guard": 2}
    assert altered.keep_periods(whole, np.arange(6) >= 3).start == {}


def test_without_any_row_it_refuses() -> None:
    with pytest.raises(Unsupported, match="no row is left"):
        altered.keep_periods(panel(), np.zeros(6, bool))


def test_the_panel_given_stays_as_it_is() -> None:
    before = panel()
    frame = before.frame.copy()
    altered.earlier(before, treatment("binary"), 1)
    altered.keep_units(before, np.arange(5) < 2)
    pd.testing.assert_frame_equal(before.frame, frame)


def test_earlier_moves_cohorts_starts_and_paths() -> None:
    assert list(altered.earlier(panel(), treatment("binary"), 2).by_unit("g_guard")) == [0, 1, 3, 5, -1]
    dose = np.array([[2.0], [3.0]]) * (np.arange(6) >= 4)
    whole = make_panel(np.arange(12.0).reshape(2, 6), {"guard": dose}, start={"guard": 4})
    moved = altered.earlier(whole, treatment("dose"), 3)
    assert moved.start == {"guard": 1} and moved.matrix("d_guard")[1].tolist() == [0, 3, 3, 3, 3, 3]
    path = np.arange(12.0).reshape(2, 6)
    any_path = make_panel(path, {"guard": path})
    item = Treatment("guard", "dose", column="guard")
    assert altered.earlier(any_path, item, 2).matrix("d_guard")[0].tolist() == [2, 3, 4, 5, 5, 5]


def test_another_outcome_leaves_out_rows_where_it_is_not_known() -> None:
    other = np.arange(30.0).reshape(5, 6) + 100
    other[0, 2] = np.nan
    study = make_study([treatment("binary")], variants={"outcome": {"files": {"column": "files"}}})
    changed, found = altered.with_outcome(
        study, panel(covariates={"files": other}), altered.other_outcome(study, "files")
    )
    assert changed.outcome.column == "files" and len(found.frame) == 29
    assert np.isnan(found.matrix("outcome")[0, 2]) and found.matrix("outcome")[4, 5] == 129
    with pytest.raises(Unsupported, match="no column 'nothing'"):
        altered.with_outcome(study, panel(), Outcome("nothing"))


TABLE = pd.DataFrame(
    {
        "unit": np.repeat(["a", "b"], 4),
        "period": np.tile(pd.date_range("2019-01", periods=4, freq="MS"), 2),
        "deaths": [5.0, 6, 7, 8, 1, 2, 3, 4],
        "guard": [0.0, 0, 10, 30, 0, 0, 40, 20],
        "other": [0.0, 0, np.nan, 50, 0, 0, 70, 90],
        "first": pd.to_datetime(["2019-03"] * 4 + [None] * 4),
    }
)


def dose_study(**variants: object) -> Study:
    item = Treatment("guard", "dose", column="guard", per=10.0, start="2019-03", dose="mean_post")
    study = make_study([item], cluster="unit", variants={"treatment": variants})
    return dataclasses.replace(study, outcome=Outcome("deaths"))


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        # by hand: mean of 10 and 30 and of 40 and 20, first and last of these, the column itself, all per 10
        ({"dose": "mean_post"}, [[0, 0, 2, 2], [0, 0, 3, 3]]),
        ({"dose": "first"}, [[0, 0, 1, 1], [0, 0, 4, 4]]),
        ({"dose": "last"}, [[0, 0, 3, 3], [0, 0, 2, 2]]),
        ({"dose": "current"}, [[0, 0, 1, 3], [0, 0, 4, 2]]),
        ({"start": "2019-04"}, [[0, 0, 0, 3], [0, 0, 0, 2]]),
        # the row without a value is left out
        ({"column": "other"}, [[0, 0, np.nan, 5], [0, 0, 8, 8]]),
    ],
)
def test_definitions_of_a_dose_are_built_as_the_panel_builds_them(variant: dict, expected: list) -> None:
    study = dose_study(other=variant)
    prepared = prepare(study, TABLE)
    changed, found = altered.with_treatment(study, prepared, "other")
    np.testing.assert_array_equal(found.matrix("d_guard"), expected)
    for name, value in variant.items():
        assert getattr(changed.treatment, name) == value
    if "column" not in variant:  # the study file could have said so itself
        anew = prepare(dataclasses.replace(study, treatments=changed.treatments), TABLE)
        np.testing.assert_array_equal(found.matrix("d_guard"), anew.matrix("d_guard"))
        assert found.start == anew.start


@pytest.mark.parametrize("given", ["first", {"a": "2019-03"}])
def test_other_first_treated_periods_come_from_a_column_or_a_mapping(given: object) -> None:
    item = Treatment("guard", "binary", first_treated={"b": "2019-02"})
    variants = {"treatment": {"other": {"first_treated": given}}}
    study = dataclasses.replace(make_study([item], cluster="unit", variants=variants), outcome=Outcome("deaths"))
    prepared = prepare(study, TABLE)
    assert list(prepared.by_unit("g_guard")) == [-1, 1]
    found = altered.with_treatment(study, prepared, "other")[1]
    assert list(found.by_unit("g_guard")) == [2, -1]
    assert found.matrix("d_guard").tolist() == [[0, 0, 1, 1], [0, 0, 0, 0]]


def test_a_definition_that_the_rows_cannot_serve_is_refused() -> None:
    late = dose_study(late={"start": "2030-01"})
    with pytest.raises(Unsupported, match="leaves no period before or after"):
        altered.with_treatment(late, prepare(late, TABLE), "late")
    with pytest.raises(Unsupported, match="'nowhere', which is not in the rows"):
        altered.with_treatment(dose_study(lost={"column": "nowhere"}), prepare(dose_study(), TABLE), "lost")


def test_codes_of_periods_lie_on_the_axis_and_beyond_it() -> None:
    months = panel()
    assert [altered.code_of(months, period) for period in ("2015-01", "2015-06", "2015-09")] == [0, 5, 8]
    years = dataclasses.replace(months, period_labels=np.arange(2001, 2013, 2))
    assert [altered.code_of(years, period) for period in (2001, 2002, 2011, 2015)] == [0, 1, 5, 7]
