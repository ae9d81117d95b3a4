"""The command line: one verb per rule of the workflow, with the same name. Each verb imports only what it needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from balanza.errors import BalanzaError, ConfigError
from balanza.told import wrote

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def _legal_level(level: float) -> float:
    """The rule of config/config.yaml, at the command line too."""
    from balanza.config import load_config

    return load_config({"level": level}, f"--level {level:g}").level


StudyFile = Annotated[Path, typer.Option("--study", help="A study file.")]
GraphFile = Annotated[Path, typer.Option("--graph", help="A causal graph, DOT.")]
Out = Annotated[Path, typer.Option("--out", help="Where the result goes.")]
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


def _end(status: str, record_refusals: bool) -> None:
    """By hand a refusal ends with 1; in the workflow it is recorded, shown in the report, and stops nothing else."""
    if status != "ran" and not record_refusals:
        raise typer.Exit(1)


def _file_of(item: str, reader: str) -> tuple[str, Path]:
    name, separator, path = item.partition("=")
    if not separator or not path:
        raise ConfigError(f"{item!r} is not ID=PATH", where="--file", cure=f"Write --file {reader}=PATH")
    return name, Path(path)


@app.command()
def synthesise(
    out: Out,
    flavour: Annotated[str, typer.Option(help="null | beneficial | adverse | displacement | reporting")] = "beneficial",
    selection: Annotated[str, typer.Option(help="none | level | dip")] = "level",
    seed: Seed = 20190701,
    size: Annotated[float, typer.Option(help="Share of Mexico's municipalities.")] = 1.0,
) -> None:
    """Write the raw files of the synthetic world."""
    from balanza.acquire.synthetic.world import Settings
    from balanza.config import load_config
    from balanza.verbs import synthesise

    run = load_config({"flavour": flavour, "selection": selection, "seed": seed, "size": size}, "synthesise")
    synthesise.run(Settings(run.flavour, run.selection, run.seed, run.size), out)
    print(f"{out}: {len(list(out.iterdir()))} files of a synthetic world, the truth in {out / 'truth.json'}")


@app.command()
def fetch(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of data/sources.csv; all if none is given.")] = None,
    out: Out = Path("data/raw/mexico"),
    mirror: Annotated[Path | None, typer.Option(help="A folder with the files.")] = None,
    offline: Annotated[bool, typer.Option(help="Never touch the network.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fetch nothing; say what is missing.")] = False,
) -> None:
    """Take raw files from a mirror or their address, checked by size and digest."""
    from balanza.verbs import fetch

    fetch.run(ids or [], out, mirror, offline, check=check)


@app.command()
def tidy(
    reader: Annotated[str, typer.Argument(help="A module of balanza.sources.")],
    files: Annotated[list[str], typer.Option("--file", help="id=path of a raw file; once for each.")],
    out: Out,
) -> None:
    """Read the raw files of one layout into one tidy table."""
    from balanza.verbs import tidy

    tidy.run(reader, dict(_file_of(item, reader) for item in files), out)
    wrote(out)


@app.command()
def panel(
    tables: Annotated[list[Path], typer.Argument(help="The tidy tables: results/<world>/tidy/*.parquet.")],
    out: Out,
    quality: Annotated[Path, typer.Option(help="Where the quality report goes.")],
    headquarters: Annotated[bool, typer.Option(help="Count headquarters in Mexico City from July 2020 on.")] = True,
    education: Annotated[bool, typer.Option(help="Add the Education ministry's JCF spending of 2019.")] = False,
) -> None:
    """Build the panels of municipalities and states, and the record of their quality."""
    from balanza.config import load_config
    from balanza.verbs import panel

    panel.run(tables, out, quality, load_config({"guard_headquarters": headquarters, "jcf_education": education}))
    wrote(*sorted(out.glob("*.parquet")), quality)


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
    _end(status, record_refusals)


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
    _end(status, record_refusals)


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
) -> None:
    """Weigh the two arms of a study: what the same pesos buy on each."""
    from balanza.verbs import weigh

    weigh.run(study, rows, estimates, checks, panel, out, costs, priors, outcomes, world, truth, level)
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
) -> None:
    """Give each theme of the project its place: what was found of it, and what is missing."""
    from balanza.verbs import place

    place.run(themes, claims, out, weighed)
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


@app.command()
def summarise(
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
) -> None:
    """Write the national series, last year's municipal rates and light outlines."""
    from balanza.verbs import summarise

    summarise.run(panel, out)
    wrote(*sorted(out.glob("*.parquet")))


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
def report(
    results: Annotated[Path, typer.Option(help="results/<world>")],
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study that ran; once for each.")] = None,
    waiting: Annotated[list[Path] | None, typer.Option(help="A study that lacks a user's file; once for each.")] = None,
    graphs: Annotated[
        list[str] | None, typer.Option("--graph", help="A graph of results/<world>/graph; once for each.")
    ] = None,
    weighing: Annotated[bool, typer.Option("--weighing", help="Show results/<world>/versus too.")] = False,
) -> None:
    """Write the pages from the results alone."""
    from balanza.verbs import report

    report.run(results, studies or [], waiting or [], graphs or [], weighing=weighing)
    wrote(results / "index.html")


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
    results: Annotated[Path, typer.Option(help="results/<world>")],
    scores: Annotated[Path, typer.Option(help="What `score` wrote, JSON.")],
    out: Out,
    studies: Annotated[list[Path] | None, typer.Option("--study", help="A study of the menu; once for each.")] = None,
) -> None:
    """Write the page of the validation from its scores alone."""
    from balanza.verbs import validation_page

    validation_page.run(results, scores, out, studies or [])
    wrote(out)


@app.command()
def update(
    source: Annotated[str, typer.Argument(help="An id of data/sources.csv.")],
    file: Annotated[Path | None, typer.Option(help="The newer file.")] = None,
    url: Annotated[str | None, typer.Option(help="Its public address.")] = None,
    date: Annotated[str | None, typer.Option(help="Its date, YYYY-MM-DD; today if left out.")] = None,
    mirror: Annotated[Path | None, typer.Option(help="A folder with the files as pinned now.")] = None,
) -> None:
    """Bring a newer file of a source into the catalogue, and show which numbers moved."""
    from balanza.verbs import update

    update.run(source, file, url, date, mirror=mirror)


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


def main() -> None:
    """Run a verb; an error that the user can mend is one sentence, not a traceback."""
    try:
        app()
    except (BalanzaError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
