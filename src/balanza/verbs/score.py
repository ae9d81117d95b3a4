"""Score the estimators over all batches of draws whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from balanza.provenance import write_json, write_parquet
from balanza.validation import score


def run(batches: Iterable[Path], out: Path, world: str, extent: str = "full", level: float = 0.95) -> None:
    """Write `scores.parquet` and, with what follows from it, `scores.json`.

    Parameters
    ----------
    batches : iterable of Path
        What `validate` wrote.
    out : Path
        Folder of both.
    world, extent : str
        For the record: whose rows the placebo worlds are made of, and `small` or `full`.
    level : float
        Confidence level of the run.
    """
    scores = score.score([pd.read_parquet(path) for path in batches], level)
    write_parquet(out / "scores.parquet", scores)
    write_json(
        out / "scores.json",
        {
            "world": world,
            "extent": extent,
            "level": level,
            "enough": score.ENOUGH,
            "confidence": score.CONFIDENCE,
            "advice": score.advice(scores),
            "rows": scores.astype(object).where(scores.notna(), None).to_dict("records"),
        },
    )
