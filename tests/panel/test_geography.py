"""Folding children into parents, on counts added by hand."""

from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import PanelError
from balanza.panel.geography import Geography, build, fold, load_births, note_births
from balanza.panel.quality import Quality

from .conftest import BIRTHS


def counts() -> pd.DataFrame:
    rows = [
        ("01001", "2005-01-01", 5),
        ("01003", "2005-01-01", 2),
        ("01004", "2005-01-01", 1),
        ("01002", "2005-01-01", 7),
        ("02001", "2005-01-01", 3),
        ("02998", "2005-01-01", 4),
        ("02999", "2005-01-01", 6),
        ("01003", "2005-02-01", 9),
    ]
    frame = pd.DataFrame(rows, columns=["cvegeo", "period", "deaths"])
    return frame.astype({"cvegeo": str, "period": "datetime64[us]"})


def test_units_are_the_municipalities_without_those_born_since(places: Geography) -> None:
    assert list(places.units["cvegeo"]) == ["01001", "01002", "02001", "02002", "02003"]
    assert list(places.units["state"]) == ["01", "01", "02", "02", "02"]
    assert places.units["municipality"].iloc[0] == "Santa María Grande"


def test_children_count_in_their_parent_and_unspecified_codes_in_their_state(places: Geography) -> None:
    units, residual = fold(counts(), places, by=["period"], values=["deaths"], source="deaths.parquet")
    january = units[units["period"] == "2005-01-01"].set_index("cvegeo")["deaths"]
    # 5 + 2 + 1 in the parent; 7 and 3 stay; 02998 and 02999 make 10 in state 02
    assert january.to_dict() == {"01001": 8, "01002": 7, "02001": 3}
    assert units.loc[units["period"] == "2005-02-01", ["cvegeo", "deaths"]].to_numpy().tolist() == [["01001", 9]]
    assert residual[["state", "deaths"]].to_numpy().tolist() == [["02", 10]]
    assert units["deaths"].sum() + residual["deaths"].sum() == counts()["deaths"].sum()


def test_unknown_codes_stop_and_all_are_named(places: Geography) -> None:
    with pytest.raises(PanelError, match=r"deaths: 2 codes are no municipality: 01777, 33001\..*municipality_births"):
        places.unit_of(pd.Series(["01001", "33001", "01777"]), "deaths")


def test_an_unknown_code_of_a_users_file_names_row_and_nearest_code_before_births(places: Geography) -> None:
    said = (
        r"spending_file, data row 2 \(the header not counted\): 1 codes are no municipality: 01011\."
        r" Did you write 01011 for 01001\? .*municipality_births"
    )
    with pytest.raises(PanelError, match=said):
        places.unit_of(pd.Series(["01002", "01011", "01011"]), "spending")


def test_a_new_code_outside_catalogue_and_births_stops(catalogue: pd.DataFrame, rules: Path) -> None:
    births = load_births(rules / "municipality_births.csv")
    with pytest.raises(PanelError, match="1 codes are not in the catalogue: 02004"):
        build(catalogue, [pd.Series(["02004"])], births)


def test_a_child_without_its_parent_stops(catalogue: pd.DataFrame, rules: Path) -> None:
    births = load_births(rules / "municipality_births.csv")
    with pytest.raises(PanelError, match="the parent of 01003 is in no table"):
        build(catalogue[catalogue["cvegeo"] != "01001"], [], births)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("01003,Again,01002,2005,,Decree", "01003 has two rows"),
        ("01001,Grown,01002,2005,,Decree", "01001 is both child and parent"),
        ("02004,Moved,01002,2005,,Decree", "02004 is in another state than its parent"),
    ],
)
def test_a_wrong_table_of_births_stops(tmp_path: Path, row: str, problem: str) -> None:
    path = tmp_path / "births.csv"
    path.write_text(BIRTHS + row + "\n", "utf-8")
    with pytest.raises(PanelError, match=problem):
        load_births(path)


def test_births_are_noted_with_what_they_move(places: Geography, quality: Quality) -> None:
    people = pd.DataFrame({"cvegeo": ["01003", "01003"], "year": [2004, 2005], "population": [90, 100]})
    homicides = counts().rename(columns={"deaths": "homicides"})
    note_births(places.births, {"01003": ["population", "deaths"]}, homicides, people, quality)
    (row,) = quality.rows("births")
    assert (row["child"], row["parent"], row["homicides_moved"], row["population_moved"]) == ("01003", "01001", 11, 100)
    assert row["tables"] == "population, deaths"


def test_fold_keeps_other_keys_apart(places: Geography) -> None:
    frame = pd.DataFrame({"cvegeo": ["01001", "01003"], "year": [2010, 2011], "people": [10, 20]})
    units, residual = fold(frame, places, by=["year"], values=["people"], source="people")
    assert units.to_numpy().tolist() == [["01001", 2010, 10], ["01001", 2011, 20]]
    assert residual.empty
