"""Where the mirror of the real files is there: the written files have the same headers, sheets, types and members."""

import gzip
import json
import zipfile
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
import rdata

from .reading import SUPPLIED, sources

FILES = {source: name for files in sources().values() for source, name in files.items()}
# Lines before the first line of data.
PREAMBLE = {"census_2010": 5, "census_2020": 4} | {f"inegi_homicides_raw_{year}": 6 for year in range(1990, 2016)}
TEXT = sorted(source for source, name in FILES.items() if name.endswith((".csv", ".txt")) and source not in SUPPLIED)
# Rows whose cells are the layout's and not the data's.
BOOKS = {
    "criminal_presence": 1,
    "guard_2019": 1,
    "guard_2020": 1,
    "guard_2021": 1,
    "guard_2019_2021": 3,
    "inegi_homicides_export": 5,
    "municipality_catalogue": 4,
}


def first_lines(path: Path, count: int) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)[:count]


@pytest.mark.parametrize("source", TEXT)
def test_text_files_open_with_the_same_bytes(folder, mirror, source):
    count = PREAMBLE.get(source, 1)
    assert first_lines(folder / FILES[source], count) == first_lines(mirror / FILES[source], count)


@pytest.mark.parametrize("source", [source for source in PREAMBLE if source in TEXT])
def test_exports_end_with_the_same_bytes(folder, mirror, source):
    ends = [(place / FILES[source]).read_bytes().splitlines(keepends=True)[-2:] for place in (folder, mirror)]
    assert ends[0] == ends[1]


def test_monthly_homicides_have_the_same_header(folder, mirror):
    heads = []
    for place in (folder, mirror):
        with gzip.open(place / "homicides_month.csv.gz") as stream:
            heads.append(stream.readline())
    assert heads[0] == heads[1]


@pytest.mark.parametrize(("source", "rows"), BOOKS.items())
def test_workbooks_have_the_same_sheets_and_headers(folder, mirror, source, rows):
    shapes = []
    for place in (folder, mirror):
        book = openpyxl.load_workbook(place / FILES[source], read_only=True)
        head = book.worksheets[0].iter_rows(max_row=rows, values_only=True)
        # Read as a stream, a merged cell may show its text in every column.
        shapes.append(
            (book.sheetnames, [list(dict.fromkeys(cell for cell in row if cell is not None)) for row in head])
        )
        book.close()
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("source", ["guard_2019_2021", "municipality_catalogue"])
def test_workbooks_have_the_same_merged_cells(folder, mirror, source):
    sheets = [openpyxl.load_workbook(place / FILES[source]).active for place in (folder, mirror)]
    merged = [sorted(str(cells) for cells in sheet.merged_cells.ranges) for sheet in sheets]
    assert merged[0] == merged[1]


def test_guard_totals_are_stored_formulas(folder, mirror):
    for place in (folder, mirror):
        path = place / "guard_2019_2021.xlsx"
        formula = openpyxl.load_workbook(path).active["B36"].value
        states = [row[0] for row in openpyxl.load_workbook(path, data_only=True).active["B4:B35"]]
        stored = openpyxl.load_workbook(path, data_only=True).active["B36"].value
        assert formula == "=SUM(B4:B35)"
        assert stored == sum(cell.value for cell in states)


@pytest.mark.parametrize("source", ["inegi_homicides_2019_2021", "municipal_indicators_2020"])
def test_parquet_files_have_the_same_columns_and_types(folder, mirror, source):
    schemas = [pq.read_schema(place / FILES[source]) for place in (folder, mirror)]
    columns = [[(field.name, str(field.type).removeprefix("large_")) for field in schema] for schema in schemas]
    assert columns[0] == columns[1]


@pytest.mark.parametrize("year", [2010, 2015, 2020])
def test_r_files_hold_the_same_table(folder, mirror, year):
    tables = [rdata.read_rda(place / f"marginalization_{year}.rda") for place in (folder, mirror)]
    assert list(tables[0]) == list(tables[1]) == [f"IMM_{year}"]
    types = [[(name, str(kind)) for name, kind in table[f"IMM_{year}"].dtypes.items()] for table in tables]
    assert types[0] == types[1]


@pytest.mark.parametrize("source", ["sesnsp_feminicide", "sesnsp_kidnapping", "jcf_state_year"])
def test_json_records_have_the_same_keys_and_types(folder, mirror, source):
    shapes = []
    for place in (folder, mirror):
        records = json.loads((place / FILES[source]).read_text("utf-8"))
        records = records["records"] if source == "jcf_state_year" else records
        shapes.append([(key, type(value)) for key, value in records[0].items()])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("source", ["efipem_state", "efipem_cdmx", "sesnsp_victims_state"])
def test_zips_have_the_same_members_of_data(folder, mirror, source):
    shapes = []
    for place in (folder, mirror):
        with zipfile.ZipFile(place / FILES[source]) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            shapes.append({name: archive.open(name).readline() for name in names})
    assert shapes[0] == shapes[1]


def test_polygons_open_with_the_same_lines(folder, mirror):
    name = "municipalities_geojson.geojson"
    assert first_lines(folder / name, 5) == first_lines(mirror / name, 5)
