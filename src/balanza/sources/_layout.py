"""What the official layouts share: headers, Spanish months, counts, keys and schemas; files stand in `_files`.

A reader turns a file into a tidy table with these, and every one of them refuses what it does not understand with a
`SourceError` that names file, row, column and cure. `where` is the name of the file. Raw tables bear the row numbers
of their file (the header included) as index, so that an error can point at the row.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from balanza.errors import SourceError
from balanza.places import plain_name
from balanza.sources._files import FETCH_AGAIN, decode, read_text, read_zip_member, read_zip_members

__all__ = [
    "FETCH_AGAIN",
    "MONTHS",
    "MONTH_NAMES",
    "counts",
    "csv_rows",
    "decode",
    "melt_months",
    "month_number",
    "month_start",
    "no_blanks",
    "read_text",
    "read_zip_member",
    "read_zip_members",
    "refuse_zero_future",
    "require_columns",
    "table",
    "unique_keys",
    "validate",
]

MONTH_NAMES = (
    "Enero",
    "Febrero",
    "Marzo",
    "Abril",
    "Mayo",
    "Junio",
    "Julio",
    "Agosto",
    "Septiembre",
    "Octubre",
    "Noviembre",
    "Diciembre",
)
MONTHS: dict[str, int] = {
    **{name.lower(): number for number, name in enumerate(MONTH_NAMES, start=1)},
    **{name[:3].lower(): number for number, name in enumerate(MONTH_NAMES, start=1)},
    "setiembre": 9,
    "sept": 9,
    "set": 9,
}
"""Spanish names and abbreviations of the months in lower case, to 1 to 12; look names up with `month_number`."""

_WHOLE_NUMBER = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.0*)?"
_LARGEST, _MOST_LETTERS = 10**14, 20
"""Of a count: floats are exact far beyond it, and no country has as many people, pesos or bullets."""


def csv_rows(text: str, *, where: str, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    """The rows of a csv text, each with its number in the file and its cells stripped of blanks.

    Raises
    ------
    SourceError
        If a cell is longer than 131,072 letters (a quote that is never closed makes one), or a line ends in its middle.
    """
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        at = f"{where}, row {reader.line_num}"
        raise SourceError(
            f"not readable as csv ({error})", where=at, cure="Check its quotes and ends of lines"
        ) from None


def table(text: str, *, where: str, delimiter: str = ",", skip: int = 0) -> pd.DataFrame:
    """A csv text as a frame of text cells, indexed by row number in the file.

    Empty rows and repeated header rows are left out; cells are stripped of blanks.

    Parameters
    ----------
    text : str
        The whole file.
    where : str
        The name of the file.
    delimiter : str
        The separator of its cells.
    skip : int
        Rows of the preamble before the header.

    Raises
    ------
    SourceError
        If the file is empty, or a row has more or fewer cells than the header (a file cut short).
    """
    lines = csv_rows(text, where=where, delimiter=delimiter)[skip:]
    if not lines:
        raise SourceError("the file is empty", where=where, cure=FETCH_AGAIN)
    header = lines[0][1]
    kept = [(number, row) for number, row in lines[1:] if any(row) and row != header]
    for number, row in kept:
        if len(row) != len(header):
            problem = f"the row has {len(row)} cells, the header {len(header)}; the file may be cut short"
            raise SourceError(problem, where=f"{where}, row {number}", cure=FETCH_AGAIN)
    rows = [row for _, row in kept]
    return pd.DataFrame(rows, columns=header, index=[number for number, _ in kept], dtype=str)


def require_columns(frame: pd.DataFrame, columns: Iterable[str] | Mapping[str, str], *, where: str) -> pd.DataFrame:
    """Take the columns asked for, whatever their case and accents ("ANO", "AÑO" and "Año" are one).

    Parameters
    ----------
    frame : DataFrame
        The raw table; columns not asked for, such as TOTAL, are left out.
    columns : iterable of str, or mapping
        The official names, which the result bears; a mapping renames official names to tidy ones.
    where : str
        The name of the file.

    Raises
    ------
    SourceError
        If columns are missing (all are named), or one stands twice.
    """
    names = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    found = [plain_name(name) for name in frame.columns]
    times = Counter(found)
    if missing := [name for name in names if not times[plain_name(name)]]:
        problem = f"column {_listed(missing)} is missing; the file has {_listed(frame.columns)}"
        cure = "Get the file in its official layout, or give its columns these names"
        raise SourceError(problem, where=where, cure=cure)
    if twice := [name for name in names if times[plain_name(name)] > 1]:
        raise SourceError(f"column {_listed(twice)} stands twice", where=where, cure="Keep one of them")
    chosen = frame.iloc[:, [found.index(plain_name(name)) for name in names]]
    return chosen.set_axis(list(names.values()), axis=1)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def month_number(name: str, *, where: str) -> int:
    """The number of a Spanish month, 1 to 12: "Enero", "ENE", "Sept.", "1-Enero".

    Raises
    ------
    SourceError
        If it is no month, or the number before the name is another month's.
    """
    digits, _, word = plain_name(name).rpartition(" ")
    number = MONTHS.get(word)
    if number is None or (digits and digits.lstrip("0") != str(number)):
        raise SourceError(f"{name!r} is not a month", where=where, cure="Write the Spanish name of the month")
    return number


def counts(series: pd.Series, *, where: str) -> pd.Series:
    """Whole numbers of a column: text with thousands commas ("1,204", "3.0") or numbers; blanks become missing.

    Parameters
    ----------
    series : Series
        The column under its official name, indexed by row number in the file.
    where : str
        The name of the file.

    Returns
    -------
    Series of Int64
        With NA where the cell is blank; what a blank means is the caller's to say.

    Raises
    ------
    SourceError
        If a cell is negative or no whole number; names row and column.
    """
    if not pd.api.types.is_any_real_numeric_dtype(series):
        codes, cells = pd.factorize(series)  # cells repeat: what follows is done once for each different one
        text = pd.Series(cells).astype(str).str.strip()
        wrong = (text != "") & ~(text.str.fullmatch(_WHOLE_NUMBER) & (text.str.len() <= _MOST_LETTERS))
        numbers = pd.Series(pd.to_numeric(text.str.replace(",", "").where((text != "") & ~wrong))).astype("Int64")
        _refuse_counts(series, np.append(wrong, False)[codes], where)
        values = numbers.array.take(codes, allow_fill=True)
        return pd.Series(values, index=series.index, name=series.name)
    wrong = (series < 0) | (series % 1 != 0) | (series > _LARGEST)
    _refuse_counts(series, wrong.to_numpy(bool, na_value=False) & series.notna(), where)
    return series.astype("Int64")


def _refuse_counts(series: pd.Series, wrong: Any, where: str) -> None:
    if not wrong.any():
        return
    position = int(np.argmax(wrong))
    cell = series.iloc[position]
    text = str(cell).strip()
    large = re.fullmatch(_WHOLE_NUMBER, text) is not None
    kind = "is negative" if text.startswith("-") else "is too large" if large else "is not a whole number"
    raise SourceError(
        f"the count {text[:40]!r} {kind}",
        where=f"{where}, row {series.index[position]}, column {series.name}",
        cure="Correct the cell, or leave it blank if the figure is not known",
    )


def no_blanks(values: pd.Series, *, where: str) -> pd.Series:
    """The same values, if none of them is missing or an empty text.

    Raises
    ------
    SourceError
        If one is; names row and column.
    """
    blank = (values.isna() | (values == "")).to_numpy(bool, na_value=True)
    if blank.any():
        at = f"{where}, row {values.index[int(blank.argmax())]}, column {values.name}"
        raise SourceError("the cell is blank", where=at, cure="Fill the cell, or leave out its row")
    return values


def melt_months(
    frame: pd.DataFrame, ids: Sequence[str], *, where: str, year: str = "year", value: str = "files"
) -> pd.DataFrame:
    """Rows with a column per Spanish month, as one row per month with a figure.

    A blank cell makes no row, so months after the last valid one are absent; a zero makes a row with zero.

    Parameters
    ----------
    frame : DataFrame
        The columns `ids`, `year` (whole numbers), and all twelve months by name; others are left out.
    ids : sequence of str
        The columns that are kept.
    where : str
        The name of the file.
    year : str
        The column of the year.
    value : str
        The name of the figures' column in the result.

    Returns
    -------
    DataFrame
        `ids`, `period` (month start, datetime64[us]) and `value` (int64), month by month in the order of the file.

    Raises
    ------
    SourceError
        If a month is missing as a column, a count is bad, or the last month holds nothing but zeros.
    """
    columns = sorted((MONTHS[name], column) for column in frame.columns if (name := plain_name(column)) in MONTHS)
    if [number for number, _ in columns] != list(range(1, 13)):
        found = _listed(column for _, column in columns) or "none"
        cure = "Get the file in its official layout"
        raise SourceError(f"needs each of the twelve months as a column once, has {found}", where=where, cure=cure)
    months = []
    for number, column in columns:
        figures = counts(frame[column], where=where)
        rows = np.flatnonzero(figures.notna())
        period = month_start(frame[year].to_numpy(np.int64)[rows], number, where=where)
        figures = figures.iloc[rows].astype(np.int64)
        months.append(frame[list(ids)].iloc[rows].assign(period=period, **{value: figures}))
    long = pd.concat(months, ignore_index=True)
    del months  # the national municipal file makes 30 million rows
    refuse_zero_future(long["period"], long[value], where=where)
    return long


def month_start(year: Any, month: Any, *, where: str) -> np.ndarray:
    """The first days of months as datetime64[us], from arrays of years and of months 1 to 12.

    Raises
    ------
    SourceError
        If a year is not from 1900 to 2100: far years would come round to other ones.
    """
    years = np.asarray(year, np.int64)
    wrong = years[(years < 1900) | (years > 2100)]
    if wrong.size:
        raise SourceError(f"{wrong[0]} is not a year from 1900 to 2100", where=where, cure="Correct the year")
    months = (years - 1970) * 12 + np.asarray(month, np.int64) - 1
    return months.astype("datetime64[M]").astype("datetime64[us]")


def refuse_zero_future(period: Any, values: Any, *, where: str) -> None:
    """Refuse a long table without rows, or whose last month holds nothing but zeros.

    Parameters
    ----------
    period, values : arrays, shape (n_rows,)
        Month starts and counts.
    where : str
        The name of the file.

    Raises
    ------
    SourceError
        If so; names the month.
    """
    periods = np.asarray(period, "datetime64[us]")
    if not len(periods):
        raise SourceError("no month holds a figure", where=where, cure=FETCH_AGAIN)
    last = periods.max()
    if not np.asarray(values)[periods == last].any():
        problem = f"future month filled with zeros: in {last.astype('datetime64[M]')} every cell is zero"
        cure = "Leave the cells of months that are not published yet blank"
        raise SourceError(problem, where=where, cure=cure)


def unique_keys(frame: pd.DataFrame, keys: Sequence[str], *, where: str) -> None:
    """Refuse a table in which a key stands twice.

    Raises
    ------
    SourceError
        If it does; names the first such key and its rows.
    """
    keys = list(keys)
    if not frame.duplicated(keys).any():
        return
    twice = frame.loc[frame.duplicated(keys, keep=False).to_numpy(), keys]
    group = twice.groupby(keys, dropna=False, observed=True, sort=False).ngroup().to_numpy()
    rows = _listed(twice.index[group == group[0]][:5])
    key = _listed(f"{name} {twice[name].iloc[0]}" for name in keys)
    raise SourceError(f"{key} stands twice", where=f"{where}, rows {rows}", cure="Keep one row per key")


def validate(frame: pd.DataFrame, schema: Any, *, where: str) -> pd.DataFrame:
    """Hold a tidy table to its pandera schema.

    Parameters
    ----------
    frame : DataFrame
        The tidy table; its index names the rows in errors.
    schema : pandera.pandas.DataFrameSchema
        What it must be.
    where : str
        The name of the file, or of the reader.

    Returns
    -------
    DataFrame
        The same table with a plain index.

    Raises
    ------
    SourceError
        On the first failure, with the number of further ones.
    """
    from pandera.errors import SchemaErrors

    plain = frame.reset_index(drop=True)  # pandera fails on an index that is not unique
    try:
        schema.validate(plain, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        first = cases.iloc[0]
        row = "" if pd.isna(first["index"]) else f", row {frame.index[int(first['index'])]}"
        column = first["column"] if pd.notna(first["column"]) else first["failure_case"]
        more = f" ({len(cases) - 1:,} more failures)" if len(cases) > 1 else ""
        raise SourceError(
            f"{str(first['failure_case'])!r} fails {first['check']}{more}",
            where=f"{where}{row}, column {column}",
            cure="Correct the cell, or get the file in its official layout",
        ) from None  # the chained error lists every failing cell
    return plain
