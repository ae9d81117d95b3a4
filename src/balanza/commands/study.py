"""Verbs on one study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import (
    Draws,
    Identification,
    Level,
    Most,
    Out,
    RecordRefusals,
    Rows,
    Seed,
    StudyFile,
    World,
    app,
    end,
)
from balanza.told import wrote


@app.command()
def prepare(
    study: StudyFile,
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    design: Annotated[Path, typer.Option(help="Where the facts of the design go.")],
    identification: Identification = None,
    blind: Annotated[bool, typer.Option("--blind", help="Hand the treatment to other clusters at random.")] = False,
    seed: Seed = 20190701,
) -> None:
    """Select and check the rows of a study."""
    from balanza.verbs import prepare

    prepare.run(study, panel, out, design, identification, blind, seed)
    wrote(out)


@app.command()
def estimate(
    study: StudyFile,
    estimator: Annotated[str, typer.Option(help="A name of the registry.")],
    out: Out,
    rows: Rows = None,
    world: World = "own panel",
    seed: Seed = 20190701,
    level: Level = 0.95,
    record_refusals: RecordRefusals = False,
    identification: Identification = None,
) -> None:
    """Run one estimator on one study."""
    from balanza.config import load_study
    from balanza.results import file_names
    from balanza.verbs import estimate

    status = estimate.run(study, estimator, out, rows, world, seed, level, identification)
    wrote(*(out / f"{stem}.json" for stem in file_names(estimator, load_study(study)).values()))
    end(status, record_refusals)


@app.command()
def check(
    study: StudyFile,
    check: Annotated[str, typer.Option(help="A name of the registry.")],
    estimates: Annotated[Path, typer.Option(help="Folder of the study's estimates.")],
    out: Out,
    rows: Rows = None,
    world: World = "own panel",
    seed: Seed = 20190701,
    level: Level = 0.95,
    draws: Draws = 999,
    record_refusals: RecordRefusals = False,
    identification: Identification = None,
) -> None:
    """Run one check on the estimates of a study."""
    from balanza.verbs import check as verb

    status = verb.run(study, check, estimates, out, rows, world, seed, level, draws, identification)
    wrote(out / f"{check}.json")
    end(status, record_refusals)


@app.command()
def curve(
    study: StudyFile,
    out: Annotated[Path, typer.Option("--out", help="Folder of the batches.")],
    rows: Rows = None,
    batch: Annotated[int, typer.Option(help="Which batch, counted from 1.")] = 1,
    batches: Annotated[int, typer.Option(help="Of how many.")] = 1,
    most: Most = 30,
    draws: Annotated[int, typer.Option(help="Random assignments of the joint test.")] = 99,
    seed: Seed = 20190701,
    level: Level = 0.95,
    identification: Identification = None,
) -> None:
    """Run one batch of the variants of a study."""
    from balanza.verbs import curve

    curve.run(study, out, rows, batch, batches, most, draws, seed, level, identification)
    wrote(out / f"{batch}of{batches}.parquet")


@app.command("curve-test")
def curve_test(
    study: StudyFile,
    batches: Annotated[list[Path], typer.Argument(help="What the verb curve wrote: all batches of one curve.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the study's results.")],
    world: World = "own panel",
    most: Most = 30,
    seed: Seed = 20190701,
    level: Level = 0.95,
    identification: Identification = None,
) -> None:
    """Merge the batches of a specification curve, and test it as a whole."""
    from balanza.verbs import curve_test

    curve_test.run(study, batches, out, world, most, seed, level, identification)
    wrote(out / "curve.parquet", out / "curve.json")


@app.command()
def compare(
    study: StudyFile,
    estimates: Annotated[Path, typer.Option(help="Folder of the study's estimates.")],
    out: Out,
    truth: Annotated[Path | None, typer.Option(help="truth.json of the synthetic world.")] = None,
) -> None:
    """Lay the estimates of a study side by side."""
    from balanza.verbs import compare

    compare.run(study, estimates, out, truth)
    wrote(out)


@app.command()
def grade(
    study: StudyFile,
    comparison: Annotated[Path, typer.Option(help="What `compare` wrote.")],
    checks: Annotated[Path, typer.Option(help="Folder of the study's checks.")],
    out: Out,
    rules: Annotated[Path, typer.Option(help="The rules, YAML.")] = Path("config/grades.yaml"),
    identification: Identification = None,
    level: Level = 0.95,
) -> None:
    """Write the claim cards of a study, graded by stated rules."""
    from balanza.verbs import grade

    grade.run(study, comparison, checks, rules, out, identification, level)
    wrote(out)


@app.command()
def describe(
    study: StudyFile,
    rows: Annotated[Path, typer.Option(help="The study's rows.")],
    out: Out,
) -> None:
    """Write the map and the time series of a study."""
    from balanza.verbs import describe

    describe.run(study, rows, out)
    wrote(out / "series.parquet", out / "map.parquet")
