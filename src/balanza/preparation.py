"""From a table and a study to the canonical Panel that estimators see; every refusal names file, column and row."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from balanza import blind, bounded, periods
from balanza.baseline import baseline_values
from balanza.cells import Rows, changes_within
from balanza.cohorts import NEVER, Axis, cohort_codes
from balanza.config import load_study_file
from balanza.contract import NEGATIVE_CONTROL, Panel, Study, Treatment
from balanza.errors import PanelError
from balanza.provenance import text_digest
from balanza.say import say
from balanza.separators import refuse_other_separator

_LONGEST_NAME = 1_000
"""Of a column: a file that is no table is one long name, which would be held against every other."""


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
    own = load_study_file(study_file).panel if rows is None else None
    path = study_file.parent / own.file if own else rows
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
    path = rows_file(study_file, study, rows)
    return prepare(study, read_table(path), f"{path} for study {study.name}", first_line(path))


def first_line(path: Path) -> int | None:
    """The line of the first row in a csv, below its header; None in parquet, which has no lines."""
    return None if path.suffix == ".parquet" else 2


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a csv (UTF-8, comma) or parquet file.

    Raises
    ------
    PanelError
        If it is missing, is separated by something else, or is not readable as what its name says.
    """
    if not path.is_file():
        raise PanelError("there is no such file", where=str(path), cure="Check the path")
    try:
        if path.suffix == ".parquet":
            return bounded.read_frame(path, columns)
        header = pd.read_csv(path, nrows=0).columns
        refuse_other_separator(header, str(path), PanelError)
        if (longest := max(map(len, map(str, header)), default=0)) > _LONGEST_NAME:
            raise PanelError(f"a column's name has {longest:,} letters", where=str(path), cure="Give a table")
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
    wanted += [*_alternatives(study), *_alternative_starts(study)]
    return list(dict.fromkeys(column for column in wanted if column))


def _passed_on(study: Study) -> list[str]:
    """Columns that estimators see under their own names: those of the study, and what options `..._column` name."""
    options = [item for given in study.options.values() for item in given.items()]
    named = [value for name, value in options if name.endswith("_column") and isinstance(value, str)]
    own = [name for name in study.covariates if name != "graph"]
    return list(dict.fromkeys([*own, *named, *study.moderators, *study.instruments]))


def family_outcomes(study: Study) -> dict[str, str]:
    """Outcomes of families that no other part of the study brings into the panel, and what they are, for errors."""
    others = {study.outcome.column, *_passed_on(study)}
    return {
        column: "negative control" if family == NEGATIVE_CONTROL else f"outcome of the family {family}"
        for family, columns in study.families.items()
        for column in columns
        if column not in others
    }


def _alternatives(study: Study) -> list[str]:
    """Columns of other measures of the outcome and other definitions of the treatment."""
    outcomes, treatments = (list(study.variants.get(axis, {}).values()) for axis in ("outcome", "treatment"))
    named = [other.get(key) for other in outcomes for key in ("column", "exposure")]
    # A definition without a column of its own is built anew from the treatment's, which is in no other place as it was.
    named += [other.get("column") or study.treatment.column for other in treatments]
    return [name for name in named if name]


def _alternative_starts(study: Study) -> list[str]:
    """Columns of first treated periods of other definitions of the treatment."""
    named = [other.get("first_treated") for other in study.variants.get("treatment", {}).values()]
    return [name for name in named if isinstance(name, str)]


def gapped(study: Study) -> dict[str, str]:
    """Columns that reach the panel under their own names and may be missing in places, each with its role."""
    others = {study.outcome.column, *_passed_on(study)}
    found = {name: "alternative" for name in _alternatives(study) if name not in others}
    return found | family_outcomes(study)


