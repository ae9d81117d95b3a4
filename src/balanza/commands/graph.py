"""Verbs on causal graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import Draws, GraphFile, Level, Out, Seed, StudyFile, World, app
from balanza.told import wrote


@app.command()
def identify(
    study: StudyFile,
    out: Out,
    graph: Annotated[Path | None, typer.Option(help="Another graph than the study's own.")] = None,
) -> None:
    """Ask the causal graph of a study what it identifies."""
    from balanza.verbs import identify

    identify.run(study, out, graph)
    wrote(out)


@app.command()
def draw(
    graph: GraphFile,
    out: Out,
    identification: Annotated[
        list[Path] | None, typer.Option(help="What `identify` wrote on a study of this graph; once for each.")
    ] = None,
) -> None:
    """Draw a causal graph, whole and for each effect that a study asks of it."""
    from balanza.verbs import draw

    draw.run(graph, out, identification or [])
    wrote(out / "graph.svg", out / "graph.json")


@app.command()
def falsify(
    graph: GraphFile,
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    stated: Annotated[Path | None, typer.Option(help="Implications stated beside the graph, YAML.")] = None,
    world: World = "own panel",
    seed: Seed = 20190701,
    level: Level = 0.95,
    draws: Draws = 999,
) -> None:
    """Test what a causal graph implies on a world's panel."""
    from balanza.verbs import falsify

    falsify.run(graph, panel, out, stated, world, seed, level, draws)


@app.command()
def discover(
    graph: GraphFile,
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    start: Annotated[int, typer.Option(help="First year of the treatments.")] = 2019,
    world: World = "own panel",
    level: Level = 0.95,
) -> None:
    """Search for a causal graph in a world's panel, and compare it with the drawn one."""
    from balanza.verbs import discover

    discover.run(graph, panel, out, start, world, level)
