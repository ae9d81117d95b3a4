"""From a table and a study to the canonical Panel that estimators see; every refusal names file, column and row."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza import periods
from balanza.baseline import baseline_values
from balanza.config import load_study_file
from balanza.contract import Panel, Study, Treatment
from balanza.errors import PanelError
from balanza.provenance import text_digest

NEVER = -1
NEGATIVE_CONTROL = "negative_control"
"""The family of outcomes that a treatment cannot change; they reach the panel, NaN where they are not measured."""


def rows_file(study_file: Path, study: Study, rows: Path | None) -> Path:
    """The file that a study runs on: its own, or the rows that the workflow prepared for it.

    Parameters
    ----------
    study_file : Path
        The study; a `panel: {file: ...}` is looked for beside it.
    study : Study
        The same file, loaded.
    rows : Path or None
        A parquet file with the rows that the workflow prepared; needed by studies without a panel of their own.

    Raises
    ------
    PanelError
        If none was given.
    """
    own = load_study_file(study_file).panel
    path = study_file.parent / own.file if own and rows is None else rows
    if path is None:
        raise PanelError(
            "runs on the world's panel, and none was given",
            where=f"study {study.name}",
            cure="Give --rows FILE (results/<world>/studies/<study>/rows.parquet), or add `panel:` to the study",
        )
    return path


def read_rows(study_file: Path, study: Study, rows: Path | None) -> pd.DataFrame:
    """The table that a study runs on; parameters as in `rows_file`, errors as in `read_table`."""
    return read_table(rows_file(study_file, study, rows))


def read_panel(study_file: Path, study: Study, rows: Path | None) -> Panel:
    """The canonical panel of a study; parameters as in `rows_file`, and errors name the file of the rows."""
    where = f"{rows_file(study_file, study, rows)} for study {study.name}"
    return prepare(study, read_rows(study_file, study, rows), where)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a csv (UTF-8, comma) or parquet file.

    Raises
    ------
    PanelError
        If it is missing, or is not readable as what its name says.
    """
    if not path.is_file():
        raise PanelError("there is no such file", where=str(path), cure="Check the path")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path, columns=columns)
        return _with_codes(pd.read_csv(path, usecols=columns), path)
    except (ValueError, OSError) as error:
        raise PanelError(f"cannot be read: {error}", where=str(path), cure="Give a csv in UTF-8 or parquet") from None


