"""Verbs that write for those who extend the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import Name, Out, app
from balanza.report.language import CATALOGUES
from balanza.told import wrote


@app.command()
def methods(
    names: Annotated[list[str] | None, typer.Argument(help="Estimators and checks; all if none is given.")] = None,
    out: Out = Path("docs/methods"),
) -> None:
    """Write the pages of the methods from what their files say."""
    from balanza.verbs import methods

    methods.run(names or [], out)


@app.command()
def messages(
    catalogue: Annotated[Path, typer.Argument(help="A catalogue of translations.")] = CATALOGUES / "es.po",
) -> None:
    """Bring the catalogue of the pages' words in step with them."""
    from balanza.verbs import messages

    missing = messages.run(catalogue)
    wrote(catalogue)
    print(f"{len(missing)} messages have no translation yet" if missing else "every message has its translation")


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
