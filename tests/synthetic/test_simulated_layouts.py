"""A simulated world, small, goes through every reader; the full-size one is the workflow's business."""

import pytest

from balanza.acquire.synthetic.simulate import simulate
from balanza.acquire.synthetic.world import Settings
from balanza.verbs import synthesise

from .reading import read, sources

SETTINGS = Settings(flavour="adverse", selection="dip", seed=3, size=0.05)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    synthesise.run(SETTINGS, folder)
    return folder


@pytest.mark.parametrize("reader", sorted(sources()))
def test_every_reader_takes_the_simulated_files(simulated, reader):
    assert len(read(reader, simulated))


def test_the_numbers_are_those_of_the_simulation(simulated):
    world = simulate(SETTINGS)
    last = world.months.year <= 2021
    assert read("homicides_month", simulated)["homicides"].sum() == world.homicides[:, last].sum()
    assert read("population", simulated)["population"].sum() == world.population.to_numpy().sum()
    assert read("jcf_state_year", simulated)["beneficiaries"].sum() == world.jcf_beneficiaries.to_numpy().sum()
    openings = read("joint_operations", simulated)
    openings = openings[openings["kind"] == "opening"].groupby("state")["start"].min().dt.to_period("M")
    assert openings.to_dict() == {state: month.to_period("M") for state, month in world.operations.items()}
