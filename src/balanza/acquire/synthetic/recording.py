"""What the prosecutors (SESNSP) record of the same violence: victims by state, and files by municipality.

Homicide victims are the deaths thinned by a state's own ratio of deaths to recorded victims (1.03 to 1.13) with
independent noise. Feminicides, kidnappings and the other crimes have published national totals and do not answer to
any treatment, except that in the flavour `reporting` the Guard moves all recording.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from balanza.acquire.synthetic import calibration
from balanza.acquire.synthetic.baseline import Baseline
from balanza.acquire.synthetic.calibration import MONTHS, STATE_CODES, YEARS, in_year, stream
from balanza.acquire.synthetic.geography import geography
from balanza.acquire.synthetic.matching import national_share
from balanza.acquire.synthetic.population import population
from balanza.acquire.synthetic.violence import MONTH_WEIGHT, YEAR

FIRST_YEAR = 2015
RATIO = (1.03, 1.13)  # deaths over recorded victims, by state
SHARED = {"feminicides": 0.3, "kidnappings": 0.5}  # elasticity of the files to the intensity of homicide
OTHERS = {  # column of national.csv: crime and subtype as the file names them
    "extortions": ("Extorsión", "Extorsión"),
    "culpable": ("Homicidio", "Homicidio culposo"),
    "injuries": ("Lesiones", "Lesiones dolosas"),
}
OTHERS_SPREAD = 0.4  # sd of the log of state rates


def municipal_files(seed: int, size: float, base: Baseline, recorded: np.ndarray) -> dict[str, np.ndarray]:
    """Files of feminicide and kidnapping, each (N, T), zero before 2015.

    Parameters
    ----------
    recorded : array, shape (S, T)
        Log points that a treatment takes from recording, zero or less.
    """
    state, files = geography(size).state, {}
    people = population(size).counts[:, YEAR - YEARS[0]]
    smooth = np.exp(base.level)[:, None] * people
    for name, elasticity in SHARED.items():
        weight = people * (smooth / people) ** elasticity * MONTH_WEIGHT
        drawn = stream(seed, "recording", name).poisson(_to_totals(weight, name, size))
        files[name] = _thinned(drawn, recorded[state], stream(seed, "recording", name, "thinned"))
    return files


def victims(
    seed: int, size: float, homicides: np.ndarray, files: dict[str, np.ndarray], recorded: np.ndarray
) -> pd.DataFrame:
    """Victims by state, month and subtype: state, period, crime, subtype, count; from 2015 on."""
    state = geography(size).state
    by_state = {name: _state_sums(counts, state) for name, counts in {**files, "deaths": homicides}.items()}
    random = stream(seed, "recording", "victims")
    ratio = random.uniform(*RATIO, len(STATE_CODES))[:, None]
    thinning = stream(seed, "recording", "victims", "thinned")
    known = _thinned(random.binomial(by_state["deaths"], 1 / ratio), recorded, thinning)
    counts = {
        ("Homicidio", "Homicidio doloso"): np.maximum(known - by_state["feminicides"], 0),
        ("Feminicidio", "Feminicidio"): by_state["feminicides"],
        ("Secuestro", "Secuestro"): by_state["kidnappings"],
    }
    people = _state_sums(population(size).counts, state)[:, YEAR - YEARS[0]]
    for column, crime in OTHERS.items():
        level = np.exp(random.normal(0, OTHERS_SPREAD, (len(STATE_CODES), 1)))
        drawn = random.poisson(_to_totals(people * level * MONTH_WEIGHT, column, size))
        counts[crime] = _thinned(drawn, recorded, thinning)
    shown = YEAR >= FIRST_YEAR
    index = pd.MultiIndex.from_product([STATE_CODES, MONTHS[shown]], names=["state", "period"])
    frames = [
        pd.DataFrame({"crime": crime, "subtype": subtype, "count": count[:, shown].ravel()}, index=index)
        for (crime, subtype), count in counts.items()
    ]
    return pd.concat(frames).reset_index()


def _thinned(counts: np.ndarray, recorded: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Counts of which a treatment leaves the share exp(recorded); all of them where it does nothing."""
    return np.asarray(random.binomial(counts, np.minimum(np.exp(recorded), 1.0)))


def _to_totals(weight: np.ndarray, column: str, size: float) -> np.ndarray:
    """Weights scaled by year to the published national totals; zero before the first year."""
    totals = calibration.national(column)
    full_year = MONTH_WEIGHT[in_year(FIRST_YEAR)].sum()
    expected = np.zeros(weight.shape)
    for year, total in totals.items():
        months = in_year(int(str(year)))
        part = min(MONTH_WEIGHT[months].sum() / full_year, 1.0)
        expected[:, months] = weight[:, months] * (total * part * national_share(size) / weight[:, months].sum())
    return expected


def _state_sums(counts: np.ndarray, state: np.ndarray) -> np.ndarray:
    sums = np.zeros((len(STATE_CODES), counts.shape[1]), dtype=np.int64)
    np.add.at(sums, state, counts)
    return sums
