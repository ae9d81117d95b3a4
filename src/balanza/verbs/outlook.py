"""Forecast victims of intentional homicide by state and month, and say how good such forecasts were.

`forecast.parquet` holds the joint paths (`balanza.outlook.forecast_file`), `scores.parquet` each scored month,
`fan.parquet` what charts need of the country and each state: state, period, kind (history | outlook), value, median and
ends of the intervals. `scores.json` holds
    world, seed, draws, column, code_digest, data_digest, settings_digest, forecast_digest
    first, last, until     first and last month known, last month forecast
    origins, held_out      where forecasts were tried from
    fitted                 what the baseline estimated on the whole series
    summary, verdicts      as in `balanza.outlook.baseline`
    years                  the country by calendar year: year, known (months that are known already), and median, low_
                           and high_ of their sum with the forecast of the others
    breaks                 from, name, what, ends_scoring
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanza.errors import PanelError
from balanza.outlook import baseline, model, settings
from balanza.outlook.forecast_file import ForecastFile, write
from balanza.outlook.scores import LEVELS, bounds
from balanza.outlook.series import Series, labels, months_after, read
from balanza.provenance import code_digest, derive_seed, file_digest, write_json, write_parquet

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def run(panel: Path, settings_file: Path, out: Path, world: str = "own panel", seed: int = 20190701) -> None:
    """Write the forecast and its scores.

    Parameters
    ----------
    panel : Path
        Folder of the world's panels.
    settings_file : Path
        config/outlook.yaml.
    out : Path
        Folder of the outlook.
    world : str
        For the record.
    seed : int
        Seed of the run.

    Raises
    ------
    BalanzaError
        If settings or series cannot be used.
    """
    import pandas as pd

    plan = settings.load(settings_file)
    series = read(panel, plan.forecast.column)
    last = series.periods[-1]
    horizon = int((np.datetime64(plan.forecast.until, "M") - last).astype(int))
    if horizon < 1:
        raise PanelError(f"the series goes on to {last}", cure=f"Set `until` of {settings_file} to a later month")
    rows = _tried(series, plan.forecast, seed)
    fitted = model.fit(series)
    rng = np.random.default_rng(derive_seed(seed, "outlook", "baseline", str(last)))
    draws = model.simulate(fitted, horizon, plan.forecast.draws, rng)
    periods = months_after(last, horizon)
    record: dict[str, Any] = {
        "world": world,
        "seed": seed,
        "draws": plan.forecast.draws,
        "column": plan.forecast.column,
        "code_digest": code_digest("balanza.verbs.outlook"),
        "data_digest": file_digest(panel / "state_month.parquet"),
        "settings_digest": file_digest(settings_file),
    }
    breaks = tuple(",".join(plan.crossed(period)) for period in labels(periods))
    about = record | {"method": "baseline", "origin": str(last)}
    digest = write(
        out / "forecast.parquet", ForecastFile(series.states, periods, draws.astype(np.int32), breaks, about)
    )
    write_parquet(out / "scores.parquet", rows)
    write_parquet(out / "fan.parquet", pd.concat([_history(series), fan(draws, series.states, periods)]))
    table = baseline.summary(rows)
    write_json(
        out / "scores.json",
        record
        | {"forecast_digest": digest, "first": str(series.periods[0]), "last": str(last), "until": plan.forecast.until}
        | {"origins": sorted(rows.loc[rows["window"] == "rolling", "origin"].unique())}
        | {"held_out": plan.forecast.held_out, "fitted": fitted.facts}
        | {"summary": table, "verdicts": baseline.verdicts(table), "years": _years(series, draws, periods)}
        | {"breaks": [item.model_dump(by_alias=True) for item in plan.breaks]},
    )


def _tried(series: Series, plan: settings.Forecast, seed: int) -> pd.DataFrame:
    """The scores at rolling origins and at the one that holds out all later values."""
    import pandas as pd

    rolling = baseline.origins(series, plan)
    if plan.held_out not in labels(series.periods[:-1]):
        raise PanelError(f"no values came after the origin `held_out`, {plan.held_out}")
    parts = [baseline.tried(series, origin, plan.ahead, plan.draws, seed, "rolling") for origin in rolling]
    parts.append(baseline.tried(series, plan.held_out, len(series.periods), plan.draws, seed, "held out"))
    return pd.concat(parts, ignore_index=True)


def fan(draws: Floats, states: tuple[str, ...], periods: NDArray[np.datetime64]) -> pd.DataFrame:
    """Median and intervals of draws, shape (n_draws, n_months, n_states), by state and for their sum."""
    import pandas as pd

    together = np.concatenate([draws.sum(axis=2, keepdims=True), draws], axis=2)
    columns: dict[str, Any] = {"median": np.median(together, axis=0)}
    for level in LEVELS:
        columns[f"low_{100 * level:.0f}"], columns[f"high_{100 * level:.0f}"] = bounds(together, level)
    table = pd.DataFrame({name: column.T.ravel() for name, column in columns.items()})
    table.insert(0, "kind", "outlook")
    table.insert(0, "period", labels(periods) * (len(states) + 1))
    table.insert(0, "state", np.repeat([baseline.COUNTRY, *states], len(periods)))
    return table


def _history(series: Series) -> pd.DataFrame:
    import pandas as pd

    values = np.column_stack([series.counts.sum(axis=1), series.counts])
    return pd.DataFrame(
        {
            "state": np.repeat([baseline.COUNTRY, *series.states], len(values)),
            "period": labels(series.periods) * (len(series.states) + 1),
            "kind": "history",
            "value": values.T.ravel(),
        }
    )


def _years(series: Series, draws: Floats, periods: NDArray[np.datetime64]) -> list[dict[str, Any]]:
    """The country by calendar year, from the first that holds a forecast month."""
    nation = draws.sum(axis=2)
    known = series.periods.astype("datetime64[Y]")
    ahead = periods.astype("datetime64[Y]")
    out = []
    for year in np.unique(ahead):
        so_far = np.nansum(series.counts[known == year])
        total = so_far + nation[:, ahead == year].sum(axis=1)
        row: dict[str, Any] = {"year": int(str(year)), "known": int((known == year).sum()), "median": np.median(total)}
        for level in LEVELS:
            row[f"low_{100 * level:.0f}"], row[f"high_{100 * level:.0f}"] = bounds(total, level)
        out.append(row)
    return out
