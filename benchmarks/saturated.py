"""Sun-Abraham, linear and Poisson extended two-way fixed effects side by side with peers: CPU seconds and peak memory.

    python benchmarks/saturated.py [--task etwfe_poisson] [--yearly] [--times 1] [--limit 6] [--only balanza]

The monthly panel has 2,475 x `times` units, 132 months and 40 cohorts, the yearly one 11 years and 6 cohorts; counts
have an exposure. Each contender runs in a process of its own, imports, panel, event study and uniform bands included,
on one thread, and may take `limit` GiB; a peer that needs more is reported as out of memory. Values are each one's own
averages: diff-diff's Poisson takes no exposure, and pyfixest's is a plain mean of coefficients.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

TASKS = ("twfe", "sun_abraham", "etwfe", "etwfe_poisson", "etwfe_poisson with unit effects")
MONTHS, COHORTS = {False: 132, True: 11}, {False: 40, True: 6}
GIB = 2**30


def table(times: int, yearly: bool):
    """The panel as a data frame with columns unit, period, count, people, rate, first (0: never) and treated."""
    import pandas as pd

    rng = np.random.default_rng(20190701)
    units, periods = 2475 * times, MONTHS[yearly]
    start = 2 if yearly else 12
    cohorts = np.linspace(start, periods - 3, COHORTS[yearly]).astype(int)
    first = rng.choice(np.concatenate([np.zeros(COHORTS[yearly] // 3, int), cohorts]), units)
    month = np.arange(periods)
    people = rng.lognormal(9.5, 1.3, (units, 1)) * np.linspace(1, 1.1, periods)
    on = (first > 0)[:, None] & (month >= first[:, None])
    rate = 2e-5 * (12 if yearly else 1) * np.exp(0.5 * rng.normal(size=(units, 1)) + 0.002 * month - 0.2 * on)
    count = rng.poisson(people * rate).astype(float)
    unit, period = np.indices(count.shape)
    columns = {"unit": unit.ravel(), "period": period.ravel(), "count": count.ravel(), "people": people.ravel()}
    frame = pd.DataFrame(columns | {"first": np.repeat(first, periods), "treated": on.ravel().astype(float)})
    return frame.assign(rate=frame["count"] / frame["people"] * 1e5)


def run_balanza(task: str, times: int, yearly: bool) -> float:
    from importlib import import_module

    from balanza.contract import Outcome, Study, Treatment
    from balanza.preparation import prepare

    name = task.split(maxsplit=1)[0]
    counts = name == "etwfe_poisson"
    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("count", "poisson", "people") if counts else Outcome("rate"),
        treatments=(Treatment("opening", "binary", first_treated="first"),),
        cluster="unit",
        options={name: {"effects": "unit"} if "unit" in task else {}},
    )
    estimate = import_module(f"balanza.estimators.{name}").estimate
    return float(estimate(study, prepare(study, table(times, yearly)), np.random.default_rng(0)).value)


def run_diff_diff(task: str, times: int, yearly: bool) -> float:
    import diff_diff

    warnings.simplefilter("ignore")
    frame = table(times, yearly)
    keys = {"unit": "unit", "time": "period"}
    if task == "sun_abraham":
        return float(diff_diff.SunAbraham().fit(frame, outcome="rate", first_treat="first", **keys).overall_att)
    # Its Poisson takes no exposure: counts as they are, cohort effects.
    poisson = task.startswith("etwfe_poisson")
    model = diff_diff.WooldridgeDiD(method="poisson" if poisson else "ols", control_group="not_yet_treated")
    found = model.fit(frame, outcome="count" if poisson else "rate", first_treat="first", **keys)
    found.aggregate("event")
    return float(found.overall_att)


def run_pyfixest(task: str, times: int, yearly: bool) -> float:
    import pyfixest

    warnings.simplefilter("ignore")
    frame = table(times, yearly)
    small = pyfixest.ssc(k_adj=True, k_fixef="none", G_adj=True, G_df="conventional")
    if task == "twfe":
        found = pyfixest.feols("rate ~ treated | unit + period", frame, vcov={"CRV1": "unit"}, ssc=small)
        return float(found.coef()["treated"])
    if task == "sun_abraham":
        model = pyfixest.event_study(
            frame, yname="rate", idname="unit", tname="period", gname="first", estimator="saturated", att=False
        )
        found = model.aggregate(weighting="shares")
        return float(found["Estimate"][found.index >= 0].mean())
    # Interactions as one factor of cohort x period, 0 for all untreated rows.
    cell = np.where(frame["treated"] > 0, frame["first"] * 1000 + frame["period"], 0)
    frame = frame.assign(cell=cell, offset=np.log(frame["people"]))
    if task == "etwfe":
        found = pyfixest.feols("rate ~ i(cell, ref=0) | unit + period", frame, vcov={"CRV1": "unit"}, ssc=small)
    else:
        effects = "unit" if "unit" in task else "first"
        found = pyfixest.fepois(
            f"count ~ i(cell, ref=0) | {effects} + period", frame, vcov={"CRV1": "unit"}, ssc=small, offset="offset"
        )
    return float(found.coef().mean())


PEERS = {"twfe": ("balanza", "pyfixest")}
CONTENDERS: dict[str, Callable[[str, int, bool], float]] = {
    "balanza": run_balanza,
    "diff-diff": run_diff_diff,
    "pyfixest": run_pyfixest,
}


def measure(name: str, given: argparse.Namespace) -> dict[str, float] | None:
    """Run one contender in its own process; None where it fails or is out of memory."""
    command = [sys.executable, __file__, "--child", name, "--task", given.task, "--times", str(given.times)]
    command += ["--limit", str(given.limit)] + ["--yearly"] * given.yearly
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **threads})
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        print(f"{name}: {reason[:100]}", file=sys.stderr)
        return None
    return dict(json.loads(lines[-1]))


def child(given: argparse.Namespace) -> None:
    started = time.perf_counter()
    resource.setrlimit(resource.RLIMIT_AS, (int(given.limit * GIB),) * 2)
    value = CONTENDERS[given.child](given.task, given.times, given.yearly)
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
    parser.add_argument("--task", choices=TASKS, help="all of them by default")
    parser.add_argument("--yearly", action="store_true", help="11 years and 6 cohorts instead of 132 months and 40")
    parser.add_argument("--times", type=int, default=1, help="multiples of 2,475 units")
    parser.add_argument("--limit", type=float, default=6.0, help="GiB that a contender may take")
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given)
    periods, cohorts = MONTHS[given.yearly], COHORTS[given.yearly]
    print(f"{2475 * given.times:,} units x {periods} periods, {cohorts} cohorts")
    print(f"{'':34}{'':12}{'CPU s':>9}{'wall s':>9}{'MiB':>9}{'CPU ratio':>11}{'value':>12}")
    for task in [given.task] if given.task else TASKS:
        given.task, first = task, None
        for name in [given.only] if given.only else PEERS.get(task, tuple(CONTENDERS)):
            row = measure(name, given)
            if row is None:
                print(f"{task:34}{name:12}{'failed, or out of memory at ' + format(given.limit, 'g') + ' GiB':>50}")
                continue
            first = first or row["cpu"]
            figures = (
                f"{row['cpu']:9.2f}{row['wall']:9.2f}{row['mib']:9.0f}{row['cpu'] / first:11.1f}{row['value']:12.6f}"
            )
            print(f"{task:34}{name:12}{figures}", flush=True)
    return None


if __name__ == "__main__":
    main()
