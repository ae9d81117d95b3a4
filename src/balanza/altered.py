"""The same study on an altered panel: fewer rows, another outcome, another start, another definition of the treatment.

Each function returns a new study or panel in the contract's form and changes none that it is given: units, periods and
clusters are numbered anew from 0, codes of first treated periods and of common starts follow, and the digest goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from balanza import periods
from balanza.contract import Outcome, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.say import say

NEVER = -1


def keep(panel: Panel, rows: np.ndarray) -> Panel:
    """The panel with some of its rows.

    A period without a row left is taken out of the axis, so that the ones around it become neighbours; a first treated
    period or a start that falls into such a gap becomes the next period that is left.

    Parameters
    ----------
    panel : Panel
    rows : ndarray of bool, shape (n_rows,)
        In the order of `panel.frame`.

    Returns
    -------
    Panel
        A dose that has lost all periods before or after its start has no entry in `start`.

    Raises
    ------
    Unsupported
        If no row is left.
    """
    if not rows.any():
        raise Unsupported(say("no row is left"), where="panel", cure=say("Leave more rows in"))
    frame = panel.frame[rows].reset_index(drop=True)
    axes = {name: np.unique(frame[name].to_numpy()) for name in ("unit", "period", "cluster")}
    for name, codes in axes.items():
        frame[name] = np.searchsorted(codes, frame[name].to_numpy())
    for name in [str(name) for name in frame if str(name).startswith("g_")]:
        frame[name] = _moved(frame[name].to_numpy(), axes["period"], panel.n_periods)
    starts = {name: int(np.searchsorted(axes["period"], code)) for name, code in panel.start.items()}
    return replace(
        panel,
        frame=frame,
        unit_labels=panel.unit_labels[axes["unit"]],
        period_labels=panel.period_labels[axes["period"]],
        cluster_labels=panel.cluster_labels[axes["cluster"]],
        start={name: code for name, code in starts.items() if 0 < code < len(axes["period"])},
        digest="",
    )


def _moved(cohort: np.ndarray, left: np.ndarray, n_periods: int) -> np.ndarray:
    """Codes of first treated periods on an axis that lost some; those beyond its end keep their distance to it."""
    beyond = cohort - n_periods
    inside = np.searchsorted(left, cohort)
    return np.where(cohort < 0, NEVER, np.where(beyond >= 0, len(left) + beyond, inside))


def keep_units(panel: Panel, units: np.ndarray) -> Panel:
    """The panel with some of its units, bool of shape (n_units,); errors as `keep`."""
    return keep(panel, units[panel.frame["unit"].to_numpy()])


def keep_clusters(panel: Panel, clusters: np.ndarray) -> Panel:
    """The panel with some of its clusters, bool of shape (n_clusters,); errors as `keep`."""
    return keep(panel, clusters[panel.frame["cluster"].to_numpy()])


def keep_periods(panel: Panel, which: np.ndarray) -> Panel:
    """The panel with some of its periods, bool of shape (n_periods,); errors as `keep`."""
    return keep(panel, which[panel.frame["period"].to_numpy()])


def with_outcome(study: Study, panel: Panel, outcome: Outcome) -> tuple[Study, Panel]:
    """The study with another measure of its outcome, on the rows where that is known.

    Parameters
    ----------
    study, panel : as in the contract
    outcome : Outcome
        Its columns stand in the panel under their own names; the study's own ones as `outcome` and `exposure`.

    Raises
    ------
    Unsupported
        If a column is not in the panel or holds no value.
    """
    own = {study.outcome.column: "outcome", study.outcome.exposure: "exposure"}
    columns = {"outcome": outcome.column} | ({"exposure": outcome.exposure} if outcome.exposure else {})
    values = {name: _column(panel, own.get(column, column)) for name, column in columns.items()}
    known = np.logical_and.reduce([np.isfinite(item) for item in values.values()])
    if "exposure" in values:
        known &= values["exposure"] > 0
    if not known.any():
        raise Unsupported(
            say("{column} is known in no row", column=outcome.column), where="panel", cure=say("Name a measure that is")
        )
    frame = panel.frame.assign(**values)
    if not outcome.exposure and "exposure" in frame:
        frame = frame.drop(columns="exposure")
    return replace(study, outcome=outcome), keep(replace(panel, frame=frame), known)


def other_outcome(study: Study, label: str) -> Outcome:
    """The outcome that `variants.outcome` names by a label; family and exposure are the study's unless it says more."""
    given = study.variants["outcome"][label]
    return replace(
        study.outcome, column=given["column"], exposure=given.get("exposure") or study.outcome.exposure, log=False
    )


