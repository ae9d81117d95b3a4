"""What the simulation hands to the writers of raw files: one frozen record of a synthetic Mexico."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balanza.config import Flavour, Selection

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class Settings:
    """What a user chooses of the synthetic world. `size` shrinks every state's number of municipalities."""

    flavour: Flavour
    selection: Selection
    seed: int
    size: float = 1.0


@dataclass(frozen=True)
class World:
    """A synthetic Mexico before it is written: N municipalities, T months from 2000-01 to 2026-03.

    municipalities : frame of N rows, sorted by `cvegeo`: cvegeo, state, name, parent (cvegeo or None), born
        (month or NaT; children have no counts before), region (int), tier (high | medium | low), poverty (a score)
    geometry : polygons in EPSG:4326, indexed by cvegeo
    months : T month starts
    population : frame indexed by cvegeo with integer columns 1990 to 2040, before a birth too, as CONAPO has them
    homicides : (N, T) deaths by occurrence, the primary outcome
    victims : frame of state x month x subtype, the recording of the prosecutors: state, period, crime, subtype, count
    feminicides, kidnappings : (N, T) municipal files of the prosecutors, zero before 2015
    guard_elements : frame indexed by state, one integer column a month from 2019-07 to 2021-07, without defects
    guard_openings : frame cvegeo, opening (month), region, tier: the municipalities where a base opens, by the end of
        2021; half of each region's violence never gets one
    operations : mapping of state code to the first month of its joint operation, for the treated states
    jcf_beneficiaries : frame indexed by state with integer columns 2019 to 2022
    security_transfers : frame indexed by state with columns 2007 to 2020, current pesos
    truth : effects by study, on the scale and for the unit in which the study states them
    """

    settings: Settings
    municipalities: pd.DataFrame
    geometry: gpd.GeoSeries
    months: pd.DatetimeIndex
    population: pd.DataFrame
    homicides: np.ndarray
    victims: pd.DataFrame
    feminicides: np.ndarray
    kidnappings: np.ndarray
    guard_elements: pd.DataFrame
    guard_openings: pd.DataFrame
    operations: Mapping[str, pd.Timestamp]
    jcf_beneficiaries: pd.DataFrame
    security_transfers: pd.DataFrame
    truth: Mapping[str, Any]
