"""A forecast as a file that can be scored later: its draws, where it came from, and a digest over both.

Columns: state, period (2025-02), horizon (months after the origin), breaks (names of those crossed, by commas), and one
column a joint path, d0, d1, ...: the sum of one path over states is a draw of the country.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balanza.errors import SourceError
from balanza.outlook.series import labels
from balanza.provenance import replacing, text_digest

_KEY = b"balanza.forecast"
_INDEX = ("state", "period", "horizon", "breaks")


@dataclass(frozen=True)
class ForecastFile:
    """A forecast: `draws` has the shape (n_draws, n_months, n_states); `about` says where it came from."""

    states: tuple[str, ...]
    periods: NDArray[np.datetime64]
    draws: NDArray[np.int32]
    breaks: tuple[str, ...]
    about: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The sha256 over all that the file says."""
        about = json.dumps(dict(self.about), sort_keys=True, ensure_ascii=False)
        parts = [about, *self.states, *labels(self.periods), *self.breaks]
        return text_digest([*parts, np.ascontiguousarray(self.draws, "<i4").tobytes().hex()])


def write(path: Path, forecast: ForecastFile) -> str:
    """Write a forecast, whole or not at all, and return its digest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_draws, n_months, n_states = forecast.draws.shape
    columns: dict[str, Any] = {
        "state": np.repeat(np.array(forecast.states), n_months),
        "period": labels(forecast.periods) * n_states,
        "horizon": np.tile(np.arange(1, n_months + 1, dtype=np.int32), n_states),
        "breaks": list(forecast.breaks) * n_states,
    }
    flat = forecast.draws.transpose(0, 2, 1).reshape(n_draws, -1).astype(np.int32)
    columns |= {f"d{number}": path_of for number, path_of in enumerate(flat)}
    card = {"digest": forecast.digest, "about": dict(forecast.about)}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(card, ensure_ascii=False).encode()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return forecast.digest


def read(path: Path, digest: str | None = None) -> ForecastFile:
    """Read a forecast, and make sure that it is what was written.

    Parameters
    ----------
    path : Path
    digest : str, optional
        The digest as it was printed when the forecast was made.

    Raises
    ------
    SourceError
        If there is no such file, it is no forecast, or its content does not have the digest that it bears or the one
        that is asked for.
    """
    from balanza import bounded

    try:
        table = bounded.read_parquet(path)
    except FileNotFoundError:
        raise SourceError("there is no such file", where=str(path)) from None
    except (ValueError, OSError) as error:
        raise SourceError(f"not readable as parquet: {str(error).splitlines()[0]}", where=str(path)) from None
    card = _card(table, path)
    found = _unpack(table, card["about"], path)
    for expected, whose in ((card["digest"], "it bears"), (digest, "was asked for")):
        if expected is not None and found.digest != expected:
            raise SourceError(
                f"its digest is {found.digest}, and the one that {whose} is {expected}: it was changed or is another",
                where=str(path),
                cure="Take the file as it was written, or make the forecast again",
            )
    return found


def _card(table: Any, path: Path) -> dict[str, Any]:
    try:
        card = json.loads((table.schema.metadata or {})[_KEY])
        return {"digest": str(card["digest"]), "about": dict(card["about"])}
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            "this is no forecast with a digest", where=str(path), cure="Give a forecast.parquet that `outlook` wrote"
        ) from None


def _unpack(table: Any, about: dict[str, Any], path: Path) -> ForecastFile:
    names = [name for name in table.column_names if name not in _INDEX]
    rows = {name: table[name].to_pylist() for name in _INDEX if name in table.column_names}
    states = tuple(dict.fromkeys(rows.get("state", ())))
    n_months = table.num_rows // max(len(states), 1)
    if len(rows) != len(_INDEX) or not names or n_months * len(states) != table.num_rows:
        raise SourceError("columns or rows of the forecast are missing: it was changed", where=str(path))
    flat = np.array([table[name].to_numpy() for name in names])
    draws = flat.reshape(len(names), len(states), n_months).transpose(0, 2, 1)
    periods = np.array(rows["period"][:n_months], dtype="datetime64[M]")
    whole = rows["state"] == [state for state in states for _ in range(n_months)]
    if not whole or rows["period"] != labels(periods) * len(states):
        raise SourceError("rows of the forecast are out of order: it was changed", where=str(path))
    return ForecastFile(states, periods, draws, tuple(rows["breaks"][:n_months]), about)
