"""Simulates a synthetic Mexico: map, people, violence, treatments and their effects, recording; see `World`.

The map, the people and the regions are the same for every seed; violence, assignment and recording follow the seed;
the flavour moves nothing but effects. The same settings give the same world on any machine and for any number of
threads.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.baseline import baseline, deaths, to_national_path
from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS
from balanza.acquire.synthetic.effects import log_effects, recording_effect, truth
from balanza.acquire.synthetic.geography import Geography, geography
from balanza.acquire.synthetic.names import invented_names
from balanza.acquire.synthetic.openings import Openings
from balanza.acquire.synthetic.population import population
from balanza.acquire.synthetic.recording import municipal_files, victims
from balanza.acquire.synthetic.regions import units
from balanza.acquire.synthetic.treatment import Treatments, assign
from balanza.acquire.synthetic.world import Settings, World


def simulate(settings: Settings) -> World:
    """Simulate one world.

    Parameters
    ----------
    settings : Settings
        Flavour of the effects, rule of assignment, seed, and size.

    Returns
    -------
    World
        About a second of work at full size; the truth is part of it and must be stored apart.
    """
    import geopandas as gpd

    seed, size = settings.seed, settings.size
    map_, base = geography(size), baseline(seed, size)
    given = assign(settings, base)
    effects, intensity = expected(settings, given)
    counted = _as_recorded_then(deaths(intensity, base.uniform), map_)
    recorded = recording_effect(settings, given)
    files = municipal_files(seed, size, base, recorded)
    files = {name: _as_recorded_then(counts, map_) for name, counts in files.items()}
    return World(
        settings=settings,
        municipalities=_municipalities(map_, size, given.openings),
        geometry=gpd.GeoSeries(map_.polygons, index=pd.Index(map_.codes, name="cvegeo"), crs="EPSG:4326"),
        months=MONTHS,
        population=pd.DataFrame(
            population(size).counts, index=pd.Index(map_.codes, name="cvegeo"), columns=list(YEARS)
        ),
        homicides=counted,
        victims=victims(seed, size, counted, files, recorded),
        feminicides=files["feminicides"],
        kidnappings=files["kidnappings"],
        guard_elements=given.guard_elements,
        guard_openings=_opened(map_, given.openings),
        operations=given.operations,
        jcf_beneficiaries=given.jcf_beneficiaries,
        security_transfers=given.security_transfers,
        truth=truth(settings, given, effects, intensity),
    )


def expected(settings: Settings, given: Treatments) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The effects of one world, as in `log_effects`, and its expected deaths with them, shape (N, T)."""
    effects = log_effects(settings, given)
    moved = baseline(settings.seed, settings.size).intensity * np.exp(sum(effects.values()))
    return effects, to_national_path(moved, settings.size)


def _as_recorded_then(counts: np.ndarray, map_: Geography) -> np.ndarray:
    """Counts of children before their birth moved to the parent, as the files of those years have them."""
    unit = units(map_)
    counts = counts.copy()
    for child in np.flatnonzero(map_.parent != ""):
        before = MONTHS.to_numpy() < map_.born[child]
        counts[unit[child], before] += counts[child, before]
        counts[child, before] = 0
    return counts


def _municipalities(map_: Geography, size: float, openings: Openings) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cvegeo": map_.codes,
            "state": np.array(STATE_CODES)[map_.state],
            "name": invented_names(list(map_.codes)),
            "parent": [code or None for code in map_.parent],
            "born": map_.born,
            "region": openings.region,
            "tier": openings.tier.astype(str),
            "poverty": population(size).poverty,
        }
    )


def _opened(map_: Geography, openings: Openings) -> pd.DataFrame:
    """The municipalities with a base: cvegeo, opening (a month), region, tier."""
    host = openings.start >= 0
    return pd.DataFrame(
        {
            "cvegeo": map_.codes[host],
            "opening": MONTHS[openings.start[host]],
            "region": openings.region[host],
            "tier": openings.tier[host].astype(str),
        }
    )
