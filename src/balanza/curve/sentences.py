"""What a specification curve says, in sentences that a reader understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def curve(effect: Mapping[str, Any]) -> str:
    """How the variants of one treatment spread, and how many of them are significant.

    Parameters
    ----------
    effect : mapping
        One of `effects` of curve.json.
    """
    n = effect["n_shown"]
    if not n:
        return "No variant has an estimate in per cent, so that there is no curve."
    if n == 1:
        return f"One variant only has an estimate in per cent: {effect['median']:+.1f} %."
    same, significant = round(n * effect["share_sign"]), round(n * effect["share_significant"])
    way = "above" if effect["sign"] > 0 else "below"
    own = "" if effect["own"] is None else f" The study's own choices give {effect['own']:+.1f} %."
    return (
        f"{n} variants run from {effect['lowest']:+.1f} % to {effect['highest']:+.1f} %, with a median of"
        f" {effect['median']:+.1f} %. {_of(same, n)} {_lie(same)} {way} zero, and"
        f" {_significant(significant, same)}.{own}"
    )


def _of(count: int, n: int) -> str:
    return "All" if count == n else f"{count} of them"


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _significant(count: int, same: int) -> str:
    if count == 0:
        return "none of these has an interval that leaves out zero"
    if count == same:
        return "their intervals leave out zero"
    return f"the {'interval' if count == 1 else 'intervals'} of {count} of these {_leave(count)} out zero"


def _leave(count: int) -> str:
    return "leaves" if count == 1 else "leave"


def tested(effect: Mapping[str, Any]) -> str:
    """What the joint test found, and of how many variants it speaks."""
    test = effect["test"]
    if test is None:
        return "No variant can be refitted for the joint test, so that there is none."
    n, draws = test["n_variants"], test["draws"]
    shares = [
        (test["share_sign"], "of one sign", test["p_share_sign"]),
        (test["share_significant"], "significant in the direction of most", test["p_share_significant"]),
    ]
    found = [f"a median at least as far from zero as {test['median']:+.1f} % with p = {test['p_median']:.3f}"]
    found += [f"{100 * share:.0f} % or more {what} with p = {p:.3f}" for share, what, p in shares if share > 0]
    none = "" if test["share_significant"] > 0 else " None of them is significant by the test's own rule."
    low, high = test["median_range"]
    return (
        f"Had the same treatment been handed to the clusters at random (which it was not), {draws} times over, the"
        f" {'one variant' if n == 1 else f'{n} variants'} that the test can refit would have shown {'; '.join(found)}."
        f"{none} The central {100 * test['level']:.0f} % of these random medians run from {low:+.1f} % to"
        f" {high:+.1f} %."
    )
