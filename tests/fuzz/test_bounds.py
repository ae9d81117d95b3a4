"""Small files that promise much: no more is unpacked or read than a source can hold."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fuzz.readers import OWN_PANEL, read_source

from balanza import bounded
from balanza.errors import BalanzaError, SourceError
from balanza.sources import _files, _workbook

MEBIBYTE = 1 << 20


@contextmanager
def at_most(mebibytes: int) -> Iterator[None]:
    """What Python and numpy allocate inside the block stays below a limit."""
    tracemalloc.start()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < mebibytes * MEBIBYTE


@pytest.mark.parametrize("pack", [gzip.compress, __import__("bz2").compress, __import__("lzma").compress])
def test_a_bomb_is_unpacked_no_further_than_allowed(pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(64 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE
    with at_most(40), pytest.raises(SourceError, match="unpacks to more than the 1,048,576 bytes allowed"):
        _files.unpacked(bomb, where="bomb", max_bytes=MEBIBYTE)


@pytest.mark.parametrize(("reader", "member"), [("efipem", "conjunto_de_datos/a.csv"), ("guard", "xl/workbook.xml")])
def test_a_zip_that_says_it_is_large_is_not_unpacked(
    reader: str, member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_workbook, "MOST_BYTES", 32 * MEBIBYTE)
    monkeypatch.setattr("balanza.sources.efipem._MAX_BYTES", 32 * MEBIBYTE)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, bytes(64 * MEBIBYTE))
    with at_most(20), pytest.raises(SourceError, match="more than the 33,554,432 allowed"):
        read_source(reader, path)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IDVFC_NM.csv", bytes(64 * MEBIBYTE))
    raw = path.read_bytes()
    path.write_bytes(raw.replace((64 * MEBIBYTE).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with at_most(40), pytest.raises(SourceError, match="not a whole zip file"):
        read_source("sesnsp_victims_state", path)


LINES = ("wage_state", "sesnsp_state", "census", "joint_operations", "sesnsp_json", "own panel")


@pytest.mark.parametrize("reader", LINES)
def test_one_line_of_100_megabytes_is_refused(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    path.write_bytes(b"x" * 100_000_000)
    with pytest.raises(BalanzaError) as caught:
        OWN_PANEL(path) if reader == "own panel" else read_source(reader, path)
    assert len(str(caught.value)) < 3_000


def _wide(path: Path, columns: int) -> None:
    pq.write_table(pa.table({f"c{number}": pa.nulls(1, pa.int8()) for number in range(columns)}), path)


@pytest.mark.parametrize("columns", [bounded.MOST_COLUMNS + 1, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_parquet_of_too_many_columns_is_refused_before_its_footer_is_parsed(columns: int, tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    _wide(path, columns)
    for read in (lambda: read_source("municipal_indicators", path), lambda: OWN_PANEL(path)):
        with at_most(100), pytest.raises(BalanzaError, match=r"wide\.parquet"):
            read()


def test_a_parquet_of_more_rows_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    block = pa.table({"cvegeo": pa.nulls(1 << 24, pa.int8())})
    with pq.ParquetWriter(path, block.schema, compression="zstd") as writer:
        for _ in range(17):
            writer.write_table(block)
    assert path.stat().st_size < MEBIBYTE
    with (
        at_most(20),
        pytest.raises(SourceError, match="285,212,672 rows of 1 columns, more than "),
    ):
        read_source("municipal_indicators", path)
