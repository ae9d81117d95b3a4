"""What the jobs of a rule ask of a cluster: what they were measured to take, and a margin.

`workflow/resources.csv` holds the measured figures, the most of all jobs of a rule in whole runs of both worlds;
`python -m balanza.resources RESULTS ...` takes them anew from the `benchmarks/` of such runs. It is read before
anything runs, so that this module imports nothing heavy.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from balanza.errors import ConfigError
from balanza.provenance import write_text

TABLE = Path("workflow/resources.csv")
COLUMNS = ("rule", "threads", "cpu_seconds", "peak_mib")
MEMORY_MARGIN, TIME_MARGIN = 1.5, 4.0
"""What is asked for is so many times what was measured: nodes may be slower, and data grow."""
START_MIB, START_MINUTES = 300, 3
"""The Snakemake of the job itself, and its start on a busy file system."""


@dataclass(frozen=True)
class Cost:
    """The most that a job of a rule took: CPU seconds, and the peak of resident memory in MiB."""

    rule: str
    threads: int
    cpu_seconds: float
    peak_mib: float

    @property
    def mem_mb(self) -> int:
        """Memory to ask for at the first attempt."""
        return math.ceil(START_MIB + MEMORY_MARGIN * self.peak_mib)

    @property
    def runtime(self) -> int:
        """Minutes to ask for at the first attempt."""
        return math.ceil(START_MINUTES + TIME_MARGIN * self.cpu_seconds / 60)


def load(path: Path = TABLE) -> dict[str, Cost]:
    """The measured costs by rule.

    Raises
    ------
    ConfigError
        If a row is not what the columns say.
    """
    found = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                cost = Cost(row["rule"], int(row["threads"]), float(row["cpu_seconds"]), float(row["peak_mib"]))
            except (KeyError, TypeError, ValueError):
                given = ",".join(str(value) for value in row.values())
                raise ConfigError(f"row '{given}' has not the columns {', '.join(COLUMNS)}", where=str(path)) from None
            found[cost.rule] = cost
    return found


def needs(cost: Cost) -> dict[str, Callable[..., int]]:
    """The resources of a rule: the second attempt of a job asks for twice as much, the third for three times."""

    def mem_mb(wildcards: Any, attempt: int) -> int:
        return attempt * cost.mem_mb

    def runtime(wildcards: Any, attempt: int) -> int:
        return attempt * cost.runtime

    return {"mem_mb": mem_mb, "runtime": runtime}


def measured(results: Iterable[Path]) -> list[Cost]:
    """The most that each verb took in some runs: of every verb, by the name of its rule, on one thread.

    Parameters
    ----------
    results : iterable of Path
        Folders `results/<world>` of whole runs.
    """
    most: dict[str, Cost] = {}
    for path in sorted(path for folder in results for path in (folder / "benchmarks").rglob("*.tsv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                rule = row["verb"].replace("-", "_")
                known = most.get(rule, Cost(rule, 1, 0.0, 0.0))
                cpu, peak = float(row["cpu_seconds"]), float(row["peak_mib"])
                most[rule] = replace(known, cpu_seconds=max(known.cpu_seconds, cpu), peak_mib=max(known.peak_mib, peak))
    return [most[rule] for rule in sorted(most)]


def save(costs: Iterable[Cost], path: Path = TABLE) -> None:
    """Write the table, sorted by rule; figures of rules that it does not have stay, and so do threads."""
    known = load(path) if path.exists() else {}
    for cost in costs:
        known[cost.rule] = replace(cost, threads=known.get(cost.rule, cost).threads)
    rows = [f"{c.rule},{c.threads},{c.cpu_seconds:.1f},{c.peak_mib:.0f}" for _, c in sorted(known.items())]
    write_text(path, "\n".join((",".join(COLUMNS), *rows)) + "\n")


if __name__ == "__main__":
    save(measured(Path(word) for word in sys.argv[1:]))
