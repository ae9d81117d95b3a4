"""What all readers share: encodings, archives, headers, months, counts, keys and schemas."""

import gzip
import zipfile

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from balanza.errors import SourceError
from balanza.sources import _layout as layout
from balanza.sources._columns import read_columns
from balanza.sources._files import encoding_of

TEXT = "Año,Municipio\n2020,Cañada Ñu «2»\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_with_or_without_mark_is_utf8(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert layout.read_text(path, "utf-8") == TEXT
    assert layout.read_text(path, "utf-8", "cp1252") == TEXT
    with pytest.raises(SourceError, match=r"a\.csv: is not in cp1252, .* looks like UTF-8"):
        layout.read_text(path, "cp1252")


def test_cp1252_and_latin1_are_cp1252(tmp_path):
    path = tmp_path / "a.csv.gz"
    for encoding in ("cp1252", "latin-1"):
        path.write_bytes(gzip.compress(TEXT.encode(encoding)))
        assert layout.read_text(path, "cp1252") == TEXT
        assert layout.read_text(path, "utf-8", "cp1252") == TEXT
        with pytest.raises(
            SourceError, match=r"a\.csv\.gz: is not in UTF-8, .* looks like cp1252 \(latin-1\): byte 0xf1"
        ):
            layout.read_text(path, "utf-8")


def test_ascii_fits_every_encoding():
    assert layout.decode(b"a,b", "cp1252", where="x") == layout.decode(b"a,b", "utf-8", where="x") == "a,b"


def test_letters_spoilt_on_the_way_and_bytes_of_no_letter_are_refused():
    spoilt = TEXT.encode().decode("cp1252").encode()
    with pytest.raises(SourceError, match="x: letters were spoilt by an earlier conversion: 'AÃ±o,Mun"):
        layout.decode(spoilt, "utf-8", where="x")
    with pytest.raises(SourceError, match="letters were spoilt"):
        layout.decode("Peñ\ufffd".encode(), "utf-8", where="x")
    with pytest.raises(SourceError, match="is neither UTF-8 nor cp1252"):
        layout.decode(b"a\xf1o \x81", "cp1252", where="x")


def test_an_encoding_is_found_block_by_block():
    raw = TEXT.encode()
    assert encoding_of([raw[i : i + 1] for i in range(len(raw))], "utf-8", where="x") == "utf-8-sig"
    raw = TEXT.encode("cp1252")
    assert encoding_of([raw[i : i + 1] for i in range(len(raw))], "cp1252", where="x") == "cp1252"
    with pytest.raises(SourceError, match="is not in UTF-8"):
        encoding_of([TEXT.encode()[:2]], "utf-8", where="x")  # cut within a letter


