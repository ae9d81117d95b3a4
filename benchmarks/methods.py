"""Speed and memory of every estimator on one monthly panel, for the pages of docs/methods.

    python benchmarks/methods.py [--only NAME]      writes benchmarks/methods.csv; then: python -m balanza methods

The panel has 2,475 municipalities and 132 months: homicides with the population at risk, 40 cohorts of an absorbing
treatment (for dose estimators a dose from month 60 on), clusters of one municipality, event study in half-years, no
covariates, all options at their defaults. Each estimator runs in a process of its own, on one thread. CPU seconds are
those of `estimate` alone, memory is the peak of the whole process.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

UNITS, MONTHS, COHORTS = 2475, 132, 40
TABLE = Path(__file__).with_suffix(".csv")
OPTIONS = {
    "spillover": {"latitude_column": "latitude", "longitude_column": "longitude"},
    "triple_difference": {"group_column": "eligible"},
}


def panel():
    """The rows, with a true effect of -10 per cent."""
    import pandas as pd

    rng = np.random.default_rng(20190701)
    cohorts = np.linspace(12, MONTHS - 3, COHORTS).astype(int)
    first = rng.choice(np.concatenate([np.zeros(13, int), cohorts]), UNITS)
    month = np.arange(MONTHS)
    population = rng.lognormal(10, 1, (UNITS, 1)) * np.ones(MONTHS)
    treated = (first > 0)[:, None] & (month >= first[:, None])
    rate = np.exp(rng.normal(-10.5, 0.5, (UNITS, 1)) + 0.1 * np.sin(month / 12) - 0.1 * treated)
    unit, period = np.indices(treated.shape)
    columns = {"unit": unit, "period": period, "homicides": rng.poisson(rate * population), "population": population}
    by_unit = {
        "first": first,
        "dose": rng.uniform(0, 2, UNITS) * (rng.random(UNITS) < 0.75),
        "eligible": rng.integers(0, 2, UNITS),
        "latitude": rng.uniform(15, 32, UNITS),
        "longitude": rng.uniform(-117, -87, UNITS),
    }
    columns |= {name: np.repeat(values[:, None], MONTHS, axis=1) for name, values in by_unit.items()}
    columns["dose"] = columns["dose"] * (month >= 60)
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def measure(name: str) -> dict[str, float]:
    """CPU seconds and peak MiB of one estimator, in this process."""
    from balanza.contract import Outcome, Study, Treatment
    from balanza.preparation import prepare
    from balanza.registry import find

    entry = find("estimators", name)
    binary = Treatment("opening", "binary", first_treated="first")
    dose = Treatment("opening", "dose", column="dose", start=60, dose="mean_post")
    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("homicides", "poisson", "population"),
        treatments=(binary if "binary" in entry.spec.treatments else dose,),
        cluster="unit",
        event_bins=6,
        options=OPTIONS,
    )
    rows = prepare(study, panel())
    started = time.process_time()
    entry.function(study, rows, np.random.default_rng(0))
    seconds = time.process_time() - started
    return {"cpu_seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    from balanza.registry import registry

    known = {row["estimator"]: row for row in csv.DictReader(TABLE.open())} if TABLE.exists() else {}
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    names = [name for name, entry in registry("estimators").entries.items() if not entry.outside]
    for name in [given.only] if given.only else names:
        command = [sys.executable, __file__, "--measure", name]
        done = subprocess.run(command, env=os.environ | threads, capture_output=True, check=True, text=True)
        found = json.loads(done.stdout)
        known[name] = {"estimator": name} | {key: f"{value:.2g}" for key, value in found.items()}
        known[name]["mib"] = f"{found['mib']:.0f}"
        print(*known[name].values())
    with TABLE.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["estimator", "cpu_seconds", "mib"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[name] for name in names if name in known)


if __name__ == "__main__":
    main()
