"""Event studies as checks read them off estimates: coefficients around their reference, and why some cannot be read.

Bounds on a trend, and the power against one, need coefficients before and after treatment that measure the same thing:
the difference to one reference, the last event time before treatment. Roth (2024), arXiv:2401.12309, shows that those
of imputation estimators do not: a straight trend has a kink at treatment there, which looks like an effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balanza.checks._twoway import FEWEST_TREATED, INSTEAD
from balanza.contract import Estimate, Panel, Study, Treatment
from balanza.errors import BalanzaError, Unsupported
from balanza.estimators import _summary
from balanza.kernels.honest import EventStudy
from balanza.kernels.pretrend import effective_clusters
from balanza.registry import find
from balanza.say import say, say_n

SINGULAR = 1e-10
TARGETS = ("average", "first")
MEAN_BEFORE = say(
    "its event times after treatment are measured against all earlier ones, those before against the last"
)
FITTED = say("its event times before treatment are what its weights were fitted to")
UNLIKE = {
    "imputation": MEAN_BEFORE,
    "two_stage": say("its event times before treatment are residuals of the fit that it starts from"),
    "spillover": say("its event times before treatment are residuals of the fit that it starts from"),
    "synthetic_control": FITTED,
    "synthetic_did": FITTED,
}
"""Estimators of this package whose event times before and after treatment do not measure the same thing."""
PLAIN = ("poisson", "twfe", "sun_abraham")
"""Whom the sentence is about first where the headline has no event study."""
SINGLE = say("its event times are measured against a single period while bins are wider")


@dataclass(frozen=True)
class Path:
    """The event study of one estimate, as far as its event times follow each other without a gap.

    stem, estimator : the estimate's name, with and without its treatment
    time : event times of the coefficients, shape (n,); `reference` is the one between, and `step` the periods of one
    n_left_out : event times beyond a gap, or that fewer than five treated clusters reach
    quantile : of the rows' intervals over that of a normal, 1 or more
    log : whether effects are on a logarithm
    """

    stem: str
    estimator: str
    estimate: Estimate
    study: EventStudy
    time: np.ndarray
    reference: int
    step: int
    n_left_out: int
    quantile: float
    log: bool

    @property
    def widened(self) -> EventStudy:
        """The event study with standard errors that make the normal quantile that of the rows' intervals."""
        return replace(self.study, covariance=self.study.covariance * self.quantile**2)

    def weights(self, target: str) -> np.ndarray:
        """Of the coefficients after the reference, shape (n_after,): their average from treatment on, or the first."""
        treated = self.time[self.study.n_before :] >= 0
        if target == "first":
            treated &= np.cumsum(treated) == 1
        return np.asarray(treated / treated.sum())

    @property
    def claimed(self) -> bool:
        """Whether the estimate's interval excludes zero."""
        low, high = self.estimate.interval
        return bool(low > 0 or high < 0)


@dataclass(frozen=True)
class Paths:
    """Event studies by estimate, and for the other estimates why they have none.

    lead : those that the verdict and the sentence are about: of the headline, or of one other estimator where that has
        none, and then nothing is judged
    """

    found: tuple[Path, ...]
    refused: Mapping[str, str]
    lead: tuple[Path, ...]
    judged: bool

    def preface(self, study: Study) -> str:
        """Why the sentence is not about the headline; nothing where it is."""
        if self.judged:
            return ""
        reason = next(
            (why for stem, why in self.refused.items() if _estimator(stem) == study.headline), say("it did not run")
        )
        if not study.headline:
            return say("No headline is named. ")
        return say("The headline, {headline}, cannot be judged: {reason}. ", headline=study.headline, reason=reason)


def read(name: str, study: Study, panel: Panel, estimates: Mapping[str, Estimate]) -> Paths:
    """All event studies of a study.

    Parameters
    ----------
    name : str
        The check's, for errors.
    study, panel, estimates : as in the contract

    Raises
    ------
    Unsupported
        If no estimate has one.
    """
    found, refused = list[Path](), dict[str, str]()
    for stem, estimate in sorted(estimates.items()):
        try:
            found.append(_path(study, panel, stem, estimate))
        except Unsupported as problem:
            refused[stem] = problem.problem
    return _led(name, study, tuple(found), refused)


def without(name: str, study: Study, paths: Paths, refused: Mapping[str, str]) -> Paths:
    """The event studies but those that a check refuses.

    Raises
    ------
    Unsupported
        If none is left.
    """
    found = tuple(path for path in paths.found if path.stem not in refused)
    return _led(name, study, found, {**paths.refused, **refused})


def _led(name: str, study: Study, found: tuple[Path, ...], refused: Mapping[str, str]) -> Paths:
    lead = tuple(path for path in found if path.estimator == study.headline)
    if lead:
        return Paths(found, refused, lead, True)
    if not found:
        first = next((why for stem, why in refused.items() if _estimator(stem) == study.headline), None)
        reason = first or next(iter(refused.values()), say("no estimator ran"))
        raise Unsupported(
            say(
                "no estimate has an event study with coefficients before and after one reference ({reason})",
                reason=reason,
            ),
            where=name,
            cure=say("Choose an estimator with event times before treatment, for example poisson, twfe or sun_abraham"),
        )
    log = study.outcome.family == "poisson"
    alike = [path for path in found if (path.estimate.scale == "log") == log] or list(found)
    names = [path.estimator for path in alike]
    chosen = next((one for one in PLAIN if one in names), names[0])
    return Paths(found, refused, tuple(path for path in found if path.estimator == chosen), False)


