"""What a specification curve says, in sentences that a reader understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balanza.say import joined, say, say_n


def curve(effect: Mapping[str, Any]) -> str:
    """How the variants of one treatment spread, and how many of them are significant.

    Parameters
    ----------
    effect : mapping
        One of `effects` of curve.json.
    """
    n = effect["n_shown"]
    if not n:
        return say("No variant has an estimate in per cent, so that there is no curve.")
    if n == 1:
        return say("One variant only has an estimate in per cent: {median:+.1f} %.", median=effect["median"])
    same, significant = round(n * effect["share_sign"]), round(n * effect["share_significant"])
    own = "" if effect["own"] is None else say(" The study's own choices give {own:+.1f} %.", own=effect["own"])
    return say(
        "{n} variants run from {lowest:+.1f} % to {highest:+.1f} %, with a median of {median:+.1f} %. {lie}, and"
        " {significant}.{own}",
        n=n,
        lowest=effect["lowest"],
        highest=effect["highest"],
        median=effect["median"],
        lie=_lie(same, n, effect["sign"] > 0),
        significant=_significant(significant, same),
        own=own,
    )


def _lie(count: int, n: int, above: bool) -> str:
    if count == n:
        return say("All lie above zero") if above else say("All lie below zero")
    if above:
        return say_n("{n} of them lies above zero", "{n} of them lie above zero", count)
    return say_n("{n} of them lies below zero", "{n} of them lie below zero", count)


def _significant(count: int, same: int) -> str:
    if count == 0:
        return say("none of these has an interval that leaves out zero")
    if count == same:
        return say("their intervals leave out zero")
    return say_n("the interval of {n} of these leaves out zero", "the intervals of {n} of these leave out zero", count)


def tested(effect: Mapping[str, Any]) -> str:
    """What the joint test found, and of how many variants it speaks."""
    test = effect["test"]
    if test is None:
        return say("No variant can be refitted for the joint test, so that there is none.")
    n, draws = test["n_variants"], test["draws"]
    shares = [
        (test["share_sign"], say("of one sign"), test["p_share_sign"]),
        (test["share_significant"], say("significant in the direction of most"), test["p_share_significant"]),
    ]
    found = [
        say(
            "a median at least as far from zero as {median:+.1f} % with p = {p:.3f}",
            median=test["median"],
            p=test["p_median"],
        )
    ]
    found += [
        say("{share:.0f} % or more {what} with p = {p:.3f}", share=100 * share, what=what, p=p)
        for share, what, p in shares
        if share > 0
    ]
    none = "" if test["share_significant"] > 0 else say(" None of them is significant by the test's own rule.")
    low, high = test["median_range"]
    within = say(", within {n} strata of like past outcomes", n=test["n_strata"])
    return say(
        "Had the same treatment been handed to the clusters at random{within} (which it was not), {draws}"
        " times over, the {variants} that the test can refit would have shown {found}.{none} The"
        " central {level:.0f} % of these random medians run from {low:+.1f} % to {high:+.1f} %.",
        within=within if test["n_strata"] > 1 else "",
        draws=draws,
        variants=say_n("one variant", "{n} variants", n),
        found=joined(found, "; "),
        none=none,
        level=100 * test["level"],
        low=low,
        high=high,
    )
