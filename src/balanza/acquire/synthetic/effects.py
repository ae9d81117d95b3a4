"""What the treatments do, and the truth that the studies are held against.

Everything acts on the log of the expected deaths of a municipality and month:

    log mu = baseline + guard * dose / 100 + prevention * pesos / 1000 + transfers * pesos / 100
                      + operations * path(months since) + guard_regions * path(months since) + spillovers

with the current dose of the state, in pesos of 2021 per head and year and in elements per 100,000 people. A study that
takes a state's mean dose after the start estimates the same number: the dose of a month is that mean times a national
path, and the rest averages out over the very months of the mean (to well below one per cent of the effect).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS, month_position
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.population import population
from balanza.acquire.synthetic.treatment import GUARD_START, SURGES, Treatments
from balanza.acquire.synthetic.violence import YEAR
from balanza.acquire.synthetic.world import Settings

OPERATION_RAMP, OPENING_RAMP = 6, 6  # months until the whole effect is there, in equal steps
OPERATIONS_END, OPERATIONS_FADE = "2012-12", 24  # the end of that presidency; months until nothing is left
OPERATIONS_WINDOW = ("2000-01-01", "2011-12-01")
OPENINGS_WINDOW = ("2015-01-01", "2021-12-01")
DOSES = {
    "guard": (100.0, "100 elements per 100,000 people"),
    "prevention": (1000.0, "1,000 pesos of 2021 per head and year"),
    "transfers": (100.0, "100 pesos of 2021 per head and year"),
}


@dataclass(frozen=True)
class Sizes:
    """Log points for the stated unit; `*_near` act on neighbours without the treatment; `recording` on SESNSP."""

    guard: float = 0.0
    prevention: float = 0.0
    transfers: float = 0.0
    operations: float = 0.0
    guard_regions: float = 0.0
    guard_near: float = 0.0
    operations_near: float = 0.0
    guard_regions_near: float = 0.0
    recording: float = 0.0


SIZES: Mapping[str, Sizes] = {
    "null": Sizes(),
    "beneficial": Sizes(guard=-0.20, prevention=-0.40, transfers=-0.10, operations=-0.25, guard_regions=-0.15),
    "adverse": Sizes(guard=0.20, prevention=0.40, transfers=0.10, operations=0.35, guard_regions=0.15),
    "displacement": Sizes(
        guard=-0.20,
        operations=-0.25,
        guard_regions=-0.15,
        guard_near=0.15,
        operations_near=0.15,
        guard_regions_near=0.10,
    ),
    "reporting": Sizes(recording=-0.15),
}


def log_effects(settings: Settings, given: Treatments) -> dict[str, np.ndarray]:
    """The effect of each study's treatment, spillovers included, in log points, each of shape (N, T)."""
    sizes, map_ = SIZES[settings.flavour], geography(settings.size)
    state = map_.state
    doses = {"guard": given.guard_dose, "prevention": given.jcf_dose, "transfers": given.transfers_dose}
    effects = {name: getattr(sizes, name) * doses[name][state] / per for name, (per, _) in DOSES.items()}
    for name, start, ramp in _timings(given, state):
        path = _path(start, ramp) * (_fading() if name == "operations" else 1.0)
        effects[name], near = getattr(sizes, name) * path, getattr(sizes, f"{name}_near")
        if near:
            effects[name] += near * np.where(start[:, None] < 0, _reached(path, map_.neighbours), 0.0)
    if sizes.guard_near:
        effects["guard"] = effects["guard"] + sizes.guard_near * _dose_next_door(given, settings) / DOSES["guard"][0]
    return effects


def recording_effect(settings: Settings, given: Treatments) -> np.ndarray:
    """What the Guard does to the share of homicides that the prosecutors record, log points, shape (S, T)."""
    return np.asarray(SIZES[settings.flavour].recording * given.guard_dose / DOSES["guard"][0])


def _timings(given: Treatments, state: np.ndarray) -> tuple[tuple[str, np.ndarray, int], ...]:
    return (
        ("operations", given.operation_start[state], OPERATION_RAMP),
        ("guard_regions", given.openings.start, OPENING_RAMP),
    )


