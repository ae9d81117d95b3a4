"""Verbs on all that a run found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import Draws, Level, Out, Results, Seed, StudyFile, World, app
from balanza.errors import ConfigError
from balanza.told import wrote


@app.command()
def weigh(
    study: StudyFile,
    rows: Annotated[Path, typer.Option(help="The study's rows.")],
    estimates: Annotated[Path, typer.Option(help="Folder of the study's estimates.")],
    checks: Annotated[Path, typer.Option(help="Folder of the study's checks.")],
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    costs: Annotated[Path, typer.Option(help="What the arms cost, YAML.")] = Path("config/costs.yaml"),
    priors: Annotated[Path, typer.Option(help="What is held of the arms, YAML.")] = Path("config/priors.yaml"),
    outcomes: Annotated[Path, typer.Option(help="Other outcomes, YAML.")] = Path("config/outcomes.yaml"),
    world: World = "own panel",
    truth: Annotated[Path | None, typer.Option(help="truth.json of the synthetic world.")] = None,
    level: Level = 0.95,
    beside: Annotated[list[Path] | None, typer.Option(help="A study of the same arms; once for each.")] = None,
    studies: Annotated[Path | None, typer.Option(help="results/<world>/studies, for these and the next.")] = None,
    displacement: Annotated[Path | None, typer.Option(help="A study of what the first arm does next door.")] = None,
    seed: Seed = 20190701,
    draws: Draws = 999,
) -> None:
    """Weigh the two arms of a study: what the same pesos buy on each."""
    from balanza.verbs import weigh

    weigh.run(
        study,
        rows,
        estimates,
        checks,
        panel,
        out,
        costs,
        priors,
        outcomes,
        world,
        truth,
        level,
        beside or [],
        studies,
        displacement,
        seed,
        draws,
    )
    wrote(out / "pesos.json", out / "pesos.parquet")


@app.command()
def target(
    study: StudyFile,
    rows: Annotated[Path, typer.Option(help="The study's rows.")],
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    costs: Annotated[Path, typer.Option(help="What the arms cost, YAML.")] = Path("config/costs.yaml"),
) -> None:
    """Describe who gets what: both arms over violence, deprivation and size of places."""
    from balanza.verbs import target

    target.run(study, rows, panel, costs, out)
    wrote(out / "targeting.json", out / "targeting.parquet")


@app.command()
def place(
    claims: Annotated[list[Path], typer.Argument(help="The claim.json of each study that ran.")],
    out: Out,
    themes: Annotated[Path, typer.Option(help="The themes, YAML.")] = Path("config/themes.yaml"),
    weighed: Annotated[Path | None, typer.Option(help="What `weigh` wrote.")] = None,
    checks: Annotated[list[Path] | None, typer.Option("--check", help="A check that a theme names; each.")] = None,
) -> None:
    """Give each theme of the project its place: what was found of it, and what is missing."""
    from balanza.verbs import place

    place.run(themes, claims, out, weighed, checks or [])
    wrote(out)


@app.command()
def outlook(
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
    settings: Annotated[Path, typer.Option(help="How it is made, YAML.")] = Path("config/outlook.yaml"),
    world: World = "own panel",
    seed: Seed = 20190701,
) -> None:
    """Forecast homicide by state and month, and score such forecasts."""
    from balanza.verbs import outlook

    outlook.run(panel, settings, out, world, seed)
    wrote(out / "forecast.parquet", out / "scores.json")


@app.command()
def scenario(
    scenarios: Annotated[list[Path], typer.Option("--scenario", help="A scenario file; once for each.")],
    forecast: Annotated[Path, typer.Option(help="forecast.parquet, as `outlook` wrote it.")],
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    outlines: Annotated[Path, typer.Option(help="summary/states.parquet.")],
    out: Out,
    settings: Annotated[Path, typer.Option(help="Limits and costs, YAML.")] = Path("config/outlook.yaml"),
    studies: Annotated[Path | None, typer.Option(help="results/<world>/studies, for effects that are claimed.")] = None,
    study_files: Annotated[Path, typer.Option(help="Folder of the studies' files.")] = Path("config/studies"),
) -> None:
    """Lay scenarios over a forecast."""
    from balanza.verbs import scenario

    scenario.run(scenarios, forecast, panel, outlines, settings, out, studies, study_files)
    wrote(out / "scenarios.parquet", out / "scenarios.json")


@app.command("score-forecast")
def score_forecast(
    forecast: Annotated[Path, typer.Argument(help="A forecast.parquet of an earlier run.")],
    panel: Annotated[Path, typer.Option(help="Folder of panels with newer values.")],
    out: Out,
    settings: Annotated[Path, typer.Option(help="The breaks, YAML.")] = Path("config/outlook.yaml"),
    digest: Annotated[str | None, typer.Option(help="Its digest, as it was printed then.")] = None,
) -> None:
    """Score an earlier forecast on values that came after it."""
    from balanza.verbs import score_forecast

    score_forecast.run(forecast, panel, settings, out, digest)
    wrote(out)


@app.command()
def validate(
    study: StudyFile,
    out: Out,
    first: Annotated[int, typer.Option(min=0, help="Number of the first draw.")] = 0,
    last: Annotated[int, typer.Option(min=0, help="Number of the last draw.")] = 9,
    flavours: Annotated[list[str] | None, typer.Option("--flavour", help="Of the effects; once for each.")] = None,
    selections: Annotated[list[str] | None, typer.Option("--selection", help="Rule of assignment; once each.")] = None,
    estimators: Annotated[list[str] | None, typer.Option("--estimator", help="A name of the registry; each.")] = None,
    rows: Annotated[Path | None, typer.Option(help="The study's rows: put effects into them, draw no world.")] = None,
    seed: Seed = 20190701,
    size: Annotated[float, typer.Option(help="Share of Mexico's municipalities in drawn worlds.")] = 1.0,
    level: Level = 0.95,
) -> None:
    """Run the estimators of a study on draws whose truth is known."""
    from balanza.config import load_config
    from balanza.verbs import validate

    runs = [load_config({"flavour": name, "seed": seed, "size": size}, "validate") for name in flavours or ["null"]]
    rules = [load_config({"selection": name}, "validate") for name in selections or ["none"]]
    if last < first:
        raise ConfigError("the last draw comes before the first", where="--last", cure="Swap them")
    validate.run(
        study,
        out,
        range(first, last + 1),
        [run.flavour for run in runs],
        [rule.selection for rule in rules],
        rows,
        estimators or (),
        seed,
        runs[0].size,
        level,
    )
    wrote(out)


@app.command()
def score(
    out: Out,
    batches: Annotated[list[Path] | None, typer.Argument(help="What `validate` wrote.")] = None,
    world: World = "own panel",
    extent: Annotated[str, typer.Option(help="small | full, for the record.")] = "full",
    level: Level = 0.95,
) -> None:
    """Score the estimators over all batches of draws whose truth is known."""
    from balanza.verbs import score

    score.run(batches or [], out, world, extent, level)
    wrote(out / "scores.json")


@app.command("validation-page")
def validation_page(
    results: Results,
    scores: Annotated[Path, typer.Option(help="What `score` wrote, JSON.")],
    out: Out,
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study of the menu; once for each.")] = None,
) -> None:
    """Write the page of the validation from its scores alone."""
    from balanza.verbs import validation_page

    validation_page.run(results, scores, out, studies or [])
    wrote(out)


@app.command()
def trace(
    results: Results,
    raw: Annotated[Path, typer.Option(help="data/raw/<world>")],
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study that ran; once for each.")] = None,
    others: Annotated[list[Path] | None, typer.Argument(help="Results of no single study, JSON.")] = None,
) -> None:
    """Record where every number of a run comes from."""
    from balanza.verbs import trace

    trace.run(results, raw, studies or [], others or [])
    wrote(results / "provenance.json")


@app.command()
def typeset(
    results: Results,
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study that ran; once for each.")] = None,
) -> None:
    """Write the tables of studies as LaTeX."""
    from balanza.verbs import typeset

    wrote(*typeset.run(results, studies or []))


@app.command()
def archive(results: Results, out: Out = Path("dist")) -> None:
    """Write the replication archive of a run: code, configuration, results, codebook, README."""
    from balanza.verbs import archive

    wrote(archive.run(results, out))


@app.command()
def costs(
    results: Results,
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study of the menu; once for each.")] = None,
) -> None:
    """Write the page of what each job of a run took."""
    from balanza.verbs import costs

    costs.run(results, studies or [])
    wrote(results / "costs.html")


@app.command()
def report(
    results: Results,
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study that ran; once for each.")] = None,
    waiting: Annotated[list[Path] | None, typer.Option(help="A study that lacks a user's file; once for each.")] = None,
    graphs: Annotated[
        list[str] | None, typer.Option("--graph", help="A graph of results/<world>/graph; once for each.")
    ] = None,
    weighing: Annotated[bool, typer.Option("--weighing", help="Show results/<world>/versus too.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw the pages.")] = 1,
) -> None:
    """Write the pages from the results alone."""
    from balanza.verbs import report

    report.run(results, studies or [], waiting or [], graphs or [], weighing=weighing, workers=workers)
    wrote(results / "index.html")
