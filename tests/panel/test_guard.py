"""Repairs of the Guard's table, on a table with the same defects and round figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balanza.errors import PanelError
from balanza.panel import guard
from balanza.panel.quality import Quality

from .conftest import span

DATA = Path(__file__).parents[2] / "data"
TRUE = {"05": [100, 110, 120, 130, 140], "06": [40, 41, 42, 43, 44], "09": [900, 910, 920, 930, 940]}
MONTHS = ["2020-11", "2020-12", "2021-01", "2021-02", "2021-03"]
RULES = """state,period,take_state,take_period,repeats,rule,reason
05,2021-02,05,2021-01,2020-11,repeated month,carry
06,2021-02,06,2021-01,2020-11,repeated month,carry
09,2021-02,09,2021-01,2020-11,repeated month,carry
05,2021-03,06,2021-03,,rotated states,moved
06,2021-03,09,2021-03,,rotated states,moved
09,2021-03,05,2021-03,,rotated states,moved
"""


def tidy(table: dict[str, list[int]], source: str = guard.COMPLETE, months: list[str] = MONTHS) -> pd.DataFrame:
    rows = [(source, state, month, n) for state, row in table.items() for month, n in zip(months, row, strict=True)]
    frame = pd.DataFrame(rows, columns=["source", "state", "period", "elements"])
    return frame.assign(period=pd.to_datetime(frame["period"]).astype("datetime64[us]"))


def defective() -> dict[str, list[int]]:
    table = {state: list(row) for state, row in TRUE.items()}
    for row in table.values():
        row[3] = row[0]
    table["05"][4], table["06"][4], table["09"][4] = 940, 140, 44
    return table


@pytest.fixture
def repairs(tmp_path: Path) -> list[dict]:
    path = tmp_path / "repairs.csv"
    path.write_text(RULES, "utf-8")
    return guard.load_repairs(path)


def test_a_repeated_month_carries_the_month_before_and_rotated_states_are_put_back(
    repairs: list[dict], quality: Quality
) -> None:
    good = guard.repair(guard.published(tidy(defective()), quality), repairs, quality)
    march = {state: good[state, pd.Timestamp("2021-03-01")] for state in TRUE}
    february = {state: good[state, pd.Timestamp("2021-02-01")] for state in TRUE}
    assert march == {"05": 140, "06": 44, "09": 940}
    assert february == {"05": 120, "06": 42, "09": 920}
    rows = quality.rows("repairs")
    assert len(rows) == 6
    assert all(row["applied"] for row in rows)
    assert [(row["published"], row["repaired"]) for row in rows if row["period"] == "2021-03"] == [
        (940, 140),
        (140, 44),
        (44, 940),
    ]


def test_a_sound_table_is_left_alone_and_that_is_noted(repairs: list[dict], quality: Quality) -> None:
    sound = guard.published(tidy(TRUE), quality)
    assert guard.repair(sound, repairs, quality) == sound
    assert [row["applied"] for row in quality.rows("repairs")] == [False] * 6


def test_one_state_that_does_not_repeat_means_that_the_month_does_not(repairs: list[dict], quality: Quality) -> None:
    table = defective()
    table["06"][3] = 42
    good = guard.repair(guard.published(tidy(table), quality), repairs, quality)
    assert good["05", pd.Timestamp("2021-02-01")] == 100


def test_zero_before_the_force_existed_and_missing_after_the_last_published_month(quality: Quality) -> None:
    frame = guard.by_state_month(tidy(TRUE), [], ["05", "06", "09"], span("2019-05", "2021-05"), True, quality)
    row = frame[frame["state"] == "05"].set_index("period")["guard_elements"]
    assert row["2019-06-01"] == 0
    assert np.isnan(row["2019-07-01"])  # it existed and nothing was published: not zero
    assert row["2020-11-01"] == 100
    assert np.isnan(row["2021-04-01"])


def test_headquarters_can_be_held_out_and_are_flagged_either_way(quality: Quality) -> None:
    months = ["2020-05", "2020-06", "2020-07", "2020-08"]
    cells = guard.published(tidy({"09": [480, 490, 1130, 1106], "05": [1, 2, 3, 4]}, months=months), quality)
    assert guard.hold_headquarters(cells, True, quality) == cells
    held = guard.hold_headquarters(cells, False, quality)
    # the jump from June to July is 640: 1130 - 640 and 1106 - 640
    assert [held["09", pd.Timestamp(month)] for month in ("2020-06", "2020-07", "2020-08")] == [490, 490, 466]
    assert held["05", pd.Timestamp("2020-08")] == 4
    assert [(row["jump"], row["held_out"]) for row in quality.rows("headquarters")] == [(640, False), (640, True)]


def test_other_measures_stand_beside_the_figures_whatever_the_switch_says(
    repairs: list[dict], quality: Quality
) -> None:
    states = ["05", "06", "09"]
    for counted in (True, False):
        frame = guard.by_state_month(tidy(defective()), repairs, states, span("2020-11", "2021-03"), counted, quality)
        coahuila = frame[frame["state"] == "05"].set_index("period")
        assert list(coahuila["guard_elements_published"]) == [100, 110, 120, 100, 940]
        assert list(coahuila["guard_elements_with_headquarters"]) == [100, 110, 120, 120, 140]
        # February is carried from January; March is only put back in its row
        assert list(coahuila["guard_elements_not_carried"].fillna(-1)) == [100, 110, 120, -1, 140]
    sound = guard.by_state_month(tidy(TRUE), repairs, states, span("2020-11", "2021-03"), True, quality)
    assert sound["guard_elements_not_carried"].notna().all()


def test_headquarters_counted_and_held_out_are_both_told(quality: Quality) -> None:
    months = ["2020-05", "2020-06", "2020-07", "2020-08"]
    table = tidy({"09": [480, 490, 1130, 1106], "05": [1, 2, 3, 4]}, months=months)
    for counted in (True, False):
        frame = guard.by_state_month(table, [], ["05", "09"], span("2020-05", "2020-08"), counted, quality)
        capital = frame[frame["state"] == "09"]
        assert list(capital["guard_elements_with_headquarters"]) == [480, 490, 1130, 1106]
        assert list(capital["guard_elements_without_headquarters"]) == [480, 490, 490, 466]
        assert list(capital["guard_elements"]) == list(
            capital[f"guard_elements_{'with' if counted else 'without'}_headquarters"]
        )


def test_the_table_of_all_months_rules_and_a_sheet_that_disagrees_is_noted(quality: Quality) -> None:
    both = pd.concat([tidy({"05": [7, 8, 9, 10, 11]}, "guard_2020"), tidy({"05": [7, 8, 9, 10, 99]})])
    cells = guard.published(both, quality)
    assert cells["05", pd.Timestamp("2021-03-01")] == 99
    (row,) = quality.rows("disagreements")
    assert (row["place"], row["period"], row["used"], row["other"]) == ("05", "2021-03", 99, 11)


def test_repeated_months_are_found(quality: Quality) -> None:
    table = {f"{code:02}": [code, code + 1, code + 1, code] for code in range(1, 21)}
    months = ["2020-01", "2020-02", "2020-03", "2020-04"]
    guard.note_repeated(guard.published(tidy(table, months=months), quality), quality)
    found = [(row["period"], row["as_in"], row["states"]) for row in quality.rows("repeated")]
    assert found == [("2020-03", "2020-02", 20), ("2020-04", "2020-01", 20)]


def test_a_rule_with_no_month_stops(tmp_path: Path) -> None:
    path = tmp_path / "repairs.csv"
    path.write_text(RULES.replace("05,2021-03,06", "05,2021-13,06"), "utf-8")
    with pytest.raises(PanelError, match="'2021-13' is no month"):
        guard.load_repairs(path)


def test_the_listed_repairs_are_all_states_of_february_and_the_three_of_march() -> None:
    rows = guard.load_repairs(DATA / "guard_repairs.csv")
    february = {row["state"] for row in rows if row["period"] == pd.Timestamp("2021-02-01")}
    march = {row["state"] for row in rows if row["period"] == pd.Timestamp("2021-03-01")}
    assert february == {f"{code:02}" for code in range(1, 33)}
    assert march == {"05", "06", "09"}
    assert len(rows) == 35
