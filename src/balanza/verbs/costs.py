"""Write the page of what each job of a run took."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.report import costs


def run(results: Path, study_files: Iterable[Path]) -> None:
    """Write results/<world>/costs.html.

    Parameters
    ----------
    results : Path
        results/<world>, with benchmarks.
    study_files : iterable of Path
        The studies of the menu, in its order.
    """
    costs.write(results, list(study_files))