def test_a_zip_is_read_within_limits_and_not_beyond(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("datos/small.CSV", "x")
        archive.writestr("datos/large.csv", "y" * 1000)
    assert layout.read_zip_member(path, ".csv") == b"y" * 1000
    assert sorted(layout.read_zip_members(path, "datos/*.csv")) == ["datos/large.csv", "datos/small.CSV"]
    with pytest.raises(SourceError, match="unpack to 1,001 bytes, more than the 1,000 allowed"):
        layout.read_zip_member(path, ".csv", max_bytes=1000)
    for name in ("/etc/a.csv", "a/../../b.csv", "..\\b.csv", "C:b.csv"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(SourceError, match="leads outside the archive"):
            layout.read_zip_member(path, ".csv")


def test_a_table_keeps_the_row_numbers_of_its_file():
    frame = layout.table('preamble\na;b\n1; x \n;\na;b\n2;"p\nq"\n3;z\n', where="x", delimiter=";", skip=1)
    assert frame.to_numpy().tolist() == [["1", "x"], ["2", "p\nq"], ["3", "z"]]
    assert frame.index.tolist()[0] == 3
    assert frame.index.tolist()[-1] == 8
    with pytest.raises(SourceError, match="x, row 3: the row has 1 cells, the header 2; the file may be cut short"):
        layout.table("a,b\n1,2\n3", where="x")
    with pytest.raises(SourceError, match="the file is empty"):
        layout.table("", where="x")


def test_columns_are_found_whatever_their_case_and_accents():
    frame = pd.DataFrame({"AÑO": [1], "Cve. Municipio": [2], "TOTAL": [3]})
    found = layout.require_columns(frame, {"Año": "year", "CVE_MUNICIPIO": "cvegeo"}, where="x")
    assert found.to_dict("list") == {"year": [1], "cvegeo": [2]}
    with pytest.raises(SourceError, match=r"x: column Mes, Día is missing; the file has AÑO, Cve. Municipio, TOTAL"):
        layout.require_columns(frame, ["Año", "Mes", "Día"], where="x")
    with pytest.raises(SourceError, match="column Año stands twice"):
        layout.require_columns(frame.assign(ano=4), ["Año"], where="x")


def test_months_are_known_by_all_their_names():
    names = {"Enero": 1, "FEB": 2, "3-Marzo": 3, "01 ene": 1, "Sept.": 9, "setiembre": 9, " DICIEMBRE ": 12}
    assert {name: layout.month_number(name, where="x") for name in names} == names
    for name in ("Total", "", "13", "2-Enero"):
        with pytest.raises(SourceError, match="is not a month"):
            layout.month_number(name, where="x")


@pytest.mark.parametrize("dtype", ["str", object, "category"])
def test_counts_read_thousands_and_blanks(dtype):
    cells = pd.Series(["1,204", " 7 ", "", "3.0", None, "1,000,000", "0"], index=range(2, 9), name="Enero", dtype=dtype)
    numbers = layout.counts(cells, where="x")
    assert numbers.dtype == "Int64"
    assert numbers.index.tolist() == list(range(2, 9))
    assert numbers.fillna(-9).tolist() == [1204, 7, -9, 3, -9, 1_000_000, 0]


@pytest.mark.parametrize("cell", ["1.5", "1,5", "12,34", "n.d.", "1e3", "nan", "1 000", "+1"])
def test_what_is_no_count_is_refused_with_row_and_column(cell):
    with pytest.raises(SourceError, match=r"x, row 3, column Enero: the count .* is not a whole number"):
        layout.counts(pd.Series(["1", cell, cell], index=[2, 3, 4], name="Enero"), where="x")


def test_negative_counts_and_fractions_are_refused_in_numbers_too():
    with pytest.raises(SourceError, match="row 1, column n: the count '-1' is negative"):
        layout.counts(pd.Series([0, -1], name="n"), where="x")
    with pytest.raises(SourceError, match=r"row 1, column n: the count '0.5' is not a whole number"):
        layout.counts(pd.Series([np.nan, 0.5], name="n"), where="x")
    with pytest.raises(SourceError, match="the count 'inf' is not a whole number"):
        layout.counts(pd.Series([1.0, np.inf], name="n"), where="x")
    assert layout.counts(pd.Series([np.nan, 2.0], name="n"), where="x").isna().tolist() == [True, False]


def wide(**months):
    cells = {name: months.get(name.lower(), ["", ""]) for name in layout.MONTH_NAMES}
    return pd.DataFrame({"id": ["a", "b"], "year": [2024, 2024], **cells, "TOTAL": ["9", "9"]}, index=[2, 3])


def test_blank_months_make_no_rows_and_zeros_do():
    frame = wide(enero=["1", "0"], febrero=["", "2"], marzo=["0", "0"], abril=["", "3"])
    long = layout.melt_months(frame, ["id"], where="x")
    assert long["period"].dtype == "datetime64[us]"
    assert long["files"].dtype == "int64"
    assert list(zip(long["id"], long["period"].dt.month, long["files"], strict=True)) == [
        ("a", 1, 1), ("b", 1, 0), ("b", 2, 2), ("a", 3, 0), ("b", 3, 0), ("b", 4, 3),
    ]  # fmt: skip


def test_a_last_month_of_zeros_is_refused_even_where_some_cells_are_blank():
    for last in (["0", "0"], ["", "0"]):
        with pytest.raises(SourceError, match="x: future month filled with zeros: in 2024-02 every cell is zero"):
            layout.melt_months(wide(enero=["1", "0"], febrero=last), ["id"], where="x")
    with pytest.raises(SourceError, match="no month holds a figure"):
        layout.melt_months(wide(), ["id"], where="x")
    with pytest.raises(SourceError, match="needs each of the twelve months as a column once"):
        layout.melt_months(wide(enero=["1", "1"]).drop(columns="Mayo"), ["id"], where="x")


def test_a_key_that_stands_twice_is_named_with_its_rows():
    frame = pd.DataFrame({"cvegeo": ["01001", "01002", "01001"], "n": [1, 2, 3]}, index=[2, 3, 4])
    layout.unique_keys(frame, ["cvegeo", "n"], where="x")
    with pytest.raises(SourceError, match=r"x, rows 2, 4: cvegeo 01001 stands twice\. Keep one row per key"):
        layout.unique_keys(frame, ["cvegeo"], where="x")
    frame = pd.DataFrame({"cvegeo": ["01001", "01001"], "month": pd.array([None, None], dtype="Int64")}, index=[2, 3])
    with pytest.raises(SourceError, match=r"rows 2, 3: cvegeo 01001, month <NA> stands twice"):
        layout.unique_keys(frame, ["cvegeo", "month"], where="x")


def test_a_schema_failure_is_one_sentence_with_row_column_and_cure():
    schema = pa.DataFrameSchema(
        {"cvegeo": pa.Column(str, pa.Check.str_matches(r"\d{5}$")), "n": pa.Column("int64", pa.Check.ge(0))},
        unique=["cvegeo"],
        strict=True,
    )
    good = pd.DataFrame({"cvegeo": ["01001", "01002"], "n": [1, 2]}, index=[5, 9])
    pd.testing.assert_frame_equal(layout.validate(good, schema, where="x"), good.reset_index(drop=True))
    with pytest.raises(SourceError, match=r"^x, row 9, column n: '-2' fails greater_than_or_equal_to\(0\)\. Correct"):
        layout.validate(good.assign(n=[1, -2]), schema, where="x")
    with pytest.raises(SourceError, match=r"column other: 'other' fails column_in_schema"):
        layout.validate(good.assign(other=1), schema, where="x")
    with pytest.raises(SourceError, match=r"'01001' fails multiple_fields_uniqueness \(1 more failures\)"):
        layout.validate(good.assign(cvegeo="01001").set_axis([1, 1]), schema, where="x")


def test_large_files_are_read_by_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('x,AÑO,Lugar\n1,2020, Ñu \nX,AÑO,Lugar\n\n,,\n2,2021,"a,b"\n'.encode("cp1252"))
    frame = read_columns(path, {"Año": "year", "Lugar": "place"}, "cp1252", where="a.csv")
    assert frame.astype(str).to_numpy().tolist() == [["2020", "Ñu"], ["2021", "a,b"]]
    assert list(frame["place"].cat.categories) == ["Ñu", "a,b"]
    assert frame.index[0] == 2
    with pytest.raises(SourceError, match=r"a\.csv: is not in UTF-8"):
        read_columns(path, {"Año": "year"}, "utf-8", where="a.csv")
    with pytest.raises(SourceError, match=r"a\.csv, row 3: the row has 1 cells, the header 2"):
        read_columns(b"a,b\n1,2\n3\n", {"a": "a"}, "utf-8", where="a.csv")
    with pytest.raises(SourceError, match="the file is empty"):
        read_columns(b"", {"a": "a"}, "utf-8", where="a.csv")
    with pytest.raises(SourceError, match="has a header and no rows"):
        read_columns(b"a,b\n", {"a": "a"}, "utf-8", where="a.csv")
