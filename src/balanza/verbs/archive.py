"""Write the replication archive of a run."""

from __future__ import annotations

from pathlib import Path

from balanza.publish import archive


def run(results: Path, out: Path, project: Path = Path()) -> Path:
    """Write dist/balanza-<world>-<version>.zip, and give its path.

    Parameters
    ----------
    results : Path
        results/<world>, of a run that has ended.
    out : Path
        The folder of archives.
    project : Path
        The folder of the Snakefile.

    Raises
    ------
    ConfigError
        If the run has not ended.
    """
    return archive.write(project, results, out)
