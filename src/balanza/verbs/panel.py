"""Build the panels of municipalities and states, and the record of their quality."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.config import RunConfig
from balanza.panel.build import DATA, build
from balanza.panel.quality import Quality
from balanza.panel.tables import Tables
from balanza.provenance import write_json, write_parquet


def run(tables: Iterable[Path], out: Path, quality: Path, config: RunConfig, data: Path = DATA) -> None:
    """Write the four panels and the quality report.

    Parameters
    ----------
    tables : iterable of Path
        The world's tidy tables, <reader>.parquet; no other table of their folder is read.
    out : Path
        Folder for `municipality_month.parquet`, `state_month.parquet`, `state_year.parquet` and, as GeoParquet,
        `municipalities.parquet`. Their columns are described in data/variables.yaml.
    quality : Path
        Where the quality report goes (JSON; see balanza.panel.quality).
    config : RunConfig
        The switches of the run.
    data : Path
        Folder of the listed rules: births, aliases, repairs, codebook.

    Raises
    ------
    PanelError
        If a required table is missing, a code or name matches nothing, or a sum is not conserved.
    """
    notes = Quality()
    panels = build(Tables(tables, notes), config, notes, data)
    for name, frame in vars(panels).items():
        write_parquet(out / f"{name}.parquet", frame)
    write_json(quality, notes.report())
