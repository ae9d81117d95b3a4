"""Runs the estimators of a study on rows whose truth is known, and keeps what each found beside the truth."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from balanza.contract import Estimate, Kind, Study
from balanza.errors import BalanzaError, Unsupported
from balanza.preparation import prepare
from balanza.provenance import derive_seed
from balanza.registry import find, reason_against
from balanza.say import joined, say

COLUMNS = (
    *("kind", "flavour", "selection", "study", "draw", "estimator", "treatment", "status", "reason"),
    *("measure", "truth", "value", "low", "high", "p_value", "judged"),
)


@dataclass(frozen=True)
class Known:
    """Rows of one draw and what is true in them.

    kind : `world` or `plasmode`; flavour, selection : of the world, or of the injected effect
    truth : by treatment: `value` in log points, `rate` where known, `parallel_trends`, `interference`
    """

    kind: str
    flavour: str
    selection: str
    draw: int
    table: pd.DataFrame
    truth: Mapping[str, Mapping[str, Any]]


@dataclass
class Clock:
    """CPU seconds and fits by estimator: for the log, never for a result."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    fits: Counter[str] = field(default_factory=Counter)

    def tell(self) -> None:
        """Print the CPU seconds of one fit of each estimator."""
        for name, total in sorted(self.seconds.items()):
            print(f"{name}: {total / self.fits[name]:.3f} CPU s a fit, {self.fits[name]} fits", file=sys.stderr)


def quick(study: Study, names: Iterable[str]) -> Study:
    """The study with as few draws of uniform bands as can be in some estimators: no headline depends on these."""
    options = {name: dict(given) for name, given in study.options.items()}
    for name in names:
        if "draws" in find("estimators", name).spec.options and not name.startswith("synthetic_"):
            options.setdefault(name, {})["draws"] = 1
    return replace(study, options=options)


def trial(study: Study, known: Known, names: Iterable[str], seed: int, clock: Clock) -> pd.DataFrame:
    """Estimate with each of some estimators.

    Parameters
    ----------
    study : Study
        From `quick`.
    known : Known
        One draw.
    names : iterable of str
        Estimators.
    seed : int
        Of the run: each fit derives its own from it, so that results hang on no other fit.
    clock : Clock
        Gets the time of each fit.

    Returns
    -------
    DataFrame
        A row for each estimator and treatment, in COLUMNS.
    """
    names = tuple(names)
    study = study.alone  # scored is what the study's own choices say
    world = {"kind": known.kind, "flavour": known.flavour, "selection": known.selection}
    try:
        panel = prepare(study, known.table, f"{known.kind} {known.draw} of study {study.name}")
    except BalanzaError as refusal:
        return declined(study, names, str(refusal), known.draw, **world)
    rows: list[dict[str, Any]] = []
    for name in names:
        own = derive_seed(seed, "validation", *world.values(), study.name, name, str(known.draw))
        started = time.process_time()
        found, status, reason = _tried(study, panel, name, np.random.default_rng(own))
        clock.seconds[name] += time.process_time() - started
        clock.fits[name] += 1
        said = {"study": study.name, "draw": known.draw, "estimator": name, "status": status, "reason": reason}
        for treatment in study.treatments:
            truth = known.truth[treatment.name]
            against = _against(found.get(treatment.name), truth, known.selection, treatment.kind)
            rows.append(world | said | {"treatment": treatment.name} | against)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def declined(
    study: Study, names: Iterable[str], reason: str, draw: int, kind: str, flavour: str, selection: str
) -> pd.DataFrame:
    """Rows of COLUMNS that say why no estimator could run."""
    said: dict[str, Any] = {"kind": kind, "flavour": flavour, "selection": selection, "study": study.name, "draw": draw}
    said |= {"status": "declined", "reason": reason, "judged": False}
    rows = [said | {"estimator": name, "treatment": arm.name} for name in names for arm in study.treatments]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _tried(study: Study, panel: Any, name: str, rng: np.random.Generator) -> tuple[Mapping[str, Estimate], str, str]:
    entry = find("estimators", name)
    try:
        against = reason_against(entry.spec, study)
        if against:
            raise Unsupported(against, where=name)
        found = entry.function(study, panel, rng)
    except BalanzaError as refusal:
        return {}, "declined", str(refusal)
    except Exception as error:  # whatever breaks in one fit must not stop the others; the scores count it
        traceback.print_exc()
        return {}, "failed", joined([type(error).__name__, ": ", error])
    return ({study.treatment.name: found} if isinstance(found, Estimate) else dict(found)), "ran", ""


def _against(estimate: Estimate | None, truth: Mapping[str, Any], selection: str, kind: Kind) -> dict[str, Any]:
    """What was found and what is true, in the unit in which the estimate means what the truth says.

    An estimate of a log ratio is held against log points. One on the level scale is held against the true change in
    rates where that is known, else, as a share of what would have been, against the share that the log points make;
    its trends are parallel only where assignment does not look at violence at all. A share for each unit of dose is a
    line through a curve, and only near the truth unless that is zero, so that no coverage is asked for.
    """
    parallel = bool(truth["parallel_trends"]) and not truth["interference"]
    found: dict[str, Any] = dict.fromkeys(("measure", "truth", "value", "low", "high", "p_value"))
    if estimate is None:
        return found | {"judged": False}
    numbers: tuple[Any, ...] = (truth["value"], math.nan, math.nan, math.nan)
    measure = "none"
    if estimate.scale == "log":
        numbers, measure = (truth["value"], estimate.value, *estimate.interval), say("log points")
    elif truth.get("rate") is not None and estimate.rate_change is not None:
        numbers, measure = (truth["rate"]["value"], *estimate.rate_change), say("homicides per 100,000 a year")
    elif estimate.percent_change is not None:
        shares = (None if item is None else item / 100 for item in estimate.percent_change)
        numbers, measure = (math.expm1(truth["value"]), *shares), "share"
    found |= dict(zip(("truth", "value", "low", "high"), numbers, strict=True))
    exact = measure != "none" and (measure != "share" or kind == "binary" or truth["value"] == 0)
    judged = parallel and exact and (estimate.scale == "log" or selection == "none")
    return found | {"measure": measure, "p_value": estimate.p_value, "judged": judged}