def _path(start: np.ndarray, ramp: int) -> np.ndarray:
    """Share of the whole effect in each month, shape (len(start), T): equal steps up to one, none before the start."""
    since = np.arange(len(MONTHS)) - start[:, None]
    return np.where((start[:, None] >= 0) & (since >= 0), np.minimum((since + 1) / ramp, 1.0), 0.0)


def _fading() -> np.ndarray:
    """Share of the operations' effect that is left in each month, shape (T,)."""
    return np.clip(1 - (np.arange(len(MONTHS)) - month_position(OPERATIONS_END)) / OPERATIONS_FADE, 0.0, 1.0)


def _reached(path: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """The largest share of the effect among a municipality's neighbours, shape (N, T)."""
    most = np.zeros_like(path)
    np.maximum.at(most, neighbours[:, 0], path[neighbours[:, 1]])
    return most


def _dose_next_door(given: Treatments, settings: Settings) -> np.ndarray:
    """Guard dose of other states that a municipality touches, times the share of its neighbours that lie there."""
    map_ = geography(settings.size)
    foreign = map_.state[map_.neighbours[:, 0]] != map_.state[map_.neighbours[:, 1]]
    total = np.zeros((len(map_), len(MONTHS)))
    np.add.at(total, map_.neighbours[foreign, 0], given.guard_dose[map_.state[map_.neighbours[foreign, 1]]])
    return total / np.maximum(np.bincount(map_.neighbours[:, 0], minlength=len(map_)), 1)[:, None]


def truth(
    settings: Settings, given: Treatments, effects: Mapping[str, np.ndarray], intensity: np.ndarray
) -> dict[str, Any]:
    """The true effects by study and treatment, as the studies state them.

    Parameters
    ----------
    effects : mapping of study to array, shape (N, T)
    intensity : array, shape (N, T)
        Expected deaths with all effects in.
    """
    sizes = SIZES[settings.flavour]
    follows = settings.selection == "dip"
    doses = {
        name: {
            "scale": "log",
            "per": per,
            "unit": unit,
            "value": getattr(sizes, name),
            "parallel_trends": name == "prevention" or not follows,
            "interference": name == "guard" and sizes.guard_near != 0,
            "note": _DOSE_NOTES[name],
        }
        for name, (per, unit) in DOSES.items()
    }
    state = geography(settings.size).state
    windows = {"operations": OPERATIONS_WINDOW, "guard_regions": OPENINGS_WINDOW}
    binary = {
        name: _binary_truth(settings, name, start, ramp, windows[name], effects[name], intensity)
        for name, start, ramp in _timings(given, state)
    }
    both = {"guard": doses["guard"], "prevention": doses["prevention"]}
    return {
        "guard": {"treatment": doses["guard"]},
        "guard_municipalities": {"treatment": doses["guard"]},
        "coordination": {"treatment": doses["guard"]},
        "surges": {"treatment": _surge_truth(sizes, given, follows)},
        "prevention": {"treatment": doses["prevention"]},
        "prevention_adjusted": {"treatment": doses["prevention"]},
        "transfers": {"treatment": doses["transfers"]},
        "versus": both,
        "versus_adjusted": both,
        "versus_municipalities": both,
        "operations": {"treatment": binary["operations"]},
        "guard_regions": {"treatment": binary["guard_regions"]},
        "displacement": {"treatment": _total_truth(settings, given.openings.start, effects, intensity)},
        "recording": {
            "scale": "log",
            "per": DOSES["guard"][0],
            "unit": DOSES["guard"][1],
            "value": sizes.recording,
            "note": "What the Guard does to what the prosecutors (SESNSP) record, beside its effect on deaths",
        },
    }


_DOSE_NOTES = {
    "guard": "Acts through the current dose; the mean dose after the start has the same effect per unit",
    "prevention": "Acts through the current dose, which follows poverty and never violence; where Guard doses follow "
    "violence and violence is related to poverty, the study without the Guard leaves it out",
    "transfers": "Acts through the dose of the same year",
}


def _binary_truth(
    settings: Settings,
    name: str,
    start: np.ndarray,
    ramp: int,
    window: tuple[str, str],
    effect: np.ndarray,
    intensity: np.ndarray,
) -> dict[str, Any]:
    """Truth of an absorbing treatment: its path, and its mean over treated municipality-months of the window."""
    sizes = SIZES[settings.flavour]
    first, last = (month_position(month) for month in window)
    months = np.arange(len(MONTHS))
    treated = (start[:, None] >= 0) & (months >= start[:, None]) & (months >= first) & (months <= last)
    rate = 12e5 * intensity * (1 - np.exp(-effect)) / population(settings.size).counts[:, YEAR - YEARS[0]]
    whole = getattr(sizes, name)
    longest = int(last - start[start >= 0].min())
    return {
        "scale": "log",
        "per": 1.0,
        "unit": "from the opening on",
        "value": float(effect[treated].mean()),
        "whole": whole,
        "event_time": [
            {"event_time": month, "value": whole * min((month + 1) / ramp, 1.0)} for month in range(longest + 1)
        ],
        "rate": {"value": float(rate[treated].mean()), "unit": "homicides per 100,000 people a year"},
        "parallel_trends": settings.selection != "dip",
        "interference": getattr(sizes, f"{name}_near") != 0,
        "note": "Mean over treated municipality-months of the window; the whole effect is there after "
        f"{ramp} months, in equal steps; trends are parallel on the log scale",
    }


def _total_truth(
    settings: Settings, start: np.ndarray, effects: Mapping[str, np.ndarray], intensity: np.ndarray
) -> dict[str, Any]:
    """What openings do to those that are open and to those next door, together, for each person where they are."""
    first, last = (month_position(month) for month in OPENINGS_WINDOW)
    months, effect = np.arange(len(MONTHS)), effects["guard_regions"]
    inside = (months >= first) & (months <= last)
    treated = inside & (start[:, None] >= 0) & (months >= start[:, None])
    change = intensity * -np.expm1(-effect)
    people = population(settings.size).counts[:, YEAR - YEARS[0]]
    own, near = float(change[treated].sum()), float(change[inside & ~treated].sum())
    per = 12e5 / float(people[treated].sum())
    return {
        "scale": "log",
        "per": 1.0,
        "unit": "from the opening on",
        "value": float(np.log1p((own + near) / float((intensity * np.exp(-effect))[treated].sum()))),
        "rate": {
            "value": per * (own + near),
            "own": per * own,
            "neighbours": per * near,
            "unit": "homicides per 100,000 people with an opening, a year",
        },
        "parallel_trends": settings.selection != "dip",
        "interference": False,
        "note": "Own effect and what neighbours feel, added up over people of the window; the log is of the total "
        "against what the treated would have had",
    }


def _surge_truth(sizes: Sizes, given: Treatments, follows: bool) -> dict[str, Any]:
    """Effect of each surge: the state's change of dose, beyond the other states' mean change, times the Guard's."""
    dose = given.guard_dose
    end = month_position(GUARD_START) + 25
    others = [position for position, state in enumerate(STATE_CODES) if state not in SURGES]
    by_state = {}
    for state, (begin, _) in SURGES.items():
        here = month_position(begin)
        change = dose[:, here:end].mean(axis=1) - dose[:, here - 3 : here].mean(axis=1)
        extra = change[STATE_CODES.index(state)] - change[others].mean()
        by_state[state] = float(sizes.guard * extra / DOSES["guard"][0])
    return {
        "scale": "log",
        "per": 1.0,
        "unit": "the surge",
        "value": float(np.mean(list(by_state.values()))),
        "by_state": by_state,
        "parallel_trends": not follows,
        "interference": sizes.guard_near != 0,
        "note": "Change of the state's dose against the three months before, beyond the mean change of the states "
        "without a surge, to July 2021; value is the mean of the surging states",
    }
