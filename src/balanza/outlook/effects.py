"""What effect a scenario may use: the interval of a study that identifies one, else no claim and the stated prior.

An effect is used as a set. It is claimed where the study's causal graph identifies it with the columns at hand, its
headline ran on the log scale, and the interval leaves zero out: the honest one (Rambachan and Roth 2023, relative
magnitudes with Mbar = 1) where that check ran, else the estimate's own. In all other cases there is no claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from balanza.errors import PanelError
from balanza.outlook.scenario_file import Effect, Normal
from balanza.provenance import read_json
from balanza.say import say

Floats = NDArray[np.float64]
ABOVE = 0.8413447460685429
"""The normal distribution below one standard deviation."""


@dataclass(frozen=True)
class Origin:
    """Where a claimed set comes from: the headline of a study for one treatment, and the file of its covariance."""

    study: str
    estimator: str
    treatment: str
    covariance: Path


@dataclass(frozen=True)
class EffectSet:
    """An effect on the log of victims per unit: an interval that is claimed, or a prior.

    kind : `honest interval`, `interval`, or `prior`
    low, high : the interval, or the central 95 per cent of the prior
    reason : why it is claimed, or why not
    source : of the numbers
    origin : of a claimed set
    """

    kind: Literal["honest interval", "interval", "prior"]
    low: float
    high: float
    reason: str
    source: str
    prior: Any = None
    origin: Origin | None = None

    @property
    def claimed(self) -> bool:
        return self.kind != "prior"

    def quantile(self, share: Floats) -> Floats:
        """The effect below which a share of the draws lies; an interval has no shape, and is drawn evenly."""
        if self.prior is None:
            return np.asarray(self.low + (self.high - self.low) * share)
        return _quantile(self.prior, share)

    @property
    def middle(self) -> float:
        """Half of the draws lie below."""
        return float(self.quantile(np.array([0.5]))[0])

    @property
    def above(self) -> float:
        """One standard deviation above the middle, of a normal prior; the same quantile of any other."""
        return float(self.quantile(np.array([ABOVE]))[0])


def _quantile(prior: Any, share: Floats) -> Floats:
    from scipy.special import ndtri

    if isinstance(prior, Normal):
        return np.asarray(prior.mean + prior.sd * ndtri(share))
    below = prior.fewer / (prior.fewer + prior.more)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = ndtri(share / below / 2) if below > 0 else np.zeros_like(share)
        rise = ndtri((1 + (share - below) / (1 - below)) / 2) if below < 1 else np.zeros_like(share)
    return np.asarray(prior.sd * np.where(share < below, fall, rise))


def resolve(effect: Effect, studies: Path | None) -> EffectSet:
    """The set that a scenario may use.

    Parameters
    ----------
    effect : Effect
    studies : Path or None
        results/<world>/studies, if there are results.
    """
    found = _claimed(effect, studies)
    if isinstance(found, EffectSet):
        return found
    low, high = _quantile(effect.prior, np.array([0.025, 0.975]))
    return EffectSet("prior", float(low), float(high), found, effect.prior.source, effect.prior)


def _claimed(effect: Effect, studies: Path | None) -> EffectSet | str:
    """The claimed set, or why there is none."""
    if effect.study is None:
        return say("No study of this project estimates it.")
    folder = (studies or Path()) / effect.study
    if studies is None or not (folder / "comparison.json").is_file():
        return say("The study {study} was not run.", study=effect.study)
    if not (folder / "identification.json").is_file():
        return say(
            "The study {study} names no causal graph, so that nothing identifies the effect.", study=effect.study
        )
    arms = read_json(folder / "identification.json")["arms"]
    arm = next((arm for arm in arms if arm["treatment"] == effect.treatment), None)
    comparison = read_json(folder / "comparison.json")
    rows = [row for row in comparison["rows"] if row["estimator"] == comparison["headline"]]
    row = next((row for row in rows if row["treatment"] == effect.treatment), None)
    if arm is None or row is None:
        return say("The study {study} has no estimate of {treatment}.", study=effect.study, treatment=effect.treatment)
    covariance = folder / "estimates" / f"{row['stem']}.covariance.parquet"
    origin = Origin(effect.study, row["estimator"], row["treatment"], covariance)
    return _identified(origin, arm, row, _honest(folder / "checks" / "honest_did.json", row["stem"]))


def _identified(
    origin: Origin, arm: Mapping[str, Any], row: Mapping[str, Any], honest: tuple[float | None, float | None] | None
) -> EffectSet | str:
    study = origin.study
    if not arm["identified_here"]:
        return say("The study {study} does not identify it: {reason}", study=study, reason=arm["reason"])
    if row["status"] != "ran" or row["scale"] != "log":
        return say("The headline of the study {study} did not run, or not on the log scale.", study=study)
    low, high = honest or row["interval"]
    kind: Literal["honest interval", "interval"] = "honest interval" if honest else "interval"
    if low is None or high is None or low <= 0 <= high:
        return say(
            "The {kind} of the study {study} is unbounded or contains zero.",
            kind=say("honest interval") if honest else say("interval"),
            study=study,
        )
    reason = say(
        "The study {study} identifies it, and its {kind} leaves zero out.",
        study=study,
        kind=say("honest interval") if honest else say("interval"),
    )
    source = say("study {study}, {title}", study=study, title=row["title"])
    return EffectSet(kind, float(low), float(high), reason, source, origin=origin)


def _honest(path: Path, stem: str) -> tuple[float | None, float | None] | None:
    check: Mapping[str, Any] = read_json(path) if path.is_file() else {}
    for row in check.get("table") or ():
        own = row.get("estimate") == stem and row.get("target") == "average"
        if own and row.get("restriction") == "relative magnitudes" and row.get("bound") == 1:
            return row["low"], row["high"]
    return None


def correlations(sets: Sequence[EffectSet]) -> Floats:
    """How the effects of a scenario go together, shape (n, n): as one fit of one study says, else not at all.

    Parameters
    ----------
    sets : sequence of EffectSet
        Two that are claimed from one headline correlate as its joint covariance has them; priors are independent.
    """
    found = np.eye(len(sets))
    for (i, one), (j, other) in combinations(enumerate(sets), 2):
        if one.origin and other.origin and _together(one.origin, other.origin):
            found[i, j] = found[j, i] = _correlation(one.origin, other.origin)
    return found


def _together(one: Origin, other: Origin) -> bool:
    return (one.study, one.estimator) == (other.study, other.estimator) and one.treatment != other.treatment


def _correlation(one: Origin, other: Origin) -> float:
    import pandas as pd

    labels = [f"{item.treatment}:headline" for item in (one, other)]
    matrix = pd.read_parquet(one.covariance)
    if not set(labels) <= set(matrix.columns):
        raise PanelError(
            f"holds no joint covariance of {one.treatment} and {other.treatment}",
            where=str(one.covariance),
            cure=f"Take the effects of one scenario from studies whose headline estimates both, not from {one.study}",
        )
    places = matrix.columns.get_indexer(pd.Index(labels))  # rows stand in the order of columns, and bear no names
    values = matrix.to_numpy(float)[np.ix_(places, places)]
    return float(values[0, 1] / np.sqrt(values[0, 0] * values[1, 1]))
