"""The federal accounts by programme and stage."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.sources.federal_accounts import BLOCK, read

WORK = "Poder Ejecutivo,Ramos Administrativos,Trabajo y Previsión Social"
COURT = "Poder Judicial,Consejo de la Judicatura Federal,"
ELECTORAL = "Tribunal Electoral del Poder Judicial de la Federación"
Edit = Callable[[str], str]


def block(branch: str, code: str, pesos: tuple[float, ...], name: str | None = None, year: int = 2020) -> list[str]:
    """A programme's seven rows, or a total's six; the last stage is exercised."""
    title = [f'{year},{branch},{code},"{name}",0.0'] if name else []
    cells = [*(str(amount) for amount in pesos), "n.s.", ""]
    return title + [f"{year},{branch},{code},{stage},{cell}" for stage, cell in zip(BLOCK, cells, strict=True)]


def layout(*blocks: list[str]) -> str:
    rows = [row for rows in blocks for row in rows]
    return "\n".join(["CICLO,ENTE,RAMO,SUBRAMO,PROGRAMA,PRESUPUESTO,TOTAL", *rows]) + "\n"


def standard() -> str:
    return layout(
        block("Poder Judicial,,", "TOTAL", (10, 12, 11, 11)),
        block(COURT, "TOTAL", (10, 12, 11, 11)),
        block(COURT, "R001", (10, 12, 11, 11), "Otras Actividades"),
        block(WORK, "TOTAL", (90, 100.5, 99, 98)),
        block(WORK, "S280", (0, 70.5, 70, 69.25), "Jóvenes Construyendo el Futuro"),
        block(WORK, "U280", (90, 30, 29, 28.75), "Jóvenes Construyendo el Futuro"),
    )


def accounts(folder: Path, text: str, encoding: str = "utf-8") -> pd.DataFrame:
    path = folder / "federal_accounts_2020.csv"
    path.write_text(text, encoding)
    return read({"federal_accounts_2020": path})


def test_names_go_with_their_stages_and_totals_are_left_out(tmp_path: Path) -> None:
    frame = accounts(tmp_path, standard())
    assert len(frame) == 3 * 4
    row = frame[(frame["programme_code"] == "S280") & (frame["stage"] == "exercised")].iloc[0]
    assert row.to_dict() == {
        "source": "federal_accounts_2020",
        "year": 2020,
        "branch": "Trabajo y Previsión Social",
        "programme_code": "S280",
        "programme": "Jóvenes Construyendo el Futuro",
        "stage": "exercised",
        "pesos": 69.25,
    }
    assert frame.loc[frame["programme_code"] == "U280", "pesos"].to_list() == [90, 30, 29, 28.75]
    assert frame["branch"].iloc[0] == "Consejo de la Judicatura Federal"


def test_the_older_layout_has_no_subbranches_and_blank_names(tmp_path: Path) -> None:
    text = layout(
        block("Ramos Administrativos,Gobernación,", "TOTAL", (7, 7, 7, 7), year=2013),
        block("Ramos Administrativos,Gobernación,", "1-U006", (7, 7, 7, 7), "Prevención", year=2013),
    )
    lines = [line.split(",") for line in text.splitlines()]
    older = "\n".join(",".join([*cells[:3], *cells[4:]]) for cells in lines).replace(
        '"Prevención",0.0', '"Prevención",'
    )
    frame = accounts(tmp_path, older)
    assert set(frame["branch"]) == {"Gobernación"}
    assert frame["programme_code"].iloc[0] == "1-U006"


def test_a_programme_without_name_gets_no_other_ones_name(tmp_path: Path) -> None:
    blocks = [
        block(WORK, "TOTAL", (5, 5, 5, 5)),
        block(WORK, "E001", (5, 5, 5, 5), "Inspección"),
        block(WORK, "R034", (0, 0, 0, 0)),
    ]
    frame = accounts(tmp_path, layout(*blocks)).set_index("programme_code")["programme"]
    assert frame["R034"].isna().all()
    assert (frame["E001"] == "Inspección").all()
    blocks[0], blocks[2] = block(WORK, "TOTAL", (6, 6, 6, 6)), block(WORK, "R034", (1, 1, 1, 1))
    with pytest.raises(SourceError, match="no name stands over programme R034, which has money"):
        accounts(tmp_path, layout(*blocks))


@pytest.mark.parametrize("label", [f"{COURT},TOTAL", f"{COURT},{ELECTORAL}"])
def test_a_second_total_of_the_courts_is_the_electoral_court(tmp_path: Path, label: str) -> None:
    branch, code = label.rsplit(",", 1)
    text = layout(
        block(COURT, "TOTAL", (10, 10, 10, 10)),
        block(COURT, "R001", (10, 10, 10, 10), "Otras Actividades"),
        block(branch, code, (3, 3, 3, 3)),
        block(COURT, "R001", (3, 3, 3, 3), "Otras Actividades"),
    )
    frame = accounts(tmp_path, text)
    assert frame.groupby("branch")["pesos"].max().to_dict() == {"Consejo de la Judicatura Federal": 10, ELECTORAL: 3}


def test_programmes_of_the_armed_forces_under_the_branch_before_theirs(tmp_path: Path) -> None:
    health, navy = "Poder Ejecutivo,Ramos Administrativos,Salud", "Poder Ejecutivo,Ramos Administrativos,Marina"
    text = layout(
        block(health, "TOTAL", (1, 1, 1, 1), year=2014),
        block(health, "E001", (1, 1, 1, 1), "Hospitales", year=2014),
        block(health, "A001", (20, 20, 20, 20), "Poder Naval", year=2014),
        block(navy, "TOTAL", (22, 22, 22, 22), year=2014),
        block(navy, "M001", (2, 2, 2, 2), "Apoyo administrativo", year=2014),
    )
    frame = accounts(tmp_path, text)
    assert frame.drop_duplicates("programme_code").set_index("programme_code")["branch"].to_dict() == {
        "E001": "Salud",
        "A001": "Marina",
        "M001": "Marina",
    }
    with pytest.raises(SourceError, match=r"the programmes of .Marina. add up to 2\.00, its total is 22\.00"):
        accounts(tmp_path, text.replace("2014,", "2016,"))


def test_only_the_modified_budget_can_be_negative(tmp_path: Path) -> None:
    text = layout(block(WORK, "TOTAL", (5, -5, 0, 0)), block(WORK, "K025", (5, -5, 0, 0), "Obras"))
    assert accounts(tmp_path, text)["pesos"].min() == -5
    with pytest.raises(SourceError, match="not_negative_unless_modified"):
        accounts(tmp_path, layout(block(WORK, "TOTAL", (5, 5, 5, -5)), block(WORK, "K025", (5, 5, 5, -5), "Obras")))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("PRESUPUESTO", "ETAPA"), "column PRESUPUESTO is missing"),
        (lambda text: text.replace("Ejercicio", "Pagado"), "row 6, column PRESUPUESTO: a block of stages is not whole"),
        (lambda text: "\n".join(text.splitlines()[:-3]), "a block of stages is not whole"),
        (lambda text: text.replace("U280", "S280"), "stands twice"),
        (
            lambda text: text.replace("S280,Ejercicio,69.25", "S280,Ejercicio,6.25"),
            "add up to 35.00, its total is 98.00",
        ),
        (lambda text: text.replace("69.25", "69,25"), "cells"),
        (lambda text: text.replace("69.25", "n.s."), "column TOTAL: the amount 'n.s.' is not a number"),
        (lambda text: text.replace("69.25", ""), "column TOTAL: the cell is blank"),
        (lambda text: text.replace("2020,Poder Judicial", "2019,Poder Judicial"), "column CICLO has 2 years"),
        (lambda text: text.replace("Consejo de la Judicatura Federal,,R001", "Otro,,R001"), "(nan: missing)"),
        (
            lambda text: text + "\n".join(block(WORK, "TOTAL", (1, 1, 1, 1))),
            "branch 'Trabajo y Previsión Social' has two",
        ),
        (lambda text: text[: text.index("\n") + 1], "column CICLO has 0 years"),
        (lambda text: "", "the file is empty"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SourceError) as error:
        accounts(tmp_path, edit(standard()))
    assert message in str(error.value)
    assert str(error.value).startswith("federal_accounts_2020.csv")


def test_latin_1_is_not_taken_for_utf_8(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like cp1252"):
        accounts(tmp_path, standard(), "latin-1")


def test_the_real_files(tidied: Callable[[str], Path]) -> None:
    frame = pd.read_parquet(tidied("federal_accounts"))
    exercised = frame[(frame["stage"] == "exercised") & frame["programme"].eq("Jóvenes Construyendo el Futuro")]
    millions = exercised.groupby(["branch", "year"])["pesos"].sum().div(1e6).round()
    # Cuenta Publica, as issue 1 of the project quotes it: U280 in 2019, U280 + S280 in 2020, S280 after
    assert millions["Trabajo y Previsión Social"].loc[2019:2022].to_list() == [23_915, 24_857, 20_529, 21_456]
    assert millions["Educación Pública"].to_dict() == {2019: 6_211}
    other = frame[
        (frame["branch"] == "Educación Pública") & (frame["programme_code"] == "U280") & (frame["year"] == 2020)
    ]
    assert set(other["programme"]) == {"Jóvenes Escribiendo el Futuro"}
    nameless = frame[frame["programme"].isna()]
    assert set(nameless["year"]) == {2014}
    assert (nameless["pesos"] == 0).all()
    assert set(frame.loc[frame["programme_code"].str.startswith("A"), "branch"]) >= {"Defensa Nacional", "Marina"}
    assert set(frame.loc[frame["branch"] == ELECTORAL, "year"]) == set(range(2013, 2024))
