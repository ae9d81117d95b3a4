"""Write the page of the validation from its scores alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.report.validation import write


def run(results: Path, scores: Path, out: Path, study_files: Iterable[Path]) -> None:
    """Write validation.html or validation_full.html.

    Parameters
    ----------
    results : Path
        results/<world>
    scores : Path
        scores.json
    out : Path
        The page.
    study_files : iterable of Path
        The studies of the menu, in its order.
    """
    write(results, scores, study_files, out)
