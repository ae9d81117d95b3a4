"""Feminicide and kidnapping as JSON records, non-zero cells only; figures invented, sums by hand."""

import json

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources import sesnsp_json


def record(state, municipality, month, number, **changes):
    return {
        "Año": 2019,
        "Entidad": state,
        "Municipio": municipality,
        "Bien jurídico afectado": "La vida y la Integridad corporal",
        "Tipo de delito": "Feminicidio",
        "Subtipo de delito": "Feminicidio",
        "Modalidad": "Con arma blanca",
        "Mes": month,
        "Cantidad": number,
    } | changes


RECORDS = [
    record("Coahuila de Zaragoza", "Torreón", "1-Enero", 1),
    record("México", "Toluca", "12-Diciembre", 2),
    record("México", "Toluca", "12-Diciembre", 3, Modalidad="No especificado"),
    record("Oaxaca", "Otros Municipios", "10-Octubre", 1),
]
KIDNAPPING = {"Tipo de delito": "Secuestro", "Subtipo de delito": "Secuestro", "Modalidad": "Secuestro exprés"}


def write(tmp_path, records, name="Feminicidio.json", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(json.dumps(records, ensure_ascii=False, indent=4).encode(encoding))
    return path


def read(tmp_path, records):
    return sesnsp_json.read({"sesnsp_feminicide": write(tmp_path, records)})


def test_two_files_become_one_table(tmp_path):
    other = write(tmp_path, [record("Sonora", "Cajeme", "3-Marzo", 4, **KIDNAPPING)], "Secuestro.json")
    files = {"sesnsp_feminicide": write(tmp_path, RECORDS), "sesnsp_kidnapping": other}
    tidy = sesnsp_json.read(files)
    assert list(tidy.columns) == [
        "source", "state", "municipality", "period", "crime", "subtype", "modality", "files",
    ]  # fmt: skip
    sums = tidy.groupby(["source", "state", "period"])["files"].sum().to_dict()
    assert sums == {
        ("sesnsp_feminicide", "05", pd.Timestamp("2019-01-01")): 1,
        ("sesnsp_feminicide", "15", pd.Timestamp("2019-12-01")): 5,
        ("sesnsp_feminicide", "20", pd.Timestamp("2019-10-01")): 1,
        ("sesnsp_kidnapping", "26", pd.Timestamp("2019-03-01")): 4,
    }


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{k: v for k, v in item.items() if k != "Mes"} for item in RECORDS], "column Mes is missing"),
        (
            [*RECORDS, record("Oaxaca", "Tuxtepec", "1-Enero", -1)],
            r"row 5, column Cantidad: the count '-1' is negative",
        ),
        ([*RECORDS, record("Oaxaca", "Tuxtepec", "1-Enero", 1.5)], r"row 5, column Cantidad: .* not a whole number"),
        ([*RECORDS, record("Oaxaca", "Tuxtepec", "1-Enero", None)], r"row 5, column Cantidad: the cell is blank"),
        ([*RECORDS, record("Oaxaca", "Tuxtepec", "1-Enero", 0)], r"column files: '0' fails greater_than_or_equal_to"),
        ([*RECORDS, record("Oaxaca", "", "1-Enero", 1)], r"row 5, column municipality: the cell is blank"),
        ([*RECORDS, record("Oaxaca", "Tuxtepec", "2-Enero", 1)], "'2-Enero' is not a month"),
        ([*RECORDS, record("Aztlán", "Tula", "1-Enero", 1)], r"row 5, column Entidad: unknown state name 'Aztlán'"),
        ([*RECORDS, RECORDS[0]], r"rows 1, 5: state 05, municipality Torreón, .* stands twice"),
        ([], "has no list of records"),
        ({"data": RECORDS}, "has no list of records"),
    ],
)
def test_what_is_refused_names_record_and_column(tmp_path, records, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, records)


def test_a_file_cut_short_or_in_latin1_is_refused(tmp_path):
    path = write(tmp_path, RECORDS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"Feminicidio\.json: not a whole JSON file"):
        sesnsp_json.read({"sesnsp_feminicide": path})
    with pytest.raises(SourceError, match=r"is not in UTF-8.*looks like cp1252"):
        sesnsp_json.read({"sesnsp_feminicide": write(tmp_path, RECORDS, encoding="latin-1")})


def test_the_published_files(mirror):
    tidy = sesnsp_json.read({name: mirror / f"{name}.json" for name in ("sesnsp_feminicide", "sesnsp_kidnapping")})
    assert tidy.groupby("source").size().to_dict() == {"sesnsp_feminicide": 7518, "sesnsp_kidnapping": 7194}
    assert tidy.groupby("source")["state"].nunique().to_dict() == {"sesnsp_feminicide": 32, "sesnsp_kidnapping": 32}
    assert tidy["period"].min() == pd.Timestamp("2015-01-01")
    assert tidy["period"].max() == pd.Timestamp("2024-12-01")