def with_values(study: Study, panel: Panel, outcome: Outcome, values: np.ndarray) -> tuple[Study, Panel]:
    """The study with computed values in place of its outcome, and without exposure.

    Parameters
    ----------
    study, panel : as in the contract
    outcome : Outcome
        What the values are.
    values : ndarray, shape (n_rows,)
        Finite, in the order of `panel.frame`.
    """
    frame = panel.frame.drop(columns="exposure", errors="ignore").assign(outcome=values)
    return replace(study, outcome=replace(outcome, exposure=None)), replace(panel, frame=frame, digest="")


def with_path(panel: Panel, name: str, path: np.ndarray, start: int | None = None) -> Panel:
    """The panel with another path of one treatment that is no absorbing one.

    Parameters
    ----------
    panel : Panel
    name : str
        Of the treatment.
    path : ndarray, shape (n_units, n_periods)
        In the treatment's stated units.
    start : int, optional
        The code of the first period with a dose; none for doses without a common start.
    """
    frame = panel.frame.assign(**{f"d_{name}": path[panel.frame["unit"], panel.frame["period"]]})
    starts = {other: code for other, code in panel.start.items() if other != name}
    return replace(panel, frame=frame, start=starts if start is None else starts | {name: start}, digest="")


def with_cohorts(panel: Panel, name: str, cohort: np.ndarray) -> Panel:
    """The panel with other first treated periods of an absorbing treatment, int of shape (n_units,), -1 for never."""
    code = cohort[panel.frame["unit"].to_numpy()]
    on = (code >= 0) & (panel.frame["period"].to_numpy() >= code)
    frame = panel.frame.assign(**{f"g_{name}": code, f"d_{name}": on.astype(float)})
    return replace(panel, frame=frame, digest="")


def earlier(panel: Panel, treatment: Treatment, steps: int) -> Panel:
    """The panel with one treatment some periods earlier than it was.

    A first treated period moves; a dose that stays the same from its start on starts earlier; and any other takes the
    value of so many periods later, the last one where the panel tells no more.
    """
    name = treatment.name
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{name}")
        return with_cohorts(panel, name, np.where(cohort < 0, NEVER, np.maximum(cohort - steps, 0)))
    values, later = panel.matrix(f"d_{name}"), np.minimum(np.arange(panel.n_periods) + steps, panel.n_periods - 1)
    start = panel.start.get(name)
    moved = values[:, later]
    if treatment.steady and start is not None:
        moved = dose_of(panel, name)[:, None] * (np.arange(panel.n_periods) >= start - steps)
    return with_path(panel, name, moved, None if start is None else max(start - steps, 0))


def dose_of(panel: Panel, name: str) -> np.ndarray:
    """Mean of a treatment over the rows from its start on, shape (n_units,); over all rows where it has no start."""
    values = panel.matrix(f"d_{name}")[:, panel.start.get(name, 0) :]
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(sums, known.sum(axis=1), out=np.zeros(len(sums)), where=known.any(axis=1)))


def first_treated(panel: Panel, treatment: Treatment) -> np.ndarray:
    """The first treated period of each unit, shape (n_units,); the number of periods where none is seen."""
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")
        return np.where(cohort >= 0, np.minimum(cohort, panel.n_periods), panel.n_periods)
    if treatment.name in panel.start:
        return np.full(panel.n_units, panel.start[treatment.name])
    on = np.nan_to_num(panel.matrix(f"d_{treatment.name}")) != 0
    return np.where(on.any(axis=1), on.argmax(axis=1), panel.n_periods)


def with_treatment(study: Study, panel: Panel, label: str) -> tuple[Study, Panel]:
    """The study with the definition of its first treatment that `variants.treatment` names by a label.

    What the variant leaves out is as the study has it. A dose is built as the panel builds it: the mean, first or last
    of the column from the start on, or the column itself. Rows where the column is not known are left out.

    Raises
    ------
    Unsupported
        If a column is not in the panel, the kind of treatment cannot take what is named, or the start leaves no period
        before or after it.
    """
    given = study.variants["treatment"][label]
    changes = {key: given[key] for key in ("column", "first_treated", "start", "dose") if given.get(key) is not None}
    other = replace(study.treatment, **changes)
    changed = replace(study, treatments=(other, *study.treatments[1:]))
    if other.kind == "binary":
        return changed, with_cohorts(panel, other.name, _cohorts(panel, other, label))
    if "first_treated" in given and given["first_treated"] is not None:
        raise Unsupported(
            say("{label} names first treated periods of a {kind}", label=label, kind=other.kind),
            where="variants",
            cure=say("Drop it"),
        )
    return changed, _with_dose(panel, other, label)


