"""Verbs from raw files to panels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from balanza.commands.options import Out, Seed, app
from balanza.errors import ConfigError
from balanza.told import wrote


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
    workers: Annotated[int, typer.Option(min=1, help="Processes that write the files.")] = 1,
) -> None:
    """Write the raw files of the synthetic world."""
    from balanza.acquire.synthetic.world import Settings
    from balanza.config import load_config
    from balanza.verbs import synthesise

    run = load_config({"flavour": flavour, "selection": selection, "seed": seed, "size": size}, "synthesise")
    synthesise.run(Settings(run.flavour, run.selection, run.seed, run.size), out, workers)
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
def summarise(
    panel: Annotated[Path, typer.Option(help="Folder of the world's panels.")],
    out: Out,
) -> None:
    """Write the national series, each place by year, peers, gaps and light outlines."""
    from balanza.verbs import summarise

    summarise.run(panel, out)
    wrote(*sorted(out.glob("*.parquet")))


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
