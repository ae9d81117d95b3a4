"""Large csv files, column by column: text cells as categories, so that 2.5 million rows are read in seconds.

The cells of official files repeat (states, crimes, small counts), so all checks and conversions run on the few
different cells and not on each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.sources._files import FETCH_AGAIN, decode, encoding_of, file_blocks, read_bytes
from balanza.sources._layout import csv_rows, require_columns


def read_columns(
    source: Path | bytes,
    columns: Mapping[str, str],
    *encodings: str,
    where: str,
    delimiter: str = ",",
) -> pd.DataFrame:
    """Read some columns of a csv file.

    Parameters
    ----------
    source : Path or bytes
        A file, unpacked if its name ends in .gz, or the content of one.
    columns : mapping
        Official names to tidy names; official ones are matched whatever their case and accents.
    encodings : str
        The promised encodings, as in `read_text`.
    where : str
        The name of the file.
    delimiter : str
        The separator of its cells.

    Returns
    -------
    DataFrame
        Categories of text stripped of blanks ("" where a cell is blank), indexed by row number in the file. Empty
        rows and repeated header rows are left out.

    Raises
    ------
    SourceError
        If a column is missing, the encoding is another one, the file has no rows, or a row has more or fewer cells
        than the header (a file cut short).
    """
    if isinstance(source, Path) and source.suffix == ".gz":
        source = read_bytes(source)
    encoding = encoding_of([source] if isinstance(source, bytes) else file_blocks(source), *encodings, where=where)
    header = _header(source, encoding, delimiter, where)
    official = require_columns(pd.DataFrame([header], columns=header), columns, where=where).iloc[0]
    wanted = {header.index(name): tidy for tidy, name in official.items()}
    frame = _read(source, encoding, delimiter, wanted, len(header), where)
    repeated = np.logical_and.reduce([(frame[str(tidy)] == name).to_numpy() for tidy, name in official.items()])
    blank = np.logical_and.reduce([(frame[tidy] == "").to_numpy() for tidy in columns.values()])
    left = repeated | blank
    if left.all():
        raise SourceError("has a header and no rows", where=where, cure=FETCH_AGAIN)
    if not left.any():
        return frame
    used = {name: frame[name][~left].cat.remove_unused_categories() for name in columns.values()}
    return pd.DataFrame(used)


def _header(source: Path | bytes, encoding: str, delimiter: str, where: str) -> list[str]:
    blocks: Iterator[bytes] = iter([source]) if isinstance(source, bytes) else file_blocks(source)
    line = decode(next(blocks, b"").partition(b"\n")[0], encoding.removesuffix("-sig"), where=where)
    rows = csv_rows(line, where=where, delimiter=delimiter)
    if not rows or not rows[0][1]:
        raise SourceError("the file is empty", where=where, cure=FETCH_AGAIN)
    return rows[0][1]


def _read(
    source: Path | bytes, encoding: str, delimiter: str, wanted: Mapping[int, Any], width: int, where: str
) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import csv as arrow

    bad: list[Any] = []

    def keep_bad(row: Any) -> str:
        bad.append(row)
        return "error"

    text = pa.dictionary(pa.int32(), pa.string())
    names = [str(position) for position in range(width)]
    included = [str(position) for position in wanted]
    try:
        cells = arrow.read_csv(
            pa.BufferReader(source) if isinstance(source, bytes) else source,
            # One thread: only then does an invalid row know its number.
            arrow.ReadOptions(
                encoding="utf-8" if encoding == "utf-8-sig" else encoding,
                column_names=names,
                skip_rows=1,
                use_threads=False,
            ),
            arrow.ParseOptions(delimiter=delimiter, invalid_row_handler=keep_bad),
            arrow.ConvertOptions(include_columns=included, column_types=dict.fromkeys(included, text)),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(error, bad, where) from error
    raw: pd.DataFrame = cells.unify_dictionaries().to_pandas()
    del cells
    pa.default_memory_pool().release_unused()  # 400 MB after the national file
    rows = pd.RangeIndex(2, len(raw) + 2)
    stripped = {tidy: recode(raw[str(position)], str.strip) for position, tidy in wanted.items()}
    return pd.DataFrame(stripped).set_axis(rows)


def _unreadable(error: Exception, bad: list[Any], where: str) -> SourceError:
    if not bad:
        return SourceError(f"not a readable csv file ({error})", where=where, cure=FETCH_AGAIN)
    problem = f"the row has {bad[0].actual_columns} cells, the header {bad[0].expected_columns}"
    cure = f"The file may be cut short: {FETCH_AGAIN.lower()}"
    return SourceError(problem, where=f"{where}, row {bad[0].number}", cure=cure)


def recode(column: pd.Series, function: Callable[[str], Any]) -> pd.Series:
    """A column of categories with each category put through a function; equal results become one category."""
    codes, labels = pd.factorize(np.array([function(label) for label in column.cat.categories], dtype=object))
    categories = pd.Categorical.from_codes(codes[column.cat.codes.to_numpy()], pd.Index(list(labels)))
    return pd.Series(categories, index=column.index, name=column.name)


def decoded(column: pd.Series) -> pd.Series:
    """A column of categories as its plain values: text, or numbers if `recode` made numbers."""
    return pd.Series(column.cat.categories.take(column.cat.codes.to_numpy()), index=column.index, name=column.name)
