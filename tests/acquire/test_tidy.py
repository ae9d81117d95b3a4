from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import ConfigError, SourceError
from balanza.provenance import read_json
from balanza.verbs.tidy import run

from .toy import TOY_CSV, add_reader


def test_a_table_is_written_with_what_its_reader_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_reader(monkeypatch, tmp_path / "readers")
    (tmp_path / "toy.csv").write_text(TOY_CSV + "99,2020,4\n", "utf-8")
    for name in ("first", "second"):
        run("toy", {"toy": tmp_path / "toy.csv"}, tmp_path / name / "toy.parquet")
    out = tmp_path / "first" / "toy.parquet"
    assert pd.read_parquet(out)["homicides"].tolist() == [5, 7, 11, 13]
    assert read_json(out.with_name("toy.left_out.json")) == [{"reason": "unknown state", "rows": 1}]
    assert sorted(path.name for path in out.parent.iterdir()) == ["toy.left_out.json", "toy.parquet"]
    assert out.read_bytes() == (tmp_path / "second" / "toy.parquet").read_bytes()
    (tmp_path / "toy.csv").write_text(TOY_CSV, "utf-8")
    run("toy", {"toy": tmp_path / "toy.csv"}, out)
    assert read_json(out.with_name("toy.left_out.json")) == []


def test_a_table_with_a_geometry_becomes_geoparquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import geopandas

    code = (
        "import geopandas, shapely\n"
        "def read(files):\n"
        "    points = [shapely.Point(-99, 19)]\n"
        "    return geopandas.GeoDataFrame({'cvegeo': ['09001']}, geometry=points, crs=4326)\n"
    )
    add_reader(monkeypatch, tmp_path / "readers", "places", code)
    run("places", {}, tmp_path / "places.parquet")
    table = geopandas.read_parquet(tmp_path / "places.parquet")
    assert table.crs.to_epsg() == 4326
    assert table.geometry.x.tolist() == [-99]


def test_nothing_is_left_behind_where_a_reader_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_reader(monkeypatch, tmp_path / "readers")
    raw = tmp_path / "toy.csv"
    raw.write_text(TOY_CSV.replace("11", "-1"), "utf-8")
    with pytest.raises(SourceError, match="negative"):
        run("toy", {"toy": raw}, tmp_path / "tidy" / "toy.parquet")
    with pytest.raises(SourceError, match="there is no such file"):
        run("toy", {"toy": tmp_path / "nowhere.csv"}, tmp_path / "tidy" / "toy.parquet")
    assert not (tmp_path / "tidy").exists()


def test_a_file_of_another_id_than_the_reader_needs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("cvegeo,opening\n01001,2019-07\n", "utf-8")
    with pytest.raises(ConfigError, match=r"needs a file of the id 'deployment'\. Give deployment=PATH"):
        run("deployment", {"mine": tmp_path / "mine.csv"}, tmp_path / "deployment.parquet")


@pytest.mark.parametrize("name", ["popluation", "_layout", "../evil", "os"])
def test_an_unknown_reader_is_refused_with_the_nearest(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is not a reader") as caught:
        run(name, {}, tmp_path / "x.parquet")
    assert name != "popluation" or "Did you mean 'population'" in str(caught.value)
