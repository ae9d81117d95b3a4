"""Pesos of 2021 per head, by hand."""

import math

import pandas as pd
import pytest

from balanza.errors import PanelError
from balanza.panel import money
from balanza.panel.quality import Quality

from .conftest import span

PEOPLE = pd.DataFrame(
    [("01", 2018, 1000), ("02", 2018, 3000), ("01", 2019, 1000), ("02", 2019, 4000), ("01", 2024, 1), ("02", 2024, 1)],
    columns=["state", "year", "population"],
)
BENEFICIARIES = pd.DataFrame({"state": ["01", "02"], "year": [2019, 2019], "beneficiaries": [30, 10]})
ACCOUNTS = pd.DataFrame(
    [
        (2019, "Trabajo y Previsión Social", "U280", "approved", 99_999.0),
        (2019, "Trabajo y Previsión Social", "U280", "exercised", 600.0),
        (2019, "Trabajo y Previsión Social", "S280", "exercised", 200.0),
        (2019, "Trabajo y Previsión Social", "S043", "exercised", 77.0),
        (2019, "Educación Pública", "U280", "exercised", 400.0),
        (2020, "Educación Pública", "U280", "exercised", 5_000.0),  # another programme by then
    ],
    columns=["year", "branch", "programme_code", "stage", "pesos"],
)


def prices() -> pd.DataFrame:
    months = span("2018-01", "2022-06")
    return pd.DataFrame({"period": months, "index": [{2018: 80.0, 2019: 100.0}.get(m.year, 125.0) for m in months]})


def test_a_peso_of_a_cheaper_year_is_worth_more_pesos_of_2021() -> None:
    worth = money.deflator(prices())
    assert worth[2019] == pytest.approx(1.25)
    assert worth[2021] == 1
    assert 2022 not in worth  # half a year has no yearly mean


def test_without_the_whole_base_year_there_is_no_deflator() -> None:
    with pytest.raises(PanelError, match="the year 2021 is not complete"):
        money.deflator(prices().query("period < '2021-12-01'"))


def test_jcf_is_split_by_beneficiaries_deflated_and_per_head() -> None:
    table = money.jcf(BENEFICIARIES, ACCOUNTS, money.deflator(prices()), PEOPLE).set_index(["state", "year"])
    # 800 exercised by the labour ministry, 1000 in pesos of 2021: 3/4 over 1000 people, 1/4 over 4000
    assert table.loc[("01", 2019), "jcf_pesos_per_capita"] == pytest.approx(0.75)
    assert table.loc[("02", 2019), "jcf_pesos_per_capita"] == pytest.approx(0.0625)
    assert table.loc[("01", 2018)].tolist() == [0, 0]  # there was no programme
    assert table.loc[("01", 2024)].isna().all()  # not known


def test_education_can_be_added_for_2019_only() -> None:
    assert money.jcf_pesos(ACCOUNTS, education=False).to_dict() == {2019: 800.0}
    assert money.jcf_pesos(ACCOUNTS, education=True).to_dict() == {2019: 1200.0}


def test_without_accounts_the_pesos_are_missing_and_the_people_are_not() -> None:
    table = money.jcf(BENEFICIARIES, None, None, PEOPLE).set_index(["state", "year"])
    assert math.isnan(table.loc[("01", 2019), "jcf_pesos_per_capita"])
    assert table.loc[("01", 2019), "jcf_beneficiaries"] == 30


def test_transfers_add_fasp_and_agreements_and_a_missing_fasp_is_missing(quality: Quality) -> None:
    fasp, agreements = "FA para la Seguridad Pública", "Convenios para seguridad pública"
    rows = [
        ("01", 2019, "Ingresos", "subitem", fasp, 400.0),
        ("01", 2019, "Ingresos", "item", agreements, 240.0),
        ("01", 2019, "Ingresos", "subitem", "Apoyo a programas de seguridad pública", 240.0),  # inside the agreements
        ("01", 2019, "Ingresos", "item", "Seguridad pública", 5.0),  # fees, not a transfer
        ("01", 2019, "Egresos", "item", agreements, 7.0),
        ("02", 2019, "Ingresos", "subitem", fasp, 1600.0),
        ("02", 2018, "Ingresos", "item", agreements, 50.0),
        ("01", 2020, "Ingresos", "subitem", fasp, 9.0),
    ]
    accounts = pd.DataFrame(rows, columns=["state", "year", "theme", "level", "account", "pesos"])
    table = money.transfers(accounts, money.deflator(prices()), PEOPLE, quality).set_index(["state", "year"])
    # 400 * 1.25 / 1000 and 240 * 1.25 / 1000; 1600 * 1.25 / 4000 and no agreements
    assert table.loc[("01", 2019)].tolist() == pytest.approx([0.5, 0.3, 0.8])
    assert table.loc[("02", 2019)].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert list(table.index) == [("01", 2019), ("02", 2019)]
    assert quality.rows("imputed")[0]["cells"] == 1
    assert quality.rows("dropped")[0]["rows"] == 1
