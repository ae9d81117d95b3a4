"""Scores estimators over draws whose truth is known: bias, error, coverage, power and false positives.

Every share and mean comes with its Monte Carlo error, and coverage with an exact binomial interval (Clopper and Pearson
1934, Biometrika 26). Coverage is asked for only where the truth says that trends are parallel on the estimator's scale
and that nobody is treated by a neighbour's treatment; elsewhere the bias is the lesson. Estimators are never sorted by
what they score.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from balanza.checks import _words
from balanza.say import joined, say, say_n

KEYS = ("kind", "study", "selection", "flavour", "estimator", "treatment")
ENOUGH = 50
"""Draws below which a coverage is not judged: a true 95 % would too often look like 85 %, and the reverse."""
CONFIDENCE = 0.99
"""Of the binomial interval of a coverage: a table has many rows, and one in a hundred may miss by chance."""
FLAVOURS = ("null", "beneficial", "adverse", "displacement", "reporting")
SELECTIONS = ("none", "level", "dip")


def binomial_interval(hits: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper-Pearson interval of a share.

    Parameters
    ----------
    hits, n : int
        Successes and trials; n is 1 or more.
    confidence : float
        Two-sided.
    """
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def score(tables: Iterable[pd.DataFrame], level: float) -> pd.DataFrame:
    """One row for each kind of world, study, selection, flavour, estimator and treatment.

    Parameters
    ----------
    tables : iterable of DataFrame
        Batches, as `trial` makes them. A draw that stands in two batches is an error.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame
        KEYS; `n` draws with a number, `n_none` without one and the commonest `reason`; `measure`, `truth`; `bias`,
        `bias_error` and `bias_median` (a share of what would have been has heavy tails); `rmse`; `coverage`,
        `coverage_low`, `coverage_high`; `excludes_zero` and `excludes_zero_error`, repeated as `power` where the truth
        is not zero and as `false_positives` where it is; `wrong_sign`; `judged`, `passed` and `sentence`. Sorted by
        world and name.

    Raises
    ------
    ValueError
        If a draw stands in more than one batch.
    """
    batches = [table for table in tables if len(table)]
    if not batches:
        return pd.DataFrame(columns=[*KEYS, *_scored(pd.DataFrame(columns=_NUMBERS), level)])
    together = pd.concat(batches, ignore_index=True).astype(dict.fromkeys(_NUMBERS, float))
    if together.duplicated([*KEYS, "draw"]).any():
        raise ValueError("a draw stands in more than one batch")
    rows = [
        dict(zip(KEYS, key, strict=True)) | _scored(group.sort_values("draw"), level)
        for key, group in together.groupby(list(KEYS), sort=False)
    ]
    found = _words.table(rows).astype({"passed": object})  # True, False or None, never a number
    places = {"selection": SELECTIONS, "flavour": FLAVOURS}
    order = found.assign(
        **{
            name: found[name].map({item: place for place, item in enumerate(items)}).fillna(-1)
            for name, items in places.items()
        }
    ).sort_values(["kind", "study", "selection", "treatment", "estimator", "flavour"], kind="stable")
    return found.loc[order.index].reset_index(drop=True)


_NUMBERS = ("truth", "value", "low", "high", "p_value")


def _scored(rows: pd.DataFrame, level: float) -> dict[str, Any]:
    """The scores of one estimator in one kind of world."""
    known = rows[np.isfinite(rows["value"].to_numpy(float))] if len(rows) else rows
    n = len(known)
    without = rows[~rows.index.isin(known.index)]
    reasons = without["reason"][without["reason"] != ""] if len(without) else pd.Series(dtype=str)
    base = {
        "n": n,
        "n_none": len(without),
        "n_failed": int((without["status"] == "failed").sum()) if len(without) else 0,
        "reason": None if reasons.empty else str(reasons.value_counts().index[0]),
    }
    judged = bool(n) and bool(known["judged"].all())
    numbers: dict[str, Any] = _numbers(known) if n else dict.fromkeys(_SCORES)
    passed = None
    if judged and n >= ENOUGH:
        passed = bool(numbers["coverage_high"] >= level)
    return base | numbers | {"judged": judged, "passed": passed, "sentence": _sentence(base, numbers, level)}


_SCORES = (
    *("measure", "truth", "bias", "bias_error", "bias_median", "rmse", "coverage", "coverage_low", "coverage_high"),
    *("excludes_zero", "excludes_zero_error", "power", "false_positives", "wrong_sign"),
)


