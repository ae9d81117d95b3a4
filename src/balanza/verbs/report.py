"""Write the pages of a world from its results alone."""

from __future__ import annotations

from pathlib import Path

from balanza.report.load import load_world
from balanza.report.pages import write


def run(results: Path, study_files: list[Path]) -> None:
    """Write results/<world>/*.html.

    Parameters
    ----------
    results : Path
        results/<world>
    study_files : list of Path
        The studies, in the order of the report; those without results are listed as waiting for a file.
    """
    write(load_world(results, study_files), results)
