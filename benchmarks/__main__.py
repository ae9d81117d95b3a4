"""Measure CPU seconds and peak memory of this package's estimators beside other packages', one process at a time.

    python -m benchmarks [TASK ...] [--times 1 10] [--growth] [--peers .venv-peers] [--save]

Each contender runs in a process of its own, on one thread, imports and panel included; one that needs more than
`--gib` or `--seconds` is reported so. `--save` keeps each result in benchmarks/results.csv as soon as it is there and
writes docs/speed.md anew; then `python -m balanza methods` takes the figures into docs/methods. `make benchmarks` does
all of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import adjustment, group_time, harness, imputation, page, peers, results, saturated, synthetic, two_way
from benchmarks.panel import MONTHLY, Size
from benchmarks.tasks import OWN, Contender, Task

TASKS: dict[str, Task] = {
    task.name: task
    for family in (two_way, group_time, saturated, imputation, synthetic, adjustment)
    for task in family.TASKS
}
Job = tuple[Task, str, Size]


def main() -> None:
    given = _arguments()
    if given.child:
        task, name, *size = given.child
        found = harness.child(TASKS[task], TASKS[task].contenders[name], Size(*map(int, size)))
        print(json.dumps(found))
        return
    if given.page:
        page.write(TASKS.values(), results.read())
    else:
        _measure_all(given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"all by default: {', '.join(TASKS)}")
    parser.add_argument("--only", help="one contender of each task")
    parser.add_argument("--times", type=int, nargs="+", default=[1], help="multiples of 2,475 units x 132 months")
    parser.add_argument("--growth", action="store_true", help="also grow units, periods and cohorts, own methods alone")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="make or use an environment for more packages")
    parser.add_argument("--gib", type=float, default=6.0, help="address space that a contender may take")
    parser.add_argument("--seconds", type=int, default=300, help="CPU seconds that a contender may take")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results.csv and docs/speed.md")
    parser.add_argument("--missing", action="store_true", help="leave out what results.csv has")
    parser.add_argument("--page", action="store_true", help="only write docs/speed.md, from results.csv")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = [name for name in given.tasks if name not in TASKS]
    if unknown:
        parser.error(f"no task {', '.join(unknown)}; there are {', '.join(TASKS)}")
    return given


def _measure_all(given: argparse.Namespace) -> None:
    """Measure one after another, and print each with its ratios to this package's."""
    limit = harness.Limit(given.gib, given.seconds)
    apart = peers.python(given.peers) if given.peers else None
    rows = {row.key: row for row in results.read()} if given.save or given.missing else {}
    for task, name, size in jobs(given):
        key, contender = (task.name, name, size), task.contenders[name]
        if given.missing and key in rows:
            continue
        if contender.apart and apart is None:
            print(f"{task.name}: {name} needs --peers", flush=True)
            continue
        rows[key] = _measure(task, name, size, limit, apart if contender.apart else sys.executable)
        print(page.line(rows[key], rows.get((task.name, OWN, size))), flush=True)
        if given.save:
            results.write(rows.values(), list(TASKS))
            page.write(TASKS.values(), results.read())


def jobs(given: argparse.Namespace) -> Iterator[Job]:
    """What is to be measured, in turn: each task beside its peers, then this package alone on panels that grow."""
    tasks = [TASKS[name] for name in given.tasks] or list(TASKS.values())
    for times in given.times:
        size = MONTHLY._replace(units=MONTHLY.units * times)
        for task in tasks:
            yield from ((task, name, size) for name in _contenders(task, given.only, times))
    seen = {MONTHLY._replace(units=MONTHLY.units * times) for times in given.times}
    for size in page.GROWTH if given.growth else ():
        yield from ((task, OWN, size) for task in tasks if size not in seen)


def _contenders(task: Task, only: str | None, times: int) -> list[str]:
    return [name for name, found in task.contenders.items() if only in (None, name) and found.times >= times]


def _measure(task: Task, name: str, size: Size, limit: harness.Limit, python: str) -> results.Row:
    command = [python, "-m", "benchmarks", "--child", task.name, name, *map(str, size)]
    found = harness.watch(command, limit)
    print(f"  {found.wall_seconds:.0f} s by the clock", file=sys.stderr)
    figures = {key: found.told.get(key) for key in ("fit_seconds", "peak_mib", "import_mib", "value")}
    contender: Contender = task.contenders[name]
    version = found.told.get("version") or harness.installed(contender)
    return results.Row(task.name, name, version, *size, found.status, found.cpu_seconds, **figures)


if __name__ == "__main__":
    main()
