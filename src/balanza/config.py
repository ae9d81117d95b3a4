"""Configuration of a run and study files: loaded as data, checked before anything runs.

An unknown key is refused with the nearest legal one and the file that it stands in.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from balanza.contract import NEGATIVE_CONTROL, DoseRule, Outcome, Study, Treatment
from balanza.errors import ConfigError
from balanza.provenance import file_digest
from balanza.strict import STRICT, Strict, validated
from balanza.strict import load as load_strict

Flavour = Literal["null", "beneficial", "adverse", "displacement", "reporting"]
Selection = Literal["none", "level", "dip"]
Rows = Literal["municipality_month", "state_month", "state_year", "panel"]

USER_FILES = {
    "deployment_file": "deployment",
    "deployment_elements_file": "deployment_elements",
    "spending_file": "spending",
}
"""Keys that name a file of the user's own, and the reader of each."""
PAGES = (
    "index",
    "municipality",
    "graph",
    "methods",
    "quality",
    "weighing",
    "outlook",
    "validation",
    "validation_full",
    "provenance",
    "annex",
    "costs",
    "brief",
)
"""Pages of the report that no study may be called after, since its page bears its name."""


class RunConfig(Strict):
    """The keys of config/config.yaml."""

    world: Literal["synthetic", "mexico"] = "synthetic"
    studies: Literal["all"] | list[str] = "all"
    targets: Literal["default", "full", "validation"] = "default"
    blind: bool = False
    seed: int = 20190701
    level: float = Field(0.95, gt=0.5, lt=1)
    draws: int = Field(999, ge=19)
    validation_draws: int = Field(200, ge=1)
    mirror: str | None = None
    offline: bool = False
    flavour: Flavour = "beneficial"
    selection: Selection = "level"
    size: float = Field(1.0, gt=0, le=1)
    guard_headquarters: bool = True
    jcf_education: bool = False
    deployment_file: str | None = None
    deployment_elements_file: str | None = None
    spending_file: str | None = None

    @field_validator("studies", mode="before")
    @classmethod
    def _one_name_is_a_list_of_one(cls, value: Any) -> Any:
        if isinstance(value, str):
            return value if value == "all" else [value]
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return value
        raise ValueError("give `all`, the name of a study, or a list of names")


class _PanelFile(Strict):
    file: str
    unit: str
    period: str


class _Outcome(Strict):
    column: str
    family: Literal["gaussian", "poisson"] = "gaussian"
    exposure: str | None = None
    log: bool = False

    @model_validator(mode="after")
    def _logarithms_are_no_counts(self) -> _Outcome:
        if self.log and self.family == "poisson":
            raise ValueError("`log: true` is for a gaussian outcome in logarithms; a Poisson outcome is a count")
        if self.exposure is not None and self.family != "poisson":
            raise ValueError("`exposure` goes with `family: poisson`; take it out, or divide the column by it yourself")
        return self


class _Treatment(Strict):
    kind: Literal["binary", "reversible", "dose"]
    column: str | None = None
    first_treated: str | dict[str, Any] | None = None
    per: float = Field(1.0, gt=0)
    unit: str = ""
    start: str | int | None = None
    dose: DoseRule | None = None
    node: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> _Treatment:
        if self.kind == "binary" and self.first_treated is None:
            raise ValueError("a binary treatment needs `first_treated`: a column or a mapping of unit to period")
        if self.kind != "binary" and self.column is None:
            raise ValueError(f"a {self.kind} treatment needs `column`")
        if self.dose in ("mean_post", "first", "last") and self.start is None:
            raise ValueError(f"`dose: {self.dose}` needs `start`, the first period with a dose")
        return self


class _OtherOutcome(Strict):
    column: str
    exposure: str | None = None
    title: str = ""


class _OtherTreatment(Strict):
    column: str | None = None
    first_treated: str | dict[str, Any] | None = None
    dose: DoseRule | None = None
    start: str | int | None = None
    title: str = ""


