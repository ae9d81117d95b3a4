"""Effects of switching on a monthly panel, side by side with moderndid: CPU seconds and peak memory of whole processes.

    python benchmarks/switchers.py [--times 1] [--effects 12] [--peer python-with-moderndid]

The panel is that of group_time.py: 2,475 x `times` units, 132 months, 40 cohorts of an absorbing treatment; `effects`
effects and as many placebos, analytic standard errors. moderndid needs scipy 1.17 and cannot live in this environment:
`--peer` names the python of one that has it (`uv pip install moderndid "polars<2"`). `--effects 0` estimates all
horizons, and balanza alone.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings

from group_time import MONTHS, table


def run_balanza(times: int, effects: int) -> float:
    import numpy as np

    from balanza.contract import Outcome, Study, Treatment
    from balanza.estimators.switchers import estimate
    from balanza.preparation import prepare

    horizons = {"effects": effects, "placebos": effects} if effects else {}
    study = Study(
        name="benchmark",
        title="Benchmark",
        question="How long does it take?",
        outcome=Outcome("y"),
        treatments=(Treatment("opening", "binary", first_treated="first"),),
        cluster="unit",
        options={"switchers": horizons},
    )
    return estimate(study, prepare(study, table(times)), np.random.default_rng(0)).value


def run_moderndid(times: int, effects: int) -> float:
    import moderndid

    warnings.simplefilter("ignore")
    data = table(times)
    data["d"] = ((data["first"] > 0) & (data["period"] >= data["first"])).astype(float)
    found = moderndid.did_multiplegt(
        data[["unit", "period", "y", "d"]],
        yname="y",
        tname="period",
        idname="unit",
        dname="d",
        effects=effects,
        placebo=effects,
    )
    return float(found.ate.estimate)


CONTENDERS = {"balanza": run_balanza, "moderndid": run_moderndid}


def measure(name: str, times: int, effects: int, python: str) -> dict[str, float]:
    """Run one contender in its own process."""
    command = [python, __file__, "--child", name, "--times", str(times), "--effects", str(effects)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
    environment = {**os.environ, **threads, "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, times: int, effects: int) -> None:
    started = time.perf_counter()
    value = CONTENDERS[name](times, effects)
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
    parser.add_argument("--effects", type=int, default=12)
    parser.add_argument("--peer", help="python of an environment with moderndid")
    parser.add_argument("--child", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.child, given.times, given.effects)
    pythons = {"balanza": sys.executable}
    if given.peer and given.effects:
        pythons["moderndid"] = given.peer
    found = {name: measure(name, given.times, given.effects, python) for name, python in pythons.items()}
    print(f"{2475 * given.times:,} units x {MONTHS} months, 40 cohorts, {given.effects or 'all'} effects and placebos")
    print(f"{'':12}{'CPU s':>9}{'wall s':>9}{'MiB':>9}{'CPU ratio':>11}{'average effect':>16}")
    for name, row in found.items():
        ratio = row["cpu"] / found["balanza"]["cpu"]
        print(f"{name:12}{row['cpu']:9.2f}{row['wall']:9.2f}{row['mib']:9.0f}{ratio:11.1f}{row['value']:16.6f}")
    return None


if __name__ == "__main__":
    main()
