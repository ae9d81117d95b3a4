"""Verbs on the runs of the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import app


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="Where the run was started: the folder of the Snakefile.")] = Path(),
) -> None:
    """Say what is done, what runs, what failed and why, here or on a cluster."""
    from balanza.verbs import status

    print("\n".join(status.run(folder)))
