"""Canonical panels by hand: three units, four periods, figures counted on paper."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanza.cohorts import NEVER
from balanza.contract import Outcome, Panel, Study, Treatment
from balanza.errors import PanelError
from balanza.preparation import columns_of, prepare, read_table


def study(treatment: Treatment | None = None, **changes: object) -> Study:
    base: dict[str, object] = {
        "name": "toy",
        "title": "Toy",
        "question": "?",
        "outcome": Outcome("deaths", "poisson", "people"),
        "treatments": (treatment or Treatment("treatment", "binary", first_treated="first"),),
        "cluster": "region",
        "unit": "place",
        "period": "month",
    }
    return Study(**(base | changes))


def table() -> pd.DataFrame:
    months = pd.date_range("2019-01-01", periods=4, freq="MS")
    frame = pd.DataFrame([(place, month) for place in ("b", "a", "c") for month in months], columns=["place", "month"])
    frame["deaths"] = np.arange(12)
    frame["people"] = 1000.0
    frame["region"] = frame["place"].map({"a": "west", "b": "west", "c": "east"})
    frame["first"] = frame["place"].map({"a": pd.Timestamp("2019-03-01"), "b": pd.NaT, "c": pd.Timestamp("2020-01-01")})
    frame["dose"] = np.where(frame["month"] >= "2019-03-01", frame["place"].map({"a": 10.0, "b": 20.0, "c": 60.0}), 0.0)
    return frame


def test_units_periods_and_cohorts_are_coded_in_order() -> None:
    panel = prepare(study(), table())
    assert list(panel.unit_labels) == ["a", "b", "c"]
    assert list(panel.period_labels) == ["2019-01", "2019-02", "2019-03", "2019-04"]
    assert list(panel.cluster_labels) == ["east", "west"]
    assert panel.balanced
    # a is treated from the third month; b never; c in January 2020, twelve months after the first
    assert list(panel.by_unit("g_treatment")) == [2, NEVER, 12]
    assert list(panel.matrix("d_treatment").sum(axis=1)) == [2, 0, 0]
    assert list(panel.matrix("outcome")[0]) == [4, 5, 6, 7]


def test_row_order_does_not_matter() -> None:
    one, two = prepare(study(), table()), prepare(study(), table().sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(one.frame, two.frame)
    assert one.digest == two.digest


def test_the_digest_sees_a_changed_value() -> None:
    changed = table()
    changed.loc[0, "deaths"] = 99
    assert prepare(study(), table()).digest != prepare(study(), changed).digest


def test_mean_dose_after_the_start_is_the_units_own_and_zero_before() -> None:
    dose = Treatment("guard", "dose", column="dose", per=10, start="2019-03")
    panel = prepare(study(Treatment(**(vars(dose) | {"dose": "mean_post"}))), table())
    assert panel.start == {"guard": 2}
    assert panel.matrix("d_guard").tolist() == [[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 6, 6]]


@pytest.mark.parametrize(("rule", "value"), [("first", 6), ("mean_post", 7.5), ("last", 9)])
def test_a_steady_dose_is_the_first_mean_or_last_from_the_start_on(rule: str, value: float) -> None:
    moving = table()
    moving.loc[(moving["place"] == "c") & (moving["month"] == "2019-04-01"), "dose"] = 90
    dose = Treatment("guard", "dose", column="dose", per=10, start="2019-03", dose=rule)
    assert prepare(study(dose), moving.sample(frac=1, random_state=1)).matrix("d_guard")[2].tolist() == [
        0,
        0,
        value,
        value,
    ]


@pytest.mark.parametrize("missing", ["refuse", "drop"])
def test_other_measures_reach_the_panel_with_their_gaps(missing: str) -> None:
    frame = table().assign(recorded=[np.nan, *range(1, 12)])
    panel = prepare(study(variants={"outcome": {"police": {"column": "recorded"}}}, missing=missing), frame)
    assert len(panel.frame) == 12
    assert panel.matrix("recorded")[1, 1:].tolist() == [1, 2, 3]
    assert np.isnan(panel.matrix("recorded")[1, 0])


def test_current_dose_is_the_column_per_unit() -> None:
    panel = prepare(study(Treatment("guard", "dose", column="dose", per=10)), table())
    assert panel.matrix("d_guard")[2].tolist() == [0, 0, 6, 6]
    assert panel.start == {}


def test_first_treated_may_be_a_mapping() -> None:
    panel = prepare(study(Treatment("jump", "binary", first_treated={"b": "2019-02"})), table())
    assert list(panel.by_unit("g_jump")) == [NEVER, 1, NEVER]


def test_window_cuts_and_counts() -> None:
    panel = prepare(study(window=("2019-02", "2019-03")), table())
    assert panel.n_periods == 2
    assert panel.dropped == {"outside the window": 6}
    assert list(panel.by_unit("g_treatment")) == [1, NEVER, 11]


def test_years_with_zero_for_never_and_a_common_step() -> None:
    frame = pd.DataFrame(
        {"id": [1, 1, 2, 2], "wave": [2004, 2006, 2004, 2006], "y": [1.0, 2, 3, 4], "g": [0, 0, 2006, 2006]}
    )
    asked = study(
        Treatment("t", "binary", first_treated="g"), outcome=Outcome("y"), cluster="id", unit="id", period="wave"
    )
    panel = prepare(asked, frame)
    assert list(panel.period_labels) == [2004, 2006]
    assert list(panel.by_unit("g_t")) == [NEVER, 1]
    assert panel.matrix("d_t").tolist() == [[0, 0], [0, 1]]


def spoil(column: str, value: object, row: int = 5) -> pd.DataFrame:
    frame = table()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().rename(columns={"deaths": "death"}), r"there is no column 'deaths'. Did you mean 'death'\?"),
        (pd.concat([table(), table().iloc[[3]]]), r"unit b has two rows in period 2019-04 \(1 rows too many"),
        (
            spoil("deaths", np.nan),
            r"column deaths: the outcome is missing, in 1 row, first at row 6, unit a, period 2019-02\. Fill it",
        ),
        (spoil("deaths", np.inf), r"column deaths: the outcome inf is infinite, .* Correct the source"),
        (spoil("deaths", -1), r"column deaths: the outcome -1 is negative, .* A count is 0 or more"),
        (
            spoil("deaths", "1,204"),
            r"column deaths: the outcome '1,204' is not a number, .*row 6.* thousands separators",
        ),
        (spoil("people", 0), r"column people: the exposure 0 is not positive, .* Nothing is at risk"),
        (spoil("people", -3.5), r"column people: the exposure -3\.5 is not positive"),
        (
            spoil("region", "east"),
            r"unit a lies in two clusters, west and east \(the second first at row 6, unit a, period 2019-02\)",
        ),
        (
            spoil("first", pd.Timestamp("2019-02-01")),
            "unit a has more than one first treated period, another one first at row 6, unit a, period 2019-02",
        ),
        (spoil("first", "2019/02"), r"column first: '2019/02' is not a period, at row 6, .* Write dates as 2019-07"),
        (spoil("place", None), r"column place: the unit is missing, in 1 row, first at row 6, unit None"),
        (spoil("month", pd.NaT), "the period is missing at row 6, unit a"),
        (table()[table()["month"] != "2019-03-01"], "no unit has a row in 2019-03, inside the panel's span"),
    ],
)
def test_bad_tables_are_refused_with_place_and_cure(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(PanelError, match=message):
        prepare(study(), frame)


def test_an_error_names_the_row_of_the_whole_table_and_not_of_the_window() -> None:
    with pytest.raises(PanelError, match=r"first at row 6, unit a, period 2019-02\."):
        prepare(study(window=("2019-02", "2019-03")), spoil("deaths", np.nan))


def test_a_column_without_any_value_is_named_with_its_source() -> None:
    asked = study(missing="drop", window=("2019-02", "2019-03"), needs="deployment_file")
    message = (
        r"panel, column region: there is no value in all 6 rows of the window, .*"
        r"Fill it in the file that `deployment_file` names \(docs/add-a-source.md\), or name another column"
    )
    with pytest.raises(PanelError, match=message):
        prepare(asked, table().assign(region=None))
    apart = table().assign(deaths=[1, np.nan] * 6, people=[np.nan, 1] * 6)
    with pytest.raises(PanelError, match=r"deaths, people are never known together in all 12 rows,"):
        prepare(study(missing="drop"), apart)
    with pytest.raises(PanelError, match="no row lies in the window"):
        prepare(study(window=("2029-02", "2029-03")), table())


def test_rows_without_a_value_are_dropped_and_counted_only_on_request() -> None:
    frame = spoil("deaths", np.nan)
    panel = prepare(study(missing="drop"), frame)
    assert panel.dropped == {"deaths missing": 1}
    assert not panel.balanced
    assert np.isnan(panel.matrix("outcome")[0, 1])


def test_unknown_unit_in_a_mapping_is_refused() -> None:
    with pytest.raises(PanelError, match="there is no unit 'z'"):
        prepare(study(Treatment("jump", "binary", first_treated={"z": "2019-02"})), table())


def test_strings_and_integers_serve_as_unit_labels() -> None:
    numbered = table().assign(place=lambda frame: frame["place"].map({"a": 3, "b": 1, "c": 2}))
    panel: Panel = prepare(study(), numbered)
    assert list(panel.unit_labels) == [1, 2, 3]


def test_columns_named_by_options_are_passed_on() -> None:
    """An option called `..._column` names a column of the table; other options, and None, ask for none."""
    options = {"spillover": {"latitude_column": "height", "longitude_column": None, "target": "own"}}
    asked = study(options=options)
    given = table().assign(height=range(len(table())), target="x")
    assert "height" in columns_of(asked) and "own" not in columns_of(asked)
    assert prepare(asked, given).frame["height"].sum() == sum(range(len(given)))
    with pytest.raises(PanelError, match="no column 'height'"):
        prepare(asked, table())


def test_moderators_and_instruments_are_passed_on() -> None:
    asked = study(covariates=("wealth",), moderators=("size", "wealth"), instruments=("base",))
    given = table().assign(wealth=1.0, size=range(12), base=range(12, 24))
    frame = prepare(asked, given).frame
    assert columns_of(asked)[-3:] == ["wealth", "size", "base"]
    assert frame["size"].sum() == sum(range(12)) and frame["base"].sum() == sum(range(12, 24))
    with pytest.raises(PanelError, match="column size: the moderator is missing"):
        prepare(asked, given.assign(size=np.nan))
    gaps = given.assign(base=given["base"].where(given["base"] != 14))
    assert prepare(study(**{**vars(asked), "missing": "drop"}), gaps).dropped == {"base missing": 1}


def test_units_without_a_row_from_the_start_of_a_dose_on_are_refused_or_left_out() -> None:
    dose = Treatment("treatment", "dose", column="dose", start="2019-03", dose="mean_post")
    gone = table()["place"].eq("a") & (table()["month"] >= "2019-03-01")
    late = table().assign(dose=table()["dose"].mask(gone))
    panel = prepare(study(dose, missing="drop"), late)
    assert list(panel.unit_labels) == ["b", "c"]
    assert panel.dropped == {"dose missing": 2, "no row from 2019-03 on, and so no dose": 2}
    with pytest.raises(PanelError, match="unit a has no row from 2019-03 on"):
        prepare(study(dose), late[~gone])


def test_a_single_period_is_a_cross_section() -> None:
    one = table()[table()["month"] == "2019-03-01"]
    panel = prepare(study(Treatment("guard", "dose", column="dose")), one)
    assert panel.n_periods == 1 and panel.balanced
    assert panel.matrix("d_guard").tolist() == [[10], [20], [60]]


def test_cohorts_in_years_on_a_monthly_panel_are_refused() -> None:
    frame = table().assign(first=2019)
    with pytest.raises(
        PanelError, match="column first: the first treated period 2019 is a number although the periods are dates"
    ):
        prepare(study(), frame)


@pytest.mark.parametrize(
    ("first", "per_year"), [(2015, 1.0), (1000, 1.0), (2996, 1.0), (1, None), (0, None), (998, None), (2997, None)]
)
def test_whole_numbers_are_years_only_where_they_look_like_years(first: int, per_year: float | None) -> None:
    waves = table()
    waves["month"] = first + waves["month"].dt.month - 1
    dose = Treatment("treatment", "dose", column="dose")
    assert prepare(study(dose), waves).periods_per_year == per_year


def test_months_are_twelve_a_year() -> None:
    assert prepare(study(), table()).periods_per_year == 12


def test_codes_in_a_csv_keep_their_leading_zero(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("cvegeo,year,deaths\n01001,2019,0\n20570,2019,7\n")
    table = read_table(path)
    assert table["cvegeo"].tolist() == ["01001", "20570"]
    assert table["deaths"].tolist() == [0, 7]


def test_a_csv_with_other_separators_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("place;year;deaths\na;2019;1,5\n")
    with pytest.raises(PanelError, match=r"mine\.csv: is separated by semicolons\. Save it as csv with commas"):
        read_table(path, ["place"])


@pytest.mark.parametrize("form", ["%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"])
def test_dates_as_text_have_the_year_first(form: str) -> None:
    written = table().assign(month=table()["month"].dt.strftime(form))
    assert list(prepare(study(), written).period_labels) == ["2019-01", "2019-02", "2019-03", "2019-04"]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%b %Y", "%Y", "%Y/%m", "%Y%m%d"])
def test_dates_in_another_order_are_refused_with_their_line(form: str) -> None:
    written = table().assign(month=table()["month"].dt.strftime(form))
    first = table()["month"].dt.strftime(form)[0]
    message = rf"^mine\.csv, column month: '{first}' is not a period, at line 2, unit b, .* Write dates as 2019-07"
    with pytest.raises(PanelError, match=message):
        prepare(study(), written, "mine.csv", 2)
    with pytest.raises(PanelError, match=r"column month: '2019-13' is not a period, at row 6"):
        prepare(study(), spoil("month", "2019-13").astype({"month": str}))


def test_dates_of_the_study_file_have_the_year_first() -> None:
    for window in (("01/02/2019", "2019-03"), (2019, "2019-03")):
        with pytest.raises(PanelError, match=r"is not a period\. Write a month such as 2019-07"):
            prepare(study(window=window), table())


def waves(**first: object) -> pd.DataFrame:
    """Three units over waves 1 to 4, with a column of first treated periods."""
    frame = table()
    frame["month"] = frame["month"].dt.month
    return frame.assign(first=frame["place"].map(first))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (
            {"a": 3, "b": -1, "c": 0},
            r"the first treated period -1 is negative, in 4 rows, .* Leave never treated units",
        ),
        ({"a": "2004-07", "b": "", "c": "0"}, r"first treated period '2004-07' is not a whole number, as the periods"),
        ({"a": 2.5, "b": 0, "c": 0}, r"the first treated period 2\.5 is not a whole number"),
        ({"a": np.inf, "b": 0, "c": 0}, r"the first treated period inf is not a whole number"),
    ],
)
def test_a_first_treated_period_that_cannot_be_is_refused(first: dict[str, object], message: str) -> None:
    with pytest.raises(PanelError, match=rf"column first: .*{message}"):
        prepare(study(), waves(**first))


def test_text_of_whole_numbers_and_blanks_are_first_treated_periods() -> None:
    assert list(prepare(study(), waves(a="3", b="", c="0")).by_unit("g_treatment")) == [2, NEVER, NEVER]
    dates = table().assign(first=table()["place"].map({"a": "2019-03", "b": "0", "c": " "}))
    assert list(prepare(study(), dates).by_unit("g_treatment")) == [2, NEVER, NEVER]


def test_in_a_mapping_nothing_and_zero_are_never_and_negative_is_refused() -> None:
    mapped = Treatment("jump", "binary", first_treated={"a": 0, "b": None, "c": 2})
    assert list(prepare(study(mapped), waves()).by_unit("g_jump")) == [NEVER, NEVER, 1]
    for bad in (-2, 2.5, "2019-02"):
        with pytest.raises(PanelError, match="first_treated of jump"):
            prepare(study(Treatment("jump", "binary", first_treated={"a": bad})), waves())


def test_treatment_after_the_last_period_is_said_with_its_count() -> None:
    said = prepare(study(), waves(a=2004, b=2004, c=3)).warnings
    assert said == (
        "2 of 3 units have a first treated period after the last one, 4, and count as treated after the window"
        " (treatment)",
    )
    assert prepare(study(), waves(a=2, b=0, c=4)).warnings == ()


@pytest.mark.parametrize(("dose", "use"), [("mean_post", "are taken as 0"), ("current", "stay as they are")])
def test_doses_before_the_start_are_said_with_their_count(dose: str, use: str) -> None:
    asked = study(Treatment("guard", "dose", column="dose", start="2019-03", dose=dose))
    assert prepare(asked, table()).warnings == ()
    early = table().assign(dose=lambda frame: frame["dose"].where(frame["month"] != "2019-02-01", 5.0))
    assert prepare(asked, early.sample(frac=1, random_state=2)).warnings == (
        f"3 rows have a dose above 0 before the start, 2019-03; these doses {use} (guard)",
    )


def test_a_treatment_that_is_neither_on_nor_off_is_refused_with_its_line() -> None:
    asked = study(Treatment("guard", "reversible", column="dose"))
    message = r"column dose: the treatment 20\.0 is neither 0 nor 1, in 6 rows, first at line 4, unit b, period 2019-03"
    with pytest.raises(PanelError, match=message):
        prepare(asked, table(), "mine.csv", 2)
