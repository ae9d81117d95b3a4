"""Score an earlier forecast file against values that came after it was made.

The JSON holds file, forecast_digest, origin, values_digest (of the panel), first and last (months scored), left_out
(months known but behind a break that ends scoring), summary and verdicts as `outlook` writes them, with
seasonal-naive and drift as they would have been from the same origin on the series as it is known now.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from balanza.errors import PanelError
from balanza.outlook import baseline, settings
from balanza.outlook.forecast_file import read
from balanza.outlook.series import labels
from balanza.outlook.series import read as read_series
from balanza.provenance import derive_seed, file_digest, write_json


def run(forecast: Path, panel: Path, settings_file: Path, out: Path, digest: str | None = None) -> None:
    """Write the scores of a forecast.

    Parameters
    ----------
    forecast : Path
        A forecast.parquet.
    panel : Path
        Folder of a world's panels, with newer values.
    settings_file : Path
        config/outlook.yaml, for the breaks.
    out : Path
        The JSON file.
    digest : str, optional
        The digest as it was printed when the forecast was made.

    Raises
    ------
    BalanzaError
        If the forecast is not what was written, its states are not those of the panel, or no value came after it.
    """
    import pandas as pd

    found = read(forecast, digest)
    plan = settings.load(settings_file)
    series = read_series(panel, str(found.about["column"]))
    if series.states != found.states:
        raise PanelError("the states of the panel are not those of the forecast", where=str(forecast))
    origin = str(found.about["origin"])
    start = labels(series.periods).index(origin) + 1 if origin in labels(series.periods) else 0
    came = np.isin(series.periods, found.periods)
    end = plan.scored_before
    scored = came & (series.periods < np.datetime64(end, "M")) if end else came
    if not scored.any() or not start:
        raise PanelError(
            f"no value that can be scored came after {origin}: the panel ends in {series.periods[-1]}",
            where=str(forecast),
            cure="Build the panel from newer files",
        )
    horizon = int(scored.sum())
    values = series.counts[start : start + horizon]
    rows = [baseline.scored(found.draws[:, :horizon].astype(float), values, series, start).assign(method="baseline")]
    past = series.until(origin)
    for name in (name for name in baseline.METHODS if name != "baseline"):
        rng = np.random.default_rng(derive_seed(int(found.about["seed"]), "outlook", name, origin))
        draws = baseline.METHODS[name](past, horizon, len(found.draws), rng)
        rows.append(baseline.scored(draws, values, series, start).assign(method=name))
    table = baseline.summary(pd.concat(rows, ignore_index=True).assign(window="later values", origin=origin))
    known = labels(series.periods[start : start + horizon])
    write_json(
        out,
        {"file": forecast.name, "forecast_digest": found.digest, "origin": origin}
        | {"values_digest": file_digest(panel / "state_month.parquet"), "first": known[0], "last": known[-1]}
        | {"left_out": int((came & ~scored).sum()), "summary": table, "verdicts": baseline.verdicts(table)},
    )
