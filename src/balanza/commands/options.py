"""The app that all verbs join, and the options that several of them have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = "Balanza: one verb per rule of the workflow, with the same name."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)


def _legal_level(level: float) -> float:
    """The rule of config/config.yaml, at the command line too."""
    from balanza.config import load_config

    return load_config({"level": level}, f"--level {level:g}").level


StudyFile = Annotated[Path, typer.Option("--study", help="A study file.")]
GraphFile = Annotated[Path, typer.Option("--graph", help="A causal graph, DOT.")]
Out = Annotated[Path, typer.Option("--out", help="Where the result goes.")]
Results = Annotated[Path, typer.Option("--results", help="results/<world>")]
Rows = Annotated[Path | None, typer.Option("--rows", help="The study's rows, unless it has its own panel.")]
World = Annotated[str, typer.Option(help="Name of the world, for the record.")]
Seed = Annotated[int, typer.Option(help="Seed of the run.")]
Level = Annotated[float, typer.Option(help="Confidence level, between 0.5 and 1.", callback=_legal_level)]
Draws = Annotated[int, typer.Option(help="Draws of randomization and bootstrap.")]
Most = Annotated[int, typer.Option(help="Variants at most, beside those that show each choice once.")]
Name = Annotated[str, typer.Argument(help="Small letters, digits, underscores.")]
Identification = Annotated[Path | None, typer.Option(help="What `identify` wrote on the study's graph.")]
RecordRefusals = Annotated[
    bool, typer.Option("--record-refusals", help="Declining or failing is a result too: exit with 0, as in a workflow.")
]


def end(status: str, record_refusals: bool) -> None:
    """By hand a refusal ends with 1; in the workflow it is recorded, shown in the report, and stops nothing else."""
    if status != "ran" and not record_refusals:
        raise typer.Exit(1)
