"""Synthetic difference-in-differences on a monthly panel, side by side with diff-diff: CPU seconds and peak memory.

    python benchmarks/synthetic.py [--times 1] [--placebos 20]

2,475 x `times` units, 132 months, of which 100 units are treated from month 90 on; placebo inference. Each contender
runs in a process of its own, imports and panel included, on one thread.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings

import numpy as np

MONTHS, START, TREATED = 132, 90, 100


def table(times: int):
    """The panel as a data frame with columns unit, period, y and first (0: never)."""
    import pandas as pd

    rng = np.random.default_rng(20190701)
    units = 2475 * times
    first = np.where(np.arange(units) < TREATED, START, 0)
    factor = np.cumsum(rng.normal(size=MONTHS)) * 0.3
    y = rng.normal(size=(units, 1)) + rng.normal(size=(units, 1)) * factor + rng.normal(size=(units, MONTHS))
    y += 0.1 * ((first > 0)[:, None] & (np.arange(MONTHS) >= START))
    unit, period = np.indices(y.shape)
    columns = {"unit": unit.ravel(), "period": period.ravel(), "y": y.ravel(), "first": np.repeat(first, MONTHS)}
    return pd.DataFrame(columns)


def run_balanza(times: int, placebos: int) -> tuple[float, float]:
    from balanza.contract import Outcome, Study, Treatment
    from balanza.estimators.synthetic_did import estimate
    from balanza.preparation import prepare

    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("y"),
        treatments=(Treatment("opening", "binary", first_treated="first"),),
        cluster="unit",
        options={"synthetic_did": {"draws": placebos}},
        event_bins=12,
    )
    found = estimate(study, prepare(study, table(times)), np.random.default_rng(0))
    return found.value, found.standard_error


def run_diff_diff(times: int, placebos: int) -> tuple[float, float]:
    from diff_diff import SyntheticDiD

    warnings.simplefilter("ignore")
    data = table(times).assign(treated=lambda frame: (frame["first"] > 0).astype(int))
    model = SyntheticDiD(variance_method="placebo", n_bootstrap=placebos, seed=0)
    found = model.fit(data, "y", "treated", "unit", "period", post_periods=list(range(START, MONTHS)))
    return float(found.att), float(found.se)


CONTENDERS = {"balanza": run_balanza, "diff-diff": run_diff_diff}


def measure(name: str, times: int, placebos: int) -> dict[str, float]:
    """Run one contender in its own process."""
    command = [sys.executable, __file__, "--child", name, "--times", str(times), "--placebos", str(placebos)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads})
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, times: int, placebos: int) -> None:
    started = time.perf_counter()
    value, error = CONTENDERS[name](times, placebos)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "mib": usage.ru_maxrss / 1024,
        "value": value,
        "error": error,
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="multiples of 2,475 units")
    parser.add_argument("--placebos", type=int, default=20)
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.child, given.times, given.placebos)
    found = {name: measure(name, given.times, given.placebos) for name in CONTENDERS}
    print(f"{2475 * given.times:,} units x {MONTHS} months, {TREATED} treated, {given.placebos} placebos")
    print(f"{'':12}{'CPU s':>9}{'wall s':>9}{'MiB':>9}{'CPU ratio':>11}{'effect':>12}{'error':>12}")
    for name, row in found.items():
        ratio = row["cpu"] / found["balanza"]["cpu"]
        numbers = f"{row['value']:12.6f}{row['error']:12.6f}"
        print(f"{name:12}{row['cpu']:9.2f}{row['wall']:9.2f}{row['mib']:9.0f}{ratio:11.1f}{numbers}")
    return None


if __name__ == "__main__":
    main()
