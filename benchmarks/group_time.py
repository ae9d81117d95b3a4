"""Group-time effects on a monthly panel, side by side with diff-diff: CPU seconds and peak memory of whole processes.

    python benchmarks/group_time.py [--times 1] [--draws 999] [--only balanza]

The panel has 2,475 x `times` units, 132 months, 40 cohorts and three covariates; doubly robust, not-yet-treated
controls, event study, uniform bands. Each contender runs in a process of its own, imports and panel included, on one
thread.
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

MONTHS, COHORTS, COVARIATES = 132, 40, ["x1", "x2", "x3"]


def table(times: int):
    """The panel as a data frame with columns unit, period, y, first (0: never) and the covariates."""
    import pandas as pd

    rng = np.random.default_rng(20190701)
    units = 2475 * times
    cohorts = np.linspace(12, MONTHS - 3, COHORTS).astype(int)
    first = rng.choice(np.concatenate([np.zeros(13, int), cohorts]), units)
    x = rng.normal(size=(units, 3))
    month = np.arange(MONTHS)
    y = rng.normal(size=(units, 1)) + 0.01 * month * x[:, :1] + rng.normal(size=(units, MONTHS))
    y += 0.1 * ((first > 0)[:, None] & (month >= first[:, None]))
    unit, period = np.indices(y.shape)
    columns = {"unit": unit.ravel(), "period": period.ravel(), "y": y.ravel(), "first": np.repeat(first, MONTHS)}
    return pd.DataFrame(columns | {name: np.repeat(x[:, i], MONTHS) for i, name in enumerate(COVARIATES)})


def run_balanza(times: int, draws: int) -> float:
    from balanza.contract import Outcome, Study, Treatment
    from balanza.estimators.callaway_santanna import estimate
    from balanza.preparation import prepare

    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("y"),
        treatments=(Treatment("opening", "binary", first_treated="first"),),
        cluster="unit",
        covariates=tuple(COVARIATES),
        options={"callaway_santanna": {"control": "not_yet", "aggregate": "dynamic", "draws": draws}},
    )
    return estimate(study, prepare(study, table(times)), np.random.default_rng(0)).value


def run_diff_diff(times: int, draws: int) -> float:
    from diff_diff import CallawaySantAnna

    warnings.simplefilter("ignore")
    model = CallawaySantAnna(control_group="not_yet_treated", estimation_method="dr", n_bootstrap=draws, seed=0)
    found = model.fit(table(times), "y", "unit", "period", "first", covariates=COVARIATES)
    effects = found.aggregate("event_study").to_dataframe().set_index("event_time")["att"]
    return float(effects[effects.index >= 0].mean())


CONTENDERS = {"balanza": run_balanza, "diff-diff": run_diff_diff}


def measure(name: str, times: int, draws: int) -> dict[str, float]:
    """Run one contender in its own process."""
    command = [sys.executable, __file__, "--child", name, "--times", str(times), "--draws", str(draws)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads})
    lines = done.stdout.splitlines()
    return json.loads(lines[-1])


def child(name: str, times: int, draws: int) -> None:
    started = time.perf_counter()
    value = CONTENDERS[name](times, draws)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "mib": usage.ru_maxrss / 1024,
        "value": value,
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="multiples of 2,475 units")
    parser.add_argument("--draws", type=int, default=999)
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.child, given.times, given.draws)
    names = [given.only] if given.only else list(CONTENDERS)
    found = {name: measure(name, given.times, given.draws) for name in names}
    first = found[names[0]]
    print(f"{2475 * given.times:,} units x {MONTHS} months, {COHORTS} cohorts, {given.draws} draws")
    print(f"{'':12}{'CPU s':>9}{'wall s':>9}{'MiB':>9}{'CPU ratio':>11}{'dynamic effect':>16}")
    for name, row in found.items():
        ratio = row["cpu"] / first["cpu"]
        print(f"{name:12}{row['cpu']:9.2f}{row['wall']:9.2f}{row['mib']:9.0f}{ratio:11.1f}{row['value']:16.6f}")
    return None


if __name__ == "__main__":
    main()
