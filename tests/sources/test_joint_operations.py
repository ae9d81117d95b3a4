"""The list of joint operations: nearly YAML, read line by line."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.joint_operations import read

LAYOUT = """\ufeffOp.Michoacan:
    Operation Michoacan: 2006-12-11
    source: http://example.org/a?id=1//b
    #p. 21

#Sinaloa, Durango, Chihuahua
Op.Triangulo.Dorado.I:
    Operation Triangulo Dorado: 2007-01-22
    source: http://example.org/c

Op.Triangulo.Dorado.II:
    Phase II = 2007-05-01
    source: http://example.org/d

Op.Sinaloa:
    Operation Culiacan-Navolato: 2008-05-13
    source: http://example.org/e

EAF.Captured:
    EAF Captured: 2008-10-26
    source: http://example.org/f

Calderon.Visit:
    First visit: 2010-02-11
    Second visit: 2010-02-18
    source1: http://example.org/g
    source2: http://example.org/h
"""


def operations(folder: Path, edit: Callable[[str], str] = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "joint_operations.yaml"
    path.write_text(edit(LAYOUT), encoding)
    return read({"joint_operations": path})


def test_events_with_their_kind_place_and_reference(tmp_path: Path) -> None:
    frame = operations(tmp_path)
    assert frame["operation"].value_counts().to_dict() == {
        "Op.Michoacan": 1,
        "Op.Triangulo.Dorado.I": 3,
        "Op.Triangulo.Dorado.II": 3,
        "Op.Sinaloa": 1,
        "EAF.Captured": 1,
        "Calderon.Visit": 2,
    }
    assert frame.iloc[0].to_list() == [
        "Op.Michoacan",
        "opening",
        "state",
        "16",
        "16",
        pd.Timestamp("2006-12-11"),
        "http://example.org/a?id=1//b",
    ]
    visit = frame[frame["kind"] == "visit"]
    assert visit["start"].dt.day.to_list() == [11, 18]
    assert set(visit["reference"]) == {"http://example.org/g http://example.org/h"}


def test_only_openings_are_openings(tmp_path: Path) -> None:
    frame = operations(tmp_path)
    openings = frame[frame["kind"] == "opening"]
    assert openings["operation"].unique().tolist() == ["Op.Michoacan", "Op.Triangulo.Dorado.I", "Op.Sinaloa"]
    assert openings["state"].to_list() == ["16", "08", "10", "25", "25"]
    assert set(frame.loc[frame["operation"] == "Op.Triangulo.Dorado.II", "kind"]) == {"reinforcement"}
    assert openings.loc[openings["scope"] == "city", "places"].to_list() == ["25006,25018"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("2006-12-11", "2006-13-11"), "row 2: '2006-13-11' is not a date"),
        (lambda text: text.replace("2006-12-11", "December"), "row 2: the line 'Operation Michoacan: December' is no"),
        (lambda text: text.replace("2006-12-11", "!!python/object/apply:os.system [ls]"), "row 2: the line"),
        (lambda text: text.replace("Op.Michoacan:", "Op.Xalapa:"), "row 1: entry 'Op.Xalapa' is not known"),
        (lambda text: text[: text.index("    source1")], "entry 'Calderon.Visit' has no date or no source"),
        (lambda text: text.replace("02-18", "02-11"), "stands twice"),
        (lambda text: text.replace("Op.Michoacan:\n", ""), "row 1: the line"),
        (lambda text: "", "the file holds no entries"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[str], str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        operations(tmp_path, edit)
    assert message in str(error.value)


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        operations(tmp_path, lambda text: text[1:].replace("First visit", "Señor"), "latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"joint_operations": mirror / "joint_operations.yaml"})
    openings = frame[frame["kind"] == "opening"]
    first = openings.groupby("state")["start"].min().dt.strftime("%Y-%m")
    # the cohorts as SSP's report dates them; 22 states never have one
    assert first.groupby(first).apply(lambda month: sorted(month.index)).to_dict() == {
        "2006-12": ["16"],
        "2007-01": ["02", "08", "10", "12", "25"],
        "2007-02": ["19", "28"],
        "2007-05": ["30"],
        "2008-03": ["26"],
    }
    cities = openings[openings["scope"] == "city"].set_index("places")["start"].dt.strftime("%Y-%m-%d")
    assert cities.to_dict() == {"02004": "2007-01-03", "08037": "2008-03-27", "25006,25018": "2008-05-13"}
    assert frame["kind"].value_counts().to_dict() == {
        "opening": 12,
        "reinforcement": 7,
        "other": 3,
        "capture": 2,
        "visit": 2,
    }


def test_an_operation_named_by_states_lies_there(tmp_path: Path) -> None:
    found = operations(tmp_path, lambda text: text.replace("Op.Michoacan:", "Op.Conjunto.Jalisco-San Luis Potosi:"))
    named = found[found["operation"] == "Op.Conjunto.Jalisco-San Luis Potosi"]
    assert named["state"].tolist() == ["14", "24"]
    assert set(named["scope"]) == {"state"}
    assert set(named["kind"]) == {"opening"}