class _Variants(BaseModel):
    """The axes of the specification curve: each choice has a label, and says what it changes of the study."""

    model_config = STRICT

    outcome: dict[str, _OtherOutcome] = {}
    treatment: dict[str, _OtherTreatment] = {}
    scale: list[Literal["poisson", "rate", "log1p", "asinh"]] = []
    covariates: dict[str, list[str] | Literal["graph"]] = {}
    window: dict[str, tuple[str | int, str | int]] = {}
    cluster: dict[str, str] = {}
    comparison: dict[str, dict[str, dict[str, Any]]] = {}
    estimator: list[str] = []


class StudyFile(BaseModel):
    """The keys of a study file."""

    model_config = STRICT

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    question: str
    outcome: _Outcome
    treatment: _Treatment | None = None
    treatments: dict[str, _Treatment] | None = None
    cluster: str
    panel: _PanelFile | None = None
    rows: Rows = "municipality_month"
    estimand: str = ""
    covariates: list[str] | Literal["graph"] = []
    graph: str | None = None
    overrides: dict[str, str] = {}
    families: dict[str, list[str]] = {}
    moderators: list[str] = []
    instruments: list[str] = []
    variants: _Variants = _Variants()
    event_bins: int = Field(1, ge=1)
    weights: str | None = None
    window: tuple[str | int, str | int] | None = None
    missing: Literal["refuse", "drop"] = "refuse"
    headline: str | None = None
    options: dict[str, dict[str, Any]] = {}
    estimators: Literal["auto"] | list[str] = "auto"
    checks: Literal["auto"] | list[str] = "auto"
    limits: list[str] = []
    order: int = 100
    needs: Literal["deployment_file", "spending_file"] | None = None

    @field_validator("name")
    @classmethod
    def _no_other_page_is_called_so(cls, value: str) -> str:
        if value in PAGES:
            raise ValueError(f"the report has a page {value}.html already; call the study something else")
        return value

    @model_validator(mode="after")
    def _one_way_to_name_treatments(self) -> StudyFile:
        if (self.treatment is None) == (self.treatments is None):
            raise ValueError("give either `treatment` or `treatments`")
        return self

    @model_validator(mode="after")
    def _one_way_to_name_rows(self) -> StudyFile:
        if self.panel is not None and "rows" in self.model_fields_set:
            raise ValueError("give either `panel`, a table of your own, or `rows`, those of the world's panels")
        return self

    @model_validator(mode="after")
    def _the_reserved_family_is_spelt_right(self) -> StudyFile:
        for name in self.families:
            plain = name.lower().replace("-", "_")
            if name != NEGATIVE_CONTROL and difflib.get_close_matches(plain, [NEGATIVE_CONTROL], cutoff=0.8):
                raise ValueError(f"`families` names {name!r}. Did you mean {NEGATIVE_CONTROL!r}?")
        return self

    @model_validator(mode="after")
    def _overrides_are_of_named_columns(self) -> StudyFile:
        named = {*([] if self.covariates == "graph" else self.covariates), *self.moderators, *self.instruments}
        for column, words in self.overrides.items():
            if column not in named:
                raise ValueError(f"`overrides` names {column!r}, which neither `covariates` nor another key lists")
            if not words.strip():
                raise ValueError(f"`overrides` gives no reason for {column!r}")
        return self


def load_config(values: dict[str, Any], where: str = "configuration") -> RunConfig:
    """Check the merged configuration of a run.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest legal one) or an illegal value.
    """
    return validated(RunConfig, values, where)


def load_study_file(path: str | Path) -> StudyFile:
    """Read and check a study file as it stands.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest legal one), a missing key, an illegal value, or a graph without a file.
    """
    file = load_strict(StudyFile, path)
    if file.graph is not None:
        graph_file(path, file.graph)
    return file


def graph_file(study_file: str | Path, graph: str) -> Path:
    """The file of a study's graph: beside the study, or in the folder `graphs` beside the folder of the studies.

    Raises
    ------
    ConfigError
        If it is in neither place.
    """
    folder = Path(study_file).parent
    places = [folder / graph, folder.parent / "graphs" / graph]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        cure = f"Put it at {places[0]} or at {places[1]}"
        raise ConfigError(f"there is no graph {graph!r}", where=str(study_file), cure=cure)
    return found