def prepare(study: Study, table: pd.DataFrame, where: str = "panel", first_line: int | None = None) -> Panel:
    """Check a table against a study and put it into canonical columns.

    Parameters
    ----------
    study : Study
        What is asked.
    table : DataFrame
        One row per unit and period, with any column names.
    where : str
        The table's name, for errors.
    first_line : int, optional
        The line of the table's first row, where it comes from a text file, for errors.

    Returns
    -------
    Panel
        Sorted by unit and period, with outcome, exposure, weight, cluster, treatments, covariates (those of
        `study.baseline` by their value before treatment), moderators, instruments, the columns that options named
        `..._column` ask for, and outcomes of families, NaN where they are not measured.

    Raises
    ------
    PanelError
        On a missing column, a duplicated unit-period, a gap in time, a missing, infinite or negative value where
        none may be, a unit in two clusters, or a first treated period that changes within a unit.
    """
    study, told = blind.seen_through(study, table, where)
    require_columns(table, columns_of(study), where)
    table = table[columns_of(study)].reset_index(drop=True)
    whole = Rows(table, study.unit, study.period, where, first_line)
    monthly = periods.is_monthly(table[study.period]) or table[study.period].dtype.kind not in "iuf"
    time = periods.ordinals(table[study.period], whole.spot(study.period), whole.place)
    inside = _window(study, time, monthly)
    baseline = baseline_values(study, whole, time, inside, monthly)
    complete = _complete(study, table)
    complete |= {say("{name} before treatment", name=name): np.isnan(values) for name, values in baseline.items()}
    dropped = {"outside the window": int((~inside).sum())}
    dropped |= {say("{column} missing", column=column): int((inside & gone).sum()) for column, gone in complete.items()}
    keep = inside & ~np.logical_or.reduce([np.zeros(len(table), bool), *complete.values()])
    late = _never_dosed(study, table, time, keep, monthly)
    dropped |= {f"{label}, and so no dose": int(gone.sum()) for label, gone in late.items()}
    keep &= ~np.logical_or.reduce([np.zeros(len(table), bool), *late.values()])
    rows, time = whole.only(keep), time[keep]
    if not keep.any():
        raise _nothing_left(study, inside, complete, where)
    span = periods.axis(time, monthly, whole.spot(study.period))
    unit_codes, unit_labels = rows.codes(study.unit, "unit")
    frame = pd.DataFrame({"unit": unit_codes, "period": np.searchsorted(span, time)})
    _no_duplicates(frame, rows, unit_labels, periods.labels(span, monthly))
    frame["outcome"] = rows.numbers(study.outcome.column, "outcome", at_least=_floor(study))
    if study.outcome.exposure:
        frame["exposure"] = rows.numbers(study.outcome.exposure, "exposure", above=0.0)
    if study.weights:
        frame["weight"] = rows.numbers(study.weights, "weight", above=0.0)
    frame["cluster"], cluster_labels = _clusters(rows, study.cluster, unit_codes)
    for name in _passed_on(study):
        frame[name] = baseline[name][keep] if name in baseline else rows.numbers(name, _role(study, name))
    start: dict[str, int] = {}
    for treatment in study.treatments:
        start.update(_add_treatment(frame, rows, treatment, Axis(span, monthly), unit_labels))
    for name, role in gapped(study).items():
        frame[name] = rows.numbers(name, role, gaps=True)
    for name in _alternative_starts(study):
        other = replace(study.treatment, first_treated=name)
        frame[name] = cohort_codes(rows, other, Axis(span, monthly), unit_codes)
    odd = _oddities(study, frame, rows, start, periods.labels(span, monthly))
    frame = frame.sort_values(["unit", "period"], ignore_index=True)
    return Panel(
        frame=frame,
        unit_labels=unit_labels,
        period_labels=periods.labels(span, monthly),
        cluster_labels=cluster_labels,
        start=start,
        periods_per_year=periods.per_year(span, monthly),
        dropped={reason: count for reason, count in dropped.items() if count},
        warnings=(*told, *odd),
        digest=panel_digest(frame, unit_labels, span),
    )


