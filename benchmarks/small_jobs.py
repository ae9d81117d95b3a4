"""Measure what many small jobs of the workflow cost: 1,000 estimates of a toy study, one job each, as in a run.

    python -m benchmarks.small_jobs [--jobs 1000] [--cores 2] [--cold]

The jobs go through Snakemake with the profile and the warm process of the workflow; `--cold` lets each start on its
own, as on a cluster. CPU seconds are those of Snakemake and of all jobs, without the start of the warm process; over
the number of cores they are what a machine without other work would take at least.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUDY = """
name: toy
title: Toy
question: What does a job cost?
panel: {file: toy.csv, unit: place, period: year}
outcome: {column: y}
treatment: {first_treated: first, kind: binary}
cluster: place
"""
SNAKEFILE = """
import sys
from balanza.warm.start import start

rule all:
    input: expand("out/{{number}}/twfe.json", number=range({jobs}))

rule estimate:
    output: "out/{{number}}/twfe.json"
    log:
        messages="logs/{{number}}.log",
        cost="costs/{{number}}.tsv",
    message: "Estimating {{wildcards.number}}"
    shell:
        "{{sys.executable}} -m balanza.warm --cost {{log.cost}} estimate --study toy.yaml --estimator twfe"
        " --out out/{{wildcards.number}} &> {{log.messages}}"

onstart:
    if {warm}:
        start()
"""


def measure(jobs: int, cores: int, warm: bool) -> dict[str, float]:
    """Run the jobs in a folder of their own, and say what they took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "toy.yaml").write_text(STUDY)
        rows = [
            (place, year, 2004 * (place < 10), place % 7 + year % 3)
            for place in range(20)
            for year in range(2000, 2008)
        ]
        text = "\n".join(",".join(map(str, row)) for row in [("place", "year", "first", "y"), *rows])
        (folder / "toy.csv").write_text(text + "\n")
        (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, warm=warm))
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=environment, check=True)
        wall = time.monotonic() - began
        made = len(list(folder.glob("out/*/twfe.json")))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        if warm:  # its jobs are no children of ours
            costs = [path.read_text().split("\n")[1] for path in folder.glob("costs/*.tsv")]
            seconds += sum(float(row.split("\t")[2]) for row in costs)
    if made != jobs:
        raise SystemExit(f"{made} of {jobs} jobs were done")
    return {"jobs": jobs, "cores": cores, "cpu_seconds": seconds, "wall_seconds": wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--cold", action="store_true", help="a process with imports of its own for each job")
    given = parser.parse_args()
    found = measure(given.jobs, given.cores, not given.cold)
    least = found["cpu_seconds"] / given.cores
    print(
        f"{given.jobs:,} jobs on {given.cores} cores: {found['wall_seconds']:.0f} s by the clock,"
        f" {found['cpu_seconds']:.0f} CPU s, so that {least:.0f} s are the least on a machine without other work"
    )


if __name__ == "__main__":
    main()