def void(study: Study, panel: Panel, treatment: str) -> str | None:
    """Why clustered errors are no ground for a verdict, by the rule of the two-way checks; None where they are one."""
    asked = next(item for item in study.treatments if item.name == treatment)
    if asked.kind == "dose":
        return None
    on = panel.frame[f"d_{treatment}"].to_numpy(float) != 0
    share = np.bincount(panel.frame["cluster"], on, panel.n_clusters)
    moved = int(((share > 0) & (share < np.bincount(panel.frame["cluster"], minlength=panel.n_clusters))).sum())
    if moved >= FEWEST_TREATED:
        return None
    what = say_n(
        "{treatment} changes in {n} cluster only",
        "{treatment} changes in {n} clusters only",
        moved,
        treatment=treatment,
    )
    return say("{what}, too few for a clustered covariance: {instead}", what=what, instead=INSTEAD)


def void_of(study: Study, panel: Panel, paths: Paths) -> str | None:
    """The first reason why no verdict can be given on those that lead, if there is one."""
    reasons = (void(study, panel, path.estimate.treatment) for path in paths.lead)
    return next((reason for reason in reasons if reason), None)


def effective(study: Study, panel: Panel, path: Path) -> float:
    """How many clusters of equal part carry the treatment's variation (`balanza.kernels.pretrend`).

    A unit's part is its mass (events for effects on a logarithm, else its weight) times the squared distance of its
    treatment from the mean; a treatment that stays as it is from the first period on is none.
    """
    treatment = path.estimate.treatment
    values = panel.matrix(f"d_{treatment}")
    size = np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    counts = path.estimate.scale == "log" and study.outcome.family == "poisson"
    mass = np.nansum(panel.matrix("outcome"), axis=1) if counts else np.ones(len(size))
    if study.weights:
        mass = mass * np.nanmean(panel.matrix("weight"), axis=1)
    part = mass * (size - mass @ size / mass.sum()) ** 2
    return effective_clusters(np.bincount(panel.by_unit("cluster"), part, panel.n_clusters))


def left_out_in_words(path: Path) -> str:
    """A sentence on event times that do not count; nothing where all do."""
    n = path.n_left_out
    if not n:
        return ""
    return say_n(
        " {n} more event time is left out, which too few clusters reach or a gap cuts off.",
        " {n} more event times are left out, which too few clusters reach or a gap cuts off.",
        n,
    )


def step_in_words(path: Path) -> str:
    """How far apart event times lie."""
    return say_n("period", "{n} periods", path.step)


def unit_in_words(treatment: Treatment) -> str:
    """What an effect is per, for a sentence."""
    return treatment.unit or say("unit of {name}", name=treatment.name)


def shown(path: Path, value: float) -> str:
    """An effect as readers see it: in per cent where it is a logarithm."""
    return say("{change:+.1f} %", change=in_percent(path, value)) if path.log else say("{value:.4g}", value=value)


def in_percent(path: Path, value: float) -> float | None:
    """An effect on a logarithm in per cent, None on other scales."""
    return 100 * float(np.expm1(value)) if path.log else None


def _estimator(stem: str) -> str:
    return stem.split(".", maxsplit=1)[0]


def _options(study: Study, estimator: str) -> Mapping[str, Any]:
    try:
        defaults = find("estimators", estimator).spec.options
    except BalanzaError:  # an estimator that is not there any more: what the study says of it is all there is
        defaults = {}
    return {**defaults, **study.options_of(estimator)}


