"""Imputation, two-stage, stacked and local projections on a monthly panel, side by side with diff-diff and pyfixest.

    python benchmarks/imputation.py [--times 1] [--what imputation two_stage stacked lp_did] [--did2s]

The panel is that of group_time.py: 2,475 x `times` units, 132 months, 40 cohorts; the overall effect and an event study
of all months (stacked: 12 months before to 2 after). CPU seconds and peak memory are those of whole processes, imports
and panel included, on one thread. pyfixest's did2s needs some 20 GiB here and only runs when asked for.
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
from group_time import MONTHS, table

BEFORE, AFTER = 12, 2


def balanza(name: str, times: int) -> float:
    import importlib

    from balanza.contract import Outcome, Study, Treatment
    from balanza.preparation import prepare

    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("y"),
        treatments=(Treatment("opening", "binary", first_treated="first"),),
        cluster="unit",
        options={"stacked": {"before": BEFORE, "after": AFTER}, "lp_did": {"horizon": AFTER}},
    )
    module = importlib.import_module(f"balanza.estimators.{name}")
    return module.estimate(study, prepare(study, table(times)), np.random.default_rng(0)).value


def diff_diff(name: str, times: int) -> float:
    import diff_diff as library

    data = table(times)
    if name == "lp_did":
        data["treated"] = ((data["first"] > 0) & (data["period"] >= data["first"])).astype(int)
        model = library.LPDiD(pre_window=BEFORE, post_window=AFTER)
        found = model.fit(data, "y", "unit", "period", "treated")
        return float(found.pooled.set_index("window").loc["post", "coefficient"])
    if name == "stacked":
        model = library.StackedDiD(kappa_pre=BEFORE, kappa_post=AFTER)
    else:
        model = {"imputation": library.ImputationDiD, "two_stage": library.TwoStageDiD}[name]()
    found = model.fit(data, "y", "unit", "period", "first")
    found.aggregate("event_study")
    return float(found.overall_att)


def pyfixest(name: str, times: int) -> float:
    import pyfixest as library

    data = table(times)
    if name == "lp_did":
        call = {"yname": "y", "idname": "unit", "tname": "period", "gname": "first"}
        library.lpdid(data, **call, att=False)
        return float(library.lpdid(data, **call, att=True, post_window=AFTER).tidy()["Estimate"].iloc[0])
    data["treated"] = ((data["first"] > 0) & (data["period"] >= data["first"])).astype(int)
    found = library.did2s(
        data,
        yname="y",
        first_stage="~ 0 | unit + period",
        second_stage="~ i(treated, ref=0)",
        treatment="treated",
        cluster="unit",
    )
    return float(found.tidy()["Estimate"].iloc[0])


CONTENDERS = {"balanza": balanza, "diff-diff": diff_diff, "pyfixest": pyfixest}
WHAT = ("imputation", "two_stage", "stacked", "lp_did")


def contenders(what: str, did2s: bool) -> list[str]:
    return [*list(CONTENDERS)[:2], *(["pyfixest"] if what == "lp_did" or (what == "two_stage" and did2s) else [])]


def measure(name: str, what: str, times: int, limit: int) -> dict[str, float]:
    """Run one contender in its own process; nothing but NaN where it does not finish."""
    command = [sys.executable, __file__, "--child", name, "--what", what, "--times", str(times)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
    environment = {**os.environ, **threads}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, timeout=limit, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return dict.fromkeys(("cpu", "wall", "mib", "value"), float("nan"))
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, what: str, times: int) -> None:
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    value = CONTENDERS[name](what, times)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu, mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "wall": time.perf_counter() - started, "mib": mib, "value": value}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="multiples of 2,475 units")
    parser.add_argument("--what", nargs="+", choices=WHAT, default=list(WHAT))
    parser.add_argument("--only", choices=CONTENDERS)
    parser.add_argument("--did2s", action="store_true", help="also run pyfixest's did2s: 20 GiB")
    parser.add_argument("--limit", type=int, default=600, help="seconds after which a contender is stopped")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.child, given.what[0], given.times)
    print(f"{2475 * given.times:,} units x {MONTHS} months")
    for what in given.what:
        names = [given.only] if given.only else contenders(what, given.did2s)
        found = {name: measure(name, what, given.times, given.limit) for name in names}
        first = found[names[0]]
        print(f"{what:12}{'CPU s':>9}{'wall s':>9}{'MiB':>9}{'CPU ratio':>11}{'MiB ratio':>11}{'effect':>13}")
        for name, row in found.items():
            ratios = row["cpu"] / first["cpu"], row["mib"] / first["mib"]
            print(f"  {name:10}{row['cpu']:9.2f}{row['wall']:9.2f}{row['mib']:9.0f}", end="")
            print(f"{ratios[0]:11.1f}{ratios[1]:11.1f}{row['value']:13.6f}", flush=True)
    return None


if __name__ == "__main__":
    main()
