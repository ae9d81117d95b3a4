"""Bad files, each through the command line: status 1, one sentence with place and cure, and nothing half-made.

The files are in the official layouts, with figures of our own invention.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

import balanza.__main__
from balanza.acquire.catalogue import save

from .conftest import make_source

MONTHS = "Enero,Febrero,Marzo,Abril,Mayo,Junio,Julio,Agosto,Septiembre,Octubre,Noviembre,Diciembre"
STATE_HEADER = f"Año,Clave_Ent,Entidad,Bien jurídico afectado,Tipo de delito,Subtipo de delito,Modalidad,{MONTHS}"
LIFE = "La vida y la Integridad corporal,Homicidio,Homicidio doloso,Con arma de fuego"
STATE_CSV = f"{STATE_HEADER}\n2024,1,Aguascalientes,{LIFE},1,2,3,1,2,3,1,2,3,4,,\n2024,15,México,{LIFE},{'5,' * 10},\n"
VICTIMS_CSV = STATE_CSV.replace("Modalidad", "Modalidad,Sexo,Rango de edad").replace("fuego", "fuego,Mujer,Adultos")
WAGE_CSV = (
    "State ID,State,Quarter ID,Quarter,Monthly Wage,Workforce\n"
    "1,Aguascalientes,20194,2019-Q4,5012.5,580000\n9,Ciudad de México,20194,2019-Q4,7200.25,4100000\n"
)
HOMICIDES = "ent_mun|year|month|homicides\n01001|2020|11|3\n01001|2020|12|0\n01002|2020|11|1\n01002|2020|12|2\n"


def _zip(text: str) -> bytes:
    path = Path("whole.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IDVFC_NM.csv", text.encode("cp1252"))
    content = path.read_bytes()
    path.unlink()
    return content


WRITE: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "sesnsp_victims_state": ("sesnsp_victims_state.zip", _zip),
    "sesnsp_state": ("sesnsp_state.csv", lambda text: text.encode("cp1252")),
    "wage_state": ("wage_state.csv", lambda text: text.encode()),
    "homicides_month": ("homicides_month.csv.gz", lambda text: gzip.compress(text.encode())),
}
WHOLE = {
    "sesnsp_victims_state": VICTIMS_CSV,
    "sesnsp_state": STATE_CSV,
    "wage_state": WAGE_CSV,
    "homicides_month": HOMICIDES,
}

# Reader, the bytes of the bad file from those of a good text, and the parts of the sentence in their order.
BAD: dict[str, tuple[str, Callable[[str, Callable[[str], bytes]], bytes], list[str]]] = {
    "a truncated zip": (
        "sesnsp_victims_state",
        lambda text, write: write(text)[:-40],
        ["sesnsp_victims_state.zip: ", "not a whole zip file", "Delete the file and fetch it again."],
    ),
    "a csv with a missing column": (
        "wage_state",
        lambda text, write: write(text.replace("Monthly Wage", "Salario")),
        ["wage_state.csv: ", "column Monthly Wage is missing", "the file has State ID, State", "Get the file"],
    ),
    "a latin-1 file read as UTF-8": (
        "wage_state",
        lambda text, write: text.encode("latin-1"),
        ["wage_state.csv: ", "is not in UTF-8", "looks like cp1252 (latin-1)", "convert this one"],
    ),
    "a duplicated municipality-month": (
        "homicides_month",
        lambda text, write: write(text + "01002|2020|11|1\n"),
        [
            "homicides_month.csv.gz, rows 4, 6: ",
            "cvegeo 01002, period 2020-11",
            "stands twice",
            "Keep one row per key.",
        ],
    ),
    "a negative count": (
        "sesnsp_state",
        lambda text, write: write(text.replace("1,2,3,1", "1,-2,3,1")),
        ["sesnsp_state.csv, row 2, column Febrero: ", "the count '-2' is negative", "Correct the cell"],
    ),
    "an unknown state name": (
        "sesnsp_state",
        lambda text, write: write(text.replace("México", "Méjico")),
        ["sesnsp_state.csv, row 3, column Entidad: ", "unknown state name 'Méjico'", "Correct the file"],
    ),
    "a future month filled with zeros": (
        "sesnsp_state",
        lambda text, write: write(text.replace(",,\n", ",0,0\n").replace("5,,\n", "5,0,0\n")),
        ["sesnsp_state.csv: ", "future month filled with zeros", "2024-12", "blank."],
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    """Run a verb that must end with 1; return the one sentence on standard error."""
    monkeypatch.setattr(sys, "argv", ["balanza", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        balanza.__main__.main()
    said = capsys.readouterr()
    assert caught.value.code == 1
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1
    return said.err.removeprefix("error: ").strip()


def in_order(sentence: str, parts: list[str]) -> bool:
    found = [sentence.find(part) for part in parts]
    return -1 not in found and found == sorted(found) and sentence.startswith(parts[0])


@pytest.mark.parametrize("reader", WHOLE)
def test_the_files_are_read_while_they_are_whole(
    reader: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, write = WRITE[reader]
    Path(name).write_bytes(write(WHOLE[reader]))
    monkeypatch.setattr(sys, "argv", ["balanza", "tidy", reader, "--file", f"{reader}={name}", "--out", "t.parquet"])
    with pytest.raises(SystemExit) as caught:
        balanza.__main__.main()
    assert caught.value.code == 0
    rows = {"sesnsp_victims_state": 20, "sesnsp_state": 20, "wage_state": 2, "homicides_month": 4}[reader]
    assert capsys.readouterr().out.startswith(f"t.parquet: {rows} rows, ")


@pytest.mark.parametrize("case", BAD)
def test_tidy_refuses(case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reader, spoil, parts = BAD[case]
    name, write = WRITE[reader]
    Path(name).write_bytes(spoil(WHOLE[reader], write))
    sentence = refused(
        capsys, monkeypatch, "tidy", reader, "--file", f"{reader}={name}", "--out", f"tidy/{reader}.parquet"
    )
    assert in_order(sentence, parts), sentence
    assert [path.name for path in Path().iterdir()] == [name]


def test_fetch_refuses_a_wrong_digest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = WAGE_CSV.encode(), WAGE_CSV.replace("580000", "580001").encode()
    source = make_source(content=good, id="wage_state", file="wage_state.csv", reader="wage_state")
    Path("data").mkdir()
    Path("mirror").mkdir()
    save({source.id: source}, "data/sources.csv")
    Path("mirror/wage_state.csv").write_bytes(bad)
    sentence = refused(capsys, monkeypatch, "fetch", "wage_state", "--mirror", "mirror", "--out", "raw")
    digests = [make_source(content=content).sha256 for content in (bad, good)]
    parts = ["mirror/wage_state.csv: ", "not the file that the catalogue pins for wage_state", *digests]
    assert in_order(sentence, [*parts, "Copy the file to the mirror again"]), sentence
    assert not Path("raw").exists()
    assert not Path("data/cache").exists()


STUDY = {
    "name": "toy",
    "title": "Toy",
    "question": "Does it work?",
    "panel": {"file": "toy.csv", "unit": "cvegeo", "period": "period"},
    "outcome": {"column": "homicides", "family": "poisson", "exposure": "population"},
    "treatment": {"first_treated": "opening", "kind": "binary"},
    "cluster": "cvegeo",
}


def toy_panel() -> pd.DataFrame:
    months = [f"2020-{month:02d}" for month in range(1, 7)]
    rows = [
        (code, month, 1 + (place + number) % 4, 1000, "2020-04" if place < 3 else "")
        for place, code in enumerate(["01001", "01002", "01003", "02001", "02002", "02003"])
        for number, month in enumerate(months)
    ]
    return pd.DataFrame(rows, columns=["cvegeo", "period", "homicides", "population", "opening"])


def _negative(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(homicides=frame["homicides"].where(frame.index != 8, -1))


PANEL_BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "a duplicated municipality-month": (
        lambda frame: pd.concat([frame, frame.iloc[[8]]]),
        [
            "toy.csv for study toy: ",
            "unit 01002 has two rows in period 2020-03",
            "lines 10, 38)",
            "Keep one row per unit and period.",
        ],
    ),
    "a negative count": (
        _negative,
        [
            "toy.csv for study toy, column homicides: ",
            "the outcome -1 is negative",
            "at line 10, unit 01002",
            "A count is 0 or more",
        ],
    ),
    "a missing column": (
        lambda frame: frame.drop(columns="population"),
        ["toy.csv for study toy: ", "there is no column 'population'", "Did you mean "],
    ),
}


@pytest.mark.parametrize("verb", ["prepare", "estimate"])
@pytest.mark.parametrize("case", PANEL_BAD)
def test_a_study_refuses_its_own_panel(
    case: str, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, parts = PANEL_BAD[case]
    Path("toy.yaml").write_text(yaml.safe_dump(STUDY), "utf-8")
    spoil(toy_panel()).to_csv("toy.csv", index=False)
    words = {
        "prepare": ["--panel", ".", "--out", "out/rows.parquet", "--design", "out/design.json"],
        "estimate": ["--estimator", "poisson", "--out", "out"],
    }[verb]
    assert in_order(refused(capsys, monkeypatch, verb, "--study", "toy.yaml", *words), parts)
    assert sorted(path.name for path in Path().iterdir()) == ["toy.csv", "toy.yaml"]


def test_a_process_ends_with_1_and_one_line() -> None:
    Path("wage_state.csv").write_text(WAGE_CSV.replace("580000", "-1"), "utf-8")
    words = ["tidy", "wage_state", "--file", "wage_state.csv", "--out", "t.parquet"]
    run = subprocess.run([sys.executable, "-m", "balanza", *words], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "error: --file: 'wage_state.csv' is not ID=PATH. Write --file wage_state=PATH.\n"
    words[3] = "wage_state=wage_state.csv"
    run = subprocess.run([sys.executable, "-m", "balanza", *words], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("error: wage_state.csv, row 2, column Workforce: the count '-1' is negative. ")
    assert [path.name for path in Path().iterdir()] == ["wage_state.csv"]
