"""Run one batch of a study's variants in one process, and write what each found, or why it could not run."""

from __future__ import annotations

from pathlib import Path

from balanza.config import load_study
from balanza.contract import Study
from balanza.curve.expand import Expansion, Variant, batch, expand, select
from balanza.curve.joint import reassignments
from balanza.curve.run import run as run_variants
from balanza.graph.use import with_graph
from balanza.preparation import prepare, read_rows
from balanza.provenance import derive_seed, write_parquet
from balanza.registry import require_known


def run(
    study_file: Path,
    out: Path,
    rows: Path | None = None,
    number: int = 1,
    of: int = 1,
    most: int = 30,
    draws: int = 99,
    seed: int = 20190701,
    level: float = 0.95,
    identification: Path | None = None,
) -> None:
    """Write `<out>/<number>of<of>.parquet`, and the refits of its variants beside it as `.draws.parquet`.

    Parameters
    ----------
    study_file : Path
        The study, with the axes of its curve in `variants`.
    out : Path
        Folder of the batches.
    rows, seed, level, identification : as in `balanza.verbs.estimate`
    number, of : int
        Which of how many batches, counted from 1; together they hold all variants once.
    most : int
        How many variants the curve has at most, beside those that show each choice once.
    draws : int
        Random assignments of the joint test.

    Raises
    ------
    BalanzaError
        If the study or its rows are not usable, or its own choices cannot run.
    """
    study = load_study(study_file, level)
    require_known(study, str(study_file))
    _, shown = plan(study, study_file, identification, most, seed)
    mine = batch(len(shown), number, of)
    table = read_rows(study_file, study, rows)
    asked, _ = with_graph(study, study_file, identification)
    own = prepare(asked, table, f"the rows of study {study.name}")
    assigned = reassignments(asked, own, draws, derive_seed(seed, study.name, "curve"))
    del own
    found, drawn = run_variants([shown[position] for position in mine], mine, table, seed, assigned)
    write_parquet(out / f"{number}of{of}.parquet", found)
    write_parquet(out / f"{number}of{of}.draws.parquet", drawn)


def plan(
    study: Study, study_file: Path, identification: Path | None, most: int, seed: int
) -> tuple[Expansion, tuple[Variant, ...]]:
    """All variants of a study, and those of its curve in the order of their numbers."""
    expansion = expand(study, study_file, identification)
    return expansion, select(expansion.variants, most, derive_seed(seed, study.name, "variants"))
