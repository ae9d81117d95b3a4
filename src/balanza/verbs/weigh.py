"""Weigh the two arms of a study: what the same pesos buy on each, under stated costs and priors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.compare import displaced, joint, outcomes, pesos, reassigned
from balanza.compare.costs import MILLION, Costs, Priced, Priors, price
from balanza.compare.pesos import Effects, Places
from balanza.config import load_study
from balanza.contract import Panel, Study
from balanza.errors import ConfigError
from balanza.estimators._summary import interval
from balanza.preparation import read_panel
from balanza.provenance import code_digest, derive_seed, file_digest, read_json, write_json, write_parquet
from balanza.registry import chosen, registry
from balanza.say import say
from balanza.strict import load

SUMS = "cluster_sums"
"""A check of studies beside, on finer rows, whose sentence stands on the page."""
BESIDE = ("randomization", "bootstrap")
"""Checks whose p-values stand beside that of Student's t."""


@dataclass(frozen=True)
class _Task:
    """What all parts need: the study with its rows, and costs worked out by arm."""

    study: Study
    costs: Costs
    priors: Priors
    places: Places
    priced: Mapping[str, Mapping[str, Priced]]
    lottery: reassigned.Lottery | str

    @property
    def names(self) -> tuple[str, str]:
        first, second = self.costs.arms
        return first, second

    @property
    def deviation(self) -> np.ndarray:
        """Of the priors, from the whole policy at its mean dose to one stated unit."""
        given = np.array([self.priors.priors[name].deviation for name in self.names])
        return np.asarray(given / self.places.mean_doses)

    def slope(self, labels: tuple[str, ...], spread: Any, scale: Any = "log") -> np.ndarray:
        """Events avoided by the amount for each unit of effect, shape (2,), at costs by their names."""
        doses = pesos.added(self.places, self.prices(labels), self.costs.amount * MILLION, spread)
        return pesos.slopes(self.places, doses, scale)

    @property
    def first_costs(self) -> tuple[str, ...]:
        """Names of the first cost of each arm: the headline."""
        return tuple(next(iter(self.priced[arm])) for arm in self.names)

    def prices(self, labels: tuple[str, ...]) -> np.ndarray:
        """Pesos of one stated unit of each dose for one person, shape (2,)."""
        treatments = {treatment.name: treatment for treatment in self.study.treatments}
        return np.array(
            [
                self.priced[name][label].pesos * treatments[name].per / self.costs.arms[name].per_people
                for name, label in zip(self.names, labels, strict=True)
            ]
        )


def run(
    study_file: Path,
    rows: Path,
    estimates: Path,
    checks: Path,
    panel: Path,
    out: Path,
    costs: Path,
    priors: Path,
    listed: Path,
    world: str = "own panel",
    truth: Path | None = None,
    level: float = 0.95,
    beside: Iterable[Path] = (),
    studies: Path | None = None,
    displacement: Path | None = None,
    seed: int = 20190701,
    draws: int = 999,
) -> None:
    """Write `pesos.json`, and the lines of its chart as `pesos.parquet`.

    Parameters
    ----------
    study_file, rows : Path
        The study with two treatments that the costs are of, and its rows.
    estimates, checks : Path
        Folders of the study's estimates and checks.
    panel : Path
        Folder of the world's panels, for other outcomes.
    out : Path
        results/<world>/versus
    costs, priors, listed : Path
        config/costs.yaml, config/priors.yaml and config/outcomes.yaml; their digests stand on the result.
    world : str
        Name of the world, for the record.
    truth : Path, optional
        truth.json of the synthetic world.
    level : float
    beside : iterable of Path
        Files of studies of the same arms, on other rows or with covariates, whose estimates stand beside the headline.
    studies : Path, optional
        results/<world>/studies, where their estimates are.
    displacement : Path, optional
        File of a study of the first arm that tells effects on neighbours.
    seed, draws : int
        Seed of the run, and draws of the randomization of both arms.

    Raises
    ------
    ConfigError
        If costs, priors or outcomes cannot be read, or do not fit the study.
    """
    study, beside = load_study(study_file, level, draws), list(beside)
    rng = np.random.default_rng(derive_seed(seed, study.name, "weigh"))
    task = _task(study, read_panel(study_file, study, rows), load(Costs, costs), load(Priors, priors), costs, rng)
    truths = read_json(truth) if truth else {}
    known = truths.get(study.name, {})
    found = {name: joint.read(study, estimates, name, task.names) for name in chosen("estimators", study)}
    lead = found.get(study.headline or "")
    read = {name: read_json(checks / f"{name}.json") for name in chosen("checks", study)}
    result: dict[str, Any] = _facts(task) | {
        "world": world,
        "study_digest": study.digest,
        "costs_digest": file_digest(costs),
        "priors_digest": file_digest(priors),
        "outcomes_digest": file_digest(listed),
        "code_digest": code_digest("balanza.verbs.weigh"),
        "beside": [row for name in BESIDE for row in outcomes.found_in(read, name)],
        "checks": {name: read[name].get("sentence") for name in ("arms_alone", "interaction") if name in read}
        | _sums(beside, studies),
        "estimators": [_estimator(task, study, name, item) for name, item in found.items()]
        + [row for path in beside for row in _other_study(task, path, studies, level)],
    }
    result["displacement"] = _displacement(displacement, studies, truths, level)
    own = load(outcomes.Outcomes, listed)
    table = pd.read_parquet(panel / f"{study.rows}.parquet")
    result |= {
        "outcomes": outcomes.table(study, table, own),
        "unmeasured": [item.model_dump() for item in own.unmeasured],
    }
    if isinstance(lead, str) or lead is None:
        result |= {"status": "declined", "reason": lead or say("the study names no headline"), "cases": [], "arms": []}
        lines = pd.DataFrame(columns=list(LINE_COLUMNS))
    else:
        cases = _cases(task, lead, known)
        result |= {"status": "ran", "reason": None, "arms": _arms(task, lead), "cases": cases}
        lines = _lines(task, lead, known)
    write_json(out / "pesos.json", result)
    write_parquet(out / "pesos.parquet", lines)


