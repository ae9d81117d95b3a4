"""The same work on many items in forked processes, which are handed what they need without a copy."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

_TAKEN: list[Callable[[Any], None]] = []


def each(do: Callable[[Any], None], items: Iterable[Any], workers: int) -> None:
    """Do the work on each item.

    Parameters
    ----------
    do : callable
        Handed on by fork, so that it may hold any state; what it raises is raised here.
    items : iterable
        Small, since they go through a pipe.
    workers : int
        Processes; with one the work is done in this process.
    """
    if workers == 1:
        for item in items:
            do(item)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _TAKEN.append, (do,)) as pool:
        list(pool.map(_done, items))


def _done(item: Any) -> None:
    _TAKEN[0](item)
