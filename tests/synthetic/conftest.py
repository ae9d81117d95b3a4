import pytest

from balanza.acquire.synthetic.write import write

from .small_world import small_world


@pytest.fixture(scope="session")
def world():
    return small_world()


@pytest.fixture(scope="session")
def folder(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("raw")
    write(world, path)
    return path