def _with_codes(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The same table with whole numbers that start with a zero as text: they are codes, zero and all."""
    whole = [str(name) for name in frame.select_dtypes("integer")]
    for name, text in pd.read_csv(path, usecols=whole, dtype=str).items():
        if text.str.match(r"0\d").any():
            frame[name] = text
    return frame


def columns_of(study: Study) -> list[str]:
    """The columns that a study needs, in a fixed order and each once."""
    wanted = [study.unit, study.period, study.outcome.column, study.outcome.exposure, study.cluster, study.weights]
    for treatment in study.treatments:
        wanted.append(treatment.column)
        wanted.append(treatment.first_treated if isinstance(treatment.first_treated, str) else None)
    wanted += _passed_on(study)
    wanted += [column for family in study.families.values() for column in family]
    return list(dict.fromkeys(column for column in wanted if column))


def _passed_on(study: Study) -> list[str]:
    """Columns that estimators see under their own names: those of the study, and what options `..._column` name."""
    options = [item for given in study.options.values() for item in given.items()]
    named = [value for name, value in options if name.endswith("_column") and isinstance(value, str)]
    own = [name for name in study.covariates if name != "graph"]
    return list(dict.fromkeys([*own, *named, *study.moderators, *study.instruments]))


def negative_controls(study: Study) -> tuple[str, ...]:
    """Outcomes of the family `negative_control` that no other part of the study brings into the panel."""
    others = {study.outcome.column, *_passed_on(study)}
    return tuple(name for name in study.families.get(NEGATIVE_CONTROL, ()) if name not in others)


def prepare(study: Study, table: pd.DataFrame, where: str = "panel") -> Panel:
    """Check a table against a study and put it into canonical columns.

    Parameters
    ----------
    study : Study
        What is asked.
    table : DataFrame
        One row per unit and period, with any column names.
    where : str
        The table's name, for errors.

    Returns
    -------
    Panel
        Sorted by unit and period, with outcome, exposure, weight, cluster, treatments, covariates (those of
        `study.baseline` by their value before treatment), moderators, instruments and the columns that options named
        `..._column` ask for.

    Raises
    ------
    PanelError
        On a missing column, a duplicated unit-period, a gap in time, a missing, infinite or negative value where
        none may be, a unit in two clusters, or a first treated period that changes within a unit.
    """
    _require(table, columns_of(study), where)
    monthly = periods.is_monthly(table[study.period]) or table[study.period].dtype.kind not in "iuf"
    time = periods.ordinals(table[study.period], f"{where}, column {study.period}")
    inside = _window(study, time, monthly, where)
    baseline = baseline_values(study, table, time, inside, monthly, where)
    complete = _complete(study, table)
    complete |= {f"{name} before treatment": np.isnan(values) for name, values in baseline.items()}
    dropped = {"outside the window": int((~inside).sum())}
    dropped |= {f"{column} missing": int((inside & gone).sum()) for column, gone in complete.items()}
    keep = inside & ~np.logical_or.reduce([np.zeros(len(table), bool), *complete.values()])
    rows, time = table.reset_index(drop=True)[keep], time[keep]  # the index is the row of the table, for errors
    if rows.empty:
        raise _nothing_left(study, inside, complete, where)
    span = periods.axis(time, monthly, f"{where}, column {study.period}")
    unit_codes, unit_labels = _codes(rows, study.unit, where)
    frame = pd.DataFrame({"unit": unit_codes, "period": np.searchsorted(span, time)})
    _no_duplicates(frame, rows.index, unit_labels, periods.labels(span, monthly), where)
    frame["outcome"] = _numbers(rows, study.outcome.column, where, at_least=_floor(study))
    if study.outcome.exposure:
        frame["exposure"] = _numbers(rows, study.outcome.exposure, where, above=0.0)
    if study.weights:
        frame["weight"] = _numbers(rows, study.weights, where, above=0.0)
    frame["cluster"], cluster_labels = _clusters(rows, study.cluster, unit_codes, where)
    for name in _passed_on(study):
        frame[name] = baseline[name][keep] if name in baseline else _numbers(rows, name, where)
    start: dict[str, int] = {}
    for treatment in study.treatments:
        start.update(_add_treatment(frame, rows, treatment, _Axis(span, monthly), unit_labels, where))
    for name in negative_controls(study):
        frame[name] = _numbers(rows, name, where, gaps=True)
    frame = frame.sort_values(["unit", "period"], ignore_index=True)
    return Panel(
        frame=frame,
        unit_labels=unit_labels,
        period_labels=periods.labels(span, monthly),
        cluster_labels=cluster_labels,
        start=start,
        periods_per_year=periods.per_year(span, monthly),
        dropped={reason: count for reason, count in dropped.items() if count},
        digest=panel_digest(frame, unit_labels, span),
    )


def panel_digest(frame: pd.DataFrame, unit_labels: np.ndarray, span: np.ndarray) -> str:
    """One sha256 over the values of a canonical frame, its labels and its column names."""
    values = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return text_digest([*frame.columns, *map(str, unit_labels), *map(str, span), values.tobytes().hex()])


class _Axis:
    """The periods of a panel, and how a period of the study file is found on it."""

    def __init__(self, span: np.ndarray, monthly: bool) -> None:
        self.span, self.monthly = span, monthly
        self.step = int(span[1] - span[0]) if len(span) > 1 else 1

    def code(self, ordinal: int) -> int:
        """The code of a period; the next one on the axis where it lies between two; may lie beyond the end."""
        return max(0, -((int(self.span[0]) - ordinal) // self.step))


def _require(table: pd.DataFrame, columns: list[str], where: str) -> None:
    for column in columns:
        if column not in table.columns:
            near = difflib.get_close_matches(column, [str(c) for c in table.columns], n=1, cutoff=0)
            hint = f"Did you mean {near[0]!r}?" if near else "The table has no columns"
            raise PanelError(f"there is no column {column!r}", where=where, cure=hint)


def _window(study: Study, time: np.ndarray, monthly: bool, where: str) -> np.ndarray:
    if study.window is None:
        return np.ones(len(time), bool)
    low, high = (periods.ordinal(value, monthly, f"study {study.name}, window") for value in study.window)
    if low > high:
        raise PanelError("the window ends before it starts", where=f"study {study.name}", cure="Swap its two periods")
    return (time >= low) & (time <= high)


def _complete(study: Study, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """With `missing: drop`, the rows without a value, by column; otherwise nothing, and `_numbers` refuses them."""
    others = {name: columns for name, columns in study.families.items() if name != NEGATIVE_CONTROL}
    study = replace(study, families=others)
    if study.missing == "refuse":
        return {}
    cohorts = {t.first_treated for t in study.treatments if isinstance(t.first_treated, str)}
    needed = columns_of(replace(study, covariates=tuple(sorted(set(study.covariates) - set(study.baseline)))))
    return {name: table[name].isna().to_numpy() for name in needed if name not in cohorts}


def _nothing_left(study: Study, inside: np.ndarray, complete: Mapping[str, np.ndarray], where: str) -> PanelError:
    """Why no row is left: an empty column, columns that are never known together, or the window."""
    n = int(inside.sum())
    if not n:
        window = "there are no rows" if study.window is None else "no row lies in the window"
        return PanelError(window, where=where, cure="Widen `window`, or give a table with rows in it")
    span = "" if study.window is None else " of the window"
    told = f"in all {n:,} rows{span}, and `missing: drop` leaves out rows without a value"
    source = f"the file that `{study.needs}` names (docs/add-a-source.md)" if study.needs else "its source"
    for column, gone in complete.items():
        if gone[inside].all():
            cure = f"Fill it in {source}, or name another column in the study"
            return PanelError(f"there is no value {told}", where=f"{where}, column {column}", cure=cure)
    lacking = ", ".join(column for column, gone in complete.items() if gone[inside].any())
    return PanelError(f"{lacking} are never known together {told}", where=where, cure="Choose another window or column")


def _codes(rows: pd.DataFrame, column: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    values = rows[column]
    _refuse_rows(rows, values.isna().to_numpy(), "is missing", f"{where}, column {column}")
    keys = values if values.dtype.kind in "iu" else values.astype(str)
    labels, codes = np.unique(keys.to_numpy(), return_inverse=True)
    return codes.astype(np.int64), labels


def _no_duplicates(frame: pd.DataFrame, index: pd.Index, units: np.ndarray, labels: np.ndarray, where: str) -> None:
    twice = frame.duplicated(["unit", "period"])
    if twice.any():
        row = frame[twice].iloc[0]
        same = (frame[["unit", "period"]] == row[["unit", "period"]]).all(axis=1).to_numpy()
        raise PanelError(
            f"unit {units[row['unit']]} has two rows in period {labels[row['period']]}"
            f" ({int(twice.sum())} rows too many in all; these are rows {', '.join(map(str, index[same] + 1))})",
            where=where,
            cure="Keep one row per unit and period",
        )


def _floor(study: Study) -> float | None:
    return 0.0 if study.outcome.family == "poisson" else None


def _numbers(
    rows: pd.DataFrame,
    column: str,
    where: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    gaps: bool = False,
) -> np.ndarray:
    """A column as floats, refused at the first value that is missing (unless gaps may be), infinite or out of range."""
    spot = f"{where}, column {column}"
    try:
        values = rows[column].astype(float).to_numpy()
    except (TypeError, ValueError):
        raise PanelError("holds values that are not numbers", where=spot, cure="Encode it as numbers") from None
    checks: tuple[tuple[np.ndarray, str], ...] = (
        (np.isnan(values) & (not gaps), "is missing"),
        (np.isinf(values), "is infinite"),
        (values < at_least if at_least is not None else np.zeros(len(values), bool), "is negative"),
        (values <= above if above is not None else np.zeros(len(values), bool), "is not positive"),
    )
    for bad, what in checks:
        _refuse_rows(rows, bad, what, spot)
    return values


def _refuse_rows(rows: pd.DataFrame, bad: np.ndarray, what: str, spot: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise PanelError(
            f"the value {what} in {int(bad.sum())} row(s), first at {_describe(rows.iloc[first])}"
            f" (row {rows.index[first] + 1})",
            where=spot,
            cure="Fill it from the source, or choose a window or rows in which it is measured",
        )


def _describe(row: pd.Series) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.iloc[:3].items())


def _clusters(rows: pd.DataFrame, name: str, units: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    codes, labels = _codes(rows, name, where)
    first = pd.Series(codes).groupby(units).transform("first").to_numpy()
    if np.any(first != codes):
        raise PanelError(
            "a unit lies in two clusters", where=f"{where}, column {name}", cure="Cluster at or above the unit"
        )
    return codes, labels


def _add_treatment(
    frame: pd.DataFrame, rows: pd.DataFrame, treatment: Treatment, axis: _Axis, units: np.ndarray, where: str
) -> dict[str, int]:
    """Add d_<name> (and g_<name>) to the frame; return the code of the dose's start where it has one."""
    name = treatment.name
    if treatment.kind == "binary":
        cohort = _cohorts(frame, rows, treatment, axis, units, where)
        frame[f"g_{name}"] = cohort
        frame[f"d_{name}"] = ((cohort != NEVER) & (frame["period"].to_numpy() >= cohort)).astype(float)
        return {}
    assert treatment.column is not None  # noqa: S101 - config refuses a dose without a column
    values = _numbers(rows, treatment.column, where)
    if treatment.kind == "reversible" and not np.isin(values, (0.0, 1.0)).all():
        raise PanelError("holds values other than 0 and 1", where=f"{where}, column {treatment.column}")
    if treatment.start is None:
        frame[f"d_{name}"] = values / treatment.per
        return {}
    code = axis.code(periods.ordinal(treatment.start, axis.monthly, f"{where}, start of {name}"))
    if not 0 < code < len(axis.span):
        raise PanelError(f"start {treatment.start} leaves no period before or after it", where=where)
    if treatment.dose == "mean_post":
        post = frame["period"].to_numpy() >= code
        mean = pd.Series(values[post]).groupby(frame["unit"].to_numpy()[post]).mean()
        per_unit = frame["unit"].map(mean).to_numpy(float)
        if np.isnan(per_unit).any():
            missing = units[frame["unit"].to_numpy()[np.isnan(per_unit)][0]]
            raise PanelError(f"unit {missing} has no row from {treatment.start} on", where=where, cure="Drop the unit")
        values = per_unit * post
    frame[f"d_{name}"] = values / treatment.per
    return {name: code}


def _cohorts(
    frame: pd.DataFrame, rows: pd.DataFrame, treatment: Treatment, axis: _Axis, units: np.ndarray, where: str
) -> np.ndarray:
    """Codes of the first treated period per row, NEVER for units that are never treated."""
    given = treatment.first_treated
    if isinstance(given, Mapping):
        return _cohorts_from_mapping(frame, given, axis, units, f"{where}, first_treated of {treatment.name}")
    spot = f"{where}, column {given}"
    values = rows[given]
    never = values.isna() | ((values == 0) if pd.api.types.is_numeric_dtype(values) else (values.astype(str) == ""))
    codes = np.full(len(rows), NEVER, np.int64)
    treated = ~never.to_numpy(bool)
    if treated.any():
        if periods.is_monthly(values) != axis.monthly and values.dtype.kind in "iufM":
            raise PanelError(
                "holds "
                + (
                    "dates, and the periods are numbers"
                    if periods.is_monthly(values)
                    else "numbers, and the periods are dates"
                ),
                where=spot,
                cure="Give both as dates or both as numbers",
            )
        first = periods.ordinals(values[treated].reset_index(drop=True), spot)
        codes[treated] = [axis.code(int(value)) for value in first]
    same = pd.Series(codes).groupby(frame["unit"].to_numpy()).transform("first").to_numpy() == codes
    if not same.all():
        unit = units[frame["unit"].to_numpy()[~same][0]]
        raise PanelError(f"unit {unit} has more than one first treated period", where=spot, cure="Give each unit one")
    return codes


def _cohorts_from_mapping(
    frame: pd.DataFrame, given: Mapping[Any, Any], axis: _Axis, units: np.ndarray, spot: str
) -> np.ndarray:
    by_unit = np.full(len(units), NEVER, np.int64)
    position = {str(label): code for code, label in enumerate(units)}
    for unit, period in given.items():
        if str(unit) not in position:
            raise PanelError(f"there is no unit {unit!r}", where=spot, cure="Quote codes with leading zeros in YAML")
        by_unit[position[str(unit)]] = axis.code(periods.ordinal(period, axis.monthly, spot))
    return np.asarray(by_unit[frame["unit"].to_numpy()])