LINE_COLUMNS = ("arm", "cost", "millions", "value", "low", "high", "beyond", "truth")


def _task(study: Study, panel: Panel, costs: Costs, priors: Priors, where: Path, rng: np.random.Generator) -> _Task:
    names = {treatment.name for treatment in study.treatments}
    if costs.study != study.name or set(costs.arms) != names:
        arms = " and ".join(costs.arms)
        raise ConfigError(
            f"it is about the arms {arms} of the study {costs.study}, not of {study.name}",
            where=str(where),
            cure="Name a study with two treatments, and its treatments as `arms`",
        )
    if set(priors.priors) != names:
        raise ConfigError("config/priors.yaml has not the same arms", where=str(where), cure="Give each arm a prior")
    odd = [t.name for t in study.treatments if t.kind != "dose" or t.name not in panel.start]
    if odd or study.outcome.exposure is None or not panel.periods_per_year:
        raise ConfigError(
            "pesos need doses with a start, an outcome with people at risk, and months or years",
            where=f"study {study.name}",
            cure="Give both treatments `kind: dose` and `start`, and the outcome an `exposure`",
        )
    priced = {
        name: {label: price(label, cost, costs.prices) for label, cost in arm.costs.items()}
        for name, arm in costs.arms.items()
    }
    first, second = costs.arms
    lottery = reassigned.lottery(study, panel, (first, second), rng)
    return _Task(study, costs, priors, places_of(panel, (first, second)), priced, lottery)


def places_of(panel: Panel, names: tuple[str, ...]) -> Places:
    """Events, people and mean doses of the time in which the arms are on, by unit of a study."""
    start = max(panel.start[name] for name in names)
    events, people = panel.matrix("outcome"), panel.matrix("exposure")
    doses = [np.nanmean(panel.matrix(f"d_{name}")[:, panel.start[name] :], axis=1) for name in names]
    yearly = float(panel.periods_per_year or 1.0) * np.nanmean(events[:, start:], axis=1)
    return Places(yearly, np.nanmean(people[:, start:], axis=1), np.stack(doses))


def _facts(task: _Task) -> dict[str, Any]:
    places, costs = task.places, task.costs
    return {
        "study": task.study.name,
        "title": task.study.title,
        "outcome": task.study.outcome.column,
        "headline": task.study.headline,
        "level": task.study.level,
        "amount_millions": costs.amount,
        "base_year": costs.prices.base,
        "prices_source": costs.prices.source,
        "events_a_year": float(places.events.sum()),
        "people": float(places.people.sum()),
        "names": list(task.names),
        "spread": list(costs.spread),
        "prior_about": task.priors.about,
    }


def _arms(task: _Task, effects: Effects) -> list[dict[str, Any]]:
    treatments = {treatment.name: treatment for treatment in task.study.treatments}
    rows = []
    for index, name in enumerate(task.names):
        error = float(np.sqrt(effects.covariance[index, index]))
        value, prior = float(effects.value[index]), task.priors.priors[name]
        rows.append(
            {
                "treatment": name,
                "unit": treatments[name].unit,
                "counts": task.costs.arms[name].counts,
                "basis": task.costs.arms[name].basis,
                "effect": value,
                "standard_error": error,
                "interval": list(interval(value, error, task.study.level, effects.freedom)),
                "mean_dose": float(task.places.mean_doses[index]),
                "prior": prior.model_dump() | {"deviation_per_unit": float(task.deviation[index])},
                "costs": [priced.model_dump() for priced in task.priced[name].values()],
            }
        )
    size = np.sqrt(np.diag(effects.covariance))
    correlation = float(effects.covariance[0, 1] / size.prod())
    return [row | {"correlation": correlation, "n_clusters": effects.freedom + 1} for row in rows]


