"""Shows at the terminal and in the log of a job how far long work is, and how long it will take.

At a terminal there is a bar. In a log there are whole lines, seldom: a log is read, and a bar would fill it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SOON, SELDOM = 2.0, 15.0
"""Seconds until a bar appears, and between two lines of a log: short work shows nothing."""


def span(seconds: float) -> str:
    """A length of time in words: `40 s`, `12 min`, `3 h 5 min`."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def shown(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items, one after the other, while stderr tells how many are done and how long the rest will take.

    Parameters
    ----------
    items : iterable
        What is worked through; the time between two of them is that of the work.
    total : int
        How many there are.
    what : str
        What they are called, in the plural.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, unit=f" {what}", leave=False, delay=SOON)
        return
    began = told = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - told >= SELDOM:
            left = (now - began) / done * (total - done)
            print(f"{done:,} of {total:,} {what}; about {span(left)} more", file=sys.stderr, flush=True)
            told = now
        yield item
