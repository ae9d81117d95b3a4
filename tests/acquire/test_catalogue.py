from pathlib import Path

import pytest

from balanza.acquire.catalogue import COLUMNS, by_reader, hosts, load, save, select
from balanza.acquire.fetch import is_pinned
from balanza.errors import ConfigError

from .conftest import make_source

CATALOGUE = Path(__file__).parents[2] / "data" / "sources.csv"


def write(path: Path, *rows: dict[str, object], header: tuple[str, ...] = COLUMNS) -> Path:
    lines = [",".join(header), *(",".join(str(row[name]) for name in COLUMNS) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def row(**changes: object) -> dict[str, object]:
    return vars(make_source(title="A toy")) | changes


def test_the_catalogue_pins_75_sources_and_survives_a_round_trip(tmp_path: Path) -> None:
    sources = load(CATALOGUE)
    assert len(sources) == 75  # MANIFEST.csv of the mirror
    save(sources, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == CATALOGUE.read_bytes()
    grouped = by_reader(sources)
    assert sum(len(group) for group in grouped.values()) == 75
    assert len(grouped["inegi_homicides_raw"]) == 26
    assert hosts(sources.values()) == {"raw.githubusercontent.com", "media.githubusercontent.com"}


def test_all_files_of_the_mirror_are_the_pinned_ones(mirror: Path) -> None:
    assert [source.id for source in load(CATALOGUE).values() if not is_pinned(mirror / source.file, source)] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "ab" * 31}, "column sha256"),
        ({"sha256": "AB" * 32}, "column sha256"),
        ({"bytes": 0}, "column bytes"),
        ({"bytes": "-3"}, "column bytes"),
        ({"bytes": "1e3"}, "column bytes"),
        ({"url": "http://127.0.0.1/toy.csv"}, "column url"),
        ({"url": "https:///toy.csv"}, "column url"),
        ({"url": "https://me:secret@127.0.0.1/toy.csv"}, "column url"),
        ({"url": "https://127.0.0.1/a b"}, "column url"),
        ({"url": "https://[::1/toy.csv"}, "column url"),
        ({"file": "../toy.csv"}, "column file"),
        ({"file": "folder\\toy.csv"}, "column file"),
        ({"file": ".."}, "column file"),
        ({"reader": "two words"}, "column reader"),
        ({"reader": "import"}, "column reader"),
        ({"reader": "_layout"}, "column reader"),
        ({"id": "Toy"}, "column id"),
        ({"retrieved": "1 November"}, "column retrieved"),
        ({"licence": ""}, "column licence: the cell is blank"),
        ({"title": "one,too many"}, "13 cells for 12 columns"),
    ],
)
def test_an_illegal_cell_is_refused_by_line_and_column(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = write(tmp_path / "sources.csv", row(id="first", file="first.csv"), row(**changes))
    with pytest.raises(ConfigError, match=r"sources\.csv, line 3") as caught:
        load(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("changes", [{"id": "other"}, {"file": "other.csv"}])
def test_an_id_or_file_that_stands_twice_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"line 3: 'toy.*' stands twice"):
        load(write(tmp_path / "sources.csv", row(), row(**changes)))


def test_the_header_is_held_to_the_columns(tmp_path: Path) -> None:
    renamed = tuple(name.replace("licence", "license") for name in COLUMNS)
    with pytest.raises(ConfigError, match=r"unknown column 'license'.*'licence'"):
        load(write(tmp_path / "sources.csv", row(), header=renamed))
    with pytest.raises(ConfigError, match="'layout' must stand once"):
        load(write(tmp_path / "sources.csv", row(), header=COLUMNS[:-1]))
    with pytest.raises(ConfigError, match="another order"):
        load(write(tmp_path / "sources.csv", row(), header=COLUMNS[::-1]))


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sources.csv"
    with pytest.raises(ConfigError, match="no such catalogue"):
        load(path)
    path.write_text("", "utf-8")
    with pytest.raises(ConfigError, match="must stand once"):
        load(path)
    path.write_bytes("id,file,título\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="not in UTF-8"):
        load(path)
    with pytest.raises(ConfigError, match="no source in it"):
        load(write(path))


def test_an_unknown_id_is_refused_with_the_nearest(tmp_path: Path) -> None:
    sources = load(CATALOGUE)
    assert [source.id for source in select(sources, ["mayors", "population"])] == ["mayors", "population"]
    assert len(select(sources, [])) == 75
    with pytest.raises(ConfigError, match="Did you mean 'population'"):
        select(sources, ["populatoin"])
