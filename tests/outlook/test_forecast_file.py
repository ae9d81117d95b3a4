"""A forecast file bears a digest, and is refused once changed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.outlook.worlds import series

from balanza.errors import BalanzaError, SourceError
from balanza.outlook import forecast_file, model
from balanza.outlook.forecast_file import ForecastFile
from balanza.outlook.series import months_after
from balanza.verbs import score_forecast

SETTINGS = Path("config/outlook.yaml")


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    known = series(1, n_months=109, n_states=4)
    past = known.until("2022-12")
    draws = model.simulate(model.fit(past), 24, 50, np.random.default_rng(1)).astype(np.int32)
    about = {"origin": "2022-12", "column": "sesnsp_homicide_victims", "seed": 1}
    path = tmp_path / "forecast.parquet"
    forecast_file.write(path, ForecastFile(past.states, months_after(past.periods[-1], 24), draws, ("",) * 24, about))
    return path


def panel(folder: Path, n_months: int = 109) -> Path:
    known = series(1, n_months=n_months, n_states=4)
    rows = pd.DataFrame(
        {
            "state": np.tile(known.states, n_months),
            "period": np.repeat(known.periods.astype("datetime64[us]"), 4),
            "sesnsp_homicide_victims": known.counts.ravel(),
        }
    )
    rows.to_parquet(folder / "state_month.parquet")
    return folder


def test_what_is_written_is_read(forecast: Path) -> None:
    found = forecast_file.read(forecast)
    assert found.draws.shape == (50, 24, 4)
    assert str(found.periods[0]) == "2023-01"
    assert forecast_file.read(forecast, found.digest).digest == found.digest


@pytest.mark.parametrize("column", ["d7", "period", "breaks"])
def test_a_changed_forecast_is_refused(forecast: Path, column: str) -> None:
    table = pq.read_table(forecast)
    values = table[column].to_pylist()
    values[5] = values[5] + 1 if column == "d7" else "2023-09"
    where = table.column_names.index(column)
    field = table.schema.field(where)
    changed = table.set_column(where, field, pa.array(values, field.type))
    pq.write_table(changed, forecast)
    with pytest.raises(SourceError, match="was changed"):
        forecast_file.read(forecast)


def test_a_forecast_of_another_origin_is_refused(forecast: Path) -> None:
    table = pq.read_table(forecast)
    card = json.loads(table.schema.metadata[b"balanza.forecast"])
    card["about"]["origin"] = "2022-11"
    pq.write_table(table.replace_schema_metadata({b"balanza.forecast": json.dumps(card).encode()}), forecast)
    with pytest.raises(SourceError, match="digest"):
        forecast_file.read(forecast)


def test_a_file_without_a_digest_or_with_another_than_asked_for_is_refused(forecast: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="was asked for"):
        forecast_file.read(forecast, "0" * 64)
    pd.read_parquet(forecast).to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(SourceError, match="no forecast with a digest"):
        forecast_file.read(tmp_path / "bare.parquet")


def test_a_forecast_is_scored_on_what_came(forecast: Path, tmp_path: Path) -> None:
    score_forecast.run(forecast, panel(tmp_path), SETTINGS, tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["origin"], found["first"], found["last"], found["left_out"]) == ("2022-12", "2023-01", "2024-01", 0)
    own = next(row for row in found["summary"] if row["method"] == "baseline" and row["scope"] == "states")
    assert own["n"] == 13 * 4
    draws, values = forecast_file.read(forecast).draws[:, :13], series(1, n_months=109, n_states=4).counts[-13:]
    pairs = np.abs(draws[:, None] - draws).mean(axis=(0, 1)) / 2
    assert own["crps"] == pytest.approx((np.abs(draws - values).mean(axis=0) - pairs).mean(), rel=1e-9)


def test_nothing_is_scored_behind_the_new_register(tmp_path: Path) -> None:
    known = series(1, n_months=136, n_states=4)
    past = known.until("2025-10")
    draws = model.simulate(model.fit(past), 12, 50, np.random.default_rng(1)).astype(np.int32)
    about = {"origin": "2025-10", "column": "sesnsp_homicide_victims", "seed": 1}
    path = tmp_path / "forecast.parquet"
    forecast_file.write(path, ForecastFile(past.states, months_after(past.periods[-1], 12), draws, ("",) * 12, about))
    score_forecast.run(path, panel(tmp_path, 136), SETTINGS, tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["last"], found["left_out"]) == ("2025-12", 4)  # the panel ends in April 2026


def test_a_forecast_without_later_values_is_not_scored(forecast: Path, tmp_path: Path) -> None:
    with pytest.raises(BalanzaError, match="no value that can be scored"):
        score_forecast.run(forecast, panel(tmp_path, 96), SETTINGS, tmp_path / "out.json")