def load_studies(folder: Path, wanted: Literal["all"] | list[str], level: float, draws: int) -> dict[str, Study]:
    """Read the studies of a run, and check every other study of the folder too.

    Parameters
    ----------
    folder : Path
        config/studies: one file a study, called like it.
    wanted : "all" or list of str
        `studies` of the run.
    level, draws : float, int
        As in `load_study`.

    Returns
    -------
    dict of str to Study
        By name; with "all" by their `order` and name, else in the order given.

    Raises
    ------
    ConfigError
        As `load_study`; if a study is not called like its file, or no file has the name that is wanted.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    loaded = {name: load_study_file(path) for name, path in files.items()}
    for name, file in loaded.items():
        if file.name != name:
            raise ConfigError(
                f"the study's name is {file.name!r}", where=str(files[name]), cure="Call it like its file"
            )
    if wanted == "all":
        wanted = sorted(files, key=lambda name: (loaded[name].order, name))
    for name in wanted:
        if name not in files:
            near = difflib.get_close_matches(name, files, n=1, cutoff=0)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"no study {name!r} in {folder}", where="config, studies", cure=f"{hint}There are: {', '.join(files)}"
            )
    return {name: load_study(files[name], level, draws) for name in wanted}


def load_study(path: str | Path, level: float = 0.95, draws: int = 999) -> Study:
    """Read a study file into the contract's form, with its digest.

    Parameters
    ----------
    path : path
        A YAML file of config/studies or of the user.
    level, draws : float, int
        Confidence level of the run, and draws of randomization and bootstrap.

    Raises
    ------
    ConfigError
        As `load_study_file`, and if `covariates: graph` comes without a graph.
    """
    file = load_study_file(path)
    named = file.treatments or ({"treatment": file.treatment} if file.treatment else {})
    treatments = tuple(_treatment(name, item) for name, item in named.items())
    if file.covariates == "graph" and file.graph is None:
        raise ConfigError("`covariates: graph` needs `graph`", where=str(path), cure="Name a file of config/graphs")
    return Study(
        name=file.name,
        title=file.title,
        question=file.question,
        outcome=Outcome(**file.outcome.model_dump()),
        treatments=treatments,
        cluster=file.cluster,
        rows="panel" if file.panel else file.rows,
        unit=file.panel.unit if file.panel else unit_of(file.rows),
        period=file.panel.period if file.panel else period_of(file.rows),
        estimand=file.estimand,
        covariates=("graph",) if file.covariates == "graph" else tuple(file.covariates),
        graph=file.graph,
        overrides=file.overrides,
        families={name: tuple(columns) for name, columns in file.families.items()},
        moderators=tuple(file.moderators),
        instruments=tuple(file.instruments),
        variants=file.variants.model_dump(exclude_defaults=True),
        event_bins=file.event_bins,
        weights=file.weights,
        window=file.window,
        missing=file.missing,
        headline=file.headline,
        options=file.options,
        estimators="auto" if file.estimators == "auto" else tuple(file.estimators),
        checks="auto" if file.checks == "auto" else tuple(file.checks),
        limits=tuple(file.limits),
        needs=file.needs,
        level=level,
        draws=draws,
        digest=file_digest(path),
    )


def _treatment(name: str, item: _Treatment) -> Treatment:
    dose = item.dose or ("mean_post" if item.kind == "dose" and item.start is not None else "current")
    return Treatment(name, item.kind, item.column, item.first_treated, item.per, item.unit, item.start, dose, item.node)


def unit_of(rows: str) -> str:
    """The unit column of one of the world's panels."""
    return "cvegeo" if rows == "municipality_month" else "state"


def period_of(rows: str) -> str:
    """The period column of one of the world's panels."""
    return "year" if rows == "state_year" else "period"
