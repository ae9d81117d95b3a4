"""Does the interval of the right estimator cover the truth where parallel trends hold, and fail where they do not?"""

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT

from balanza.acquire.synthetic.simulate import simulate
from balanza.acquire.synthetic.world import Settings, World
from balanza.config import load_study
from balanza.preparation import prepare
from balanza.registry import find

SEEDS, SIZE = 50, 0.06


def state_rows(world: World) -> pd.DataFrame:
    """What the panel makes of a world, without the detour over raw files: states x months."""
    state = world.municipalities["state"].to_numpy()
    codes = sorted(set(state))
    months = world.months
    deaths = np.array([world.homicides[state == code].sum(axis=0) for code in codes])
    people = world.population.groupby(state).sum().loc[codes, months.year].to_numpy()
    elements = world.guard_elements.loc[codes].reindex(columns=months.strftime("%Y-%m"), fill_value=0).to_numpy()
    index = pd.MultiIndex.from_product([codes, months], names=["state", "period"])
    columns = {
        "homicides": deaths.ravel(),
        "population": people.ravel(),
        "guard_per_100k": 1e5 * (elements / people).ravel(),
    }
    return pd.DataFrame(columns, index=index).reset_index()


def guard_estimates(selection: str, seeds: int = SEEDS) -> np.ndarray:
    """Estimate, low, high and truth of the Guard's effect, one row a seed, shape (seeds, 4)."""
    study, estimator = load_study(ROOT / "config" / "studies" / "guard.yaml"), find("estimators", "poisson")
    study = study.alone
    found = []
    for seed in range(seeds):
        world = simulate(Settings("beneficial", selection, seed, SIZE))
        estimate = estimator.function(study, prepare(study, state_rows(world)), np.random.default_rng(0))
        found.append((estimate.value, *estimate.interval, world.truth["guard"]["treatment"]["value"]))
    return np.array(found)


@pytest.mark.parametrize(
    ("selection", "seeds", "least"),
    [
        ("none", 25, 20),
        pytest.param("none", SEEDS, 43, marks=pytest.mark.slow),
        pytest.param("level", SEEDS, 43, marks=pytest.mark.slow),
    ],
)
def test_intervals_cover_the_truth_at_about_their_level(selection: str, seeds: int, least: int) -> None:
    value, low, high, truth = guard_estimates(selection, seeds).T
    covered = int(((low <= truth) & (truth <= high)).sum())
    # a 95 % interval covers 43 or more of 50 in 99.6 % of such experiments, and 20 or more of 25 in 99.9 % (binomial)
    assert covered >= least
    error = value - truth
    assert abs(error.mean()) < 3.5 * error.std(ddof=1) / np.sqrt(seeds)


@pytest.mark.slow
def test_assignment_by_a_rise_in_violence_biases_the_estimate() -> None:
    value, _, _, truth = guard_estimates("dip").T
    error = value - truth
    assert abs(error.mean()) > 3.5 * error.std(ddof=1) / np.sqrt(SEEDS)
