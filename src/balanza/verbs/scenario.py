"""Lay scenarios over a forecast and write what they would change, with what is known and what is assumed.

`scenarios.parquet` has the country by scenario, layer and month: median and ends of intervals. Layers tell the sources
of uncertainty apart: `all`; `noise` (of the baseline, all else at its middle); `effect`; `displacement` and `cost`
(with effects at one standard deviation above their middle, since nothing is displaced where nothing changes).
`scenarios.json` holds forecast_digest, world, seed, code_digest, settings_digest and `scenarios`, each with
    name, title, question, start, notes, digest      as its file has it
    claim           whether every effect is claimed by a study; null for the status quo, which has none
    effects         arm, kind, claimed, low, high, per, reason, source, course
    together        arms, correlation: of two effects that one study estimates jointly, and is drawn so
    displacement    low, high, source
    budget          elements, freed, spent (pesos a year of 2021 at the end), each [at low cost, at high cost]
    limited         where limits of hiring and money held
    floored         share of state-months held at zero, since neighbours cannot lose more than there is
    breaks          those that lie behind the start
    years           year, layer, and of the country's sum: median, low_ and high_; for layer `all` also change (in per
                    cent of the status quo): change_median, change_low_, change_high_; and ends, the least and the
                    greatest change where effects, displaced share and cost are each at one of their ends
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from balanza.config import load_study
from balanza.errors import ConfigError, PanelError
from balanza.outlook import settings
from balanza.outlook.doses import Country
from balanza.outlook.effects import EffectSet, correlations, resolve
from balanza.outlook.forecast_file import ForecastFile, read
from balanza.outlook.scenario_file import Intervention, Scenario, load
from balanza.outlook.scenarios import LAYERS, Laid, World, lay, typical_path, weights
from balanza.outlook.scores import LEVELS, bounds
from balanza.outlook.series import labels
from balanza.outlook.series import read as read_series
from balanza.provenance import code_digest, derive_seed, file_digest, write_json, write_parquet

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def run(
    scenario_files: Iterable[Path],
    forecast: Path,
    panel: Path,
    outlines: Path,
    settings_file: Path,
    out: Path,
    studies: Path | None = None,
    study_files: Path = Path("config/studies"),
) -> None:
    """Write the scenarios.

    Parameters
    ----------
    scenario_files : iterable of Path
        One or several.
    forecast : Path
        forecast.parquet, as `outlook` wrote it.
    panel, outlines : Path
        Folder of the world's panels, and summary/states.parquet.
    settings_file : Path
        config/outlook.yaml.
    out : Path
        Folder of the outlook.
    studies, study_files : Path
        results/<world>/studies, for effects that are claimed, and the folder of the studies' files, for their units.

    Raises
    ------
    BalanzaError
        If a scenario, the settings, the forecast or the panel cannot be used.
    """
    import pandas as pd

    files = list(scenario_files)
    asked = [load(path) for path in files]
    plan = settings.load(settings_file)
    found = read(forecast)
    for path, scenario in zip(files, asked, strict=True):
        _require_usable(scenario, found, study_files, str(path))
    world = _world(found, plan, panel, outlines)
    tables, records = [], []
    for path, scenario in sorted(zip(files, asked, strict=True), key=lambda item: (item[1].order, item[1].name)):
        start = labels(found.periods).index(scenario.start)
        sets: dict[str, EffectSet] = {item.arm: resolve(item.effect, studies) for item in scenario.interventions}
        rng = np.random.default_rng(derive_seed(int(found.about["seed"]), "scenario", scenario.name))
        joint = correlations(list(sets.values()))
        laid = lay(scenario, sets, world, start, rng, joint)
        tables.append(_months(scenario, laid, found))
        records.append(_record(scenario, path, sets, laid, world, found, start) | {"together": _together(sets, joint)})
    write_parquet(out / "scenarios.parquet", pd.concat(tables, ignore_index=True))
    kept = {key: found.about[key] for key in ("world", "seed")}
    digests = {"code_digest": code_digest("balanza.verbs.scenario"), "settings_digest": file_digest(settings_file)}
    write_json(out / "scenarios.json", {"forecast_digest": found.digest} | kept | digests | {"scenarios": records})


def _require_usable(scenario: Scenario, found: ForecastFile, study_files: Path, where: str) -> None:
    if scenario.start not in labels(found.periods):
        span = f"{found.periods[0]} to {found.periods[-1]}"
        raise ConfigError(f"`start` is {scenario.start}, and the forecast has {span}", where=where)
    for item in scenario.interventions:
        unknown = sorted(set(item.states or ()) - set(found.states))
        if unknown:
            raise ConfigError(f"there is no state {unknown[0]!r}", where=where, cure="Give two digits, in quotes")
        _require_same_unit(item, study_files, where)


def _require_same_unit(item: Intervention, study_files: Path, where: str) -> None:
    """An effect per 100 elements must not be taken for one per element."""
    effect = item.effect
    if effect.study is None:
        return
    treatments = {arm.name: arm for arm in load_study(study_files / f"{effect.study}.yaml").treatments}
    if effect.treatment not in treatments:
        raise ConfigError(f"the study {effect.study} has no treatment {effect.treatment!r}", where=where)
    per = treatments[effect.treatment].per
    if per != effect.per:
        raise ConfigError(
            f"the effect is per {effect.per:g}, that of the study {effect.study} per {per:g}", where=where
        )


def _world(found: ForecastFile, plan: settings.Settings, panel: Path, outlines: Path) -> World:
    import geopandas as gpd
    import pandas as pd

    rows = pd.read_parquet(panel / "state_month.parquet")
    series = read_series(panel, str(found.about["column"])).until(str(found.about["origin"]))
    last_year = np.nansum(series.counts[-12:], axis=0)

    def latest(column: str) -> Floats:
        if column not in rows or rows[column].isna().all():
            raise PanelError(f"the panel has no values of {column}", where=str(panel / "state_month.parquet"))
        known = rows[rows[column].notna()]
        last = known[known["period"] == known["period"].max()].set_index("state")[column].reindex(found.states)
        if last.isna().any():
            raise PanelError(f"{column} has no last value for state {last.index[last.isna()][0]}")
        return np.asarray(last.to_numpy(float))

    people = latest("population")
    elements = latest(plan.guard.column)
    country = Country(
        states=found.states,
        people=people,
        elements=elements / elements.sum() * plan.guard.total,
        pesos=latest(plan.prevention.column) * people,
        rate=last_year / people * 1e5,
    )
    areas = gpd.read_parquet(outlines).set_index("state").geometry.reindex(found.states)
    touching = np.array([areas.intersects(area).to_numpy(bool) for area in areas])
    return World(found.draws.astype(float), country, weights(touching, last_year), plan)


def _months(scenario: Scenario, laid: Laid, found: ForecastFile) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for layer in LAYERS:
        draws = laid.country[layer]
        columns = {"median": np.median(draws, axis=0)}
        for level in LEVELS:
            columns[f"low_{100 * level:.0f}"], columns[f"high_{100 * level:.0f}"] = bounds(draws, level)
        fixed = {"scenario": scenario.name, "layer": layer, "period": labels(found.periods)}
        parts.append(pd.DataFrame(fixed | columns))
    return pd.concat(parts, ignore_index=True)


def _record(
    scenario: Scenario,
    path: Path,
    sets: dict[str, EffectSet],
    laid: Laid,
    world: World,
    found: ForecastFile,
    start: int,
) -> dict[str, Any]:
    first, last = laid.plans[0], laid.plans[-1]
    said = {"name", "title", "question", "start", "notes"}
    return scenario.model_dump(include=said) | {
        "digest": file_digest(path),
        "claim": all(item.claimed for item in sets.values()) if sets else None,
        "effects": [_effect(item, sets[item.arm]) for item in scenario.interventions],
        "displacement": scenario.displacement.model_dump() if scenario.displacement else None,
        "budget": {key: [getattr(first, key), getattr(last, key)] for key in ("elements", "freed", "spent")},
        "limited": list(dict.fromkeys([*first.limited, *last.limited])),
        "floored": laid.floored,
        "breaks": [item.name for item in world.settings.breaks if item.start <= str(found.periods[-1])],
        "years": _years(laid, world, found, start),
    }


def _effect(item: Intervention, found: EffectSet) -> dict[str, Any]:
    return {
        "arm": item.arm,
        "kind": found.kind,
        "claimed": found.claimed,
        "low": found.low,
        "high": found.high,
        "per": item.effect.per,
        "reason": found.reason,
        "source": found.source,
        "course": item.course.model_dump(),
    }


def _together(sets: dict[str, EffectSet], correlation: Floats) -> list[dict[str, Any]]:
    """Pairs of arms that are not drawn independently."""
    pairs = combinations(enumerate(sets), 2)
    found = [([one, other], float(correlation[i, j])) for (i, one), (j, other) in pairs]
    return [{"arms": arms, "correlation": value} for arms, value in found if value]


def _years(laid: Laid, world: World, found: ForecastFile, start: int) -> list[dict[str, Any]]:
    """The country by calendar year from the start on, and how far the scenario moves it."""
    years = found.periods.astype("datetime64[Y]")
    before = world.paths.sum(axis=2)
    typical = typical_path(world.paths).sum(axis=1)
    out = []
    for year in np.unique(years[start:]):
        inside = years == year
        for layer in LAYERS:
            total = laid.country[layer][:, inside].sum(axis=1)
            row: dict[str, Any] = {"year": int(str(year)), "layer": layer, "median": np.median(total)}
            row |= _spans(total, "")
            if layer == "all":
                change = 100 * (total / before[:, inside].sum(axis=1) - 1)
                row |= {"change_median": np.median(change)} | _spans(change, "change_")
                corners = 100 * (laid.ends[:, inside].sum(axis=1) / typical[inside].sum() - 1)
                row["ends"] = [corners.min(), corners.max()]
            out.append(row)
    return out


def _spans(values: Floats, prefix: str) -> dict[str, Any]:
    out = {}
    for level in LEVELS:
        out[f"{prefix}low_{100 * level:.0f}"], out[f"{prefix}high_{100 * level:.0f}"] = bounds(values, level)
    return out
