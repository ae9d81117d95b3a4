"""Spoilt files, by hypothesis: whatever is in a file, it is read rightly or refused in our own words."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.acquire.test_bad_input import toy_panel
from tests.fuzz.mutations import Spoiler, spoilers
from tests.fuzz.readers import OWN_PANEL, ROOT, WRITTEN, read_source, schema_of
from tests.fuzz.writing import spoilers_of_panel, spoilers_of_text
from tests.synthetic.reading import sources

from balanza.errors import BalanzaError

PROFILES = ["few", pytest.param("many", marks=pytest.mark.slow)]
# Readers whose columns are found by their names alone.
BY_NAME = ("consumer_prices", "public_spending_state", "ramo33", "wage_state", "workforce_state", "spending", "mayors")


def hold(profile: str, path: Path, content: bytes, ways: tuple[Spoiler, ...], read: Callable[[Path], object]) -> None:
    """Spoil a file in many ways; reading it must end well or with one of our own errors, and must run nothing."""

    @settings(settings.get_profile(profile))
    @given(st.sampled_from(ways), st.randoms(use_true_random=False))
    def attempt(spoil: Spoiler, chance: Random) -> None:
        path.write_bytes(spoil(content, chance))
        try:
            read(path)
        except BalanzaError as refusal:
            assert 0 < len(str(refusal)) < 3_000

    path.write_bytes(content)
    read(path)
    attempt()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("reader", sorted(sources()))
def test_a_spoilt_raw_file_is_refused_or_makes_a_table_of_its_schema(
    reader: str, profile: str, whole: dict[str, tuple[str, bytes]], tmp_path: Path
) -> None:
    def read(path: Path) -> None:
        table = read_source(reader, path)
        assert len(table)
        schema_of(reader).validate(table)

    name, content = whole[reader]
    hold(profile, tmp_path / name, content, spoilers(name, content), read)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_spoilt_file_of_the_project_is_refused_or_read_and_runs_nothing(
    kind: str, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, read = WRITTEN[kind]
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "security.dot").write_bytes((ROOT / "config" / "graphs" / "security.dot").read_bytes())
    path = tmp_path / "studies" / Path(file).name
    path.parent.mkdir()
    ways = spoilers_of_panel(path.name) if path.suffix == ".csv" else spoilers_of_text(path.name)
    hold(profile, path, (ROOT / file).read_bytes(), ways, read)
    assert not (tmp_path / "run_by_yaml").exists()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["toy.csv", "toy.parquet"])
def test_a_spoilt_panel_of_a_users_own_is_refused_or_prepared(name: str, profile: str, tmp_path: Path) -> None:
    frame = toy_panel()
    stream = io.BytesIO()
    frame.to_csv(stream, index=False) if name.endswith("csv") else frame.to_parquet(stream)
    hold(profile, tmp_path / name, stream.getvalue(), spoilers_of_panel(name), OWN_PANEL)


@pytest.mark.parametrize("reader", BY_NAME)
def test_columns_in_another_order_and_a_mark_before_them_change_nothing(
    reader: str, whole: dict[str, tuple[str, bytes]], tmp_path: Path
) -> None:
    name, content = whole[reader]
    (tmp_path / name).write_bytes(content)
    expected = read_source(reader, tmp_path / name)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    order = list(reversed(range(len(rows[0]))))
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([[row[column] for column in order] for row in rows])
    (tmp_path / name).write_bytes(stream.getvalue().encode("utf-8-sig"))
    pd.testing.assert_frame_equal(read_source(reader, tmp_path / name), expected)
