"""A newer file of a source: what it moves, what is kept, and that a refusal changes nothing."""

from __future__ import annotations

import csv
import sys
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

import balanza.verbs
from balanza.acquire.catalogue import load, save
from balanza.acquire.fetch import cached
from balanza.acquire.update import moved
from balanza.errors import ConfigError, PanelError, SourceError
from balanza.provenance import file_digest
from balanza.verbs import fetch, tidy, update

from .conftest import Server, make_source
from .toy import TOY_CSV, add_reader

NEW_CSV = TOY_CSV.replace("02,2021,13", "02,2021,15") + "01,2022,17\n"
NEW_URL = "https://127.0.0.1/newer/toy.csv"
YEARLY = {"cvegeo": ["01001", "01001", "01002"], "year": [2019, 2020, 2020], "homicides": [1, 2, 3]}


def records(table: pd.DataFrame) -> dict[tuple[str, object], list[object]]:
    facts = ["added", "removed", "changed", "before", "after"]
    return {(row["column"], row["year"]): [row[name] for name in facts] for _, row in table.iterrows()}


def test_moved_counts_rows_and_totals_by_year() -> None:
    before = pd.DataFrame(YEARLY)
    after = pd.DataFrame({"cvegeo": ["01001", "01001", "01003"], "year": [2019, 2020, 2020], "homicides": [1, 5, 7]})
    # By hand: 01001 goes from 2 to 5, 01002 (3) leaves and 01003 (7) comes, all in 2020.
    assert records(moved("toy", before, after, ["cvegeo", "year"])) == {
        ("(rows)", 2020): [1, 1, 1, 2, 2],
        ("homicides", 2020): [1, 1, 1, 5, 12],
    }
    assert records(moved("toy", before, after, None))["(rows)", 2020] == [2, 2, 0, 2, 2]
    assert moved("toy", before, before.sample(frac=1, random_state=1), ["cvegeo", "year"]).empty
    assert moved("toy", before, before.sample(frac=1, random_state=1), None).empty


