"""Writes a world as the raw files of data/sources.csv, in the official layouts with their defects, and its truth."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from balanza.acquire.synthetic import (
    layouts_context,
    layouts_guard,
    layouts_money,
    layouts_places,
    layouts_sesnsp,
    layouts_violence,
)
from balanza.acquire.synthetic.world import World
from balanza.provenance import write_json

TRUTH = "truth.json"
_LAYOUTS = (layouts_violence, layouts_sesnsp, layouts_guard, layouts_money, layouts_places, layouts_context)


def write(world: World, folder: Path, workers: int = 1) -> None:
    """Write all raw files of a world; the same settings give the same bytes.

    Beside the files of data/sources.csv come the two that a user may supply (deployment.csv, spending.csv) and
    truth.json, which only validation, report and tests may read.

    Parameters
    ----------
    world : World
        What `simulate` made.
    folder : Path
        Where the files go; each is written to a temporary name first.
    workers : int
        Processes that write them.
    """
    if workers == 1:
        for layouts in _LAYOUTS:
            layouts.write(world, folder)
    else:
        fork = multiprocessing.get_context("fork")  # the world is handed on by fork, and needs no copy
        with ProcessPoolExecutor(workers, fork, _take, (world, folder)) as pool:
            list(pool.map(_write_taken, range(len(_LAYOUTS))))
    write_json(folder / TRUTH, world.truth)


_TAKEN: list[tuple[World, Path]] = []


def _take(world: World, folder: Path) -> None:
    _TAKEN.append((world, folder))


def _write_taken(number: int) -> None:
    _LAYOUTS[number].write(*_TAKEN[0])
