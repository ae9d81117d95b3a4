"""Writes a world as the raw files of data/sources.csv, in the official layouts with their defects, and its truth."""

from __future__ import annotations

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
from balanza.forked import each
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
    each(lambda number: _LAYOUTS[number].write(world, folder), range(len(_LAYOUTS)), workers)
    write_json(folder / TRUTH, world.truth)