def test_moved_tells_missing_from_zero_and_sees_text_months_and_shapes() -> None:
    import geopandas
    import shapely

    months = pd.to_datetime(["2019-07-01", "2020-01-01"])
    before = pd.DataFrame({"period": months, "guard": [0.0, None], "party": ["a", None]})
    after = pd.DataFrame({"period": months, "guard": [None, None], "party": ["a", "b"]})
    found = records(moved("toy", before, after, ["period"]))
    assert found["guard", 2019][2] == 1
    assert found["party", 2020][2] == 1
    assert ("guard", 2020) not in found
    shapes = [geopandas.GeoDataFrame({"cvegeo": ["1"]}, geometry=[shapely.Point(x, 0)]) for x in (0, 1)]
    assert moved("toy", shapes[0], shapes[0], ["cvegeo"]).empty
    assert moved("toy", *shapes, ["cvegeo"])["column"].tolist() == ["(rows)", "geometry"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A catalogue of one toy source whose old file is in the mirror, and the arguments of a run."""
    add_reader(monkeypatch, tmp_path / "readers")
    source = make_source(content=TOY_CSV.encode())
    save({"toy": source}, tmp_path / "sources.csv")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "toy.csv").write_text(TOY_CSV, "utf-8")
    (tmp_path / "new.csv").write_text(NEW_CSV, "utf-8")
    places = {
        "raw": tmp_path / "raw",
        "results": tmp_path / "results",
        "mirror": tmp_path / "mirror",
        "catalogue": tmp_path / "sources.csv",
        "vintages": tmp_path / "vintages.csv",
        "cache": tmp_path / "cache",
    }
    return SimpleNamespace(source=source, new=tmp_path / "new.csv", places=places, **places)


def test_a_newer_file_replaces_the_row_and_keeps_the_old_one(
    project: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    update.run("toy", project.new, NEW_URL, "2026-11-20", **project.places)
    row = load(project.catalogue)["toy"]
    assert (row.url, row.retrieved, row.bytes) == (NEW_URL, "2026-11-20", len(NEW_CSV))
    assert row.sha256 == file_digest(project.new)
    with project.vintages.open(encoding="utf-8") as stream:
        (vintage,) = csv.DictReader(stream)
    assert vintage["sha256"] == project.source.sha256
    assert vintage["url"] == project.source.url
    assert date.fromisoformat(vintage["replaced_on"])
    (record,) = (project.results / "vintages").iterdir()
    # By hand: 2021 goes from 24 to 26, and 2022 is new with 17.
    assert records(pd.read_csv(record).query("column == 'homicides'")) == {
        ("homicides", 2021): [0, 0, 1, 24, 26],
        ("homicides", 2022): [1, 0, 0, pytest.approx(float("nan"), nan_ok=True), 17],
    }
    printed = capsys.readouterr().out
    assert project.source.sha256 in printed
    assert row.sha256 in printed
    assert "panel is not compared: " in printed


def test_the_next_run_takes_the_newer_file_and_the_old_one_is_not_lost(project: SimpleNamespace) -> None:
    update.run("toy", project.new, NEW_URL, **project.places)
    fetch.run(["toy"], project.raw, project.mirror, offline=True, catalogue=project.catalogue, cache=project.cache)
    assert (project.raw / "toy.csv").read_text("utf-8") == NEW_CSV
    assert cached(project.source, project.cache).read_text("utf-8") == TOY_CSV


def test_a_newer_file_can_come_from_its_address(project: SimpleNamespace, server: Server) -> None:
    url = server.answer("/new.csv", server.broken(NEW_CSV.encode()), server.ranges(NEW_CSV.encode()))
    update.run("toy", None, url, **project.places)
    assert load(project.catalogue)["toy"].sha256 == file_digest(project.new)
    assert [asked for _, asked in server.log] == [None, None]


def test_the_same_file_again_is_nothing_to_do(project: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    before = project.catalogue.read_bytes()
    update.run("toy", project.mirror / "toy.csv", project.source.url, **project.places)
    assert "nothing to do" in capsys.readouterr().out
    assert project.catalogue.read_bytes() == before
    assert not project.vintages.exists()


def test_two_updates_keep_two_vintages(project: SimpleNamespace) -> None:
    update.run("toy", project.new, NEW_URL, **project.places)
    project.new.write_text(NEW_CSV.replace("17", "19"), "utf-8")
    update.run("toy", project.new, NEW_URL, **project.places)
    with project.vintages.open(encoding="utf-8") as stream:
        sizes = [row["sha256"] for row in csv.DictReader(stream)]
    assert len(set(sizes)) == 2


@pytest.mark.parametrize(
    ("content", "url", "error"),
    [
        (NEW_CSV.replace("17", "-17"), NEW_URL, "negative"),
        ("<html>Sign in</html>", NEW_URL, "web page"),
        ("", NEW_URL, "column bytes"),
        (NEW_CSV, None, "--url"),
        (NEW_CSV, "http://127.0.0.1/toy.csv", "column url"),
        (None, NEW_URL, "no such file"),
    ],
    ids=["refused by the reader", "page", "empty", "no address", "not https", "no file"],
)
def test_a_refused_file_changes_nothing(
    project: SimpleNamespace, content: str | None, url: str | None, error: str
) -> None:
    before = project.catalogue.read_bytes()
    project.new.unlink() if content is None else project.new.write_text(content, "utf-8")
    with pytest.raises((SourceError, ConfigError), match=error):
        update.run("toy", project.new, url, **project.places)
    assert project.catalogue.read_bytes() == before
    assert not project.vintages.exists()
    assert not project.results.exists()


def add_panel(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A stand-in for the panel verb that doubles the toy's homicides and refuses large ones."""

    def run(tables: list[Path], out: Path, quality: Path, config: object) -> None:
        (table,) = [pd.read_parquet(path) for path in tables]
        if table["homicides"].max() > most:
            raise PanelError("more homicides than people")
        out.mkdir()
        for name, keys in update.PANEL_KEYS.items():
            named = table.assign(homicides=table["homicides"] * 2, cvegeo=table["state"] + table["year"].astype(str))
            named["period"] = pd.to_datetime(table["year"].astype(str) + "-01-01")
            named[[*keys, "homicides"]].to_parquet(out / f"{name}.parquet")

    module = ModuleType("balanza.verbs.panel")
    module.run = run
    monkeypatch.setitem(sys.modules, "balanza.verbs.panel", module)
    monkeypatch.setattr(balanza.verbs, "panel", module, raising=False)


def test_the_panel_is_built_with_both_files_and_compared(
    project: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_panel(monkeypatch, most=100)
    tidy.run("toy", {"toy": project.mirror / "toy.csv"}, project.results / "tidy" / "toy.parquet")
    (project.results / "tidy" / "deployment.parquet").write_bytes(b"of a user's file that the run does not name")
    update.run("toy", project.new, NEW_URL, **project.places)
    (record,) = (project.results / "vintages").iterdir()
    table = pd.read_csv(record).query("table == 'panel/state_year' and column == 'homicides'")
    assert records(table)["homicides", 2021] == [0, 0, 1, 48, 52]
    assert pd.read_parquet(project.results / "tidy" / "toy.parquet")["homicides"].max() == 13


def test_the_panel_is_compared_with_the_users_tables_of_the_last_run(
    project: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    tidy.run("toy", {"toy": project.mirror / "toy.csv"}, project.results / "tidy" / "toy.parquet")
    (project.results / "config.yaml").write_text("world: mexico\ndeployment_file: mine.csv\n", "utf-8")
    update.run("toy", project.new, NEW_URL, **project.places)
    assert "The panel is not compared: no deployment in" in capsys.readouterr().out


def test_a_file_that_the_panel_refuses_changes_nothing(
    project: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_panel(monkeypatch, most=16)
    tidy.run("toy", {"toy": project.mirror / "toy.csv"}, project.results / "tidy" / "toy.parquet")
    before = project.catalogue.read_bytes()
    with pytest.raises(PanelError):
        update.run("toy", project.new, NEW_URL, **project.places)
    assert project.catalogue.read_bytes() == before
    assert not project.vintages.exists()