def panel_digest(frame: pd.DataFrame, unit_labels: np.ndarray, span: np.ndarray) -> str:
    """One sha256 over the values of a canonical frame, its labels and its column names."""
    values = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return text_digest([*frame.columns, *map(str, unit_labels), *map(str, span), values.tobytes().hex()])


def require_columns(table: pd.DataFrame, columns: list[str], where: str) -> None:
    """Refuse a table that lacks a column, with the nearest one that it has."""
    for column in columns:
        if column not in table.columns:
            near = difflib.get_close_matches(column, [str(c) for c in table.columns], n=1, cutoff=0)
            hint = f"Did you mean {near[0]!r}?" if near else "The table has no columns"
            raise PanelError(f"there is no column {column!r}", where=where, cure=hint)


def _window(study: Study, time: np.ndarray, monthly: bool) -> np.ndarray:
    if study.window is None:
        return np.ones(len(time), bool)
    low, high = (periods.ordinal(value, monthly, f"study {study.name}, window") for value in study.window)
    if low > high:
        raise PanelError("the window ends before it starts", where=f"study {study.name}", cure="Swap its two periods")
    return (time >= low) & (time <= high)


def _complete(study: Study, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """With `missing: drop`, the rows without a value, by column; otherwise nothing, and `_numbers` refuses them."""
    study = study.alone  # their gaps stay: each is looked at where it is measured
    if study.missing == "refuse":
        return {}
    cohorts = {t.first_treated for t in study.treatments if isinstance(t.first_treated, str)}
    needed = columns_of(replace(study, covariates=tuple(sorted(set(study.covariates) - set(study.baseline)))))
    return {name: table[name].isna().to_numpy() for name in needed if name not in cohorts}


def _never_dosed(
    study: Study, table: pd.DataFrame, time: np.ndarray, keep: np.ndarray, monthly: bool
) -> dict[str, np.ndarray]:
    """With `missing: drop`, the rows left of units that have none from the start of a steady dose on, by that start."""
    found = {}
    for item in study.treatments:
        if study.missing == "refuse" or not item.steady or item.start is None:
            continue
        begin = periods.ordinal(item.start, monthly, f"study {study.name}, start of {item.name}")
        codes, units = pd.factorize(table[study.unit], use_na_sentinel=False)
        seen = np.bincount(codes[keep & (time >= begin)], minlength=len(units)) > 0
        found[f"no row from {item.start} on"] = keep & ~seen[codes]
    return found


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


def _no_duplicates(frame: pd.DataFrame, rows: Rows, units: np.ndarray, labels: np.ndarray) -> None:
    twice = frame.duplicated(["unit", "period"])
    if twice.any():
        row = frame[twice].iloc[0]
        same = (frame[["unit", "period"]] == row[["unit", "period"]]).all(axis=1).to_numpy()
        raise PanelError(
            f"unit {units[row['unit']]} has two rows in period {labels[row['period']]}"
            f" ({int(twice.sum())} rows too many in all; these are {rows.numbered(same)})",
            where=rows.where,
            cure="Keep one row per unit and period",
        )


def _floor(study: Study) -> float:
    return 0.0 if study.outcome.family == "poisson" else -np.inf


def _role(study: Study, column: str) -> str:
    """What a column is that estimators see under its own name."""
    roles = {"covariate": study.covariates, "moderator": study.moderators, "instrument": study.instruments}
    return next((role for role, columns in roles.items() if column in columns), "value")


def _clusters(rows: Rows, name: str, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, labels = rows.codes(name, "cluster")
    changed = changes_within(codes, units)
    if changed.any():
        row = int(np.flatnonzero(changed)[0])
        home = labels[codes[units == units[row]][0]]
        raise PanelError(
            f"unit {rows.frame[rows.unit].iloc[row]} lies in two clusters, {home} and {labels[codes[row]]}"
            f" (the second first at {rows.place(row)})",
            where=rows.spot(name),
            cure="Cluster at or above the unit",
        )
    return codes, labels


def _add_treatment(
    frame: pd.DataFrame, rows: Rows, treatment: Treatment, axis: Axis, units: np.ndarray
) -> dict[str, int]:
    """Add d_<name> (and g_<name>) to the frame; return the code of the dose's start where it has one."""
    name = treatment.name
    if treatment.kind == "binary":
        cohort = cohort_codes(rows, treatment, axis, frame["unit"].to_numpy())
        frame[f"g_{name}"] = cohort
        frame[f"d_{name}"] = ((cohort != NEVER) & (frame["period"].to_numpy() >= cohort)).astype(float)
        return {}
    assert treatment.column is not None  # noqa: S101 - config refuses a dose without a column
    role = "dose" if treatment.kind == "dose" else "treatment"
    values = rows.numbers(treatment.column, role)
    if treatment.kind == "reversible":
        other = ~np.isin(values, (0.0, 1.0))
        rows.refuse(other, treatment.column, role, "is neither 0 nor 1", "Write 0 or 1, or set `kind: dose`")
    if treatment.start is None:
        frame[f"d_{name}"] = values / treatment.per
        return {}
    code = axis.code(periods.ordinal(treatment.start, axis.monthly, f"{rows.where}, start of {name}"))
    if not 0 < code < len(axis.span):
        raise PanelError(
            f"start {treatment.start} leaves no period before or after it",
            where=rows.where,
            cure="Choose a start within the panel, after its first period",
        )
    if treatment.dose != "current":
        values = _constant_from(code, values, frame, treatment, units, rows.where)
    frame[f"d_{name}"] = values / treatment.per
    return {name: code}


def _constant_from(
    code: int, values: np.ndarray, frame: pd.DataFrame, treatment: Treatment, units: np.ndarray, where: str
) -> np.ndarray:
    """Each unit's mean, first or last dose from the start on, and zero before."""
    dosed = frame[["unit", "period"]].assign(dose=values)
    after = dosed[frame["period"] >= code].sort_values("period").groupby("unit")["dose"]
    constant = after.mean() if treatment.dose == "mean_post" else after.agg(treatment.dose)
    per_unit = frame["unit"].map(constant).to_numpy(float)
    if np.isnan(per_unit).any():
        missing = units[frame["unit"].to_numpy()[np.isnan(per_unit)][0]]
        raise PanelError(f"unit {missing} has no row from {treatment.start} on", where=where, cure="Drop the unit")
    return np.asarray(per_unit * (frame["period"] >= code))


def _oddities(
    study: Study, frame: pd.DataFrame, rows: Rows, start: Mapping[str, int], labels: np.ndarray
) -> tuple[str, ...]:
    """What a table may hold but seldom should: the user is told with each estimate."""
    said = []
    for treatment in study.treatments:
        name = treatment.name
        if treatment.kind == "binary":
            cohorts = frame.groupby("unit")[f"g_{name}"].first().to_numpy()
            late = int((cohorts >= len(labels)).sum())
            if late:
                told = say(
                    "{late:,} of {units:,} units have a first treated period after the last one, {last}, and count as"
                    " treated after the window ({treatment})",
                    late=late,
                    units=len(cohorts),
                    last=labels[-1],
                    treatment=name,
                )
                said.append(told)
        elif name in start:
            before = frame["period"].to_numpy() < start[name]
            early = int((before & (rows.numbers(str(treatment.column), "dose") > 0)).sum())
            use = say("stay as they are") if treatment.dose == "current" else say("are taken as 0")
            if early:
                told = say(
                    "{early:,} rows have a dose above 0 before the start, {start}; these doses {use} ({treatment})",
                    early=early,
                    start=labels[start[name]],
                    use=use,
                    treatment=name,
                )
                said.append(told)
    return tuple(said)
