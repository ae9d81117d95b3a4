"""Verbs that write for those who extend the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import Name, Out, app


@app.command()
def methods(
    names: Annotated[list[str] | None, typer.Argument(help="Estimators and checks; all if none is given.")] = None,
    out: Out = Path("docs/methods"),
) -> None:
    """Write the pages of the methods from what their files say."""
    from balanza.verbs import methods

    methods.run(names or [], out)


@app.command("new-estimator")
def new_estimator(name: Name) -> None:
    """Start an estimator from the form to fill in."""
    from balanza.verbs import new

    new.run("estimators", name)


@app.command("new-check")
def new_check(name: Name) -> None:
    """Start a check from the form to fill in."""
    from balanza.verbs import new

    new.run("checks", name)
