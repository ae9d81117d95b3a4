"""The contract between studies, panels, estimators and checks: frozen dataclasses, no behaviour of their own.

An estimator sees a `Study` (what is asked), a `Panel` (the rows, in canonical columns) and a random generator,
and returns an `Estimate`. Nothing here imports pandas at run time, so that a SPEC costs nothing to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Family = Literal["gaussian", "poisson"]
Kind = Literal["binary", "reversible", "dose"]
Scale = Literal["level", "log"]
DoseRule = Literal["mean_post", "first", "last", "current"]
RowKind = Literal["event_time", "group_time", "calendar", "dose", "group"]
Triple = tuple[float, float, float]

NEGATIVE_CONTROL = "negative_control"
"""The family of outcomes that a treatment cannot change; they reach the panel, NaN where they are not measured."""

ROW_COLUMNS = (
    "kind",
    "group",
    "period",
    "event_time",
    "dose",
    "value",
    "standard_error",
    "low",
    "high",
    "low_uniform",
    "high_uniform",
)


@dataclass(frozen=True)
class Outcome:
    """What is measured. `exposure` is the column of people at risk of a count; `log`: the column is a logarithm."""

    column: str
    family: Family = "gaussian"
    exposure: str | None = None
    log: bool = False


@dataclass(frozen=True)
class Treatment:
    """One treatment of a study.

    `binary` is absorbing and comes with the first treated period; `reversible` is a 0/1 column that may
    switch off; `dose` is a number per unit and period. With `dose="mean_post"` the dose of a unit is its
    mean from `start` on, and the treatment is that mean times (period >= start); `first` and `last` take the
    dose of the first or the last of these periods instead; with `dose="current"` it is the column itself.
    Effects are stated per `per` units of the column. `node` is the node of the causal graph that
    it stands for, where the graph does not name its column.
    """

    name: str
    kind: Kind
    column: str | None = None
    first_treated: str | Mapping[str, Any] | None = None
    per: float = 1.0
    unit: str = ""
    start: str | int | None = None
    dose: DoseRule = "current"
    node: str | None = None

    @property
    def steady(self) -> bool:
        """Whether a dose stays the same in each unit from the start on."""
        return self.kind == "dose" and self.dose != "current"


@dataclass(frozen=True)
class Study:
    """A question, as its file states it. `digest` is the sha256 of that file.

    `needs` is the key of the run that names a user's file, without which the study waits.
    `variants` are, by axis and label, what other defensible choices would change of the study. `event_bins` is 0 where
    nobody asks for an event study that is a fit of its own.
    `baseline` are those of the covariates that enter by their value before treatment (`balanza.baseline`), and
    `overrides` the reasons to use columns that the graph forbids.
    """

    name: str
    title: str
    question: str
    outcome: Outcome
    treatments: tuple[Treatment, ...]
    cluster: str
    rows: str = "panel"
    unit: str = "unit"
    period: str = "period"
    estimand: str = ""
    covariates: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    graph: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moderators: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    variants: Mapping[str, Any] = field(default_factory=dict)
    event_bins: int = 1
    weights: str | None = None
    window: tuple[Any, Any] | None = None
    missing: Literal["refuse", "drop"] = "refuse"
    headline: str | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    estimators: tuple[str, ...] | Literal["auto"] = "auto"
    checks: tuple[str, ...] | Literal["auto"] = "auto"
    limits: tuple[str, ...] = ()
    needs: str | None = None
    level: float = 0.95
    draws: int = 999
    digest: str = ""

    @property
    def treatment(self) -> Treatment:
        """The only treatment, or the first of several."""
        return self.treatments[0]

    @property
    def alone(self) -> Study:
        """The study's own choices, without families and variants: what estimators need, and no column more."""
        return replace(self, families={}, variants={})

    def options_of(self, estimator: str) -> Mapping[str, Any]:
        """The options that the study file gives one estimator."""
        return self.options.get(estimator, {})


