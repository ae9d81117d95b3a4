"""Write the pages of a world from its results alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.report.load import load_world
from balanza.report.pages import write


def run(
    results: Path,
    study_files: Iterable[Path],
    waiting: Iterable[Path] = (),
    graphs: Iterable[str] = (),
    *,
    weighing: bool = False,
    workers: int = 1,
) -> None:
    """Write results/<world>/*.html.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files, waiting : iterable of Path
        The studies that ran, and those that wait for a file of the user's, in the order of the report.
    graphs : iterable of str
        The graphs that were drawn: folders of results/<world>/graph.
    weighing : bool
        Whether themes, and arms where their study ran, were weighed in this run: results/<world>/versus.
    workers : int
        Processes that draw the pages.
    """
    write(load_world(results, study_files, waiting, graphs, weighing=weighing), results, workers)