def _numbers(known: pd.DataFrame) -> dict[str, Any]:
    truth, value, low, high = (known[name].to_numpy(float) for name in ("truth", "value", "low", "high"))
    n, off = len(value), value - truth
    covered = int(((low <= truth) & (truth <= high)).sum())
    above, below = low > 0, high < 0
    excludes = float((above | below).mean())
    null = bool((truth == 0).all())
    wrong = np.where(truth > 0, below, above) & (truth != 0)
    bounds = binomial_interval(covered, n)
    return {
        "measure": str(known["measure"].iloc[0]),
        "truth": float(truth.mean()),
        "bias": float(off.mean()),
        "bias_error": float(off.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
        "bias_median": float(np.median(off)),
        "rmse": float(np.sqrt((off**2).mean())),
        "coverage": covered / n,
        "coverage_low": bounds[0],
        "coverage_high": bounds[1],
        "excludes_zero": excludes,
        "excludes_zero_error": float(np.sqrt(excludes * (1 - excludes) / n)),
        "power": None if null else excludes,
        "false_positives": excludes if null else None,
        "wrong_sign": None if null else float(wrong.mean()),
    }


def _unit(measure: str) -> str:
    """How a number of a measure is read."""
    return say("of what would have been") if measure == "share" else measure


def _sentence(base: dict[str, Any], numbers: dict[str, Any], level: float) -> str:
    """What a row says, in plain words."""
    n = base["n"]
    if not n:
        return say("It gave no number: {reason}", reason=base["reason"] or say("no draw was made"))
    unit = _unit(numbers["measure"])
    error = numbers["bias_error"]
    by_chance = "" if error is None else say(" (Monte Carlo error {error:.3g})", error=error)
    zero = say("{share:.0f} %", share=100 * numbers["excludes_zero"])
    kind = say("a false positive") if numbers["power"] is None else say("an effect found")
    wrong = (
        say(" ({share:.0f} % on the wrong side)", share=100 * numbers["wrong_sign"]) if numbers["wrong_sign"] else ""
    )
    return say(
        "Over {draws} it is off by {bias:+.3g} {unit} on average{by_chance} where the"
        " truth is {truth:.3g}; its {level:g} % intervals hold the truth in {coverage:.0f} % of"
        " them ({confidence:.0f} % binomial interval {coverage_low:.0f} to {coverage_high:.0f} %)"
        " and leave out zero, {kind}, in {zero}{wrong}.",
        draws=say_n("{n:,} draw", "{n:,} draws", n),
        bias=numbers["bias"],
        unit=unit,
        by_chance=by_chance,
        truth=numbers["truth"],
        level=100 * level,
        coverage=100 * numbers["coverage"],
        confidence=100 * CONFIDENCE,
        coverage_low=100 * numbers["coverage_low"],
        coverage_high=100 * numbers["coverage_high"],
        kind=kind,
        zero=zero,
        wrong=wrong,
    )


def advice(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Which estimators held their level in which kind of world; in the order of their names, never of their scores.

    Parameters
    ----------
    scores : DataFrame
        From `score`.

    Returns
    -------
    list of dict
        One for each kind, study and selection: `n` draws; `held` (judged, and nowhere shown to be short), `short`
        (somewhere shown to cover less than their level), `undecided` (judged, with too few draws), `not_asked` (no
        parallel trends on their scale, or treatment reaches neighbours, in all flavours); `biased` with `estimator`,
        `bias` and `measure` of those that are off by more than chance, the largest bias of each; and a `sentence`.
    """
    if scores.empty:
        return []
    usable = scores[scores["n"] > 0]
    return [
        {"kind": kind, "study": study, "selection": selection} | _advice(group)
        for (kind, study, selection), group in usable.groupby(["kind", "study", "selection"], sort=False)
    ]


def _advice(rows: pd.DataFrame) -> dict[str, Any]:
    judged = rows[rows["judged"].astype(bool)]
    names = sorted(rows["estimator"].unique())
    short = {name for name, passed in zip(judged["estimator"], judged["passed"], strict=True) if passed is False}
    pending = {name for name, passed in zip(judged["estimator"], judged["passed"], strict=True) if passed is None}
    asked = set(judged["estimator"])
    found: dict[str, Any] = {
        "n": int(rows["n"].max()),
        "held": [name for name in names if name in asked - pending - short],
        "short": [name for name in names if name in short],
        "undecided": [name for name in names if name in pending - short],
        "not_asked": [name for name in names if name not in asked],
        "biased": _biased(rows),
    }
    return found | {"sentence": _advised(found, rows)}


def _biased(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The largest bias of each estimator that is off by more than chance (Student's t, one in a thousand)."""
    from scipy.stats import t

    known = rows[(rows["n"] > 1) & (rows["bias_error"].astype(float) > 0)]
    bound = t.ppf(0.9995, known["n"].to_numpy(int) - 1) * known["bias_error"].to_numpy(float)
    off = known[known["bias"].astype(float).abs() > bound]
    largest = off.loc[off["bias"].astype(float).abs().groupby(off["estimator"]).idxmax()] if len(off) else off
    return [{key: row[key] for key in ("estimator", "bias", "measure")} for row in largest.to_dict("records")]


def _advised(found: dict[str, Any], rows: pd.DataFrame) -> str:
    parts = []
    if found["held"]:
        parts.append(say("Not shown to cover less than they say: {held}.", held=joined(found["held"], ", ")))
    if found["short"]:
        parts.append(
            say(
                "Shown to cover less than they say, although trends are parallel: {short}.",
                short=joined(found["short"], ", "),
            )
        )
    if found["undecided"]:
        parts.append(
            say(
                "Too few draws to judge (fewer than {enough}): {undecided}.",
                enough=ENOUGH,
                undecided=joined(found["undecided"], ", "),
            )
        )
    if found["not_asked"]:
        coverage = rows.loc[rows["estimator"].isin(found["not_asked"]), "coverage"].astype(float)
        parts.append(
            say(
                "No coverage is asked of these, since trends are not parallel on their scale, treatment"
                " reaches neighbours or the truth is not quite theirs: {not_asked}; they hold the truth"
                " in {span} of draws.",
                not_asked=joined(found["not_asked"], ", "),
                span=_span(coverage),
            )
        )
    if found["biased"]:
        off = (
            say(
                "{estimator} by {bias:+.2g} {unit}",
                estimator=row["estimator"],
                bias=row["bias"],
                unit=_unit(row["measure"]),
            )
            for row in found["biased"]
        )
        parts.append(say("Off by more than chance: {off}.", off=joined(off, ", ")))
    else:
        parts.append(
            say_n(
                "No bias stands out from chance in {n:,} draw.",
                "No bias stands out from chance in {n:,} draws.",
                found["n"],
            )
        )
    return joined(parts, " ")


def _span(shares: pd.Series) -> str:
    low, high = f"{100 * shares.min():.0f}", f"{100 * shares.max():.0f}"
    return say("{low} %", low=low) if low == high else say("{low} to {high} %", low=low, high=high)
