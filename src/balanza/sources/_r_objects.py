"""Objects saved by R (rds and rda), unpacked within a limit: none of R's code is run."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from balanza.errors import SourceError
from balanza.sources._files import FETCH_AGAIN, unpacked

MOST_VALUES = 50_000_000
"""Of a sequence that the file writes as its two ends."""


def read_r(path: Path, kind: str) -> Any:
    """What an R file holds.

    Parameters
    ----------
    path : Path
    kind : str
        ``"rda"`` (objects by name) or ``"rds"`` (one object).

    Raises
    ------
    SourceError
        If the file is damaged, or unpacks to more than is allowed.
    """
    import rdata

    content = unpacked(path.read_bytes(), where=path.name, kind="R data file")
    read = rdata.read_rda if kind == "rda" else rdata.read_rds
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(io.BytesIO(content), altrep_constructor_dict=_bounded_sequences())
    except Exception as error:
        # rdata raises whatever the damage makes its parser trip over.
        raise SourceError(f"not a whole R data file ({error})", where=path.name, cure=FETCH_AGAIN) from error


def _bounded_sequences() -> dict[bytes, Callable[..., Any]]:
    """The forms in which R abbreviates vectors, but for sequences that no file of ours would hold."""
    from rdata.parser import DEFAULT_ALTREP_MAP

    def bounded(construct: Callable[..., Any]) -> Callable[..., Any]:
        def checked(state: Any) -> Any:
            if state.value[0] > MOST_VALUES:
                raise ValueError(f"a sequence of {state.value[0]:,.0f} values")
            return construct(state)

        return checked

    return {
        name: bounded(construct) if name.startswith(b"compact_") else construct
        for name, construct in DEFAULT_ALTREP_MAP.items()
    }