@dataclass(frozen=True)
class Panel:
    """The rows of a study in canonical columns, one row per unit and period, sorted by both.

    `frame` holds
      unit, period, cluster   integer codes from 0 (positions in the label arrays)
      outcome                 float, never missing
      exposure, weight        float and positive, where the study has them
      d_<treatment>           the treatment of that row, in its stated units (divided by `per`)
      g_<treatment>           for absorbing treatments: the code of the first treated period, -1 for never;
                              a code may lie beyond the window's last period (treated later than seen)
      and, under their own names, the covariates, moderators and instruments, the columns that options called
      `..._column` ask for, and, NaN where they are not known, the outcomes of families and the columns of `variants`
      (as they stand in the table; a column of first treated periods as codes like g_<treatment>).
    A panel with a single period is a cross-section.
    `start` gives, per dose treatment with a start, the code of the first period with a dose.
    `periods_per_year` is 12 for months, 1 for years, and None where periods are neither (survey waves): then nothing is
    stated by the year. `dropped` counts rows left out on the way, by reason; `warnings` are sentences, said with each
    estimate, on what is legal in the rows and looks wrong. `digest` is that of the rows as their table gave them, and
    empty for altered ones.
    """

    frame: pd.DataFrame
    unit_labels: np.ndarray
    period_labels: np.ndarray
    cluster_labels: np.ndarray
    start: Mapping[str, int] = field(default_factory=dict)
    periods_per_year: float | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    digest: str = ""

    @property
    def n_units(self) -> int:
        return len(self.unit_labels)

    @property
    def n_periods(self) -> int:
        return len(self.period_labels)

    @property
    def n_clusters(self) -> int:
        return len(self.cluster_labels)

    @property
    def balanced(self) -> bool:
        """Whether each unit has a row in each period."""
        return len(self.frame) == self.n_units * self.n_periods

    def matrix(self, column: str) -> np.ndarray:
        """A column as units x periods, shape (n_units, n_periods), NaN where there is no row."""
        out = np.full((self.n_units, self.n_periods), np.nan)
        out[self.frame["unit"].to_numpy(), self.frame["period"].to_numpy()] = self.frame[column].to_numpy(float)
        return out

    def by_unit(self, column: str) -> np.ndarray:
        """A column that is constant within units, shape (n_units,): the value of each unit's first row."""
        first = self.frame.groupby("unit", sort=True)[column].first()
        return np.asarray(first.to_numpy())


@dataclass(frozen=True)
class Estimate:
    """What an estimator returns for one treatment.

    `rows` has the columns ROW_COLUMNS; `covariance` is square, labelled by row number of `rows` (as text), and
    with several treatments by `<treatment>:<row>`. `percent_change` and `rate_change` are (value, low, high) for
    the treatment's stated unit: per cent of the outcome, and homicides per 100,000 people a year. An `interval` that is
    unbounded has infinite ends, an empty one NaN, and a warning says so; both are written as null.
    """

    treatment: str
    estimand: str
    scale: Scale
    value: float
    standard_error: float
    interval: tuple[float, float]
    p_value: float
    n_observations: int
    n_units: int
    n_treated: int
    n_clusters: int
    standard_error_type: str
    engine: str
    percent_change: Triple | None = None
    rate_change: Triple | None = None
    rows: pd.DataFrame | None = None
    covariance: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()


Estimates = Estimate | Mapping[str, Estimate]


@dataclass(frozen=True)
class EstimatorSpec:
    """What an estimator can do: decides which studies it joins, and writes its page of the docs.

    `options` maps each option to its default; a study may only set those. What it gives for an option whose name ends
    in `_column` is a column of its table, which the estimator then finds in the panel under its own name.
    `option_notes` says of each option what it means and which values are legal. `equation` is Markdown with formulas
    in ```math fences, as implemented; `edge_cases` are sentences on what is refused, left out or warned of. `since` is
    the release that first had the estimator; without one the comparison marks it as new. `needs` are keys of the study
    file of which it takes one at least, and `needs_option` an option that the study must give.
    """

    name: str
    title: str
    estimand: str
    treatments: frozenset[Kind]
    families: frozenset[Family]
    reference: str
    assumptions: tuple[str, ...]
    standard_errors: str
    several_treatments: bool = False
    needs: tuple[Literal["covariates", "moderators", "instruments"], ...] = ()
    needs_option: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    option_notes: Mapping[str, str] = field(default_factory=dict)
    equation: str = ""
    edge_cases: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True)
class Published:
    """Figures of one call that a paper or another package printed; `REFERENCE` of an estimator's file holds them.

    data : a reference set and the study on it, by its name in tests/published/sets.py
    figures : by `headline`, or a row's kind and labels (`event_time 0`, `group_time 2004 2005`): the estimate and its
        standard error, None where none is printed
    tolerance, error_tolerance : how far off an estimate and a standard error may be, the same if only one is given
    """

    data: str
    source: str
    figures: Mapping[str, tuple[float, float | None]]
    covariates: tuple[str, ...] = ()
    weights: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6
    error_tolerance: float | None = None


@dataclass(frozen=True)
class CheckResult:
    """What a check found. `passed` is None where it informs and does not judge.

    `values` holds plain numbers and text for the sentence and the page; `table` and `figure` the data behind.
    """

    name: str
    passed: bool | None
    sentence: str
    values: Mapping[str, Any] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    figure: pd.DataFrame | None = None


@dataclass(frozen=True)
class CheckSpec:
    """What a check looks at, and which studies it joins; read like an EstimatorSpec.

    `needs_several` is True for a check that compares the treatments of a study with one another.
    """

    name: str
    title: str
    question: str
    reference: str
    treatments: frozenset[Kind]
    families: frozenset[Family]
    needs_several: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    option_notes: Mapping[str, str] = field(default_factory=dict)
    equation: str = ""
    edge_cases: tuple[str, ...] = ()


EstimateFunction = Callable[[Study, Panel, np.random.Generator], Estimates]
CheckFunction = Callable[[Study, Panel, Mapping[str, Estimate], np.random.Generator], CheckResult]