def _cohorts(panel: Panel, treatment: Treatment, label: str) -> np.ndarray:
    given = treatment.first_treated
    if isinstance(given, str):
        _column(panel, given)
        code = np.nan_to_num(panel.by_unit(given), nan=NEVER).astype(np.int64)
        return np.asarray(np.where(code < 0, NEVER, code))
    if not isinstance(given, Mapping):
        raise Unsupported(
            say("{label} names no first treated periods", label=label),
            where="variants",
            cure=say("Give `first_treated`"),
        )
    codes = {str(unit): code_of(panel, period) for unit, period in given.items() if period not in (None, 0, "")}
    unknown = sorted(set(codes) - set(map(str, panel.unit_labels)))
    if unknown:
        problem = say("{label} names a unit {unknown!r}, which the rows lack", label=label, unknown=unknown[0])
        raise Unsupported(problem, where="variants", cure=say("Quote its code"))
    return np.array([codes.get(str(unit), NEVER) for unit in panel.unit_labels], np.int64)


def _with_dose(panel: Panel, treatment: Treatment, label: str) -> Panel:
    if treatment.column is None or treatment.column not in panel.frame:
        raise Unsupported(
            say("{label} needs the column {column!r}, which is not in the rows", label=label, column=treatment.column),
            where="variants",
            cure=say("Add it"),
        )
    known = np.isfinite(panel.frame[treatment.column].to_numpy(float))
    if not known.any():
        raise Unsupported(
            say("{column} is known in no row", column=treatment.column),
            where="variants",
            cure=say("Fill it from its source"),
        )
    panel = keep(panel, known) if not known.all() else panel
    values = panel.matrix(treatment.column) / treatment.per
    if treatment.start is None:
        return with_path(panel, treatment.name, values)
    start = code_of(panel, treatment.start)
    if not 0 < start < panel.n_periods:
        problem = say(
            "the start {start} of {label} leaves no period before or after it", start=treatment.start, label=label
        )
        raise Unsupported(problem, where="variants", cure=say("Name one inside the window"))
    return with_path(panel, treatment.name, _dose_path(values, start, treatment.dose), start)


def _dose_path(values: np.ndarray, start: int, rule: str) -> np.ndarray:
    if rule == "current":
        return values
    after, known = values[:, start:], ~np.isnan(values[:, start:])
    rows = np.arange(len(values))
    if rule == "mean_post":
        sums = np.where(known, after, 0.0).sum(axis=1)
        size = np.divide(sums, known.sum(axis=1), out=np.full(len(rows), np.nan), where=known.any(axis=1))
    else:
        place = known.argmax(axis=1) if rule == "first" else known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        size = after[rows, place]
    if np.isnan(size).any():
        raise Unsupported(say("a unit has no row from the start on"), where="variants", cure=say("Drop the unit"))
    return np.asarray(size[:, None] * (np.arange(values.shape[1]) >= start))


def ordinals(panel: Panel) -> tuple[np.ndarray, bool]:
    """The periods on the scale of `balanza.periods.ordinals`, shape (n_periods,), and whether they are months."""
    labels = panel.period_labels
    if labels.dtype.kind in "iuf":
        return labels.astype(np.int64), False
    return np.array([periods.ordinal(str(label), True, "panel") for label in labels], np.int64), True


def code_of(panel: Panel, period: Any) -> int:
    """The code of a period of the study file: the next one where it is not on the axis, beyond the end if later."""
    span, monthly = ordinals(panel)
    wanted = periods.ordinal(period, monthly, "variants")
    step = int(np.diff(span).min()) if len(span) > 1 else 1
    if wanted > span[-1]:
        return len(span) - 1 + -(-int(wanted - span[-1]) // step)
    return int(np.searchsorted(span, wanted))


def _column(panel: Panel, name: str) -> np.ndarray:
    if name not in panel.frame:
        raise Unsupported(
            say("there is no column {name!r} in the rows", name=name), where="panel", cure=say("Name it in `variants`")
        )
    return panel.frame[name].to_numpy(float)
