"""Beneficiaries of Jovenes Construyendo el Futuro as JSON records of text."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.places import STATES
from balanza.sources.jcf_state_year import read

Records = list[dict[str, str]]


def layout() -> Records:
    return [
        {
            "estado": name,
            "cve_edo": code,
            "hombres": "1,200",
            "mujeres": str(int(code)),
            "total": str(1200 + int(code)),
            "id_estado": str(int(code)),
            "anio_presupuestal": year,
        }
        for year in ("2019", "2020")
        for code, name in STATES.items()
    ]


def beneficiaries(folder: Path, edit: Callable[[Records], object] = len, encoding: str = "utf-8") -> pd.DataFrame:
    records = layout()
    edit(records)
    path = folder / "jcf.json"
    path.write_text(json.dumps({"records": records}, ensure_ascii=False), encoding)
    return read({"jcf_state_year": path})


def test_a_row_per_state_and_year(tmp_path: Path) -> None:
    frame = beneficiaries(tmp_path)
    assert len(frame) == 64
    assert frame.iloc[14].to_list() == ["15", 2019, 1200, 15, 1215]


def put(key: str, value: str) -> Callable[[Records], object]:
    return lambda records: records[4].__setitem__(key, value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda records: [record.pop("mujeres") for record in records], "column mujeres is missing"),
        (put("estado", "Cohauila"), "column estado: unknown state name 'Cohauila'"),
        (put("cve_edo", "06"), "row 5, column cve_edo: code '06' is not that of 'Coahuila'"),
        (put("hombres", "-1200"), "row 5, column hombres: the count '-1200' is negative"),
        (put("hombres", ""), "row 5, column hombres: the cell is blank"),
        (put("total", "1206"), "row 5: men and women are not the total"),
        (put("anio_presupuestal", "2020"), "state 05, year 2020 stands twice"),
        (lambda records: records.pop(40), "31 of 32 states in year 2020; missing: Ciudad de México"),
        (lambda records: records.clear(), "has no list of records"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Callable[[Records], object], message: str) -> None:
    with pytest.raises(SourceError) as error:
        beneficiaries(tmp_path, edit)
    assert message in str(error.value)


@pytest.mark.parametrize("content", ["", '{"records": [{"estado": "Agua', "[]"])
def test_a_file_cut_short_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cut.json"
    path.write_text(content, "utf-8")
    with pytest.raises(SourceError, match=r"cut\.json: (not a whole JSON file|has no list of records)"):
        read({"jcf_state_year": path})


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        beneficiaries(tmp_path, encoding="latin-1")


def test_the_real_file(mirror: Path) -> None:
    frame = read({"jcf_state_year": mirror / "jcf_state_year.json"})
    assert frame.groupby("year").size().to_dict() == dict.fromkeys(range(2019, 2023), 32)
    # STPS, beneficiaries of the budget year 2019
    assert frame.loc[frame["year"] == 2019, "beneficiaries"].sum() == 1_120_587