def _aligned(study: Study, estimator: str, estimate: Estimate) -> tuple[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The reference, and event times, coefficients and covariance that are differences to it."""
    step, options = study.event_bins, _options(study, estimator)
    if estimator in UNLIKE:
        raise Unsupported(UNLIKE[estimator])
    if estimator == "lp_did" and options.get("base") == "all":
        raise Unsupported(MEAN_BEFORE)
    found = _coefficients(estimate)
    anticipation = int(options.get("anticipation", 0))
    if anticipation % step:
        raise Unsupported(
            say(
                "its {anticipation} periods of anticipation are no multiple of {step}, the event-time bin",
                anticipation=anticipation,
                step=step,
            )
        )
    reference = -anticipation - step
    if options.get("base") == "varying" and estimator in ("callaway_santanna", "triple_difference"):
        return reference, _accumulated(*found, reference, step)
    if reference in found[0]:
        raise Unsupported(SINGLE)
    return reference, found


def _path(study: Study, panel: Panel, stem: str, estimate: Estimate) -> Path:
    estimator, step = _estimator(stem), study.event_bins
    reference, (time, value, covariance) = _aligned(study, estimator, estimate)
    keep = _contiguous(time[np.isin(time, _reached(study, panel, estimate.treatment))], time, reference, step)
    before = int((time[keep] < reference).sum())
    if not before:
        if (time < reference).any():
            raise Unsupported(say("it has no event time that enough clusters reach before the reference"))
        raise Unsupported(say("it has no event time before the reference"))
    if 0 not in time[keep]:
        raise Unsupported(say("its event times do not lead from the reference to treatment without a gap"))
    covariance = covariance[np.ix_(keep, keep)]
    _require_regular(covariance)
    return Path(
        stem=stem,
        estimator=estimator,
        estimate=estimate,
        study=EventStudy(value[keep], covariance, before),
        time=time[keep],
        reference=reference,
        step=step,
        n_left_out=len(time) - len(keep),
        quantile=_quantile(estimate, study.level),
        log=estimate.scale == "log" or study.outcome.log,
    )


def _quantile(estimate: Estimate, level: float) -> float:
    assert estimate.rows is not None  # noqa: S101 - `_coefficients` refused that
    rows = estimate.rows[estimate.rows["kind"] == "event_time"]
    half = float(((rows["high"] - rows["value"]) / rows["standard_error"]).median())
    ratio = half / _summary.critical(level)
    return max(ratio, 1.0) if np.isfinite(ratio) else 1.0


def _coefficients(estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Event times in order, their coefficients and covariance."""
    if estimate.rows is None or not (estimate.rows["kind"] == "event_time").any():
        raise Unsupported(say("it has no event study"))
    if estimate.covariance is None:
        raise Unsupported(say("its event study has no covariance"))
    position = np.flatnonzero((estimate.rows["kind"] == "event_time").to_numpy())
    labels = [str(row) for row in position]
    if labels[0] not in estimate.covariance.columns:
        labels = [f"{estimate.treatment}:{row}" for row in position]
    if not set(labels) <= set(estimate.covariance.columns):
        raise Unsupported(say("its event study has no covariance"))
    time = estimate.rows["event_time"].to_numpy(float)[position].astype(int)
    order = np.argsort(time)
    value = estimate.rows["value"].to_numpy(float)[position][order]
    covariance = estimate.covariance.loc[labels, labels].to_numpy(float)[np.ix_(order, order)]
    if not (np.isfinite(value).all() and np.isfinite(covariance).all()):
        raise Unsupported(say("its event study has coefficients that are no numbers"))
    return time[order], value, covariance


def _accumulated(
    time: np.ndarray, value: np.ndarray, covariance: np.ndarray, reference: int, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Changes from period to period before treatment, added up to differences from the reference."""
    if step > 1:
        raise Unsupported(
            say(
                "its event times before treatment are changes from period to period, which wide bins"
                " average: set event_bins: 1"
            )
        )
    before, after = time[time <= reference], time[time > reference]
    if len(before) and not np.array_equal(before, np.arange(reference - len(before) + 1, reference + 1)):
        raise Unsupported(say("it lacks an event time before treatment, so that changes cannot be added up"))
    rows = np.zeros((len(time), len(time)))
    rows[: len(before), : len(before)] = -np.triu(np.ones((len(before), len(before))))
    rows[len(before) :, len(before) :] = np.eye(len(after))
    return np.concatenate([before - 1, after]), rows @ value, rows @ covariance @ rows.T


def _reached(study: Study, panel: Panel, treatment: str) -> np.ndarray:
    """Event times that enough treated clusters reach; those of an absorbing treatment thin out to both sides.

    What one or two clusters show fits them nearly exactly, and has hardly any clustered error.
    """
    asked = next(item for item in study.treatments if item.name == treatment)
    first, end = -panel.n_periods // study.event_bins - 1, panel.n_periods // study.event_bins + 1
    bins = np.arange(first, end + 1)
    if asked.kind != "binary":
        return bins * study.event_bins
    start, period = panel.frame[f"g_{treatment}"].to_numpy(), panel.frame["period"].to_numpy()
    ever = (start >= 0) & (start < panel.n_periods)
    key = (period - start)[ever] // study.event_bins - first
    rows = np.zeros((len(bins), panel.n_clusters))
    np.add.at(rows, (key, panel.frame["cluster"].to_numpy()[ever]), 1.0)
    count = np.array([effective_clusters(row) for row in rows])
    return np.asarray(bins[np.round(count) >= min(FEWEST_TREATED, round(count.max()))] * study.event_bins)


def _contiguous(usable: np.ndarray, time: np.ndarray, reference: int, step: int) -> np.ndarray:
    """Positions of the usable event times that follow each other around the reference."""
    known = {int(code): int(np.flatnonzero(time == code)[0]) for code in usable}
    found = []
    for direction in (-step, step):
        code = reference + direction
        while code in known:
            found.append(known[code])
            code += direction
    return np.sort(np.array(found, int))


def _require_regular(covariance: np.ndarray) -> None:
    size = np.sqrt(np.diag(covariance))
    if not (size > 0).all() or np.linalg.eigvalsh(covariance / np.outer(size, size))[0] < SINGULAR:
        raise Unsupported(say("the covariance of its event study is singular"))
