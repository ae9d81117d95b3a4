"""Run the estimators of a study on a batch of draws whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from balanza.acquire.synthetic.world import Settings
from balanza.config import Flavour, Selection, load_study
from balanza.contract import Study
from balanza.errors import BalanzaError
from balanza.preparation import read_table
from balanza.progress import shown
from balanza.provenance import derive_seed, write_parquet
from balanza.validation import draws, plasmode
from balanza.validation.plan import contenders
from balanza.validation.trial import Clock, Known, declined, quick, trial


def run(
    study_file: Path,
    out: Path,
    batch: range,
    flavours: Sequence[Flavour],
    selections: Sequence[Selection],
    rows: Path | None = None,
    estimators: Iterable[str] = (),
    seed: int = 20190701,
    size: float = 1.0,
    level: float = 0.95,
) -> None:
    """Write what each estimator found in each draw, beside the truth: a parquet table in the columns of `trial`.

    Parameters
    ----------
    study_file, out : Path
        The study, and the table.
    batch : range
        Numbers of the draws: each is the same in whatever batch it comes.
    flavours, selections : sequence of str
        Effects and rules of assignment; in placebo worlds assignment looks at nothing, whatever is asked. In the
        flavour `reporting` a study of homicides by state is run on what the prosecutors record, too.
    rows : Path, optional
        The study's rows: then placebo worlds are made of those before its treatment. Without it worlds are drawn.
    estimators : iterable of str
        All of the study that are quick enough on its rows, if none is given.
    seed, size, level : int, float, float
        Seed of the run, size of drawn worlds, confidence level.

    A study of which no such worlds can be made gives rows that say why.
    """
    study = load_study(study_file, level)
    names, clock = contenders(study, tuple(estimators)), Clock()
    try:
        if rows is None:
            made = _worlds(study, batch, flavours, selections, seed, size)
            total = len(batch) * len(selections) * sum(len(_asked(study, flavour)) for flavour in flavours)
        else:
            made = _placebos(study, read_table(rows), batch, flavours, seed)
            total = len(batch) * len(flavours)
        worlds = shown(made, total, "worlds")
        tables = [trial(quick(asked, names), known, names, seed, clock) for asked, known in worlds]
    except BalanzaError as refusal:
        kind = "world" if rows is None else "plasmode"
        tables = [declined(study, names, str(refusal), batch.start, kind, flavours[0], "none")]
    clock.tell()
    write_parquet(out, pd.concat(tables, ignore_index=True))


def _worlds(
    study: Study,
    batch: range,
    flavours: Sequence[Flavour],
    selections: Sequence[Selection],
    seed: int,
    size: float,
) -> Iterator[tuple[Study, Known]]:
    for draw in batch:
        own = derive_seed(seed, "validation", str(draw))
        for selection in selections:
            for flavour in flavours:
                for asked in _asked(study, flavour):
                    found = draws.draw(asked, Settings(flavour, selection, own, size))
                    yield asked, Known("world", flavour, selection, draw, found.table, found.truth)


def _asked(study: Study, flavour: Flavour) -> list[Study]:
    """The study as it is run in a drawn world, once or on both records of homicides."""
    bare = draws.drawn_study(study)
    recorded = draws.recorded(bare) if flavour == "reporting" else None
    return [bare, recorded] if recorded else [bare]


def _placebos(
    study: Study, table: pd.DataFrame, batch: range, flavours: Sequence[str], seed: int
) -> Iterator[tuple[Study, Known]]:
    for draw in batch:
        for flavour in flavours:
            made = plasmode.plasmode(study, table, flavour, draw, seed)
            yield made.study, Known("plasmode", flavour, "none", draw, made.table, made.truth)
