"""State finance in zips of one csv per year, rows in the order of a tree."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.efipem import read

HEADER = "PROD_EST,COBERTURA,ANIO,ID_ENTIDAD,TEMA,CATEGORIA,DESCRIPCION_CATEGORIA,VALOR,ESTATUS"
TREE = [
    ("Tema", "Total de ingresos", 230),
    ("Capítulo", "Derechos", 20),
    ("Concepto", "Derechos por prestación de servicios", 20),
    ("Partida Genérica", "Seguridad pública", 20),
    ("Capítulo", "Aportaciones Federales", 210),
    ("Concepto", "Aportaciones del ramo general 33", 120),
    ("Partida Genérica", "Aportaciones a entidades federativas", 120),
    ("Subpartida Genérica", "FA para los Servicios de Salud", 20),
    ("Subpartida Genérica", "FA para la Seguridad Pública", 100),
    ("Concepto", "Recursos federales reasignados", 90),
    ("Partida Genérica", "Convenios para seguridad pública", 90),
]
Edit = Callable[[str], str]


def layout(year: int, states: tuple[str, ...] = ("01", "02")) -> str:
    status = "Cifras Preliminares." if year == 2020 else "Cifras Definitivas."
    rows = [
        f"EFIPEM,Estatal,{year},{state},Ingresos,{level},{account},{value},{status}"
        for state in states
        for level, account, value in TREE
    ]
    return "\ufeff" + "\n".join([HEADER, *rows]) + "\n"


def finance(folder: Path, edit: Edit = str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "efipem_state.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("catalogos/tc_entidad.csv", "ID_ENTIDAD,NOM_ENT\n")
        archive.writestr(
            "conjunto_de_datos/efipem_estatal_anual_tr_cifra_2019.csv", edit(layout(2019)).encode(encoding)
        )
        archive.writestr("conjunto_de_datos/efipem_estatal_anual_tr_cifra_2020.csv", layout(2020, ("01",)))
    return read({"efipem_state": path})


def test_accounts_come_with_their_ancestors(tmp_path: Path) -> None:
    frame = finance(tmp_path)
    assert len(frame) == 3 * len(TREE)
    fasp = frame[(frame["account"] == "FA para la Seguridad Pública") & (frame["state"] == "02")].iloc[0]
    assert fasp.to_dict() == {
        "source": "efipem_state",
        "state": "02",
        "year": 2019,
        "theme": "Ingresos",
        "level": "subitem",
        "chapter": "Aportaciones Federales",
        "concept": "Aportaciones del ramo general 33",
        "item": "Aportaciones a entidades federativas",
        "account": "FA para la Seguridad Pública",
        "status": "final",
        "pesos": 100.0,
    }
    assert frame.groupby("year")["status"].unique().map(list).to_dict() == {2019: ["final"], 2020: ["preliminary"]}


def test_an_ancestor_ends_where_its_branch_of_the_tree_ends(tmp_path: Path) -> None:
    one = finance(tmp_path).iloc[: len(TREE)].set_index("account")
    assert one.loc["Total de ingresos", ["chapter", "concept", "item"]].isna().all()
    assert one.loc["Aportaciones Federales", "chapter"] == "Aportaciones Federales"
    assert pd.isna(one.loc["Aportaciones Federales", "item"])
    assert one.loc["Convenios para seguridad pública", "concept"] == "Recursos federales reasignados"
    assert one.loc["Seguridad pública", "chapter"] == "Derechos"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("DESCRIPCION_CATEGORIA", "CUENTA"), "column DESCRIPCION_CATEGORIA is missing"),
        (lambda text: text.replace("2019,02,", "2019,34,"), "column state"),
        (lambda text: text.replace("Concepto", "Rubro"), "row 4, column level: 'Rubro' is none of Tema, Capítulo"),
        (lambda text: text.replace("Cifras Definitivas.", "Cifras."), "column status: 'Cifras.' is none of"),
        (lambda text: text.replace("Egresos", "Gastos").replace("Ingresos", "Gastos"), "column theme"),
        (lambda text: text.replace("Pública,100,", "Pública,-100,"), "row 10, column pesos: the amount '-100' is"),
        (lambda text: text.replace("Pública,100,", "Pública,,"), "row 10, column pesos: the cell is blank"),
        (lambda text: text.replace("Pública,100,", "Pública,99,"), "row 8: 'Aportaciones a entidades federativas'"),
        (
            lambda text: text.replace("Capítulo,Derechos", "Partida Genérica,Derechos"),
            "row 3: the account does not stand",
        ),
        (lambda text: text.replace("2019,02,Ingresos,Tema", "2019,02,Ingresos,Concepto"), "row 13: the account does"),
        (lambda text: text.replace("2019,02,", "2019,01,"), "row 13: the account does not stand under"),
        (lambda text: text[:-30], "row 23: the row has"),
        (lambda text: text[: text.index("\n") + 1], "cifra_2019.csv: the file holds no rows"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SourceError) as error:
        finance(tmp_path, edit)
    assert message in str(error.value)
    assert str(error.value).startswith("efipem_state.zip")


def test_a_year_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="stands twice"):
        finance(tmp_path, lambda text: layout(2020, ("01",)))


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        finance(tmp_path, lambda text: text[1:], "latin-1")


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    finance(tmp_path)
    path = tmp_path / "efipem_state.zip"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(SourceError, match="not a whole zip file"):
        read({"efipem_state": path})


def test_the_real_files(tidied: Callable[[str], Path]) -> None:
    frame = pd.read_parquet(tidied("efipem"))
    assert len(frame) == 210_244
    states = frame.groupby("year")["state"].nunique()
    assert states.loc[1989:2019].eq(32).all()
    assert states[2020] == 17
    fasp = frame[frame["account"] == "FA para la Seguridad Pública"]
    assert fasp[fasp["year"].between(2007, 2019)].groupby("year")["state"].nunique().eq(32).all()
    by_year = fasp.groupby("year")["pesos"].sum() / 1e6
    # approved for FASP in the federal budgets of 2008, 2010 and 2012 (Ramo 33), millions: received within 1 per cent
    assert by_year[[2008, 2010, 2012]].to_list() == pytest.approx([6_000, 6_917, 7_374], rel=0.01)
