"""The national municipal crime file at its real size, and what its reader takes.

    python -m benchmarks.big_file FOLDER            # writes the file (380 MB) and its zip, and reads it
    python -m benchmarks.big_file FOLDER --times 2  # twice the rows

The layout is that of SESNSP's Incidencia delictiva municipal: 21 columns in cp1252, one row a municipality, year,
subtype and modality. Names and counts are invented; counts are small and mostly zero, as they are.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from balanza.places import STATES
from balanza.provenance import replacing
from balanza.sources._layout import MONTH_NAMES

YEARS = range(2015, 2026)
MUNICIPALITIES, SUBTYPES, MODALITIES = 2_320, 14, 7
"""Eleven years of them make the 2.5 million rows of the real file, in which not every place has every modality."""
PLACE = ("Año", "Clave_Ent", "Entidad", "Cve. Municipio", "Municipio")
CRIME = ("Bien jurídico afectado", "Tipo de delito", "Subtipo de delito", "Modalidad")
HEADER = (*PLACE, *CRIME, *MONTH_NAMES)
_TAILS = 20_000


def lines(municipalities: int, modalities: int, years: range, seed: int = 0) -> Iterator[str]:
    """The file in blocks of one year; the last month of the last year is not published yet."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.15, 2.0, (_TAILS, 1)), (_TAILS, 12)).astype(str)
    whole = np.array([",".join(row) for row in counts], dtype=object)
    cut = np.array([",".join([*row[:-1], ""]) for row in counts], dtype=object)
    crimes = [
        f"El patrimonio {subtype % 7},Delito {subtype},Subtipo del delito número {subtype},"
        f"Con violencia o sin violencia {modality},"
        for subtype in range(SUBTYPES)
        for modality in range(modalities)
    ]
    yield ",".join(HEADER) + "\r\n"
    for year in years:
        tails = cut if year == years[-1] else whole
        places = _places(municipalities)
        drawn = tails[rng.integers(_TAILS, size=(len(places), len(crimes)))]
        yield "".join(
            f"{year},{place},{crime}{tail}\r\n"
            for place, row in zip(places, drawn, strict=True)
            for crime, tail in zip(crimes, row, strict=True)
        )


def _places(municipalities: int) -> list[str]:
    codes = list(STATES)
    found = []
    for number in range(municipalities):
        state = codes[number % len(codes)]
        here = number // len(codes) + 1
        found.append(f"{int(state)},{STATES[state]},{int(state)}{here:03d},Álamo de la Peña {here}")
    return found


def write(path: Path, *, municipalities: int = MUNICIPALITIES, times: int = 1, years: range = YEARS) -> None:
    """Write the file; `times` multiplies its rows by further modalities."""
    with replacing(path) as temporary, temporary.open("w", encoding="cp1252", newline="") as stream:
        stream.writelines(lines(municipalities, MODALITIES * times, years))


def pack(path: Path, out: Path) -> None:
    """The zip around it, as it is published."""
    with replacing(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)


def naive(path: Path) -> pd.DataFrame:
    """What the reader makes, by plain pandas: all cells as text, melted; in the reader's order."""
    raw = pd.read_csv(path, encoding="cp1252", dtype=str, keep_default_na=False)
    keys = ["Año", "Cve. Municipio", *CRIME[1:]]
    long = raw.melt(keys, list(MONTH_NAMES), var_name="month", value_name="files")
    long = long[long["files"] != ""]
    month = long["month"].map({name: f"{number:02d}" for number, name in enumerate(MONTH_NAMES, 1)})
    return pd.DataFrame(
        {
            "cvegeo": long["Cve. Municipio"].str.zfill(5),
            "period": pd.to_datetime(long["Año"] + "-" + month + "-01").astype("datetime64[us]"),
            "crime": long["Tipo de delito"],
            "subtype": long["Subtipo de delito"],
            "modality": long["Modalidad"],
            "files": long["files"].astype("int64"),
        }
    ).reset_index(drop=True)


def measure(path: Path) -> str:
    """Read the file in this process, and say what it took since the start of the process."""
    from balanza.sources import sesnsp_municipal

    before, began = time.process_time(), time.perf_counter()
    table = sesnsp_municipal.read({"sesnsp_municipal": path})
    seconds, wall = time.process_time() - before, time.perf_counter() - began
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB, {len(table):,} rows read in {seconds:.1f} CPU s "
        f"({wall:.1f} s), peak {mebibytes:,.0f} MiB"
    )


def main() -> None:
    """Write what is not there yet, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=1)
    asked = parser.parse_args()
    path = asked.folder / f"sesnsp_municipal_{asked.times}.csv"
    if not path.exists():
        write(path, times=asked.times)
        pack(path, path.with_suffix(".zip"))
    sys.stdout.write(measure(path) + "\n")


if __name__ == "__main__":
    main()
