"""Makes the synthetic world: simulates it and writes its raw files in the official layouts."""

from __future__ import annotations

from pathlib import Path

from balanza.acquire.synthetic.simulate import simulate
from balanza.acquire.synthetic.world import Settings
from balanza.acquire.synthetic.write import write


def run(settings: Settings, out: Path, workers: int = 1) -> None:
    """Simulate a world and write its raw files.

    Parameters
    ----------
    settings : Settings
        Flavour, selection, seed and size.
    out : Path
        The folder of the world's raw files.
    workers : int
        Processes that write them.
    """
    write(simulate(settings), out, workers)