def _cases(task: _Task, effects: Effects, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each spread with each pair of costs; the first is the headline."""
    first, second = task.names
    cases = []
    for spread in task.costs.spread:
        for labels in product(task.priced[first], task.priced[second]):
            slope = task.slope(labels, spread)
            weighed = pesos.weigh(effects, slope, task.costs.amount * MILLION, task.study.level, task.deviation)
            turning = pesos.flips(effects, slope, task.priced[first][labels[0]].pesos, task.study.level)
            true = pesos.truth_of(known, slope, task.names) if known else None
            case = {"spread": spread, "costs": dict(zip(task.names, labels, strict=True)), **weighed}
            case["randomization"] = reassigned.test(task.lottery, slope)
            cases.append(case | {"flips": turning, "truth": _against(true, weighed, task.names)})
    return cases


def _against(true: dict[str, Any] | None, weighed: Mapping[str, Any], names: tuple[str, str]) -> dict[str, Any] | None:
    if true is None:
        return None
    low, high = weighed["contrast"]["interval"]
    covers = {"contrast": low <= true["contrast"] <= high}
    for name, arm in zip(names, weighed["arms"], strict=True):
        covers[name] = arm["avoided"][1] <= true["avoided"][name] <= arm["avoided"][2]
    return true | {"covers": covers}


def _estimator(task: _Task, study: Study, name: str, found: Effects | str) -> dict[str, Any]:
    """The headline case by an estimator of a study."""
    row: dict[str, Any] = {"study": study.name, "study_title": study.title, "estimator": name}
    row |= {"title": registry("estimators").entries[name].spec.title}
    if isinstance(found, str):
        return row | {"status": "not used", "reason": found}
    slope = task.slope(task.first_costs, task.costs.spread[0], found.scale)
    buys = pesos.bought(found, slope, task.costs.amount * MILLION, task.study.level)
    return row | {"status": "used", "reason": None, **buys}


def _other_study(task: _Task, path: Path, studies: Path | None, level: float) -> Iterable[dict[str, Any]]:
    other = load_study(path, level)
    joint.require_same_arms(task.study, other, str(path))
    if studies is None:
        raise ConfigError("the folder of the studies' results is missing", where=str(path), cure="Give `--studies`")
    for name in chosen("estimators", other):
        found = joint.read(other, studies / other.name / "estimates", name, task.names)
        yield _estimator(task, other, name, found)


def _displacement(
    path: Path | None, studies: Path | None, truths: Mapping[str, Any], level: float
) -> dict[str, Any] | None:
    """What the first arm does next door; None where no study of this run tells."""
    if path is None:
        return None
    other = load_study(path, level)
    known = truths.get(other.name, {}).get(other.treatment.name)
    return displaced.read(other, (studies or Path()) / other.name / "estimates", known)


def _sums(beside: Iterable[Path], studies: Path | None) -> dict[str, str | None]:
    """Whether finer rows have the answer of the sums, by study beside."""
    others = [load_study(path) for path in beside]
    asked = [other.name for other in others if SUMS in chosen("checks", other)]
    return {
        f"{name}.{SUMS}": read_json((studies or Path()) / name / f"checks/{SUMS}.json")["sentence"] for name in asked
    }


def _lines(task: _Task, effects: Effects, known: Mapping[str, Any]) -> pd.DataFrame:
    """Events avoided by growing sums, the same for each person, by arm and cost."""
    rows = []
    steps = np.linspace(0, task.costs.lines.to, task.costs.lines.steps + 1)
    highest = task.places.doses.max(axis=1)
    for index, name in enumerate(task.names):
        for label in task.priced[name]:
            labels = tuple(label if arm == name else next(iter(task.priced[arm])) for arm in task.names)
            unit = task.prices(labels)
            for millions in steps:
                doses = pesos.added(task.places, unit, float(millions) * MILLION, "people")[index]
                value, low, high = pesos.line(effects, task.places, doses, index, task.study.level)
                beyond = bool(task.places.mean_doses[index] + doses.max() > highest[index])
                true = -task.places.events @ np.expm1(known[name]["value"] * doses) if known else np.nan
                rows.append((name, label, float(millions), value, low, high, beyond, float(true)))
    return pd.DataFrame(rows, columns=list(LINE_COLUMNS))
